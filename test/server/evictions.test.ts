/** Nodes that are tainted while pods run on them. */

import t, { type Test } from 'tap';
import { cluster, type Parsed, running, UNBOUNDED, YAML } from './running.js';

const MERGE = { 'content-type': 'application/merge-patch+json' };
const AT = '/clusters/vx';
const NODE = `${AT}/objects/core/Node/-/node1`;
const TAINT = { key: 'maintenance', value: 'now', effect: 'NoExecute' };

const template = (app: string, tolerations = '[]') => `
  selector: {matchLabels: {app: ${app}}}
  template:
    metadata: {labels: {app: ${app}}}
    spec: {tolerations: ${tolerations}, containers: [{name: c, image: c, ports: [{containerPort: 80}]}]}
`;
const OBJECTS = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 4${template('api')}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: tough}
spec:
  replicas: 4${template('tough', '[{key: maintenance, operator: Exists, effect: NoExecute}]')}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:${template('agent')}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: everywhere}
spec:${template('everywhere', '[{operator: Exists}]')}
---
apiVersion: v1
kind: Pod
metadata: {name: impatient, labels: {app: impatient}}
spec:
  nodeName: node1
  tolerations: [{key: maintenance, operator: Exists, tolerationSeconds: 0}]
  containers: [{name: c, image: c}]
---
apiVersion: v1
kind: Pod
metadata: {name: patient, labels: {app: patient}}
spec:
  nodeName: node1
  tolerations: [{key: maintenance, operator: Exists, tolerationSeconds: 60}]
  containers: [{name: c, image: c}]
