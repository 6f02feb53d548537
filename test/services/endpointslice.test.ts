/** EndpointSlices as the controllers make them of Services, pods and nodes. */

import t from 'tap';
import { type EndpointSlice, formatIp, type Store } from '../../src/kubernetes/index.js';
import { EndpointSliceController } from '../../src/services/index.js';
import { load, node } from '../kubernetes/cluster-text.js';

const run = (store: Store) => {
  const controller = new EndpointSliceController({ store, seed: 1, addressesOf: ({ status }) => status.podIPs });
  return { controller, findings: controller.run() };
};

const slicesOf = (...objects: readonly object[]) => {
  const { store, errors, refusals } = load(...objects);
  if (errors.length + refusals.length > 0) throw new Error(JSON.stringify([...errors, ...refusals]));
  const { controller, findings } = run(store);
  return { store, controller, findings, slices: store.list('EndpointSlice') };
};

const pod = (name: string, ip: string, more: { spec?: object; status?: object; metadata?: object } = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: 'web' }, ...more.metadata },
  spec: { nodeName: 'a', containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }], ...more.spec },
  status: {
    phase: 'Running',
    podIPs: ip === '' ? [] : [{ ip }],
    conditions: [{ type: 'Ready', status: 'True' }],
    ...more.status,
  },
});

const service = (spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', labels: { tier: 'front' }, ...metadata },
  spec: {
    clusterIP: '10.96.0.10',
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 'http' }],
    ...spec,
  },
});

const NODE = node('a', { labels: { 'topology.kubernetes.io/zone': 'east' } });

/** `10.0.0.1 ready serving`, `10.0.0.2 serving terminating`. */
const endpoints = (slices: readonly EndpointSlice[]): string[] =>
  slices.flatMap((slice) =>
    slice.endpoints.map(({ addresses, conditions }) =>
      [
        ...addresses.map(formatIp),
        ...Object.entries(conditions).flatMap(([name, holds]) => (holds ? [name] : [])),
      ].join(' '),
    ),
  );

const ports = (slices: readonly EndpointSlice[]): string[] =>
  slices.map((slice) => slice.ports.map(({ name, protocol, port }) => `${name} ${port}/${protocol}`).join(', '));

t.test('a slice has the name, labels and owner that the controller gives', (t) => {
  const { slices } = slicesOf(NODE, service(), pod('p', '10.0.0.1'));
  const [slice] = slices;
  t.equal(slices.length, 1);
  t.match(slice?.name, /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  t.same(slice?.labels, {
    tier: 'front',
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  });
  t.match(slice?.ownerReferences, [{ kind: 'Service', name: 'web', controller: true }]);
  t.match(slice?.endpoints, [{ nodeName: 'a', zone: 'east', targetRef: { kind: 'Pod', name: 'p' } }]);
  t.equal(slicesOf(NODE, service(), pod('p', '10.0.0.1')).slices[0]?.name, slice?.name, 'the same seed, the same name');
  t.end();
});

t.test('readiness, serving and terminating', (t) => {
  const notReady = { conditions: [{ type: 'Ready', status: 'False' }] };
  const gone = { deletionTimestamp: '2025-01-01T00:00:00Z' };
  const pods = [
    pod('a-ready', '10.0.0.1'),
    pod('b-unready', '10.0.0.2', { status: notReady }),
    pod('c-leaving', '10.0.0.3', { metadata: gone }),
    pod('d-leaving-unready', '10.0.0.4', { metadata: gone, status: notReady }),
    pod('e-finished', '10.0.0.5', { status: { phase: 'Succeeded' } }),
    pod('f-without-address', ''),
    pod('g-other', '10.0.0.7', { metadata: { labels: { app: 'db' } } }),
    { ...pod('h-other-namespace', '10.0.0.8'), metadata: { name: 'h', namespace: 'x', labels: { app: 'web' } } },
  ];
  t.same(endpoints(slicesOf(NODE, service(), ...pods).slices), [
    '10.0.0.1 ready serving',
    '10.0.0.2',
    '10.0.0.3 serving terminating',
    '10.0.0.4 terminating',
  ]);
  const published = slicesOf(NODE, service({ publishNotReadyAddresses: true }), ...pods).slices;
  t.same(
    endpoints(published),
    ['10.0.0.1 ready serving', '10.0.0.2 ready', '10.0.0.3 ready serving terminating', '10.0.0.4 ready terminating'],
    'publishNotReadyAddresses says ready of all',
  );
  t.end();
});

t.test('a named target port is each pod’s own, and pods of other numbers are in other slices', (t) => {
  const other = { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 9090 }] }] };
  const udp = { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 1, protocol: 'UDP' }] }] };
  const sidecar = {
    containers: [{ name: 'c' }],
    initContainers: [{ name: 'i', restartPolicy: 'Always', ports: [{ name: 'http', containerPort: 7070 }] }],
  };
  const setUp = {
    containers: [{ name: 'c' }],
    initContainers: [{ name: 'i', ports: [{ name: 'http', containerPort: 6 }] }],
  };
  const found = slicesOf(
    NODE,
    service({
      ports: [
        { name: 'http', port: 80, targetPort: 'http' },
        { name: 'metrics', port: 81, targetPort: 9 },
      ],
    }),
    pod('a', '10.0.0.1'),
    pod('b', '10.0.0.2', { spec: other }),
    pod('c', '10.0.0.3'),
    pod('d', '10.0.0.4', { spec: sidecar }),
    pod('e', '10.0.0.5', { spec: udp }),
    pod('f', '10.0.0.6', { spec: setUp }),
  );
  const described = found.slices.map((slice) => `${ports([slice])[0]}: ${slice.endpoints.length}`);
  t.same(described.toSorted(), [
    'http 7070/TCP, metrics 9/TCP: 1',
    'http 8080/TCP, metrics 9/TCP: 2',
    'http 9090/TCP, metrics 9/TCP: 1',
    'metrics 9/TCP: 2',
  ]);
  t.match(found.findings, [
    {
      code: 'endpoints',
      path: 'spec.ports[0].targetPort',
      message: /2 of the 6 pods that it selects do not have a TCP port of that name/,
    },
  ]);
  t.end();
});

