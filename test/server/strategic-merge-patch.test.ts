/** Strategic merge patches, as the API server applies them to its own kinds. */

import t from 'tap';
import type { Json, JsonObject } from '../../src/kubernetes/index.js';
import { applyPatch } from '../../src/server/session/patches.js';
import { Problem } from '../../src/server/problem.js';
import { cluster, running, YAML } from './running.js';

const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };

interface Case {
  readonly name: string;
  readonly kind?: string;
  readonly object: JsonObject;
  readonly patch: JsonObject;
  readonly becomes: JsonObject;
}

const key = (kind: string, group = '') => ({ group, kind, namespace: 'shop', name: 'web' });

const port = (containerPort: number, name: string): JsonObject => ({ containerPort, name });

const containers = (...items: readonly Json[]): JsonObject => ({ spec: { containers: items } });
const app = { name: 'app', image: 'app:1' };
const proxy = { name: 'proxy', image: 'proxy:1' };

const CASES: readonly Case[] = [
  {
    name: 'a container is merged by its name, and a new one comes behind',
    object: containers(app, proxy),
    patch: containers({ name: 'proxy', image: 'proxy:2' }, { name: 'log', image: 'log:1' }),
    becomes: containers(app, { name: 'proxy', image: 'proxy:2' }, { name: 'log', image: 'log:1' }),
  },
  {
    name: 'ports of a container by their number, environment by its name, where what is new comes before what is not named',
    object: containers({ ...app, ports: [port(80, 'http'), port(81, 'admin')], env: [{ name: 'A', value: '1' }] }),
    patch: containers({ name: 'app', ports: [port(81, 'metrics')], env: [{ name: 'B', value: '2' }] }),
    becomes: containers({
      ...app,
      ports: [port(80, 'http'), port(81, 'metrics')],
      env: [
        { name: 'B', value: '2' },
        { name: 'A', value: '1' },
      ],
    }),
  },
  {
    name: 'tolerations are replaced as a whole',
    object: { spec: { tolerations: [{ key: 'a' }, { key: 'b' }] } },
    patch: { spec: { tolerations: [{ key: 'c' }] } },
    becomes: { spec: { tolerations: [{ key: 'c' }] } },
  },
  {
    name: 'conditions are merged by their type',
    object: {
      status: {
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'Initialized', status: 'True' },
        ],
      },
    },
    patch: { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
    becomes: {
      status: {
        conditions: [
          { type: 'Ready', status: 'False' },
          { type: 'Initialized', status: 'True' },
        ],
      },
    },
  },
  {
    name: 'null takes a field away',
    object: { metadata: { labels: { a: '1', b: '2' } } },
    patch: { metadata: { labels: { a: null, c: null } } },
    becomes: { metadata: { labels: { b: '2' } } },
  },
  {
    name: '$patch: delete takes an item of a list',
    object: containers(app, proxy),
    patch: containers({ name: 'app', $patch: 'delete' }),
    becomes: containers(proxy),
  },
  {
    name: '$patch: replace in a list replaces it',
    object: containers(app, proxy),
    patch: containers({ name: 'log', image: 'log:1' }, { $patch: 'replace' }),
    becomes: containers({ name: 'log', image: 'log:1' }),
  },
  {
    name: '$patch of a map replaces it, or empties it',
    object: { metadata: { labels: { a: '1' }, annotations: { b: '2' } } },
    patch: { metadata: { labels: { $patch: 'replace', c: '3' }, annotations: { $patch: 'delete' } } },
    becomes: { metadata: { labels: { c: '3' }, annotations: {} } },
  },
  {
    name: '$setElementOrder orders what it names',
    object: containers(app, proxy, { name: 'log' }),
    patch: { spec: { '$setElementOrder/containers': [{ name: 'proxy' }, { name: 'app' }] } },
    becomes: containers(proxy, app, { name: 'log' }),
  },
  {
    name: 'what $setElementOrder names can be new',
    object: containers(app, proxy),
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'log' }, { name: 'app' }],
        containers: [{ name: 'log', image: 'log:1' }],
      },
    },
    becomes: containers({ name: 'log', image: 'log:1' }, app, proxy),
  },
  {
    name: 'what is new comes behind what nobody named, where it takes the room of what is deleted',
    object: containers(app, proxy, { name: 'log' }),
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'proxy' }, { name: 'new' }],
        containers: [{ name: 'new' }, { name: 'app', $patch: 'delete' }],
      },
    },
    becomes: containers(proxy, { name: 'log' }, { name: 'new' }),
  },
  {
    name: '$deleteFromPrimitiveList takes scalars, and others are added once',
    object: { metadata: { finalizers: ['a', 'b', 'c'] } },
    patch: { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'], finalizers: ['c', 'd'] } },
    becomes: { metadata: { finalizers: ['b', 'c', 'd'] } },
  },
  {
    name: '$retainKeys takes what it does not name',
    kind: 'Deployment',
    object: { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
    patch: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    becomes: { spec: { strategy: { type: 'Recreate' } } },
  },
  {
    name: 'directives where nothing was leave nothing behind',
    object: { spec: {} },
    patch: { spec: { containers: [{ name: 'app', $patch: 'delete' }, proxy], securityContext: { $patch: 'delete' } } },
    becomes: containers(proxy),
  },
  {
    name: 'a template of a Deployment is merged as a pod is',
    kind: 'Deployment',
    object: { spec: { template: containers(app, proxy) } },
    patch: { spec: { template: containers({ name: 'app', image: 'app:2' }) } },
    becomes: { spec: { template: containers({ name: 'app', image: 'app:2' }, proxy) } },
  },
  {
    name: 'rules of a NetworkPolicy are replaced',
    kind: 'NetworkPolicy',
    object: { spec: { ingress: [{ ports: [{ port: 80 }] }], podSelector: { matchLabels: { a: '1' } } } },
    patch: { spec: { ingress: [], podSelector: { matchLabels: { b: '2' } } } },
    becomes: { spec: { ingress: [], podSelector: { matchLabels: { a: '1', b: '2' } } } },
  },
];

const GROUPS: Readonly<Record<string, string>> = { Deployment: 'apps', NetworkPolicy: 'networking.k8s.io' };

for (const { name, kind = 'Pod', object, patch, becomes } of CASES)
  t.test(`a strategic merge patch: ${name}`, async (t) => {
    const before = structuredClone(object);
    t.strictSame(applyPatch(object, { kind: 'strategic', patch }, key(kind, GROUPS[kind])), becomes);
    t.strictSame(object, before, 'what is patched is not touched');
  });

t.test('what no strategic merge patch can say is told with its place', async (t) => {
  const REFUSED: readonly (readonly [JsonObject, string])[] = [
    [{ spec: { $patch: 'merge' } }, '/spec/$patch'],
    [containers({ image: 'x' }), '/spec/containers/0'],
    [containers({ name: 'app', $patch: 'merge' }), '/spec/containers/0/$patch'],
    [{ spec: { $retainKeys: ['a'], b: 1 } }, '/spec/b'],
    [{ spec: { $setElementOrder: [] } }, '/spec/$setElementOrder'],
    [{ spec: { '$setElementOrder/containers': [{ name: 'proxy' }], containers: [app] } }, '/spec/containers'],
  ];
  for (const [patch, field] of REFUSED)
    try {
      applyPatch(containers(app), { kind: 'strategic', patch }, key('Pod'));
      t.fail(field);
    } catch (error) {
      t.ok(error instanceof Problem);
      t.match(error, { errors: [{ field }] });
    }
});

t.test('kubectl’s patch of a Service and of a Deployment is taken, Calico’s kinds are 415', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'sv')] });
  const objects = '/clusters/sv/objects';
  const service = `${objects}/core/Service/shop/web`;
  const { object } = (await ask('GET', service)).json;
  const [first] = object.spec.ports;
  const patch = { spec: { ports: [{ port: 9, name: 'more', targetPort: 8080 }] } };
  const [name, ...others] = [first.name ?? 'http', ...object.spec.ports.slice(1)];
  t.strictSame(others, []);
  const named = { spec: { ports: [{ port: first.port, name }, ...patch.spec.ports] } };
  const patched = await ask('PATCH', service, JSON.stringify(named), STRATEGIC);
  t.equal(patched.status, 200, patched.text);
  t.match((await ask('GET', service)).json.object.spec.ports, [
    { ...first, name },
    { port: 9, targetPort: 8080, protocol: 'TCP' },
  ]);
  await ask(
    'POST',
    objects,
    'apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: s}\nspec: {nets: [10.9.0.0/16]}',
    YAML,
  );
  const set = `${objects}/projectcalico.org/GlobalNetworkSet/-/s`;
  const refused = await ask('PATCH', set, '{"spec":{"nets":[]}}', STRATEGIC);
  t.equal(refused.status, 415);
  t.match(refused.json.detail, /takes a merge patch or a JSON Patch/);
  const change = {
    patch: { kind: 'Service', namespace: 'shop', name: 'web', type: 'strategic', patch: { spec: { $patch: 'x' } } },
  };
  const flows = [{ from: 'pod/shop/client', to: 'svc/shop/web:80' }];
  t.match((await ask('POST', '/clusters/sv/what-if', { changes: [change], flows })).json, {
    status: 400,
    errors: [{ field: '/changes/0/patch/patch/spec/$patch' }],
  });
});
