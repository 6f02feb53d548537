/** What is broken on purpose, and what the cluster makes of it as time passes. */

import t, { type Test } from 'tap';
import { limitsOf } from '../../src/server/options.js';
import { runExpected } from '../../src/server/session/expected.js';
import { Session } from '../../src/server/session/session.js';
import { cluster, type Parsed, running, sourcesOf, UNBOUNDED, YAML } from './running.js';

const FAILURE = 'node-failure';
const RACK = '/clusters/rack';
const JUMP_NS = 300e9;

t.test('daemons notice a fault as time passes, whether or not a packet was sent before', async (t) => {
  for (const earlier of [false, true]) {
    const { ask } = await running(t, { clusters: [cluster('bgp-top-of-rack', 'rack')] });
    const sessions = async (): Promise<string> =>
      (await ask('POST', `${RACK}/exec`, { target: 'host/tor-a', command: ['birdc', 'show', 'protocols'] })).json
        .stdout;
    if (earlier) await ask('POST', `${RACK}/traces`, { from: 'pod/shop/client', to: 'pod/shop/near:5432' });
    await ask('POST', `${RACK}/faults`, { kind: 'link', host: 'node1', interface: 'eth0' });
    for (let i = 0; i < 2; i += 1) await ask('POST', `${RACK}/clock/jump`, { byNs: JUMP_NS });
    const text = await sessions();
    t.match(text, /^node1 +BGP .*(Active|Connect|Idle)/m, `earlier: ${earlier}`);
    t.match(text, /^node2 +BGP .*Established/m);
  }
});

t.test('time that a command takes is time for daemons too', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('bgp-top-of-rack', 'rack')] });
  const exec = async (command: readonly string[]): Promise<Parsed> =>
    (await ask('POST', `${RACK}/exec`, { target: 'host/tor-a', command })).json;
  await ask('POST', `${RACK}/faults`, { kind: 'link', host: 'node1', interface: 'eth0' });
  t.equal((await exec(['ping', '-q', '-c', '300', '127.0.0.1'])).exitCode, 0);
  t.match((await exec(['birdc', 'show', 'protocols'])).stdout, /^node1 +BGP .*(Active|Connect|Idle)/m);
});

t.test('a session that is disabled ends with a cease, and comes back when it is mended', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('bgp-top-of-rack', 'rack')] });
  const sessions = async (host: string): Promise<string> =>
    (await ask('POST', `${RACK}/exec`, { target: `host/${host}`, command: ['birdc', 'show', 'protocols'] })).json
      .stdout;
  const verdict = async (): Promise<string> =>
    (await ask('POST', `${RACK}/traces`, { from: 'pod/shop/client', to: 'pod/shop/far:5432' })).json.verdict;
  t.equal(await verdict(), 'answered');
  const added = await ask('POST', `${RACK}/faults`, { kind: 'session', host: 'tor-a', peer: 'node1' });
  t.equal(added.status, 201, added.text);
  t.match(await sessions('tor-a'), /^node1 +BGP .* down /m);
  const onNode = await ask('POST', `${RACK}/exec`, { target: 'node/node1', command: ['birdc', 'show', 'protocols'] });
  t.match(onNode.json.stdout, /BGP .*Received: Administrative shutdown/);
  t.not(await verdict(), 'answered', 'nobody has the route to its pods');
  t.equal((await ask('DELETE', `${RACK}/faults/${added.json.id}`)).status, 204);
  await ask('POST', `${RACK}/clock/jump`, { byNs: JUMP_NS });
  t.match(await sessions('tor-a'), /^node1 +BGP .*Established/m);
  t.equal(await verdict(), 'answered');

  const unknown = await ask('POST', `${RACK}/faults`, { kind: 'session', host: 'tor-a', peer: 'node7' });
  t.equal(unknown.status, 404);
  t.match(unknown.json.errors[0].near, ['node1']);
  t.equal((await ask('POST', `${RACK}/faults`, { kind: 'session', host: 'nobody', peer: 'x' })).status, 404);
});

