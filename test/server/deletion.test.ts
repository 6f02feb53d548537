/** What goes with an object that is deleted, and what controllers make in its place. */

import t from 'tap';
import { cluster, type Parsed, running, YAML } from './running.js';

const namesOf = ({ deleted }: Parsed): string[] =>
  deleted.map(({ kind, namespace, name }: Parsed) => [kind, namespace, name].filter((part) => part !== '').join('/'));

const WORKLOADS = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: default}
spec:
  replicas: 4
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: c, image: c, ports: [{containerPort: 80}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: default}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, image: c}]}
`;

t.test('a Node goes with its pods; controllers make others elsewhere, and its addresses are free again', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  t.equal((await ask('POST', '/clusters/vx/objects', WORKLOADS, YAML)).status, 201);
  const pods = async (): Promise<Parsed[]> => (await ask('GET', '/clusters/vx/pods')).json.items;
  const before = await pods();
  const onNode2 = before
    .filter(({ node }) => node === 'node2')
    .map(({ namespace, name }) => `Pod/${namespace}/${name}`);
  t.ok(onNode2.length > 2);

  const answer = await ask('DELETE', '/clusters/vx/objects/core/Node/-/node2');
  t.equal(answer.status, 200);
  t.equal(namesOf(answer.json)[0], 'Node/node2');
  t.strictSame(new Set(namesOf(answer.json).slice(1)), new Set(onNode2.filter((name) => !/db-\d$/.test(name))));

  const after = await pods();
  t.ok(after.every(({ node }) => node === 'node1'));
  t.notOk(
    after.some(({ name }) => name === 'web'),
    'a bare pod is nobody’s to make again',
  );
  const kept = after.filter(({ name }) => before.some((one) => one.name === name && one.node === 'node1'));
  for (const pod of kept)
    t.strictSame(
      pod,
      before.find(({ name }) => name === pod.name),
      'others stay as they are',
    );
  const named = (list: Parsed[], prefix: string) => list.filter(({ name }) => name.startsWith(prefix));
  t.equal(named(after, 'api-').length, 4);
  t.equal(named(after, 'db-').length, 2);
  const gone = new Set(
    named(before, 'api-')
      .filter(({ node }) => node === 'node2')
      .map(({ name }) => name),
  );
  t.notOk(
    after.some(({ name }) => gone.has(name)),
    'with other names',
  );
  t.equal((await ask('GET', '/clusters/vx/objects/core/Pod/default/web')).status, 404);
  t.equal((await ask('GET', '/clusters/vx/hosts/node2')).status, 404);
  const show = { target: 'node/node1', command: ['calicoctl', 'ipam', 'show', '--show-blocks'] };
  const blocks = (await ask('POST', '/clusters/vx/exec', show)).json.stdout;
  t.equal(blocks.match(/\| Block/g)?.length, 1, blocks);
});

t.test('a Node can be deleted whatever the cluster is made of', async (t) => {
  for (const topology of [
    'bgp-top-of-rack',
    'kubectl-dump',
    'services-iptables',
    'load-balancer-metallb-l2',
    'probes',
  ]) {
    const { ask } = await running(t, { clusters: [cluster(topology, 'c')] });
    const { items } = (await ask('GET', '/clusters/c/objects?kind=Node&group=core')).json;
    const last = items.at(-1).name;
    const answer = await ask('DELETE', `/clusters/c/objects/core/Node/-/${last}`);
    t.equal(answer.status, 200, `${topology}: ${answer.text.slice(0, 300)}`);
    const left = (await ask('GET', '/clusters/c/pods?limit=1000')).json.items;
    t.notOk(
      left.some(({ node }: Parsed) => node === last),
      topology,
    );
  }
});

t.test('what every cluster has may not be deleted, nor a tier with policies', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const objects = '/clusters/vx/objects';
  const tier = (apiVersion: string, name: string) => ({
    apiVersion,
    kind: 'Tier',
    metadata: { name },
    spec: { order: 5 },
  });
  const policy = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'GlobalNetworkPolicy',
    metadata: { name: 'security.p' },
    spec: { tier: 'security', selector: 'all()' },
  };
  for (const one of [
    tier('projectcalico.org/v3', 'security'),
    tier('projectcalico.org/v3', 'empty'),
    { ...tier('projectcalico.org/v3', 'default'), spec: {} },
    policy,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } },
  ])
    t.equal((await ask('POST', objects, one)).status, 201);
  for (const [path, detail] of [
    ['core/Namespace/-/default', 'namespaces "default" is forbidden: this namespace may not be deleted'],
    ['core/Namespace/-/kube-system', 'namespaces "kube-system" is forbidden: this namespace may not be deleted'],
    [
      'projectcalico.org/Tier/-/security',
      'operation delete is not supported on security: Cannot delete a non-empty tier',
    ],
    ['projectcalico.org/Tier/-/default', 'operation Delete is not supported on default: Cannot delete default tier'],
  ])
    t.match((await ask('DELETE', `${objects}/${path}`)).json, { status: 409, detail });
  t.equal((await ask('DELETE', `${objects}/projectcalico.org/Tier/-/empty`)).status, 200);
  t.equal((await ask('DELETE', `${objects}/projectcalico.org/GlobalNetworkPolicy/-/security.p`)).status, 200);
  t.equal((await ask('DELETE', `${objects}/projectcalico.org/Tier/-/security`)).status, 200);
  t.equal((await ask('POST', objects, tier('crd.projectcalico.org/v1', 'security'))).status, 201);
  t.equal((await ask('POST', objects, policy)).status, 201);
  const bare = await ask('DELETE', `${objects}/projectcalico.org/Tier/-/security`);
  t.equal(bare.status, 200, 'nobody watches over custom resources');
});

t.test('what-if without a Node says which flows end', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const answer = await ask('POST', '/clusters/vx/what-if', {
    changes: [{ delete: { kind: 'Node', name: 'node2' } }],
    flows: [{ from: 'pod/default/client', to: 'pod/default/web:80' }],
  });
  t.equal(answer.status, 200, answer.text.slice(0, 300));
  t.match(answer.json.flows[0], { before: { verdict: 'answered' }, after: { verdict: 'none' } });
});

t.test('a pod of a controller that is deleted is made anew: another name, another address', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  await ask('POST', '/clusters/vx/objects', WORKLOADS, YAML);
  const pods = async (): Promise<Parsed[]> => (await ask('GET', '/clusters/vx/pods')).json.items;
  const before = await pods();
  const api = before.find(({ name }) => name.startsWith('api-'));
  const answer = await ask('DELETE', `/clusters/vx/objects/core/Pod/default/${api.name}`);
  t.equal(answer.status, 200);
  t.strictSame(namesOf(answer.json), [`Pod/default/${api.name}`]);
  const after = await pods();
  t.equal(after.length, before.length);
  const made = after.filter(({ name }) => !before.some((one) => one.name === name));
  t.equal(made.length, 1);
  t.match(made[0].name, /^api-/);
  t.notSame(made[0].addresses, api.addresses);
  const db = after.find(({ name }) => name === 'db-0');
  t.equal((await ask('DELETE', '/clusters/vx/objects/core/Pod/default/db-0')).status, 200);
  const again = (await pods()).find(({ name }) => name === 'db-0');
  t.notSame(again.addresses, db.addresses, 'a StatefulSet’s pod keeps its name alone');
  const last = (await pods()).map(({ name, addresses }) => [name, addresses]);

  // As a thread that starts anew, and a snapshot, have it.
  const { bytes } = await ask('GET', '/clusters/vx/snapshot');
  const restored = await ask('POST', '/clusters?name=again', bytes, { 'content-type': 'application/cbor' });
  t.equal(restored.status, 201, restored.text.slice(0, 300));
  const there = (await ask('GET', '/clusters/again/pods')).json.items;
  t.strictSame(
    there.map(({ name, addresses }: Parsed) => [name, addresses]),
    last,
  );
});

t.test('a Namespace goes with all that is in it', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
  const inShop = async () => (await ask('GET', '/clusters/shop/objects?namespace=shop&limit=1000')).json.items;
  const before = await inShop();
  t.ok(before.length > 3);
  const answer = await ask('DELETE', '/clusters/shop/objects/core/Namespace/-/shop');
  t.equal(answer.status, 200);
  const deleted = new Set(namesOf(answer.json));
  for (const { kind, name } of before.filter(({ origin }: Parsed) => origin === 'file'))
    t.ok(deleted.has(`${kind}/shop/${name}`), `${kind} ${name}`);
  t.strictSame(await inShop(), []);
});

t.test('what somebody owned goes with the last owner', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const owned = (owners: readonly string[]) => `apiVersion: v1
kind: ConfigMap
metadata:
  name: of-${owners.join('-')}
  ownerReferences:
${owners.map((name) => `  - {apiVersion: v1, kind: ConfigMap, name: ${name}, uid: ''}`).join('\n')}
---
`;
  const plain = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n---\n`;
  const text = [plain('a'), plain('b'), owned(['a']), owned(['a', 'b'])].join('');
  t.equal((await ask('POST', '/clusters/vx/objects', text, YAML)).status, 201);
  const at = '/clusters/vx/objects/core/ConfigMap/default';
  const remove = async (name: string) => namesOf((await ask('DELETE', `${at}/${name}`)).json);
  t.strictSame(await remove('a'), ['ConfigMap/default/a', 'ConfigMap/default/of-a']);
  t.strictSame(await remove('b'), ['ConfigMap/default/b', 'ConfigMap/default/of-a-b']);
});

t.test('an answer carries what there is to say about the objects that came', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const service = `apiVersion: v1
kind: Service
metadata: {name: nobody}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
`;
  const answer = await ask('POST', '/clusters/vx/objects', service, YAML);
  t.equal(answer.status, 201);
  const findings = answer.json.findings.map(({ code, object, field }: Parsed) => [code, object, field]);
  t.ok(findings.length > 1, answer.text);
  t.ok(findings.some(([code, , field]: Parsed) => code === 'service-selects-nothing' && field === 'spec.selector'));
  t.ok(findings.every(([, object]: Parsed) => object === 'Service default/nobody'));
});

