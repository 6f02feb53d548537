import fc from 'fast-check';
import t from 'tap';
import { runConfd } from '../../src/calico/confd/files.js';
import { CONFD_FILES, renderConfd } from '../../src/calico/confd/render.js';
import { storedWorkloadPeers } from '../../src/calico/datastore/bgp.js';
import { ConfdDatastore } from '../../src/calico/datastore/confd.js';
import { storedBackend } from '../../src/calico/datastore/daemons.js';
import { storedIpam } from '../../src/calico/datastore/ipam.js';
import { parseCidr } from '../../src/calico/cidr.js';
import { durationSeconds, Store } from '../../src/kubernetes/index.js';
import {
  announced,
  datastoreOf,
  fileOf,
  load,
  node,
  NODES,
  POOL,
  resource,
  service,
  session,
  sessions,
  slice,
} from './confd-samples.js';

const CLUSTER = [...NODES, POOL];

t.test('of two ends of a mesh session the one whose address is later in the alphabet waits', async (t) => {
  const ten = fileOf(CLUSTER, 'node2', 'bird.cfg');
  t.match(session(ten, 'Mesh_10_0_0_9'), /passive on/, '"10.0.0.9" is later than "10.0.0.10"');
  t.notMatch(session(fileOf(CLUSTER, 'node1', 'bird.cfg'), 'Mesh_10_0_0_10'), /passive on/);
});

t.test('a node that reflects routes has no part in the mesh, on either side', async (t) => {
  const reflector = `
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: node4, labels: {rr: "true"}}
spec: {bgp: {ipv4Address: 10.0.0.4/24, routeReflectorClusterID: 224.0.0.1}}
`;
  const peer = resource('BGPPeer', 'clients', '{nodeSelector: "!has(rr)", peerSelector: has(rr)}');
  const documents = [...CLUSTER, reflector, peer];
  t.same(sessions(fileOf(documents, 'node1', 'bird.cfg')), ['Mesh_10_0_0_10', 'Mesh_10_0_1_4', 'Node_10_0_0_4']);
  const bird = fileOf(documents, 'node4', 'bird.cfg');
  t.same(sessions(bird), ['Node_10_0_0_10', 'Node_10_0_0_9', 'Node_10_0_1_4'], 'the reverse of what was asked for');
  t.match(session(bird, 'Node_10_0_0_9'), /rr client;\n {2}rr cluster id 224\.0\.0\.1;/);
  const manual = resource(
    'BGPPeer',
    'clients',
    '{nodeSelector: "!has(rr)", peerSelector: has(rr), reversePeering: Manual}',
  );
  t.same(sessions(fileOf([...CLUSTER, reflector, manual], 'node4', 'bird.cfg')), []);
});

t.test('a global peer goes before one of single nodes with the same address and port', async (t) => {
  const peers = [
    resource('BGPPeer', 'a', '{node: node1, peerIP: 192.0.2.1, asNumber: 65001}'),
    resource('BGPPeer', 'b', '{peerIP: 192.0.2.1, asNumber: 65002}'),
    resource('BGPPeer', 'c', '{node: node1, peerIP: "192.0.2.1:1790", asNumber: 65003}'),
  ];
  const bird = fileOf([...CLUSTER, ...peers], 'node1', 'bird.cfg');
  t.same(
    sessions(bird).filter((name) => !name.startsWith('Mesh')),
    ['Global_192_0_2_1', 'Node_192_0_2_1_port_1790'],
  );
  t.match(session(bird, 'Global_192_0_2_1'), /neighbor 192\.0\.2\.1 as 65002;/);
});

t.test('a node that is not in the datastore has no files', async (t) => {
  t.equal(renderConfd(datastoreOf(load(CLUSTER)).cluster, { node: 'node9', routerId: '' }), undefined);
});