t.test('a pod that is down leaves its Service, and answers again when it is mended', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
  const at = '/clusters/shop';
  const reached = async (): Promise<Set<string>> => {
    const request = { from: 'pod/shop/client', to: 'svc/shop/web:80', branches: 'all' };
    const { branches } = (await ask('POST', `${at}/traces`, request)).json;
    return new Set(branches.map((one: Parsed) => one.reached));
  };
  t.strictSame(await reached(), new Set(['pod/shop/web-1', 'pod/shop/web-2']));
  const added = await ask('POST', `${at}/faults`, { kind: 'pod', namespace: 'shop', name: 'web-2' });
  t.equal(added.status, 201, added.text);
  t.strictSame(await reached(), new Set(['pod/shop/web-1']));
  const direct = { from: 'pod/shop/client', to: 'pod/shop/web-2', protocol: 'icmp' };
  t.not((await ask('POST', `${at}/traces`, direct)).json.verdict, 'answered');
  const inside = { target: 'pod/shop/web-2', command: ['ip', 'address'] };
  t.equal((await ask('POST', `${at}/exec`, inside)).status, 409);

  const labelled = JSON.stringify({ metadata: { labels: { app: 'web', tier: 'front' } } });
  const merge = { 'content-type': 'application/merge-patch+json' };
  t.equal((await ask('PATCH', `${at}/objects/core/Pod/shop/web-1`, labelled, merge)).status, 200);
  t.strictSame(await reached(), new Set(['pod/shop/web-1']), 'a change of objects does not raise it');

  t.equal((await ask('DELETE', `${at}/faults/${added.json.id}`)).status, 204);
  t.equal((await ask('POST', `${at}/traces`, direct)).json.verdict, 'answered');
  t.strictSame(await reached(), new Set(['pod/shop/web-1', 'pod/shop/web-2']));
});

t.test('a fault that is none is told which there are', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const refused = async (body: object): Promise<Parsed> => {
    const answer = await ask('POST', '/clusters/vx/faults', body);
    t.equal(answer.status, 400);
    return answer.json;
  };
  t.match(await refused({ kind: 'linc', host: 'node1' }), {
    errors: [{ field: '/kind', message: 'is one of link, switch, node, pod, session' }],
  });
  t.match(await refused({ kind: 'link', host: 'node1' }), { errors: [{ field: '/interface', message: /is missing/ }] });
  t.match(await refused({}), { errors: [{ field: '/kind' }] });
});