t.test('a target port that no pod has is found, and the pod is in a slice without ports', (t) => {
  const { slices, findings } = slicesOf(
    NODE,
    service({ ports: [{ port: 80, targetPort: 'htp' }] }),
    pod('p', '10.0.0.1'),
  );
  t.same(ports(slices), ['']);
  t.match(findings, [{ message: /targetPort "htp": no pod that it selects has a TCP port of that name/, line: 3 }]);
  t.end();
});

t.test('at most a hundred endpoints a slice', (t) => {
  const pods = Array.from({ length: 230 }, (_, i) =>
    pod(`p${String(i).padStart(3, '0')}`, `10.1.${i >> 8}.${i & 255}`),
  );
  const { slices } = slicesOf(NODE, service(), ...pods);
  t.same(
    slices.map((slice) => slice.endpoints.length).toSorted((a, b) => b - a),
    [100, 100, 30],
  );
  t.equal(new Set(slices.map(({ name }) => name)).size, 3);
  t.end();
});

t.test('a Service that selects nothing has an empty slice', (t) => {
  const { slices } = slicesOf(NODE, service());
  t.same(ports(slices), ['']);
  t.same(endpoints(slices), []);
  t.end();
});

t.test('host names are those of the Service’s subdomain', (t) => {
  const headless = service({ clusterIP: 'None' });
  const named = pod('a', '10.0.0.1', { spec: { hostname: 'first', subdomain: 'web' } });
  const elsewhere = pod('b', '10.0.0.2', { spec: { hostname: 'second', subdomain: 'other' } });
  const { slices } = slicesOf(NODE, headless, named, elsewhere);
  t.same(
    slices[0]?.endpoints.map(({ hostname }) => hostname),
    ['first', ''],
  );
  t.equal(slices[0]?.labels['service.kubernetes.io/headless'], '');
  t.end();
});

t.test('a pod on a node that does not exist is left out, unless unready addresses are published', (t) => {
  const lost = pod('p', '10.0.0.1', { spec: { nodeName: 'z' } });
  t.same(endpoints(slicesOf(NODE, service(), lost).slices), []);
  t.same(endpoints(slicesOf(NODE, service({ publishNotReadyAddresses: true }), lost).slices), [
    '10.0.0.1 ready serving',
  ]);
  t.end();
});

t.test('both families have slices of their own', (t) => {
  const dual = pod('p', '', { status: { podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] } });
  const { slices } = slicesOf(NODE, service({ ipFamilies: ['IPv4', 'IPv6'] }), dual);
  t.same(slices.map(({ addressType }) => addressType).toSorted(), ['IPv4', 'IPv6']);
  t.same(endpoints(slices).toSorted(), ['10.0.0.1 ready serving', 'fd00::1 ready serving']);
  t.end();
});

