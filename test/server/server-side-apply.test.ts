/** Server-side apply: whose the fields are, what stands in its way, and what goes. */

import t, { type Test } from 'tap';
import { fieldTypeOf, type Json, type JsonObject } from '../../src/kubernetes/index.js';
import { applied, type ApplyRequest } from '../../src/server/session/managed-fields/managers.js';
import { TypedError } from '../../src/server/session/managed-fields/typed.js';
import { type Asked, cluster, running, YAML } from './running.js';

const APPLY = { 'content-type': 'application/apply-patch+yaml' };
const VX = '/clusters/vx/objects';

interface Step {
  readonly by: string;
  readonly config: JsonObject;
  readonly force?: true;
}

interface Case {
  readonly name: string;
  readonly key?: { readonly group: string; readonly kind: string };
  readonly live?: JsonObject;
  readonly steps: readonly Step[];
  /** The object in the end, or fields in the way of the last step. */
  readonly becomes?: JsonObject;
  readonly conflicts?: readonly string[];
}

const SERVICE = { group: '', kind: 'Service' };
const DEPLOYMENT = { group: 'apps', kind: 'Deployment' };

const by = (manager: string, config: JsonObject): Step => ({ by: manager, config });
const service = (spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({ apiVersion: 'v1', metadata, spec });
const port = (number: number, more: JsonObject = {}): JsonObject => ({ port: number, ...more });
const ports = (...items: readonly Json[]): JsonObject => service({ ports: items });
const containers = (...items: readonly Json[]): JsonObject => ({
  apiVersion: 'apps/v1',
  spec: { template: { spec: { containers: items } } },
});

const CASES: readonly Case[] = [
  {
    name: 'two appliers each have their port, told apart by number and protocol, of which TCP need not be said',
    steps: [by('a', ports(port(53, { name: 'dns' }))), by('b', ports(port(53, { protocol: 'UDP', name: 'dns-udp' })))],
    becomes: ports(port(53, { name: 'dns' }), port(53, { protocol: 'UDP', name: 'dns-udp' })),
  },
  {
    name: 'a port that its applier names no more goes, and the others stay',
    steps: [by('a', ports(port(80), port(81))), by('b', ports(port(82))), by('a', ports(port(81)))],
    becomes: ports(port(81), port(82)),
  },
  {
    name: 'what two have applied stays while one of them names it',
    steps: [by('a', ports(port(80), port(81))), by('b', ports(port(80))), by('a', ports(port(81)))],
    becomes: ports(port(80), port(81)),
  },
  {
    name: 'the same value twice is no conflict, another one is',
    steps: [
      by('a', ports(port(80, { name: 'http' }))),
      by('b', ports(port(80, { name: 'http' }))),
      by('b', ports(port(80, { name: 'web' }))),
    ],
    conflicts: ['"a": .spec.ports[port=80,protocol="TCP"].name'],
  },
  {
    name: 'by force it is the applier’s alone, and goes when that names it no more',
    steps: [
      by('a', service({ externalTrafficPolicy: 'Local', type: 'NodePort' })),
      { ...by('b', service({ externalTrafficPolicy: 'Cluster' })), force: true },
      by('a', service({ type: 'NodePort' })),
      by('b', service({ sessionAffinity: 'None' })),
    ],
    becomes: service({ type: 'NodePort', sessionAffinity: 'None' }),
  },
  {
    name: 'a selector is one value: who sets part of it sets all of it',
    steps: [by('a', service({ selector: { app: 'web' } })), by('b', service({ selector: { tier: 'front' } }))],
    conflicts: ['"a": .spec.selector'],
  },
  {
    name: 'labels are each somebody’s own, and none is left when the last goes',
    steps: [
      by('a', service({}, { labels: { a: '1' } })),
      by('b', service({}, { labels: { b: '2' } })),
      by('a', service({})),
      by('b', service({})),
    ],
    becomes: { apiVersion: 'v1', spec: {} },
  },
  {
    name: 'an item that one applier made and another adds to stays with what the other says',
    key: DEPLOYMENT,
    steps: [
      by('a', containers({ name: 'app', image: 'app:1' }, { name: 'log', image: 'log:1' })),
      by('b', containers({ name: 'app', resources: { limits: { cpu: '1' } } })),
      by('a', containers({ name: 'log', image: 'log:1' })),
    ],
    becomes: containers({ name: 'app', resources: { limits: { cpu: '1' } } }, { name: 'log', image: 'log:1' }),
  },
  {
    name: 'what is given comes in its own order, and what is not given stands where it stood',
    key: DEPLOYMENT,
    live: containers({ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }),
    steps: [by('x', containers({ name: 'd' }, { name: 'b' }, { name: 'new' }))],
    becomes: containers({ name: 'a' }, { name: 'c' }, { name: 'd' }, { name: 'b' }, { name: 'new' }),
  },
  {
    name: 'arguments are one value',
    key: DEPLOYMENT,
    steps: [
      by('a', containers({ name: 'app', args: ['x'] })),
      { ...by('b', containers({ name: 'app', args: ['y', 'z'] })), force: true },
    ],
    becomes: containers({ name: 'app', args: ['y', 'z'] }),
  },
  {
    name: 'finalizers are a set',
    steps: [
      by('a', service({}, { finalizers: ['x/a', 'x/c'] })),
      by('b', service({}, { finalizers: ['x/b', 'x/c'] })),
      by('a', service({}, { finalizers: ['x/a'] })),
    ],
    becomes: service({}, { finalizers: ['x/a', 'x/b', 'x/c'] }),
  },
  {
    name: 'what nobody applied stays beside what goes',
    live: service({ clusterIP: '10.96.0.5', ports: [port(80)] }),
    steps: [by('a', ports(port(81, { name: 'admin' }))), by('a', service({}))],
    becomes: service({ clusterIP: '10.96.0.5', ports: [port(80)] }),
  },
  {
    name: 'an object that nobody applied yet is of whoever came before the first',
    live: service({ type: 'ClusterIP', ports: [port(80)] }),
    steps: [by('a', service({ type: 'NodePort' }))],
    conflicts: ['"before-first-apply" using v1: .spec.type'],
  },
  {
    name: 'kubectl takes over what its client-side apply has written, and the record of that follows',
    live: service(
      { type: 'ClusterIP', externalName: 'x' },
      {
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(service({ type: 'ClusterIP' })),
        },
      },
    ),
    steps: [by('kubectl', service({ type: 'NodePort' }))],
    becomes: service(
      { type: 'NodePort', externalName: 'x' },
      {
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(service({ type: 'NodePort' })),
        },
      },
    ),
  },
  {
    name: 'and has a conflict of its own where the object has become another since',
    live: service(
      { type: 'LoadBalancer' },
      {
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(service({ type: 'ClusterIP' })),
        },
      },
    ),
    steps: [by('kubectl', service({ type: 'NodePort' }))],
    conflicts: ['"before-first-apply" using v1: .spec.type'],
  },
  {
    name: 'null is what is not there, and whoever sets a field to null takes it away',
    live: service({ externalName: null, type: 'ClusterIP' }),
    steps: [
      by('a', service({ externalName: null, type: 'ClusterIP', sessionAffinity: null })),
      by('a', service({ externalName: null, type: 'ClusterIP', sessionAffinity: null })),
      { ...by('b', service({ type: null })), force: true },
    ],
    becomes: service({ externalName: null }),
  },
  {
    name: 'and that is a conflict where it is somebody else’s',
    steps: [by('a', service({ type: 'NodePort' })), by('b', service({ type: null }))],
    conflicts: ['"a": .spec.type'],
  },
  {
    name: 'sets of Calico’s are sets, and rules of a policy one value',
    key: { group: 'projectcalico.org', kind: 'NetworkSet' },
    steps: [
      by('a', { apiVersion: 'projectcalico.org/v3', spec: { nets: ['10.0.0.0/8'] } }),
      by('b', { apiVersion: 'projectcalico.org/v3', spec: { nets: ['192.168.0.0/16'] } }),
    ],
    becomes: { apiVersion: 'projectcalico.org/v3', spec: { nets: ['10.0.0.0/8', '192.168.0.0/16'] } },
  },
];