const GRACE_NS = 50e9;
const TOLERATED_NS = 300e9;
const DEPLOYED = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: c, image: c, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {nodeSelector: {kubernetes.io/hostname: worker2}, containers: [{name: c, image: c}]}
`;

async function shop(test: Test) {
  const { ask } = await running(test, { clusters: [cluster('services-iptables', 'shop')], limits: UNBOUNDED });
  const at = '/clusters/shop';
  const added = await ask('POST', `${at}/objects`, DEPLOYED, YAML);
  test.equal(added.status, 201, added.text);
  const jump = async (byNs: number): Promise<void> => {
    test.equal((await ask('POST', `${at}/clock/jump`, { byNs })).status, 200);
  };
  const object = async (path: string): Promise<Parsed> => (await ask('GET', `${at}/objects/${path}`)).json.object;
  const fail = async (fault: object): Promise<string> => (await ask('POST', `${at}/faults`, fault)).json.id;
  const node = async () => {
    const { spec, status } = await object('core/Node/-/worker2');
    const ready = (status?.conditions ?? []).find(({ type }: Parsed) => type === 'Ready');
    return { ready, taints: (spec?.taints ?? []).map(({ key, effect }: Parsed) => `${key} ${effect}`) };
  };
  const apiPods = async (): Promise<readonly Parsed[]> =>
    (await ask('GET', `${at}/pods?labels=app=api&namespace=shop`)).json.items;
  const onWorker2 = async () => (await apiPods()).filter((pod) => pod.node === 'worker2').length;
  const readyOn = async (wanted: string): Promise<readonly boolean[]> => {
    const slices = (await ask('GET', `${at}/objects?kind=EndpointSlice&namespace=shop&full=true`)).json.items;
    return slices
      .filter((one: Parsed) => one.object.metadata.labels['kubernetes.io/service-name'] === 'api')
      .flatMap((one: Parsed) => one.object.endpoints)
      .filter(({ nodeName }: Parsed) => nodeName === wanted)
      .map(({ conditions }: Parsed) => conditions.ready);
  };
  return { ask, at, jump, object, fail, node, apiPods, onWorker2, readyOn };
}

const UNREACHABLE = ['NoSchedule', 'NoExecute'].map((effect) => `node.kubernetes.io/unreachable ${effect}`);

t.test('a machine that is off is heard of no more: its node, its pods and their endpoints', async (t) => {
  const { ask, at, jump, object, fail, node, apiPods, onWorker2, readyOn } = await shop(t);
  const before = await node();
  const count = await onWorker2();
  t.ok(count > 0);
  const id = await fail({ kind: 'node', name: 'worker2' });
  await jump(GRACE_NS - 1);
  t.strictSame(await node(), before, 'the node controller waits');
  t.ok((await readyOn('worker2')).every((ready) => ready));
  await jump(1);
  t.match(await node(), { ready: { status: 'Unknown', reason: 'NodeStatusUnknown' }, taints: UNREACHABLE });
  t.strictSame(
    await readyOn('worker2'),
    Array.from({ length: count }, () => false),
  );
  const there = (await apiPods()).find((pod) => pod.node === 'worker2');
  const { status } = await object(`core/Pod/shop/${there?.name}`);
  t.match(status.conditions, [{ type: 'Ready', status: 'False' }]);
  const all = { from: 'pod/shop/client', to: 'svc/shop/api:80', branches: 'all' };
  const { branches } = (await ask('POST', `${at}/traces`, all)).json;
  t.ok(
    branches.length === 4 - count && branches.every(({ verdict }: Parsed) => verdict === 'answered'),
    'others are asked',
  );

  const far = await ask('POST', `${at}/traces`, { from: 'pod/shop/client', to: 'svc/shop/far:80' });
  t.match(far.json.explanation, [
    'None of the endpoints of Service shop/far is ready: Pod shop/web-2.',
    /has no endpoints/,
    'Nothing is heard of Node worker2: Pod shop/web-2 there is not ready.',
  ]);

  t.equal(await onWorker2(), count);
  await jump(TOLERATED_NS - 100e9);
  t.equal(await onWorker2(), count, 'pods bear it for five minutes');
  await jump(100e9);
  t.strictSame([await onWorker2(), (await apiPods()).length], [count, 4 + count], 'others come elsewhere');
  // 50 s until nobody hears of the node, 300 s that are borne, 30 s that a kubelet has.
  const terminating = { deletionTimestamp: '1970-01-01T00:06:20Z', deletionGracePeriodSeconds: 30 };
  const left = await object(`core/Pod/shop/${there?.name}`);
  t.match(left.metadata, terminating, 'what was there stays, since nobody says that it is gone');
  t.match((await object('core/Pod/shop/db-0')).metadata, terminating, 'and of its name there is no other');
  t.strictSame((await apiPods()).filter(({ name }) => name.startsWith('db-')).length, 0);
  t.equal((await ask('PUT', `${at}/objects/core/Pod/shop/${there?.name}`, left)).status, 200, 'who puts it back has');
  const { uid } = (await object('core/Pod/shop/db-0')).metadata;

  t.equal((await ask('DELETE', `${at}/faults/${id}`)).status, 204);
  t.strictSame(await node(), before, 'whoever comes back is heard');
  t.strictSame([await onWorker2(), (await apiPods()).length], [0, 4], 'and ends what was deleted');
  const again = await object('core/Pod/shop/db-0');
  t.notOk(again.metadata.deletionTimestamp);
  t.not(again.metadata.uid, uid, 'so that there is another of its name');
  const flow = { from: 'pod/shop/client', to: 'node/worker2', protocol: 'icmp' };
  t.equal((await ask('POST', `${at}/traces`, flow)).json.verdict, 'answered');
});

t.test('who comes back in time is not missed, nor what is read and put back', async (t) => {
  const { ask, at, jump, object, fail, node, onWorker2, readyOn } = await shop(t);
  const before = await node();
  const count = await onWorker2();
  const id = await fail({ kind: 'link', host: 'worker2', interface: 'eth0' });
  await jump(GRACE_NS + 100e9);
  t.match(await node(), { ready: { status: 'Unknown' }, taints: UNREACHABLE }, 'without a cable nobody is heard');
  const path = 'core/Node/-/worker2';
  t.equal((await ask('PUT', `${at}/objects/${path}`, await object(path))).status, 200);
  const merge = { 'content-type': 'application/merge-patch+json' };
  const label = JSON.stringify({ metadata: { labels: { seen: 'yes' } } });
  t.equal((await ask('PATCH', `${at}/objects/${path}`, label, merge)).status, 200);
  t.match(await node(), { ready: { status: 'Unknown' }, taints: UNREACHABLE });
  await ask('DELETE', `${at}/faults/${id}`);
  t.strictSame(await node(), before);
  t.strictSame(
    await readyOn('worker2'),
    Array.from({ length: count }, () => true),
  );
  await jump(2 * TOLERATED_NS);
  t.equal(await onWorker2(), count, 'nobody has gone');
});

t.test('who is on its way out is so in a snapshot, and where the thread starts anew', async (t) => {
  const { ask } = await running(t, {
    clusters: [cluster('services-iptables', 'shop')],
    limits: { ...UNBOUNDED, requestMs: 4000 },
  });
  await ask('POST', '/clusters/shop/objects', DEPLOYED, YAML);
  await ask('POST', '/clusters/shop/faults', { kind: 'node', name: 'worker2' });
  await ask('POST', '/clusters/shop/clock/jump', { byNs: GRACE_NS + 300e9 });
  const podsAt = async (at: string) => {
    const { items } = (await ask('GET', `/clusters/${at}/objects?kind=Pod&namespace=shop&full=true`)).json;
    return items.map(({ name, object: { metadata, spec } }: Parsed) => [
      name,
      spec.nodeName,
      metadata.deletionTimestamp !== undefined,
    ]);
  };
  const fewer = JSON.stringify({ spec: { replicas: 1 } });
  const merge = { 'content-type': 'application/merge-patch+json' };
  await ask('PATCH', '/clusters/shop/objects/apps/Deployment/shop/api', fewer, merge);
  t.match((await ask('DELETE', '/clusters/shop/objects/core/Pod/shop/web-2')).json, { deleted: [] });
  const before = await podsAt('shop');
  t.ok(before.some(([, , isTerminating]: Parsed) => isTerminating));
  const { bytes } = await ask('GET', '/clusters/shop/snapshot');
  t.equal((await ask('POST', '/clusters?name=copy', bytes, { 'content-type': 'application/cbor' })).status, 201);
  t.strictSame(await podsAt('copy'), before);
  const endless = { target: 'node/worker1', command: ['ping', '-c', '100000000', '127.0.0.1'] };
  t.equal((await ask('POST', '/clusters/shop/exec', endless)).status, 504);
  t.strictSame(await podsAt('shop'), before);
});

t.test('a pod of a node that nobody hears stays until somebody does, whoever deletes it', async (t) => {
  const { ask, at, jump, object, fail, apiPods, onWorker2 } = await shop(t);
  const merge = { 'content-type': 'application/merge-patch+json' };
  const scale = async (replicas: number): Promise<void> => {
    const path = `${at}/objects/apps/Deployment/shop/api`;
    t.equal((await ask('PATCH', path, JSON.stringify({ spec: { replicas } }), merge)).status, 200);
  };
  const ending = async (): Promise<readonly string[]> => {
    const { items } = (await ask('GET', `${at}/objects?kind=Pod&namespace=shop&full=true&limit=1000`)).json;
    return items
      .filter((one: Parsed) => one.object.metadata.deletionTimestamp !== undefined)
      .map(({ name }: Parsed) => name);
  };
  const there = (await apiPods()).filter(({ node }) => node === 'worker2').map(({ name }): string => name);
  const id = await fail({ kind: 'node', name: 'worker2' });
  await jump(GRACE_NS);

  await scale(4 - there.length);
  t.strictSame(await ending(), there, 'a Deployment with fewer replicas lets go of those that are not ready');
  t.match((await object(`core/Pod/shop/${there[0]}`)).metadata, { deletionTimestamp: '1970-01-01T00:01:20Z' });
  await scale(0);
  t.strictSame(
    (await apiPods()).map(({ name }) => name),
    there,
    'they are no replicas any more',
  );
  t.equal((await ask('DELETE', `${at}/objects/apps/Deployment/shop/api`)).status, 200);
  t.strictSame(await ending(), there, 'nor has their owner to be there');

  const db = { group: '', kind: 'Pod', namespace: 'shop', name: 'db-0' };
  const { uid } = (await object('core/Pod/shop/db-0')).metadata;
  const asked = await ask('DELETE', `${at}/objects/core/Pod/shop/db-0`);
  t.match(asked.json, { deleted: [], terminating: [db] });
  t.equal((await object('core/Pod/shop/db-0')).metadata.uid, uid);
  const bare = await ask('DELETE', `${at}/objects/core/Pod/shop/web-2`);
  t.match(bare.json, { deleted: [], terminating: [{ name: 'web-2' }] });
  const flow = { from: 'pod/shop/client', to: 'pod/shop/db-0', protocol: 'icmp' };
  const whatIf = {
    changes: [{ delete: { kind: 'StatefulSet', namespace: 'shop', name: 'db', group: 'apps' } }],
    flows: [flow],
  };
  t.equal((await ask('POST', `${at}/what-if`, whatIf)).status, 200, 'it would be there then too');

  const forced = await ask('DELETE', `${at}/objects/core/Pod/shop/db-0?gracePeriodSeconds=0`);
  t.match(forced.json, { deleted: [db], terminating: [] });
  t.not(
    (await object('core/Pod/shop/db-0')).metadata.uid,
    uid,
    'whoever does not wait for the kubelet gets another at once',
  );

  const { bytes } = await ask('GET', `${at}/snapshot`);
  t.equal((await ask('POST', '/clusters?name=copy', bytes, { 'content-type': 'application/cbor' })).status, 201);
  t.equal((await ask('GET', '/clusters/copy/pods?labels=app=api&namespace=shop')).json.total, there.length);
  t.equal((await ask('DELETE', `${at}/faults/${id}`)).status, 204);
  t.strictSame([await ending(), await onWorker2()], [[], 0], 'a kubelet that is heard ends what was deleted');
  t.equal((await ask('GET', `${at}/objects/core/Pod/shop/web-2`)).status, 404);
});

t.test('a DaemonSet runs on where nothing new may come, and stays on a node that nobody hears', async (t) => {
  const { ask, at, jump, fail } = await shop(t);
  const agent = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {containers: [{name: c, image: c}]}}
`;
  t.equal((await ask('POST', `${at}/objects`, agent, YAML)).status, 201);
  const pods = async () => {
    const { items } = (await ask('GET', `${at}/objects?kind=Pod&full=true&labelSelector=app=agent`)).json;
    return items.map(({ name, object: { metadata, spec } }: Parsed) => [
      name,
      spec.nodeName,
      metadata.deletionTimestamp,
    ]);
  };
  const before = await pods();
  t.equal(before.length, 2);
  const merge = { 'content-type': 'application/merge-patch+json' };
  const tainted = JSON.stringify({ spec: { taints: [{ key: 'busy', effect: 'NoSchedule' }] } });
  t.equal((await ask('PATCH', `${at}/objects/core/Node/-/worker1`, tainted, merge)).status, 200);
  t.strictSame(await pods(), before, 'a taint that ends nobody');
  await fail({ kind: 'node', name: 'worker2' });
  await jump(GRACE_NS);
  t.strictSame(await pods(), before);
  await jump(2 * TOLERATED_NS);
  t.strictSame(await pods(), before, 'it bears what other pods do not');
});