t.test('the only pool goes, and no other comes in its place', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const flow = { from: 'pod/default/client', to: 'pod/default/web:80' };
  const changes = [{ delete: { kind: 'IPPool', name: 'default-ipv4-ippool' } }];
  const asked = await ask('POST', '/clusters/vx/what-if', { changes, flows: [flow] });
  t.match(asked.json.flows, [{ before: { verdict: 'answered' }, after: { verdict: 'unreachable' } }]);
  const pool = '/clusters/vx/objects/projectcalico.org/IPPool/-/default-ipv4-ippool';
  const { object } = (await ask('GET', pool)).json;
  t.equal((await ask('DELETE', pool)).status, 200);
  const verdict = async (at: string): Promise<string> =>
    (await ask('POST', `/clusters/${at}/traces`, flow)).json.verdict;
  t.equal(await verdict('vx'), 'unreachable', 'nobody knows a way to pods of other nodes');
  t.strictSame((await ask('GET', '/clusters/vx/findings')).json.items, []);
  const { bytes } = await ask('GET', '/clusters/vx/snapshot');
  await ask('POST', '/clusters?name=copy', bytes, { 'content-type': 'application/cbor' });
  t.equal(await verdict('copy'), 'unreachable');
  t.equal((await ask('POST', '/clusters/vx/objects', object)).status, 201);
  t.equal(await verdict('vx'), 'answered');
});