const plain = (object: JsonObject | undefined): JsonObject | undefined => {
  const metadata = object?.['metadata'] as JsonObject | undefined;
  const { managedFields: _, ...rest } = metadata ?? {};
  const { metadata: _all, ...other } = object ?? {};
  return Object.keys(rest).length === 0 ? other : { ...other, metadata: rest };
};

function carryOut({ key = SERVICE, live, steps }: Case) {
  let object = live;
  let conflicts: readonly string[] = [];
  for (const { by: manager, config, force = false } of steps) {
    const request: ApplyRequest = {
      live: object,
      config,
      type: fieldTypeOf(key),
      writer: { manager, time: '1970-01-01T00:00:00Z' },
      force,
    };
    const outcome = applied(request);
    if ('conflicts' in outcome) conflicts = outcome.conflicts.map(({ manager: of, field }) => `${of}: ${field}`);
    else
      object = {
        ...outcome.object,
        metadata: { ...(outcome.object['metadata'] as JsonObject), managedFields: outcome.managedFields },
      };
  }
  return { object, conflicts };
}

for (const one of CASES)
  t.test(one.name, async (t: Test) => {
    const { object, conflicts } = carryOut(one);
    t.strictSame(conflicts, one.conflicts ?? []);
    if (one.becomes !== undefined) t.strictSame(plain(object), plain(one.becomes));
  });