t.test('a Deployment of another template names its pods by that, whatever stays of the one before', async (t) => {
  const { ask, at, jump, fail, apiPods } = await shop(t);
  await fail({ kind: 'node', name: 'worker2' });
  await jump(GRACE_NS);
  const hashes = async (): Promise<ReadonlySet<string>> =>
    new Set((await apiPods()).map(({ labels }) => labels['pod-template-hash']));
  const before = await hashes();
  const merge = { 'content-type': 'application/merge-patch+json' };
  const body = JSON.stringify({ spec: { template: { metadata: { labels: { tier: 'front' } } } } });
  t.equal((await ask('PATCH', `${at}/objects/apps/Deployment/shop/api`, body, merge)).status, 200);
  const after = (await apiPods()).filter(({ labels }) => labels.tier === 'front');
  t.equal(after.length, 4);
  t.notOk(after.some(({ labels }) => before.has(labels['pod-template-hash'])));
  t.equal((await hashes()).size, 2);
});

t.test('nothing is sent from what is off, by whatever name it is called', async (t) => {
  const { ask, at, fail } = await shop(t);
  const flow = { from: 'sts/shop/db', to: 'pod/shop/web-1', protocol: 'icmp' };
  const fault = { kind: 'node', name: 'worker2' };
  const wouldBe = await ask('POST', `${at}/what-if`, { changes: [{ fault }], flows: [flow] });
  t.match(wouldBe.json.flows, [
    {
      changed: 'verdict',
      before: { verdict: 'answered' },
      after: { verdict: 'none', explanation: ['worker2 is off'] },
    },
  ]);
  await fail(fault);
  for (const from of ['sts/shop/db', 'svc/shop/far', 'pod/shop/db-0', 'node/worker2', '172.18.0.12'])
    t.match((await ask('POST', `${at}/traces`, { ...flow, from })).json, {
      status: 409,
      detail: 'worker2 is off: mend the fault first',
    });
  t.equal((await ask('POST', `${at}/exec`, { target: 'sts/shop/db', command: ['ip', 'address'] })).status, 409);
});

