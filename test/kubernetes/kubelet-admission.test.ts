/** Pods that somebody put on a node which its kubelet will not run (pkg/kubelet/lifecycle/predicate.go). */

import t from 'tap';
import { isFinished, loadCluster } from '../../src/kubernetes/index.js';

const NODES = `
apiVersion: v1
kind: Node
metadata: {name: east, labels: {disk: hdd}}
status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: west}
status: {addresses: [{type: InternalIP, address: 10.0.0.2}]}
`;

interface Wanted {
  readonly name: string;
  readonly ports?: string;
  readonly spec?: string;
  readonly status?: string;
}

const pod = ({ name, ports = '', spec = 'nodeName: east', status = '' }: Wanted): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: default}\nspec: {${spec}, containers: [{name: c, image: i, ports: [${ports}]}]}\n${status}`;

function load(...pods: readonly Wanted[]): { readonly failed: readonly string[]; readonly why: readonly string[] } {
  const { store, findings, errors } = loadCluster([{ file: 'in.yaml', text: NODES + pods.map(pod).join('') }], {
    seed: 1,
  });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return {
    failed: store
      .list('Pod')
      .filter(isFinished)
      .map(({ name }) => name),
    why: findings.filter(({ code }) => code === 'pod-refused').map(({ message }) => message.replace(/^.*failed: /, '')),
  };
}

t.test('a taint with NoExecute keeps out who does not bear it, and nobody who runs already', (t) => {
  const tainted = `---\napiVersion: v1\nkind: Node\nmetadata: {name: south}\nspec: {taints: [{key: gpu, effect: NoExecute}]}\n`;
  const spec = 'nodeName: south';
  const refused = "the node has a taint with the effect NoExecute that the pod doesn't tolerate";
  const load = (status: string, tolerations = '[]') => {
    const text = NODES + tainted + pod({ name: 'a', spec: `${spec}, tolerations: ${tolerations}`, status });
    const { store, findings } = loadCluster([{ file: 'in.yaml', text }], { seed: 1 });
    const why = findings.filter(({ code }) => code === 'pod-refused').map(({ message }) => message);
    return { failed: store.list('Pod').some(isFinished), why };
  };
  t.match(load(''), { failed: true, why: [new RegExp(`Predicate TaintToleration failed: ${refused}$`)] });
  t.same(load('', '[{key: gpu, operator: Exists, tolerationSeconds: 5}]'), { failed: false, why: [] });
  t.same(load('status: {phase: Running}'), { failed: false, why: [] });
  t.end();
});

const held = (port: string, by: string): string => `host port ${port} is held by Pod default/${by}`;
const PORT = '{containerPort: 80, hostPort: 8080}';

t.test('a host port is for one pod of a node', (t) => {
  t.same(load({ name: 'a', ports: PORT }, { name: 'b', ports: PORT }), { failed: ['b'], why: [held('8080/TCP', 'a')] });
  t.same(load({ name: 'a', ports: PORT }, { name: 'b', ports: PORT, spec: 'nodeName: west' }), { failed: [], why: [] });
  t.same(load({ name: 'a', ports: PORT }, { name: 'b', ports: '{containerPort: 80, hostPort: 8080, protocol: UDP}' }), {
    failed: [],
    why: [],
  });
  t.end();
});

t.test('addresses keep them apart, 0.0.0.0 does not', (t) => {
  const at = (ip: string): string => `{containerPort: 80, hostPort: 8080, hostIP: ${ip}}`;
  t.same(load({ name: 'a', ports: at('10.0.0.1') }, { name: 'b', ports: at('127.0.0.1') }).failed, []);
  t.same(load({ name: 'a', ports: at('10.0.0.1') }, { name: 'b', ports: at('0.0.0.0') }).failed, ['b']);
  t.end();
});

t.test('pods on the network of the node hold the ports that they declare', (t) => {
  const spec = 'nodeName: east, hostNetwork: true';
  const ports = '{containerPort: 80}';
  t.same(load({ name: 'a', ports, spec }, { name: 'b', ports, spec }), { failed: ['b'], why: [held('80/TCP', 'a')] });
  t.end();
});

t.test('who is recorded as running was admitted, and holds its ports before others', (t) => {
  const status = 'status: {phase: Running, podIP: 10.244.0.9}\n';
  t.same(load({ name: 'a', ports: PORT }, { name: 'b', ports: PORT, status }).failed, ['a']);
  t.same(load({ name: 'a', ports: PORT, status }, { name: 'b', ports: PORT, status }).failed, []);
  t.same(load({ name: 'a', spec: 'nodeName: east, nodeSelector: {disk: ssd}', status }).failed, []);
  t.end();
});

t.test('the node has to be one that the pod selects', (t) => {
  t.same(load({ name: 'a', spec: 'nodeName: east, nodeSelector: {disk: ssd}' }), {
    failed: ['a'],
    why: ['the node does not match its node selector or affinity'],
  });
  t.same(load({ name: 'a', spec: 'nodeName: east, nodeSelector: {disk: hdd}' }).failed, []);
  t.end();
});

t.test('pods without a node go where the port is free', (t) => {
  const placed = load({ name: 'a', ports: PORT }, { name: 'b', ports: PORT, spec: 'restartPolicy: Always' });
  t.same(placed, { failed: [], why: [] });
  t.end();
});