t.test('what no such object may have is told', async (t) => {
  const refused = (config: JsonObject, key = SERVICE): string => {
    try {
      carryOut({ name: '', key, steps: [by('a', config)] });
    } catch (error) {
      if (error instanceof TypedError) return error.message;
      throw error;
    }
    return '';
  };
  t.equal(
    refused(ports(port(80), port(80, { protocol: 'TCP' }))),
    '.spec.ports: duplicate entries for key [port=80,protocol="TCP"]',
  );
  t.match(refused(ports('http')), '.spec.ports: element 0: associative list with keys may not have non-map elements');
  t.match(refused(service({}, { finalizers: [{}] })), "associative list without keys has an element that's a map type");
  t.match(refused(service({ ports: [{ name: 'x', targetPort: 80 }, { name: 'y' }] })), 'duplicate entries for key');
  const env = containers({ name: 'app' }, { image: 'x' });
  t.match(refused(env, DEPLOYMENT), 'omits all key fields ["name"]');
});

const applying =
  ({ ask }: Asked) =>
  (path: string, query: string, text: string) =>
    ask('PATCH', `${VX}/${path}?${query}`, text, APPLY);

const WEB = `apiVersion: v1
kind: Service
metadata: {name: shop-web, namespace: default}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}]
`;

t.test('a Service is created by an apply, changed by another, and shows whose its fields are', async (t) => {
  const asked = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const apply = applying(asked);
  const created = await apply('core/Service/default/shop-web', 'fieldManager=a', WEB);
  t.equal(created.status, 201, created.text);
  t.match(created.json.objects[0].spec, { clusterIP: /^10\./, type: 'ClusterIP' });
  t.strictSame(created.json.objects[0].metadata.managedFields, [
    {
      manager: 'a',
      operation: 'Apply',
      apiVersion: 'v1',
      time: '1970-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:spec': {
          'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:name': {}, 'f:port': {} } },
          'f:selector': {},
        },
      },
    },
  ]);
  const again = await apply('core/Service/default/shop-web', 'fieldManager=a', WEB);
  t.equal(again.status, 200);
  t.strictSame(again.json.objects, created.json.objects, 'once more, nothing is otherwise');

  const more =
    'apiVersion: v1\nkind: Service\nmetadata: {name: shop-web, namespace: default}\nspec: {type: NodePort, ports: [{port: 81, name: admin}]}\n';
  const both = await apply('core/Service/default/shop-web', 'fieldManager=b', more);
  t.match(both.json.objects[0].spec, { type: 'NodePort', ports: [{ name: 'http', port: 80 }, { port: 81 }] });
  t.match(both.json.objects[0].metadata.managedFields, [{ manager: 'a' }, { manager: 'b' }]);

  const taken = more.replace('port: 81, name: admin', 'port: 80, name: web');
  const before = await asked.ask('GET', `${VX}/core/Service/default/shop-web`);
  const conflict = await apply('core/Service/default/shop-web', 'fieldManager=b', taken);
  t.equal(conflict.status, 409);
  t.match(conflict.json, {
    type: 'urn:podwire:problem:conflict',
    detail: 'Apply failed with 1 conflict: conflict with "a": .spec.ports[port=80,protocol="TCP"].name',
    errors: [
      {
        reason: 'FieldManagerConflict',
        message: 'conflict with "a"',
        field: '.spec.ports[port=80,protocol="TCP"].name',
      },
    ],
  });
  t.strictSame(
    (await asked.ask('GET', `${VX}/core/Service/default/shop-web`)).json,
    before.json,
    'and nothing has changed',
  );
  const forced = await apply('core/Service/default/shop-web', 'fieldManager=b&force=true', taken);
  t.match(forced.json.objects[0].spec.ports, [{ name: 'web', port: 80 }], 'by force, and port 81 is named no more');
  t.equal(forced.json.objects[0].spec.ports.length, 1);
});