t.test('where no node is heard nobody is ended', async (t) => {
  const { ask, jump, fail, node, onWorker2 } = await shop(t);
  const count = await onWorker2();
  for (const { name } of (await ask('GET', '/clusters/shop/objects?kind=Node')).json.items)
    await fail({ kind: 'node', name });
  await jump(GRACE_NS);
  t.match(await node(), { ready: { status: 'Unknown' } });
  t.notOk((await node()).taints.some((taint: string) => taint.endsWith('NoExecute')));
  await jump(2 * TOLERATED_NS);
  t.equal(await onWorker2(), count);
});

t.test('a snapshot and a thread that starts anew know since when nobody was heard', async (t) => {
  const { ask } = await running(t, {
    clusters: [cluster('services-iptables', 'shop')],
    limits: { ...UNBOUNDED, requestMs: 4000 },
  });
  const readyAt = async (at: string): Promise<string | undefined> => {
    const { status } = (await ask('GET', `/clusters/${at}/objects/core/Node/-/worker2`)).json.object;
    return (status.conditions ?? []).find(({ type }: Parsed) => type === 'Ready')?.status;
  };
  await ask('POST', '/clusters/shop/faults', { kind: 'node', name: 'worker2' });
  await ask('POST', '/clusters/shop/clock/jump', { byNs: GRACE_NS / 2 });
  const { bytes } = await ask('GET', '/clusters/shop/snapshot');
  t.equal((await ask('POST', '/clusters?name=copy', bytes, { 'content-type': 'application/cbor' })).status, 201);
  t.not(await readyAt('copy'), 'Unknown');
  await ask('POST', '/clusters/copy/clock/jump', { byNs: GRACE_NS / 2 });
  t.equal(await readyAt('copy'), 'Unknown');
  await ask('POST', '/clusters/shop/clock/jump', { byNs: GRACE_NS / 2 });
  const endless = { target: 'node/worker1', command: ['ping', '-c', '100000000', '127.0.0.1'] };
  t.equal((await ask('POST', '/clusters/shop/exec', endless)).status, 504);
  t.equal(await readyAt('shop'), 'Unknown');
  const { items } = (await ask('GET', '/clusters/shop/faults')).json;
  await ask('DELETE', `/clusters/shop/faults/${items[0].id}`);
  t.not(await readyAt('shop'), 'Unknown');
});