t.test('a node without an address of the family runs BIRD and speaks to nobody', async (t) => {
  const bird6 = fileOf(CLUSTER, 'node1', 'bird6.cfg');
  t.match(bird6, /# IPv6 disabled on this node\.\n/);
  t.match(bird6, /router id 10\.0\.0\.9;/);
  t.same(sessions(bird6), []);
});

const CONFIGURATION = resource(
  'BGPConfiguration',
  'default',
  '{serviceClusterIPs: [{cidr: 10.96.0.0/12}], serviceExternalIPs: [{cidr: 203.0.113.0/24}, {cidr: 198.51.100.7/32}], serviceLoadBalancerIPs: [{cidr: 192.0.2.0/24}, {cidr: 198.51.100.9/32}]}',
);
const WHOLE = new Set(['10.96.0.0/12', '192.0.2.0/24', '203.0.113.0/24']);
const INGRESS = '{loadBalancer: {ingress: [{ip: 192.0.2.20}]}}';

const ADVERTISED: readonly {
  readonly name: string;
  readonly documents: readonly string[];
  readonly configuration?: string;
  readonly node1: readonly string[];
  readonly node2?: readonly string[];
}[] = [
  {
    name: 'with the policy Local: by the nodes of its endpoints, with all its addresses that are allowed',
    documents: [
      service(
        'web',
        '{type: LoadBalancer, externalTrafficPolicy: Local, clusterIP: 10.96.0.5, externalIPs: [203.0.113.9, 8.8.8.8]}',
        INGRESS,
      ),
      slice('web', ['node1']),
    ],
    node1: ['10.96.0.5/32', '192.0.2.20/32', '203.0.113.9/32'],
    node2: [],
  },
  {
    name: 'with the policy Cluster: by its range alone',
    documents: [service('web', '{type: LoadBalancer, clusterIP: 10.96.0.5}', INGRESS), slice('web', ['node1'])],
    node1: [],
  },
  {
    name: 'with the policy Cluster and an external address that is configured alone: by all nodes',
    documents: [
      service('web', '{type: NodePort, clusterIP: 10.96.0.5, externalIPs: [198.51.100.7]}'),
      slice('web', ['node3']),
    ],
    node1: ['10.96.0.5/32', '198.51.100.7/32'],
    node2: ['10.96.0.5/32', '198.51.100.7/32'],
  },
  {
    name: 'with a load balancer address that is configured alone: by all nodes',
    documents: [
      service('web', '{type: LoadBalancer, clusterIP: 10.96.0.5}', '{loadBalancer: {ingress: [{ip: 198.51.100.9}]}}'),
      slice('web', []),
    ],
    node1: ['10.96.0.5/32', '198.51.100.9/32'],
  },
  {
    name: 'without any EndpointSlice: by nobody',
    documents: [service('web', '{type: NodePort, clusterIP: 10.96.0.5, externalIPs: [198.51.100.7]}')],
    node1: [],
  },
  {
    name: 'that is headless: by nobody',
    documents: [service('web', '{clusterIP: None}'), slice('web', ['node1'])],
    node1: [],
  },
  {
    name: 'with slices of another family than its own: by nobody',
    documents: [
      service('web', '{type: NodePort, externalTrafficPolicy: Local, clusterIP: 10.96.0.5, ipFamilies: [IPv4]}'),
      slice('web', ['node1'], 'IPv6'),
    ],
    node1: [],
  },
  {
    name: 'mirrored Endpoints count where there is no slice',
    documents: [
      service('web', '{type: NodePort, externalTrafficPolicy: Local, clusterIP: 10.96.0.5}'),
      `
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: shop}
subsets: [{addresses: [{ip: 10.1.0.9, nodeName: node2}]}]
`,
    ],
    node1: [],
    node2: ['10.96.0.5/32'],
  },
];

for (const { name, documents, node1, node2 = node1 } of ADVERTISED) {
  t.test(`a Service is announced, ${name}`, async (t) => {
    const all = [...CLUSTER, CONFIGURATION, ...documents];
    const extra = (at: string): string[] =>
      announced(fileOf(all, at, 'bird_aggr.cfg')).filter((cidr) => !WHOLE.has(cidr));
    t.same(extra('node1'), node1);
    t.same(extra('node2'), node2);
  });
}

t.test('without aggregation each load balancer Service is announced for itself, and its range is not', async (t) => {
  const documents = [
    ...CLUSTER,
    resource(
      'BGPConfiguration',
      'default',
      '{serviceLoadBalancerIPs: [{cidr: 192.0.2.0/24}], serviceLoadBalancerAggregation: Disabled}',
    ),
    service('web', '{type: LoadBalancer, clusterIP: 10.96.0.5}', INGRESS),
    slice('web', ['node3']),
  ];
  t.same(announced(fileOf(documents, 'node1', 'bird_aggr.cfg')), ['192.0.2.20/32']);
});

t.test(
  'a node that is excluded from load balancers announces nothing, and keeps the ranges out of its kernel',
  async (t) => {
    const excluded = node(
      'node4',
      '10.0.0.4/24',
      ', labels: {node.kubernetes.io/exclude-from-external-load-balancers: "true"}',
    );
    const documents = [...CLUSTER, excluded, CONFIGURATION];
    t.same(announced(fileOf(documents, 'node4', 'bird_aggr.cfg')), []);
    t.match(fileOf(documents, 'node4', 'bird_ipam.cfg'), /net ~ 10\.96\.0\.0\/12 \) then \{ reject; \}/);
  },
);

