/** Updates of workloads whose pods somebody has written, as in a dump: their controllers take pods away and make others. */

import t, { type Test } from 'tap';
import { cluster, type Parsed, running } from './running.js';

const DUMP = 'kubectl-dump';
const AT = `/clusters/${DUMP}`;
const OBJECTS = `${AT}/objects`;
const MERGE = { 'content-type': 'application/merge-patch+json' };
const STOREFRONT = 'apps/Deployment/shop/storefront';
const DATABASE = 'apps/StatefulSet/shop/db';
const EXPORTER = 'apps/DaemonSet/monitoring/node-exporter';

async function dump(test: Test) {
  const { ask } = await running(test, { clusters: [cluster(DUMP)] });
  const patch = async (path: string, body: object) => {
    const answer = await ask('PATCH', `${OBJECTS}/${path}`, JSON.stringify(body), MERGE);
    test.equal(answer.status, 200, answer.text);
  };
  /** By the labels that a Service selects them by. */
  const pods = async (app: string): Promise<Parsed[]> =>
    (await ask('GET', `${AT}/pods?labels=app=${app}&limit=1000`)).json.items;
  const names = async (app: string): Promise<string[]> => (await pods(app)).map(({ name }) => name);
  return { ask, patch, pods, names };
}

const nodesOf = (pods: readonly Parsed[]): string[] => [...pods].map(({ node }) => String(node)).sort();

const template = (labels: object, updateStrategy?: object) => ({
  spec: { template: { metadata: { labels } }, ...(updateStrategy === undefined ? {} : { updateStrategy }) },
});

t.test(
  'a Deployment with fewer replicas keeps that many, and of a node that has several those of others',
  async (t) => {
    const { patch, pods, names } = await dump(t);
    const before = await pods('storefront');
    t.strictSame(nodesOf(before), ['shop-worker', 'shop-worker2', 'shop-worker2']);
    await patch(STOREFRONT, { spec: { replicas: 2 } });
    const after = await pods('storefront');
    t.strictSame(nodesOf(after), ['shop-worker', 'shop-worker2']);
    await patch(`core/Pod/shop/${after[0]?.name}`, { status: { conditions: [{ type: 'Ready', status: 'False' }] } });
    await patch(STOREFRONT, { spec: { replicas: 1 } });
    t.strictSame(await names('storefront'), [after[1]?.name], 'who is not ready goes first');
    await patch(STOREFRONT, { spec: { replicas: 3 } });
    const more = await names('storefront');
    t.equal(more.length, 3);
    t.equal(more.filter((name) => before.some((one) => one.name === name)).length, 1, 'and the others are others');
  },
);

t.test(
  'of pods that nobody has written those that are not ready go first, and names are not given twice',
  async (t) => {
    const { ask, patch, pods, names } = await dump(t);
    const web = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop' },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx' }] } },
      },
    };
    t.equal((await ask('POST', OBJECTS, web)).status, 201);
    const before = await names('web');
    for (const name of before) {
      await ask('POST', `${AT}/faults`, { kind: 'pod', namespace: 'shop', name });
      await patch('apps/Deployment/shop/web', { spec: { replicas: 2 } });
      t.notOk((await names('web')).includes(name), 'who is down goes, whatever its name');
      await patch('apps/Deployment/shop/web', { spec: { replicas: 3 } });
      const after = await names('web');
      t.strictSame([after.length, after.includes(name)], [3, false]);
    }
    t.notOk((await pods('web')).some(({ name }) => before.includes(name)));
  },
);

t.test('a Deployment with another template has other pods, by another ReplicaSet; paused it has not', async (t) => {
  const { ask, patch, pods } = await dump(t);
  const before = await pods('storefront');
  await patch(STOREFRONT, { metadata: { labels: { team: 'shop' } } });
  t.strictSame(await pods('storefront'), before, 'labels of its own are no template');
  const { object } = (await ask('GET', `${OBJECTS}/${STOREFRONT}`)).json;
  t.equal((await ask('PUT', `${OBJECTS}/${STOREFRONT}`, object)).status, 200);
  t.strictSame(await pods('storefront'), before, 'nor is the same once more');
  await patch(STOREFRONT, { spec: { paused: true, ...template({ tier: 'web' }).spec } });
  t.strictSame(await pods('storefront'), before);
  await patch(STOREFRONT, { spec: { paused: false, ...template({ tier: 'front' }).spec } });
  const after = await pods('storefront');
  t.equal(after.length, 3);
  for (const { name, labels } of after) {
    t.equal(labels.tier, 'front');
    t.notOk(before.some((one) => one.name === name));
  }
  const sets = (await ask('GET', `${OBJECTS}?kind=ReplicaSet&namespace=shop&full=true`)).json.items;
  const own = sets.filter(({ name }: Parsed) => name.startsWith('storefront-'));
  t.match(own, [
    { origin: 'controller', object: { spec: { replicas: 3, template: { metadata: { labels: after[0]?.labels } } } } },
  ]);
  t.equal(own.length, 1);
  const traced = await ask('POST', `${AT}/traces`, { from: 'pod/default/toolbox', to: 'svc/shop/storefront:80' });
  t.equal(traced.json.verdict, 'answered');
});

