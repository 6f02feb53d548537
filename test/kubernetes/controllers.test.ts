import t from 'tap';
import { loadCluster } from '../../src/kubernetes/index.js';
import { load, manifests, NODES, node, perNode, placed, pod, podsOf, template, workload } from './cluster-text.js';

const SUFFIX = '[bcdfghjklmnpqrstvwxz2456789]{5}';
const owner = (kind: string, name: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: 'u', controller: true }],
});

t.test('a Deployment becomes a ReplicaSet and its pods, spread evenly', (t) => {
  const { store, errors, findings } = load(...NODES, workload('Deployment', { replicas: 6 }));
  t.same([errors, findings], [[], []]);
  t.same(perNode(store), { a: 2, b: 2, c: 2 });
  const [set] = store.list('ReplicaSet');
  t.match(set?.name, /^web-[bcdfghjklmnpqrstvwxz2456789]+$/);
  const hash = set?.labels['pod-template-hash'];
  for (const { name, labels, ownerReferences, status } of podsOf(store)) {
    t.match(name, new RegExp(`^${set?.name}-${SUFFIX}$`));
    t.same(labels, { app: 'web', 'pod-template-hash': hash });
    t.match(ownerReferences, [{ kind: 'ReplicaSet', name: set?.name, uid: set?.uid, controller: true }]);
    t.same(status.podIPs, []);
  }
  t.end();
});

t.test('the same input and seed give the same names; another seed others; a neighbour none', (t) => {
  const names = (seed: number, ...more: object[]) => {
    const text = manifests(...NODES, workload('Deployment', { replicas: 3 }), ...more);
    return podsOf(loadCluster([{ file: 'x', text }], { seed }).store).map(({ name }) => name);
  };
  t.same(names(1), names(1));
  t.notSame(names(1), names(2));
  const neighbour = workload('DaemonSet', {}, { name: 'agent', namespace: 'other' });
  t.same(
    names(1, neighbour).filter((name) => name.startsWith('web')),
    names(1),
  );
  t.end();
});

t.test('pods that exist count towards the replicas', (t) => {
  const set = {
    ...workload('ReplicaSet', { replicas: 3 }),
    metadata: { name: 'web-5d4', labels: { app: 'web' }, ...owner('Deployment', 'web') },
  };
  const running = pod(
    'web-5d4-aaaaa',
    { nodeName: 'a' },
    { labels: { app: 'web' }, ...owner('ReplicaSet', 'web-5d4') },
  );
  const { store } = load(...NODES, workload('Deployment', { replicas: 3 }), set, running);
  t.equal(podsOf(store).length, 3);
  t.equal(store.list('ReplicaSet').length, 1);
  t.same(perNode(store), { a: 1, b: 1, c: 1 });
  t.ok(podsOf(store).every(({ name }) => name.startsWith('web-5d4-')));
  t.end();
});

t.test('a dump without ReplicaSets goes on with the hash of its pods', (t) => {
  const labels = { app: 'web', 'pod-template-hash': '5d4' };
  const running = [
    pod('web-5d4-aaaaa', { nodeName: 'a' }, { labels, ...owner('ReplicaSet', 'web-5d4') }),
    pod('web-5d4-bbbbb', { nodeName: 'b' }, { labels }),
  ];
  const { store } = load(...NODES, workload('Deployment', { replicas: 3 }), ...running);
  t.equal(store.list('ReplicaSet')[0]?.name, 'web-5d4');
  t.equal(podsOf(store).length, 3);
  t.end();
});

t.test('a rollout half way is left alone', (t) => {
  const set = (name: string, replicas: number, revision: string) => ({
    ...workload('ReplicaSet', { replicas, selector: { matchLabels: { app: 'web', 'pod-template-hash': name } } }),
    metadata: {
      name: `web-${name}`,
      labels: { app: 'web' },
      annotations: { 'deployment.kubernetes.io/revision': revision },
      ...owner('Deployment', 'web'),
    },
  });
  const running = (name: string, of: string) =>
    pod(
      name,
      { nodeName: 'a' },
      { labels: { app: 'web', 'pod-template-hash': of }, ...owner('ReplicaSet', `web-${of}`) },
    );
  const pods = [running('web-old-a', 'old'), running('web-old-b', 'old'), running('web-new-a', 'new')];
  const count = (replicas: number) =>
    podsOf(
      load(...NODES, workload('Deployment', { replicas }), set('old', 2, '9'), set('new', 1, '10'), ...pods).store,
    );
  t.equal(count(3).length, 3);
  t.same(
    count(5).filter(({ ownerReferences }) => ownerReferences[0]?.name === 'web-new').length,
    3,
    'more replicas are the newest’s',
  );
  t.end();
});

t.test('finished and terminating pods are no replicas', (t) => {
  const own = { labels: { app: 'web' }, ...owner('ReplicaSet', 'web') };
  const finished = { ...pod('web-1', { nodeName: 'a' }, own), status: { phase: 'Failed' } };
  const going = pod('web-2', { nodeName: 'a' }, { ...own, deletionTimestamp: '2025-01-01T00:00:00Z' });
  const { store } = load(...NODES, workload('ReplicaSet', { replicas: 2 }), finished, going);
  t.equal(podsOf(store).length, 4);
  t.end();
});