t.test(
  'blocks are told apart by their state: pending ones are not there, those on their way out are no more aggregated',
  async (t) => {
    const affinity = (cidr: string, state: string): string =>
      resource(
        'BlockAffinity',
        `node1-${cidr.replaceAll(/[./]/g, '-')}`,
        `{node: node1, cidr: ${cidr}, state: "${state}"}`,
      );
    const aggr = fileOf(
      [
        ...CLUSTER,
        affinity('10.1.0.0/26', 'confirmed'),
        affinity('10.1.0.64/26', ''),
        affinity('10.1.0.128/26', 'pending'),
        affinity('10.1.0.192/26', 'pendingDeletion'),
      ],
      'node1',
      'bird_aggr.cfg',
    );
    t.same(aggr.match(/# Block .*/g), [
      '# Block 10.1.0.0/26 is confirmed',
      '# Block 10.1.0.192/26 is pendingDeletion',
      '# Block 10.1.0.64/26 is implicitly confirmed.',
    ]);
    t.notMatch(aggr, /net = 10\.1\.0\.192/);
  },
);

t.test('BIRD is told to read its files again when, and only when, one has changed', async (t) => {
  const store = load(CLUSTER);
  const datastore = datastoreOf(store);
  const files = new Map([['/etc/hosts', 'mine']]);
  const run = () => runConfd(files, datastore.cluster, { node: 'node1', routerId: '' });
  t.match(run(), { changed: CONFD_FILES, reload: { bird: true, bird6: true } });
  t.match(run(), { changed: [], reload: { bird: false, bird6: false } });
  const pool = store.get('IPPool', '', 'pods');
  if (pool === undefined) throw new Error('no pool');
  store.put('IPPool', { ...pool, labels: { any: 'thing' } });
  t.match(run(), { changed: [], reload: { bird: false, bird6: false } }, 'a label of a pool decides nothing');
  store.put('IPPool', { ...pool, spec: { ...pool.spec, disableBGPExport: true } });
  t.match(run(), { changed: ['bird_ipam.cfg'], reload: { bird: true, bird6: false } });
  t.equal(files.get('/etc/hosts'), 'mine');
  t.match(files.get('/etc/calico/confd/config/bird_ipam.cfg'), /reject; \} # BGP export is disabled\./);
});

t.test('who listens is told when something that was read has changed, and not otherwise', async (t) => {
  const store = load(CLUSTER);
  const datastore = datastoreOf(store);
  let told = 0;
  const stop = datastore.watch(() => (told += 1));
  const pool = store.get('IPPool', '', 'pods');
  if (pool === undefined) throw new Error('no pool');
  store.put('IPPool', pool);
  t.equal(told, 0, 'nobody has read anything yet');
  t.ok(datastore.cluster);
  store.put('IPPool', pool);
  t.equal(told, 1);
  store.put('IPPool', pool);
  t.equal(told, 1, 'what is stale already is not told again');
  stop();
  t.ok(datastore.cluster);
  store.delete('IPPool', '', 'pods');
  t.equal(told, 1);
  datastore.close();
});