t.test('a StatefulSet loses its last pods, and with another template all are others of the same names', async (t) => {
  const { patch, pods, names } = await dump(t);
  const before = await pods('db');
  await patch(DATABASE, template({ v: '2' }, { type: 'OnDelete' }));
  t.strictSame(await pods('db'), before, 'on deletion alone');
  await patch(DATABASE, { spec: { replicas: 1 } });
  t.strictSame(await names('db'), ['db-0']);
  await patch(DATABASE, { spec: { replicas: 2 } });
  t.strictSame(await names('db'), ['db-0', 'db-1']);
  await patch(DATABASE, template({ v: '3' }, { type: 'RollingUpdate', rollingUpdate: { partition: 1 } }));
  t.strictSame(
    (await pods('db')).map(({ name, labels }) => [name, labels.v]),
    [
      ['db-0', undefined],
      ['db-1', '3'],
    ],
    'from the partition on',
  );
  await patch(DATABASE, template({ v: '4' }, { type: 'RollingUpdate', rollingUpdate: { partition: 0 } }));
  t.strictSame(
    (await pods('db')).map(({ name, labels }) => [name, labels.v]),
    [
      ['db-0', '4'],
      ['db-1', '4'],
    ],
  );
});

t.test('a DaemonSet with another template runs where that fits', async (t) => {
  const { patch, pods } = await dump(t);
  t.equal((await pods('node-exporter')).length, 3);
  await patch(EXPORTER, { spec: { template: { spec: { nodeSelector: { disk: 'ssd' } } } } });
  t.equal((await pods('node-exporter')).length, 0);
  await patch('core/Node/-/shop-worker', { metadata: { labels: { disk: 'ssd' } } });
  t.match(await pods('node-exporter'), [{ node: 'shop-worker' }]);
});

t.test('a pod that is not selected any more is let go, and another comes in its place', async (t) => {
  const { ask, patch, pods } = await dump(t);
  const [first, ...others] = await pods('cart');
  await patch(`core/Pod/shop/${first.name}`, { metadata: { labels: { app: 'quarantine' } } });
  const after = await pods('cart');
  t.equal(after.length, 2);
  t.ok(others.every(({ name }) => after.some((one) => one.name === name)));
  t.equal((await ask('GET', `${OBJECTS}/core/Pod/shop/${first.name}`)).status, 200, 'it is there, and nobody’s');
});

t.test('pods that come with the update stay', async (t) => {
  const { ask, pods } = await dump(t);
  const objects = await Promise.all(
    [STOREFRONT, `core/Pod/shop/${(await pods('storefront'))[2]?.name}`].map(
      async (path) => (await ask('GET', `${OBJECTS}/${path}`)).json.object,
    ),
  );
  const [deployment, pod] = objects;
  const items = [{ ...deployment, spec: { ...deployment.spec, replicas: 1 } }, pod];
  const applied = await ask('POST', `${OBJECTS}?apply=true`, { apiVersion: 'v1', kind: 'List', items });
  t.equal(applied.status, 200);
  t.match(await pods('storefront'), [{ name: pod.metadata.name }]);
});

t.test('what-if knows which pods would be there', async (t) => {
  const { ask, pods } = await dump(t);
  const before = await pods('cart');
  const patch = { kind: 'Deployment', namespace: 'shop', name: 'cart', patch: { spec: { replicas: 0 } } };
  const flows = [{ from: 'pod/default/toolbox', to: 'svc/shop/cart:9000' }];
  const { json } = await ask('POST', `${AT}/what-if`, { changes: [{ patch }], flows });
  t.match(json.flows, [{ changed: 'verdict', before: { verdict: 'answered' }, after: { verdict: 'rejected' } }]);
  t.strictSame(await pods('cart'), before);
});