const hints = (slices: readonly EndpointSlice[]): string[] =>
  slices.flatMap((slice) =>
    slice.endpoints.map((endpoint) => {
      const { forZones = [], forNodes = [] } = endpoint.hints ?? {};
      return `${endpoint.nodeName} zones ${forZones.join()} nodes ${forNodes.join()}`;
    }),
  );

t.test('trafficDistribution gives ready endpoints hints for their zone, and their node', (t) => {
  const objects = [NODE, node('b'), pod('p', '10.0.0.1'), pod('q', '10.0.0.2', { spec: { nodeName: 'b' } })];
  const with_ = (trafficDistribution: string) => hints(slicesOf(...objects, service({ trafficDistribution })).slices);
  t.same(with_('PreferClose'), ['a zones east nodes ', 'b zones  nodes '], 'without a zone there is none to prefer');
  t.same(with_('PreferSameZone'), ['a zones east nodes ', 'b zones  nodes ']);
  t.same(with_('PreferSameNode'), ['a zones east nodes a', 'b zones  nodes b']);
  const unready = pod('r', '10.0.0.3', { status: { conditions: [{ type: 'Ready', status: 'False' }] } });
  t.same(hints(slicesOf(NODE, unready, service({ trafficDistribution: 'PreferClose' })).slices), ['a zones  nodes ']);
  t.end();
});

/** A node with CPUs in a zone. */
const sized = (name: string, zone: string, cpu: string, labels: object = {}) =>
  node(name, { labels: { 'topology.kubernetes.io/zone': zone, ...labels }, status: { allocatable: { cpu } } });
const AUTO = { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } };

t.test('topology-mode Auto shares endpoints among zones by their CPUs', (t) => {
  const nodes = [sized('a', 'east', '4'), sized('b', 'west', '4')];
  const on = (name: string, nodeName: string, i: number) => pod(name, `10.0.0.${i}`, { spec: { nodeName } });
  const even = [on('p', 'a', 1), on('q', 'a', 2), on('r', 'b', 3), on('s', 'b', 4)];
  t.same(hints(slicesOf(...nodes, ...even, service({}, AUTO)).slices), [
    'a zones east nodes ',
    'a zones east nodes ',
    'b zones west nodes ',
    'b zones west nodes ',
  ]);
  const uneven = [on('p', 'a', 1), on('q', 'a', 2), on('r', 'a', 3), on('s', 'a', 4)];
  const moved = hints(slicesOf(...nodes, ...uneven, service({}, AUTO)).slices);
  t.equal(moved.filter((hint) => hint.includes('west')).length, 2, 'two of the east’s four go to the west');
  const none = ['a zones  nodes ', 'a zones  nodes ', 'a zones  nodes ', 'a zones  nodes '];
  t.same(hints(slicesOf(nodes[0] ?? {}, ...uneven, service({}, AUTO)).slices), none, 'one zone has nothing to share');
  const single = [on('p', 'a', 1)];
  t.same(
    hints(slicesOf(...nodes, ...single, service({}, AUTO)).slices),
    ['a zones  nodes '],
    'fewer endpoints than zones',
  );
  const blind = [...nodes, node('c', { status: { allocatable: { cpu: '4' } } })];
  t.same(
    hints(slicesOf(...blind, ...even, service({}, AUTO)).slices).filter((hint) => /east|west/.test(hint)),
    [],
    'a node without a zone',
  );
  const control = sized('cp', 'north', '64', { 'node-role.kubernetes.io/control-plane': '' });
  t.match(
    hints(slicesOf(...nodes, control, ...even, service({}, AUTO)).slices),
    [/east/, /east/, /west/, /west/],
    'control planes do not count',
  );
  const split = [sized('a', 'east', '7'), sized('b', 'west', '1')];
  t.same(
    hints(slicesOf(...split, ...even, service({}, AUTO)).slices).filter((hint) => hint.includes('east')).length,
    3,
    'by CPUs',
  );
  t.end();
});