t.test('other writes are updates of who makes them', async (t) => {
  const asked = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const { ask } = asked;
  const own = `${VX}/core/Service/default/shop-web`;
  const made = await ask('POST', VX, WEB, { ...YAML, 'user-agent': 'tester/1.0 (x)' });
  t.match(made.json.objects[0].metadata.managedFields, [{ manager: 'tester', operation: 'Update', apiVersion: 'v1' }]);
  const patched = await ask(
    'PATCH',
    `${own}?fieldManager=second`,
    { spec: { sessionAffinity: 'ClientIP' } },
    {
      'content-type': 'application/merge-patch+json',
    },
  );
  const fields = (manager: string, answer: typeof made) =>
    answer.json.objects[0].metadata.managedFields.find((one: { manager: string }) => one.manager === manager)?.fieldsV1;
  t.strictSame(fields('second', patched), { 'f:spec': { 'f:sessionAffinity': {} } });
  const conflict = await applying(asked)(
    'core/Service/default/shop-web',
    'fieldManager=a',
    WEB.replace('app: web', 'app: other'),
  );
  t.equal(conflict.json.detail, 'Apply failed with 1 conflict: conflict with "tester" using v1: .spec.selector');
  const replaced = await ask('PUT', `${own}?fieldManager=second`, WEB.replace('name: http', 'name: web'), YAML);
  t.strictSame(fields('second', replaced), {
    'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { 'f:name': {} } } },
  });
  t.notOk('f:name' in fields('tester', replaced)['f:spec']['f:ports']['k:{"port":80,"protocol":"TCP"}']);

  const reset = await ask(
    'PATCH',
    own,
    { metadata: { managedFields: [{}] } },
    { 'content-type': 'application/merge-patch+json' },
  );
  t.notOk('managedFields' in reset.json.objects[0].metadata, 'whoever empties the list makes it nobody’s');
  const first = await applying(asked)(
    'core/Service/default/shop-web',
    'fieldManager=a',
    WEB.replace('name: http', 'name: web'),
  );
  t.match(first.json.objects[0].metadata.managedFields, [
    { manager: 'a', operation: 'Apply' },
    { manager: 'before-first-apply', operation: 'Update' },
  ]);
});

t.test('whose fields are stays in a snapshot', async (t) => {
  const asked = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  await applying(asked)('core/Service/default/shop-web', 'fieldManager=a', WEB);
  const { bytes } = await asked.ask('GET', '/clusters/vx/snapshot');
  const loaded = await asked.ask('POST', '/clusters?name=again', bytes, { 'content-type': 'application/cbor' });
  t.equal(loaded.status, 201, loaded.text);
  const read = await asked.ask('GET', '/clusters/again/objects/core/Service/default/shop-web');
  t.match(read.json.object.metadata.managedFields, [{ manager: 'a', operation: 'Apply' }]);
});

t.test('a pod that a controller made can be applied to, and an apply that is wrong changes nothing', async (t) => {
  const asked = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const apply = applying(asked);
  const path = 'core/Service/default/shop-web';
  const cases: readonly (readonly [query: string, text: string, status: number, detail: string | RegExp])[] = [
    ['', WEB, 422, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'],
    [`fieldManager=${'x'.repeat(129)}`, WEB, 422, /fieldManager: Too long: may not be more than 128 bytes/],
    ['fieldManager=a%09b', WEB, 422, /invalid character U\+0009 \(at position 1\)/],
    [
      'fieldManager=a',
      WEB.replace('namespace: default', 'namespace: default, managedFields: []'),
      400,
      'metadata.managedFields must be nil',
    ],
    ['fieldManager=a', `${WEB}---\n${WEB}`, 400, 'expected one object'],
    ['fieldManager=a', WEB.replace('shop-web', 'other'), 400, /the request is about/],
    [
      'fieldManager=a',
      WEB.replace('port: 80', 'port: 80}, {port: 80'),
      400,
      /^failed to create typed patch object \(default\/shop-web; \/v1, Kind=Service\): .spec.ports: duplicate entries for key \[port=80,protocol="TCP"\]/,
    ],
    ['fieldManager=a', WEB.replace('port: 80', 'port: many'), 400, /port/],
    ['fieldManager=a', '', 400, /a body is wanted/],
    ['fieldManager=a&force=maybe', WEB, 400, /force/],
  ];
  for (const [query, text, status, detail] of cases) {
    const refused = await apply(path, query, text);
    t.equal(refused.status, status, `${query} ${refused.text}`);
    t.match(refused.json.detail, detail);
  }
  const forced = await asked.ask(
    'PATCH',
    `${VX}/core/Pod/default/web?force=true`,
    { metadata: {} },
    {
      'content-type': 'application/merge-patch+json',
    },
  );
  t.match(forced.json, { status: 422, detail: /force: Forbidden: may not be specified for non-apply patch/ });
  t.equal((await asked.ask('GET', `${VX}/${path}`)).status, 404);
});