`;

async function workloads(test: Test) {
  const { ask } = await running(test, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const created = await ask('POST', `${AT}/objects`, OBJECTS, YAML);
  test.equal(created.status, 201, created.text);
  /** Of an application, on each of the nodes. */
  const counts = async (app: string): Promise<readonly number[]> => {
    const pods: Parsed[] = (await ask('GET', `${AT}/pods?labels=app=${app}`)).json.items;
    return ['node1', 'node2'].map((node) => pods.filter((pod) => pod.node === node).length);
  };
  const patch = async (body: object): Promise<void> => {
    const patched = await ask('PATCH', NODE, JSON.stringify(body), MERGE);
    test.equal(patched.status, 200, patched.text);
  };
  return { ask, counts, patch };
}

t.test(
  'a taint with NoExecute ends pods that do not bear it, and their controllers make others elsewhere',
  async (t) => {
    const { ask, counts, patch } = await workloads(t);
    t.strictSame(await counts('api'), [1, 3]);
    t.strictSame(await counts('agent'), [1, 1]);
    await patch({ spec: { taints: [{ ...TAINT, effect: 'NoSchedule' }] } });
    t.strictSame(await counts('api'), [1, 3], 'NoSchedule ends nobody');
    await patch({ spec: { taints: [TAINT] } });
    t.strictSame(await counts('api'), [0, 4]);
    t.strictSame(await counts('tough'), [2, 2]);
    t.strictSame(await counts('agent'), [0, 1]);
    t.strictSame(await counts('everywhere'), [1, 1]);
    t.strictSame(await counts('impatient'), [0, 0], 'nobody makes a bare pod again');
    t.strictSame(await counts('patient'), [1, 0]);
    t.equal((await ask('GET', `${AT}/objects/core/Pod/default/client`)).status, 404);
    const flow = { from: 'node/node2', to: 'pod/default/web:80' };
    t.equal((await ask('POST', `${AT}/traces`, flow)).json.verdict, 'answered');
    await patch({ spec: { taints: null } });
    t.strictSame(await counts('agent'), [1, 1]);
    t.strictSame(await counts('api'), [0, 4], 'who has gone elsewhere stays there');
  },
);

t.test('a node that is not ready is tainted: nobody new comes, and pods wait for it', async (t) => {
  const { ask, counts, patch } = await workloads(t);
  const { status } = (await ask('GET', NODE)).json.object;
  await patch({ status: { ...status, conditions: [{ type: 'Ready', status: 'Unknown' }] } });
  const effects = ['NoSchedule', 'NoExecute'];
  t.match(
    (await ask('GET', NODE)).json.object.spec.taints,
    effects.map((effect) => ({ key: 'node.kubernetes.io/unreachable', effect })),
  );
  t.strictSame(await counts('api'), [1, 3]);
  const scaled = JSON.stringify({ spec: { replicas: 6 } });
  await ask('PATCH', `${AT}/objects/apps/Deployment/default/api`, scaled, MERGE);
  t.strictSame(await counts('api'), [1, 5]);
  const { object } = (await ask('GET', NODE)).json;
  t.equal((await ask('PUT', NODE, { ...object, status: { ...status, conditions: [] } })).status, 200);
  t.equal((await ask('GET', NODE)).json.object.spec?.taints, undefined, 'what was read has not been declared');
});

t.test('who tolerates a taint for a time goes when that is over, and only then', async (t) => {
  const { ask, counts, patch } = await workloads(t);
  const jump = (bySeconds: number) => ask('POST', `${AT}/clock/jump`, { byNs: bySeconds * 1e9 });
  await jump(1000);
  await patch({ spec: { taints: [TAINT] } });
  await jump(59);
  t.strictSame(await counts('patient'), [1, 0]);
  const past = await jump(1);
  t.equal(past.json.complete, true);
  t.strictSame(await counts('patient'), [0, 0]);
  t.strictSame(await counts('tough'), [2, 2], 'who tolerates it for ever stays');
  const read = await ask('GET', NODE);
  await patch({
    spec: { taints: null },
    status: { ...read.json.object.status, conditions: [{ type: 'Ready', status: 'False' }] },
  });
  await jump(299);
  const before = await counts('tough');
  t.ok(Number(before[0]) > 0);
  await jump(600);
  t.strictSame(await counts('tough'), [0, 4], 'five minutes of a node that is not ready are enough');
  t.strictSame(await counts('everywhere'), [1, 1]);
});

t.test('who comes in the place of one that goes stays, also on the same node', async (t) => {
  const { ask, patch } = await workloads(t);
  const tolerations = `[{key: maintenance, operator: Exists, tolerationSeconds: 10}]`;
  const set = `apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  serviceName: db${template('db', tolerations)}`;
  const pinned = set.replace('spec: {tolerations', 'spec: {nodeSelector: {kubernetes.io/hostname: node1}, tolerations');
  t.equal((await ask('POST', `${AT}/objects`, pinned, YAML)).status, 201);
  const uid = async () => (await ask('GET', `${AT}/objects/core/Pod/default/db-0`)).json.object.metadata.uid;
  const before = await uid();
  await patch({ spec: { taints: [TAINT] } });
  await ask('POST', `${AT}/clock/jump`, { byNs: 100e9 });
  const after = await uid();
  t.type(after, 'string');
  t.not(after, before);
});

t.test('a taint that goes in time ends nobody', async (t) => {
  const { ask, counts, patch } = await workloads(t);
  await patch({ spec: { taints: [TAINT] } });
  await ask('POST', `${AT}/clock/jump`, { byNs: 50e9 });
  await patch({ spec: { taints: null } });
  await ask('POST', `${AT}/clock/jump`, { byNs: 50e9 });
  await patch({ spec: { taints: [TAINT] } });
  await ask('POST', `${AT}/clock/jump`, { byNs: 50e9 });
  t.strictSame(await counts('patient'), [1, 0]);
});

t.test('a snapshot, and a thread that starts anew, know since when', async (t) => {
  const { ask } = await running(t, {
    clusters: [cluster('two-nodes-vxlan', 'vx')],
    limits: { requestMs: 4000, ...UNBOUNDED },
  });
  await ask('POST', `${AT}/objects`, OBJECTS, YAML);
  const patients = async (at: string): Promise<number> =>
    (await ask('GET', `/clusters/${at}/pods?labels=app=patient`)).json.total;
  await ask('PATCH', NODE, JSON.stringify({ spec: { taints: [TAINT] } }), MERGE);
  await ask('POST', `${AT}/clock/jump`, { byNs: 30e9 });
  const { bytes } = await ask('GET', `${AT}/snapshot`);
  const copied = await ask('POST', '/clusters?name=copy', bytes, { 'content-type': 'application/cbor' });
  t.equal(copied.status, 201, copied.text);
  const endless = { target: 'node/node2', command: ['ping', '-c', '100000000', '127.0.0.1'] };
  const start = async (): Promise<void> => {
    t.equal((await ask('POST', `${AT}/exec`, endless)).status, 504);
  };
  await start();
  t.equal(await patients('copy'), 1);
  await ask('POST', '/clusters/copy/clock/jump', { byNs: 30e9 });
  t.equal(await patients('copy'), 0);
  await ask('POST', `${AT}/clock/jump`, { byNs: 30e9 });
  t.equal(await patients('vx'), 0);
  await start();
  t.equal(await patients('vx'), 0, 'who has gone is gone');
});

t.test('what a node selects by goes, and who runs there goes on', async (t) => {
  const { ask, patch } = await workloads(t);
  await patch({ metadata: { labels: { disk: 'ssd' } } });
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: s}\nspec: {nodeSelector: {disk: ssd}, containers: [{name: c, image: c}]}';
  t.equal((await ask('POST', `${AT}/objects`, pod, YAML)).status, 201);
  await patch({ metadata: { labels: { disk: null } } });
  const phase = async () => (await ask('GET', `${AT}/objects/core/Pod/default/s`)).json.object.status.phase;
  t.equal(await phase(), 'Running');
});

t.test('what-if tells which flows a taint ends', async (t) => {
  const { ask, counts } = await workloads(t);
  const changes = [{ patch: { kind: 'Node', name: 'node1', patch: { spec: { taints: [TAINT] } } } }];
  const flows = [{ from: 'pod/default/client', to: 'pod/default/web:80' }];
  const { json } = await ask('POST', `${AT}/what-if`, { changes, flows });
  t.match(json.flows, [{ before: { verdict: 'answered' }, after: { verdict: 'none' } }]);
  t.strictSame(await counts('api'), [1, 3]);
});