const slice = (name: string, addresses: readonly string[], labels: object = {}) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, labels: { 'kubernetes.io/service-name': 'web', ...labels } },
  addressType: 'IPv4',
  endpoints: addresses.map((address) => ({ addresses: [address], nodeName: 'a' })),
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
});
const MANAGED = { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' };

t.test('slices in the input count, and what differs from their pods is found', (t) => {
  const same = slicesOf(NODE, service(), pod('p', '10.0.0.1'), slice('web-abcde', ['10.0.0.1'], MANAGED));
  t.same(
    same.slices.map(({ name }) => name),
    ['web-abcde'],
  );
  t.same(same.findings, []);
  const other = slicesOf(NODE, service(), pod('p', '10.0.0.1'), slice('web-abcde', ['10.0.0.9'], MANAGED));
  t.same(endpoints(other.slices), ['10.0.0.9 ready serving']);
  t.match(other.findings, [{ code: 'endpoints-differ', message: /lack 10\.0\.0\.1:8080.*have 10\.0\.0\.9:8080/ }]);
  const unready = pod('p', '10.0.0.1', { status: { conditions: [{ type: 'Ready', status: 'False' }] } });
  const stale = slicesOf(NODE, service(), unready, slice('web-abcde', ['10.0.0.1'], MANAGED));
  t.match(stale.findings, [{ message: /differ on 10\.0\.0\.1:8080\/TCP http \(ready, its pod is not ready\)/ }]);
  t.end();
});

t.test('a slice that somebody else keeps stands beside the controller’s', (t) => {
  const { slices } = slicesOf(NODE, service(), pod('p', '10.0.0.1'), slice('mine', ['10.9.9.9']));
  t.same(endpoints(slices).toSorted(), ['10.0.0.1 ready serving', '10.9.9.9 ready serving']);
  t.end();
});

t.test('without a selector the user’s slices are all there is', (t) => {
  const selectorless = service({ selector: undefined });
  t.same(
    slicesOf(NODE, selectorless, pod('p', '10.0.0.1'), slice('mine', ['10.9.9.9'])).slices.map(({ name }) => name),
    ['mine'],
  );
  const none = slicesOf(NODE, selectorless, pod('p', '10.0.0.1'));
  t.same(none.slices, []);
  t.match(none.findings, [{ code: 'endpoints', message: /no selector, and neither EndpointSlices nor Endpoints/ }]);
  t.same(slicesOf(service({ type: 'ExternalName', externalName: 'example.com', clusterIP: undefined })).slices, []);
  t.end();
});

const endpointsObject = (metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: {
    name: 'web',
    labels: { own: 'label' },
    annotations: { kept: 'yes', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
    ...metadata,
  },
  subsets: [
    {
      addresses: [{ ip: '10.9.0.1', hostname: 'one' }],
      notReadyAddresses: [{ ip: '10.9.0.2' }],
      ports: [{ name: 'http', port: 80 }],
    },
    { addresses: [{ ip: 'fd00::9' }], ports: [{ name: 'http', port: 80 }] },
  ],
});

t.test('Endpoints of a Service without a selector are mirrored', (t) => {
  const { slices } = slicesOf(service({ selector: undefined }), endpointsObject());
  t.same(slices.map(({ addressType }) => addressType).toSorted(), ['IPv4', 'IPv6']);
  t.same(endpoints(slices).toSorted(), ['10.9.0.1 ready serving', '10.9.0.2 serving', 'fd00::9 ready serving']);
  const mirrored = slices.find(({ addressType }) => addressType === 'IPv4');
  t.match(mirrored?.labels, {
    own: 'label',
    'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
  });
  t.same(mirrored?.annotations, { kept: 'yes' });
  t.equal(mirrored?.endpoints[0]?.hostname, 'one');
  t.match(mirrored?.ownerReferences, [{ kind: 'Endpoints' }]);
  const skipped = slicesOf(
    service({ selector: undefined }),
    endpointsObject({ labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }),
  );
  t.same(skipped.slices, [], 'unless a label says no');
  t.match(skipped.findings, [{ message: /Endpoints are not mirrored .* for their label .*skip-mirror: it has no/ }]);
  const leader = endpointsObject({ annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } });
  t.match(slicesOf(service({ selector: undefined }), leader).findings, [{ message: /their annotation .*leader: it/ }]);
  t.equal(slicesOf(NODE, service(), pod('p', '10.0.0.1'), endpointsObject()).slices.length, 1, 'nor with a selector');
  t.end();
});

t.test('mirrored slices follow Endpoints that come, change and go', (t) => {
  const { store, controller } = slicesOf(service({ selector: undefined }));
  const become = (...objects: readonly object[]): string[] => {
    store.delete('Endpoints', 'default', 'web');
    for (const one of load(...objects).store.list('Endpoints')) store.put('Endpoints', one);
    controller.run();
    return ports(store.list('EndpointSlice'));
  };
  const at = (port: number) => ({
    ...endpointsObject(),
    subsets: [{ addresses: [{ ip: '10.9.0.1' }], ports: [{ name: 'http', port }] }],
  });
  t.same(become(), []);
  t.same(become(at(80)), ['http 80/TCP']);
  t.same(become(at(81)), ['http 81/TCP']);
  t.same(become(), []);
  t.end();
});