t.test('a scenario breaks what its expectations say, and leaves all whole and every object as it was', async (t) => {
  const { ask } = await running(t);
  const run = await ask('POST', `/scenarios/${FAILURE}/run`, {});
  t.equal(run.status, 201, run.text);
  t.match(run.json, { failed: 0 });
  const after = run.json.results.map((one: Parsed) => one.after);
  t.ok(after.includes('50 s later its node is NotReady'));
  t.strictSame((await ask('GET', `/clusters/${FAILURE}/faults`)).json.items, []);
  const { items } = (await ask('GET', `/clusters/${FAILURE}/pods`)).json;
  t.ok(items.length > 0 && items.every(({ ready }: Parsed) => ready !== false));
  const { nowNs } = (await ask('GET', `/clusters/${FAILURE}/clock`)).json;
  t.ok(nowNs > 16 * 60e9, 'virtual time has passed');
});

t.test(
  'an expectation that breaks what is not there is told by the name of its change, and nothing stays broken',
  (t) => {
    const expectations = `apiVersion: podwire.dev/v1alpha1
kind: Expectations
metadata: {name: mistaken}
spec:
  changes:
    - name: the cable is pulled
      delete: [Pod/shop/web-2]
      faults: [{kind: node, name: worker2}, {kind: link, host: worker1, interface: eth7}]
`;
    const sources = sourcesOf('services-iptables').filter(({ file }) => !file.endsWith('expectations.yaml'));
    const session = new Session({
      origin: { kind: 'sources', sources: [...sources, { file: 'expectations.yaml', text: expectations }], seed: 1 },
      limits: limitsOf(),
    });
    const { declared } = session;
    t.throws(() => runExpected(session), {
      kind: 'not-found',
      message: 'the cable is pulled: there is no physical interface "eth7" of worker1; did you mean eth0?',
      errors: [{ near: ['eth0'] }],
    });
    t.strictSame(session.faults.list(), []);
    t.equal(session.declared.byId, declared.byId);
    t.end();
  },
);