t.test('a block that is claimed is in the next reading', async (t) => {
  const store = load(CLUSTER);
  const ipam = storedIpam(store);
  const datastore = new ConfdDatastore(store, ipam);
  const render = () => renderConfd(datastore.cluster, { node: 'node1', routerId: '' })?.['bird_aggr.cfg'];
  t.match(render(), /No IP blocks or static routes for this host/);
  const cidr = parseCidr('10.1.0.0/26');
  if (cidr === undefined) throw new Error('no CIDR');
  ipam.putAffinity({ owner: { type: 'host', host: 'node1' }, cidr, state: 'confirmed' });
  t.match(render(), /route 10\.1\.0\.0\/26 blackhole/);
});

const STATES = [
  ...CLUSTER,
  CONFIGURATION,
  service('web', '{type: NodePort, externalTrafficPolicy: Local, clusterIP: 10.96.0.5}'),
  slice('web', ['node1']),
  resource('BGPPeer', 'tor', '{peerIP: 10.0.0.1, asNumber: 65001, filters: [some]}'),
  resource('BGPFilter', 'some', '{exportV4: [{action: Accept, matchOperator: In, cidr: 10.1.0.0/16}]}'),
];

t.test('whatever order objects come in, and whatever was rendered between, the files are the same', async () => {
  const settled = renderConfd(datastoreOf(load(STATES)).cluster, { node: 'node1', routerId: '' });
  fc.assert(
    fc.property(fc.shuffledSubarray(STATES, { minLength: STATES.length }), (order) => {
      const whole = load(order);
      const store = new Store();
      const datastore = datastoreOf(store);
      const kinds = [
        'Node',
        'CalicoNode',
        'IPPool',
        'BGPConfiguration',
        'BGPPeer',
        'BGPFilter',
        'Service',
        'EndpointSlice',
      ] as const;
      for (const kind of kinds) {
        for (const object of whole.list(kind)) {
          store.put(kind, object);
          renderConfd(datastore.cluster, { node: 'node1', routerId: '' });
        }
      }
      return (
        JSON.stringify(renderConfd(datastore.cluster, { node: 'node1', routerId: '' })) === JSON.stringify(settled)
      );
    }),
    { numRuns: 25 },
  );
});

t.test('durations of Go are rounded to whole seconds', async (t) => {
  t.same(['30s', '1m30s', '1500ms', '1h', '0.4s', '2m0.5s'].map(durationSeconds), [30, 90, 2, 3600, 0, 121]);
});

t.test('a pod is a peer of the first BGPPeer of its node that selects it', async (t) => {
  const pod = (name: string, on: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop, labels: {app: bird}}
spec: {nodeName: ${on}, containers: [{name: c}]}
status: {podIP: 10.1.0.${name === 'a' ? 5 : 6}}
`;
  const peer = (name: string, spec: string): string =>
    resource('BGPPeer', name, `{localWorkloadSelector: app == 'bird', asNumber: 65001, ${spec}}`);
  const documents = [
    ...CLUSTER,
    pod('a', 'node1'),
    pod('b', 'node2'),
    peer('second', ''),
    peer('first', 'node: node1'),
    peer('third', ''),
  ];
  const found = storedWorkloadPeers(load(documents));
  t.same(
    [...found].map(([at, peers]) => [at, peers.map(({ bgpPeer }) => bgpPeer)]),
    [
      ['node1', ['first']],
      ['node2', ['second']],
    ],
  );
  t.same(
    sessions(fileOf(documents, 'node2', 'bird.cfg')).filter((name) => name.startsWith('Local')),
    ['Local_Workload_10_1_0_6'],
  );
});

t.test('where no DaemonSet says, BIRD runs as soon as something needs it', async (t) => {
  const vxlan = resource('IPPool', 'pods', '{cidr: 10.1.0.0/16, vxlanMode: Always}');
  t.equal(storedBackend(load([...NODES, vxlan]), 'node1'), 'vxlan');
  t.equal(storedBackend(load([...NODES, POOL]), 'node1'), 'bird');
  t.equal(storedBackend(load([...NODES, vxlan, CONFIGURATION]), 'node1'), 'bird');
});