t.test('endpoints kept by hand belong to ports by name: a port of the Service that none has is found', (t) => {
  const renamed = service({ selector: undefined, ports: [{ name: 'web', port: 80 }] });
  const wanted = [
    {
      code: 'endpoints',
      path: 'spec.ports[0].name',
      message: /no endpoint of it has the port TCP "web", but TCP "http": port 80 has no endpoints/,
    },
  ];
  t.match(slicesOf(renamed, endpointsObject()).findings, wanted, 'mirrored');
  t.match(slicesOf(renamed, slice('mine', ['10.9.9.9'])).findings, wanted, 'slices');
  t.same(slicesOf(service({ selector: undefined }), slice('mine', ['10.9.9.9'])).findings, []);
  const names = { ...slice('mine', ['foo.example']), addressType: 'FQDN' };
  t.match(slicesOf(service({ selector: undefined }), names).findings, [
    { message: /type FQDN, which kube-proxy passes/ },
  ]);
  t.end();
});

t.test('what was found of a Service is told once, however often its pods change', (t) => {
  const { store, controller, findings } = slicesOf(
    NODE,
    service({ ports: [{ name: 'http', port: 80, targetPort: 'htp' }] }),
    pod('p', '10.0.0.1'),
  );
  t.equal(findings.length, 1);
  const [one] = store.list('Pod');
  if (one !== undefined) store.put('Pod', { ...one, status: { ...one.status, ready: false } });
  t.same(controller.run(), []);
  const [web] = store.list('Service');
  if (web !== undefined) store.put('Service', { ...web });
  t.equal(controller.run().length, 1, 'and again of a Service that has changed');
  t.end();
});

t.test('the Service kubernetes leads to the API servers that kubeadm runs', (t) => {
  const kubernetes = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes' },
    spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] },
  };
  const server = (name: string, address: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'kube-system',
      annotations: { 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint': `${address}:6443` },
    },
    spec: { hostNetwork: true, nodeName: 'a', containers: [{ name: 'c' }] },
  });
  const { slices } = slicesOf(NODE, kubernetes, server('one', '172.18.0.2'), server('two', '172.18.0.3'));
  t.same(ports(slices), ['https 6443/TCP']);
  t.same(endpoints(slices), ['172.18.0.2 ready serving', '172.18.0.3 ready serving']);
  t.equal(slices[0]?.name, 'kubernetes');
  t.match(slicesOf(NODE, kubernetes).findings, [{ code: 'endpoints', severity: 'notice' }]);

  const other = (name: string, command: readonly string[]) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'kube-system', labels: { component: 'kube-apiserver' } },
    spec: { hostNetwork: true, nodeName: 'a', containers: [{ name: 'c', command }] },
  });
  const machine = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'a' },
    status: { addresses: [{ type: 'InternalIP', address: '172.18.0.7' }] },
  };
  const flags = ['kube-apiserver', '--advertise-address=172.18.0.9', '--secure-port=443'];
  const told = slicesOf(NODE, kubernetes, other('one', flags)).slices;
  t.same([ports(told), endpoints(told)], [['https 443/TCP'], ['172.18.0.9 ready serving']], 'by its flags');
  const silent = slicesOf(machine, kubernetes, other('one', ['kube-apiserver'])).slices;
  t.same([ports(silent), endpoints(silent)], [['https 6443/TCP'], ['172.18.0.7 ready serving']], 'its machine');

  const { store, controller } = slicesOf(NODE, kubernetes, server('one', '172.18.0.2'));
  const [joined] = load(server('two', '172.18.0.3')).store.list('Pod');
  if (joined !== undefined) store.put('Pod', joined);
  controller.run();
  t.same(endpoints(store.list('EndpointSlice')), ['172.18.0.2 ready serving', '172.18.0.3 ready serving'], 'one more');
  t.end();
});

t.test('what has not changed is not worked out again, and what has is replaced', (t) => {
  const { store, controller, slices } = slicesOf(NODE, service(), pod('p', '10.0.0.1'));
  controller.run();
  t.equal(store.list('EndpointSlice')[0], slices[0], 'the same object');
  const pods = store.list('Pod');
  for (const one of pods) store.put('Pod', { ...one, status: { ...one.status, ready: false } });
  controller.run();
  t.same(endpoints(store.list('EndpointSlice')), ['10.0.0.1']);
  t.equal(store.list('EndpointSlice').length, 1);
  store.delete('Service', 'default', 'web');
  controller.run();
  t.same(store.list('EndpointSlice'), [], 'slices go with their Service');
  t.end();
});
