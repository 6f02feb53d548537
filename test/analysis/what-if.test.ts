/** Flows before and after a change, and what decided them. */

import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { allPairs, compareFlows, type Flow, formatComparisons } from '../../src/analysis/index.js';
import { Cluster } from '../../src/cluster/index.js';
import { formatCause } from '../../src/trace/index.js';

const topology = (name: string) =>
  readdirSync(`topologies/${name}`)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => ({ file, text: readFileSync(`topologies/${name}/${file}`, 'utf8') }));

const policy = (ingress: string) => ({
  file: 'policy.yaml',
  text: `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: default}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: ${ingress}}
`,
});

const CLIENT = { kind: 'pod', namespace: 'default', name: 'client' } as const;
const WEB = { kind: 'pod', namespace: 'default', name: 'web' } as const;
const NODE = { kind: 'node', name: 'node2' } as const;
const to = (from: Flow['from']): Flow => ({ from, to: { endpoint: WEB, port: 80 }, protocol: 'tcp' });

t.test('a policy drops one flow and not the other, and is named with its rule', (t) => {
  const base = topology('two-nodes-vxlan');
  const compared = compareFlows({ cluster: new Cluster(base) }, { cluster: new Cluster([...base, policy('[]')]) }, [
    to(CLIENT),
    to(NODE),
  ]);
  t.match(compared, [
    { from: 'pod/default/client', to: 'pod/default/web:80', changed: 'verdict' },
    { from: 'node/node2', changed: 'no' },
  ]);
  const [flow] = compared;
  t.equal(flow?.before.verdict, 'answered');
  t.equal(flow?.after.verdict, 'dropped');
  t.strictSame(flow?.before.way, ['pod/default/client', 'node/node1', 'node/node2', 'pod/default/web']);
  const last = flow?.after.decidedBy.at(-1);
  t.equal(last?.place, 'node/node2');
  t.match(last?.text, /-j DROP/);
  t.ok(last?.because.map(formatCause).includes('NetworkPolicy default/web'));
  const text = formatComparisons(compared);
  t.match(text, /^\* pod\/default\/client → pod\/default\/web:80, tcp: answered → dropped$/m);
  t.match(text, /1 of 2 flows change$/);
  t.end();
});

t.test('a policy that allows a flow decides it', (t) => {
  const base = topology('two-nodes-vxlan');
  const allowing = policy('[{from: [{podSelector: {matchLabels: {app: client}}}]}]');
  const [flow] = compareFlows(
    { cluster: new Cluster([...base, policy('[]')]) },
    { cluster: new Cluster([...base, allowing]) },
    [to(CLIENT)],
  );
  t.match(flow, { changed: 'verdict', before: { verdict: 'dropped' }, after: { verdict: 'answered' } });
  const decision = flow?.after.decidedBy.find(({ text }) => text.includes('cali-pi-'));
  t.ok(decision?.because.map(formatCause).some((cause) => cause.startsWith('NetworkPolicy default/web')));
  t.end();
});

t.test('who is not there yet, or no more, has no verdict', (t) => {
  const base = topology('two-nodes-vxlan');
  const pod = { kind: 'pod', namespace: 'default', name: 'new' } as const;
  const added = {
    file: 'pod.yaml',
    text: 'apiVersion: v1\nkind: Pod\nmetadata: {name: new}\nspec: {nodeName: node1, containers: [{name: c}]}\n',
  };
  const [flow] = compareFlows({ cluster: new Cluster(base) }, { cluster: new Cluster([...base, added]) }, [to(pod)]);
  t.match(flow, { before: { verdict: 'none', explanation: [/there is no pod/] }, after: { verdict: 'answered' } });
  t.end();
});

t.test('all pairs are from each to each other, and nobody to himself', (t) => {
  const pairs = allPairs([CLIENT, WEB, NODE], { port: 80, protocol: 'tcp' });
  t.equal(pairs.length, 6);
  t.notOk(pairs.some(({ from, to }) => from === to.endpoint));
  t.end();
});