t.test('a ReplicationController selects by a plain map', (t) => {
  const { store } = load(
    ...NODES,
    workload('ReplicationController', { replicas: 2, selector: { app: 'web' } }),
    pod('web-x', { nodeName: 'a' }, { labels: { app: 'web' } }),
  );
  t.equal(podsOf(store).length, 2, 'the orphan is adopted');
  t.end();
});

t.test('a StatefulSet’s pods have ordinals, host names and their Service as subdomain', (t) => {
  const set = workload('StatefulSet', { replicas: 3, serviceName: 'db', ordinals: { start: 5 } }, { name: 'db' });
  const { store } = load(...NODES, set, pod('db-6', { nodeName: 'c' }, { labels: { app: 'web' } }));
  t.same(placed(store), ['db-5@a', 'db-6@c', 'db-7@b']);
  const first = store.get('Pod', 'default', 'db-5');
  t.match(first, {
    spec: { hostname: 'db-5', subdomain: 'db' },
    labels: { 'statefulset.kubernetes.io/pod-name': 'db-5', 'apps.kubernetes.io/pod-index': '5' },
  });
  t.end();
});

t.test('a DaemonSet runs on every node that fits, cordoned ones too', (t) => {
  const nodes = [
    node('a'),
    node('b', { spec: { taints: [{ key: 'gpu', effect: 'NoSchedule' }] } }),
    node('c', {
      spec: { unschedulable: true, taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] },
    }),
    node('d', { labels: { 'kubernetes.io/os': 'windows' } }),
  ];
  const set = workload('DaemonSet', { template: template({ nodeSelector: { 'kubernetes.io/os': 'linux' } }) });
  const { store, findings } = load(...nodes, set);
  t.same(perNode(store), { a: 1, c: 1 });
  t.same(findings, []);
  const tolerant = workload('DaemonSet', { template: template({ tolerations: [{ operator: 'Exists' }] }) });
  t.same(perNode(load(...nodes, tolerant).store), { a: 1, b: 1, c: 1, d: 1 });
  t.end();
});

t.test('a node that has its daemon gets no second', (t) => {
  const running = pod('web-x', { nodeName: 'b' }, { labels: { app: 'web' }, ...owner('DaemonSet', 'web') });
  const { store } = load(...NODES, workload('DaemonSet', {}), running);
  t.same(perNode(store), { a: 1, b: 1, c: 1 });
  t.equal(new Set(podsOf(store).map(({ name }) => name)).size, 3);
  t.end();
});

const JOBS: readonly [string, object, object, number][] = [
  ['one pod', {}, {}, 1],
  ['as many at once as it may run', { completions: 5, parallelism: 2 }, {}, 2],
  ['no more than are left', { completions: 5, parallelism: 3 }, { succeeded: 4 }, 1],
  ['a work queue', { parallelism: 3 }, {}, 3],
  ['a work queue that one pod found empty', { parallelism: 3 }, { succeeded: 1 }, 0],
  ['suspended', { suspend: true }, {}, 0],
  ['complete', { completions: 2 }, { conditions: [{ type: 'Complete', status: 'True' }] }, 0],
];

for (const [name, spec, status, pods] of JOBS) {
  t.test(`Job: ${name}`, (t) => {
    const { store } = load(...NODES, { ...workload('Job', spec), status });
    t.equal(podsOf(store).length, pods);
    for (const { name: made, labels } of podsOf(store)) {
      t.match(made, new RegExp(`^web-${SUFFIX}$`));
      t.equal(labels['batch.kubernetes.io/job-name'], 'web');
    }
    t.end();
  });
}

t.test('an Indexed Job’s pods have the lowest indexes that are not done', (t) => {
  const job = {
    ...workload('Job', { completions: 6, parallelism: 3, completionMode: 'Indexed' }),
    status: { succeeded: 3, completedIndexes: '0-1,3' },
  };
  const { store } = load(...NODES, job);
  t.same(
    podsOf(store)
      .map(({ annotations }) => Number(annotations['batch.kubernetes.io/job-completion-index']))
      .sort((a, b) => a - b),
    [2, 4, 5],
  );
  t.same(
    podsOf(store)
      .map(({ spec }) => spec.hostname)
      .sort(),
    ['web-2', 'web-4', 'web-5'],
  );
  t.ok(podsOf(store).every(({ name, spec }) => new RegExp(`^${spec.hostname}-${SUFFIX}$`).test(name)));
  t.end();
});

t.test('a made pod’s fields stand in the template', (t) => {
  const text =
    'apiVersion: v1\nkind: Node\nmetadata: {name: a}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata:\n      labels: {app: web}\n    spec:\n      hostname: h\n';
  const [made] = podsOf(loadCluster([{ file: 'd.yaml', text }], { seed: 1 }).store);
  t.match(made?.source.position(['spec', 'hostname']), { file: 'd.yaml', line: 15, column: 17 });
  t.match(made?.source.position(['metadata', 'labels', 'app']), { line: 13, column: 21 });
  t.end();
});

t.test('the order of documents changes nothing', (t) => {
  const objects = [
    ...NODES,
    workload('Deployment', { replicas: 4 }),
    workload('StatefulSet', { replicas: 2 }, { name: 'db' }),
    workload('DaemonSet', {}, { name: 'agent', namespace: 'x' }),
  ];
  t.same(placed(load(...objects).store), placed(load(...objects.toReversed()).store));
  t.end();
});
