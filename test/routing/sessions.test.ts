/**
 * A session that is down is down for the reason that real ones have, and a trace says which and why. All of them are
 * two nodes or three whose pods are routed by what BGP told.
 */

import t from 'tap';
import { formatConfigError, formatFinding } from '../../src/kubernetes/index.js';
import { birdRoutingUpTo, RoutedCluster } from '../../src/routing/index.js';
import { clusterLike, type Edit, sourcesOf, traceIn } from './clusters.js';
import { outputOf } from '../tools/run-in.js';

const hostConfig = (host: string, spec: string): string => `
apiVersion: podwire.dev/v1alpha1
kind: HostConfig
metadata: {name: ${host}-firewall}
spec:
  hosts: [${host}]
${spec}`;

const DROP_179 = (chain: string, host: string): string =>
  hostConfig(host, `  iptables: |\n    *filter\n    -A ${chain} -p tcp --dport 179 -j DROP\n    COMMIT\n`);

const annotate =
  (node: string, annotation: string): Edit =>
  (text) =>
    text.replace(new RegExp(`(name: ${node}\\n\\s+annotations: \\{)`), (all) => `${all}${annotation}, `);

interface Broken {
  readonly what: string;
  readonly topology: string;
  readonly more?: string;
  readonly edit?: Edit;
  readonly ends: readonly [string, string];
  readonly verdict: string;
  readonly says: readonly RegExp[];
  /** Lines of `birdc show protocols` on node1. */
  readonly protocols: readonly RegExp[];
}

const NO_MESH = `
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec: {nodeToNodeMeshEnabled: false}
`;

const PASSWORD = 'password: {secretKeyRef: {name: bgp, key: spine}}';
const SECRET = `
apiVersion: v1
kind: Secret
metadata: {name: bgp, namespace: kube-system}
stringData: {spine: secret}
`;

const BROKEN: readonly Broken[] = [
  {
    what: 'a firewall on the node that is called',
    topology: 'bgp-one-subnet',
    more: DROP_179('INPUT', 'node1'),
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    verdict: 'unreachable',
    says: [
      /node\/node1 has no route to 192\.168\.104\.0\/26, the block of node\/node2 \(it has only default via 172\.18\.0\.1/,
      /BGP session Mesh_172_18_0_3 of node\/node1 with node\/node2 is Passive: .*node\/node1 dropped it in input, table filter, chain INPUT: .*--dport 179 -j DROP \(HostConfig node1-firewall\)/,
    ],
    // The one whose address comes later waits, and its calls are dropped.
    protocols: [
      /^Mesh_172_18_0_3 +BGP +master +start +\S+ +Passive/,
      /^Mesh_172_18_0_4 +BGP +master +start +\S+ +Passive/,
    ],
  },
  {
    what: 'a firewall that answers',
    topology: 'bgp-one-subnet',
    more: hostConfig(
      'node1',
      '  iptables: |\n    *filter\n    -A INPUT -s 172.18.0.3 -p tcp --dport 179 -j REJECT --reject-with tcp-reset\n    COMMIT\n',
    ),
    ends: ['pod/shop/db', 'pod/shop/client:80'],
    verdict: 'unreachable',
    says: [
      /BGP session Mesh_172_18_0_2 of node\/node2 with node\/node1 is (Active|Connect|Idle) \(Socket: Connection refused\): .*node\/node1 rejected it/,
    ],
    protocols: [/^Mesh_172_18_0_3 +BGP +master +start/, /^Mesh_172_18_0_4 +BGP +master +up/],
  },
  {
    what: 'a password on one side',
    topology: 'bgp-peered-gateway',
    more: SECRET,
    edit: (text) => text.replaceAll('asNumber: 64512}', `asNumber: 64512, ${PASSWORD}}`),
    ends: ['pod/shop/client', 'pod/shop/far:5432'],
    verdict: 'unreachable',
    says: [
      /BGP session node3 of host\/spine with node\/node3 is (Connect|Active): node\/node3 has a password for it and host\/spine has none: the kernel drops segments that are not signed as it expects \(TCP MD5\)/,
    ],
    protocols: [/^Node_172_18_0_1 +BGP +master +start +\S+ +(Connect|Active) *$/],
  },
  {
    what: 'two passwords',
    topology: 'bgp-peered-gateway',
    more: SECRET,
    edit: (text) =>
      text
        .replaceAll('asNumber: 64512}', `asNumber: 64512, ${PASSWORD}}`)
        .replace('neighbor as 64512;', 'neighbor as 64512; password "other";'),
    ends: ['pod/shop/client', 'pod/shop/far:5432'],
    verdict: 'unreachable',
    says: [/node3 is (Connect|Active): the two ends have different passwords, and the kernel drops/],
    protocols: [/^Node_172_18_0_1 +BGP +master +start +\S+ +(Connect|Active) *$/],
  },
  {
    what: 'a wrong address on record',
    topology: 'bgp-one-subnet',
    edit: (text) =>
      text.replace('projectcalico.org/IPv4Address: 172.18.0.3/24', 'projectcalico.org/IPv4Address: 172.18.0.33/24'),
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    verdict: 'unreachable',
    says: [
      /BGP session Mesh_172_18_0_33 of node\/node1 with 172\.18\.0\.33 is \w+.*no machine has the address 172\.18\.0\.33/,
    ],
    protocols: [/^Mesh_172_18_0_33 +BGP +master +start/, /^Mesh_172_18_0_4 +BGP +master +up/],
  },
  {
    what: 'a node of another AS',
    topology: 'bgp-one-subnet',
    edit: annotate('node2', 'projectcalico.org/ASNumber: "64513"'),
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    verdict: 'unreachable',
    says: [
      /BGP session Mesh_172_18_0_3 of node\/node1 with node\/node2 is \w+ \((BGP Error|Received): Bad peer AS\): it expects AS 64513/,
    ],
    protocols: [/^Mesh_172_18_0_3 +BGP +master +start +\S+ +\w+ +(BGP Error|Received): Bad peer AS/],
  },
  {
    what: 'no mesh, and nothing in its place',
    topology: 'bgp-one-subnet',
    more: NO_MESH,
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    verdict: 'unreachable',
    says: [
      /There is no BGP session between node\/node1 and node\/node2: BGPConfiguration default has nodeToNodeMeshEnabled: false, and no BGPPeer makes one\.\nnode\/node1 has no session at all\./,
    ],
    protocols: [],
  },
  {
    what: 'one end of a peering',
    topology: 'bgp-one-subnet',
    more: `${NO_MESH}---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: one-way}
spec: {node: node1, peerIP: 172.18.0.3, asNumber: 64512, reversePeering: Manual}
`,
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    verdict: 'unreachable',
    says: [/BGP session Node_172_18_0_3 of node\/node1 with node\/node2 is .*: the other end has no session with it/],
    protocols: [/^Node_172_18_0_3 +BGP +master +start/],
  },
  {
    what: 'no way to the other subnet',
    topology: 'bgp-peered-gateway',
    edit: (text, file) => (file === 'network.yaml' ? text.replace('gateway: 172.18.1.1, ', '') : text),
    ends: ['pod/shop/client', 'pod/shop/far:5432'],
    // The request finds its way by the router, which node3 reaches; the pod's gateway does not answer for want of a route.
    verdict: 'reply-dropped',
    says: [
      /BGP session Mesh_172_18_1_4 of node\/node1 with node\/node3 is Passive: the connection of node\/node3 to 172\.18\.0\.2 fails: ENETUNREACH/,
    ],
    protocols: [/^Mesh_172_18_1_4 +BGP +master +start +\S+ +Passive/],
  },
  {
    what: 'a router in the way that filters BGP',
    topology: 'ipip-crosssubnet',
    more: DROP_179('FORWARD', 'spine'),
    ends: ['pod/shop/client', 'pod/shop/far:5432'],
    verdict: 'unreachable',
    says: [
      /BGP session Mesh_172_18_1_4 of node\/node1 with node\/node3 is Passive: .*host\/spine dropped it in forward/,
    ],
    protocols: [/^Mesh_172_18_0_3 +BGP +master +up/, /^Mesh_172_18_1_4 +BGP +master +start/],
  },
  {
    what: 'a listening port that the other end does not know',
    topology: 'bgp-one-subnet',
    more: hostConfig(
      'node1',
      '  iptables: |\n    *nat\n    -A OUTPUT -d 172.18.0.3 -p tcp --dport 179 -j DNAT --to-destination 172.18.0.3:1790\n    COMMIT\n',
    ),
    // node1 waits for node2 in this mesh: a rule on its own calls changes nothing.
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    verdict: 'answered',
    says: [],
    protocols: [/^Mesh_172_18_0_3 +BGP +master +up/],
  },
];

for (const { what, topology, more, edit, ends, verdict, says, protocols } of BROKEN) {
  t.test(`sessions: ${what}`, async (t) => {
    const cluster = clusterLike(topology, more, edit);
    const trace = traceIn(cluster, ends);
    const told = trace.explanation.join('\n');
    t.equal(trace.verdict, verdict, told);
    for (const sentence of says) t.match(told, sentence);
    const printed = outputOf(cluster, 'node/node1', 'birdc show protocols').split('\n');
    for (const line of protocols)
      t.ok(
        printed.some((each) => line.test(each)),
        `${line} in\n${printed.join('\n')}`,
      );
    if (protocols.length === 0) t.notOk(printed.some((line) => line.includes('BGP')));
  });
}

interface Unheard {
  readonly what: string;
  readonly topology: string;
  readonly more?: string;
  readonly edit?: Edit;
  readonly ends: readonly [string, string];
  /** All sentences after that of where it was dropped. */
  readonly says: readonly RegExp[];
}

const WITHOUT_REFLECTORS: Edit = (text) =>
  text.replaceAll(', projectcalico.org/RouteReflectorClusterID: 244.0.0.1', '');

/** node1 has heard nothing of the block, for a reason that is not at its own sessions. */
const UNHEARD: readonly Unheard[] = [
  {
    what: 'a session that is broken two machines away',
    topology: 'bgp-top-of-rack',
    more: DROP_179('INPUT', 'node3').replace('COMMIT', '-A INPUT -p tcp --sport 179 -j DROP\n    COMMIT'),
    ends: ['pod/shop/client', 'pod/shop/far:5432'],
    says: [
      /^node\/node1 has no route to \S+, the block of node\/node3/,
      /^There is no BGP session between node\/node1 and node\/node3: BGPConfiguration default has nodeToNodeMeshEnabled: false, and no BGPPeer makes one\.$/,
      /^BGP session node3 of host\/tor-b with node\/node3 is Connect: the connection of host\/tor-b to 172\.18\.1\.2, port 179, fails: node\/node3 dropped it in input, .*--dport 179 -j DROP \(HostConfig node3-firewall\)\.$/,
    ],
  },
  {
    what: 'nodes in a star that reflect nothing',
    topology: 'bgp-route-reflectors',
    edit: WITHOUT_REFLECTORS,
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    says: [
      /^node\/node1 has no route to \S+, the block of node\/node2/,
      /^There is no BGP session between node\/node1 and node\/node2: BGPConfiguration default has nodeToNodeMeshEnabled: false, and no BGPPeer makes one\.$/,
      /^BGP session Node_172_18_0_11 of node\/node1 is up, but node\/reflector1 has heard of \S+ by iBGP and is no route reflector: it does not tell node\/node1, which is iBGP too \(RFC 4456\)\.$/,
    ],
  },
  {
    what: 'a pool that is kept from BGP',
    topology: 'bgp-one-subnet',
    edit: (text) => text.replace('vxlanMode: Never', 'vxlanMode: Never\n  disableBGPExport: true'),
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    says: [
      /^node\/node1 has no route to \S+, the block of node\/node2/,
      /^IPPool default-ipv4-ippool has disableBGPExport: true, so node\/node2 tells nobody\.$/,
    ],
  },
  {
    what: 'routes that BIRD is not to program',
    topology: 'bgp-one-subnet',
    more: NO_MESH.replace('nodeToNodeMeshEnabled: false', 'programClusterRoutes: Disabled'),
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    says: [
      /^node\/node1 has no route to \S+, the block of node\/node2/,
      /^BIRD of node\/node1 has it and leaves it to Felix, as BGPConfiguration default says \(programClusterRoutes: Disabled\); .* Enabled and no overlay is on/,
    ],
  },
];

const bgpFilter = (name: string, rules: string): string => `
apiVersion: projectcalico.org/v3
kind: BGPFilter
metadata: {name: ${name}}
spec: {${rules}}
`;

/** Nodes that speak to one another by BGPPeers, with filters. */
const PEERS = (filters: string): string => `${NO_MESH}---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: all-nodes}
spec: {nodeSelector: all(), peerSelector: all(), filters: [${filters}]}
`;
const FAR_BLOCK = '{action: Reject, matchOperator: In, cidr: 192.168.104.0/24}';
const UP = 'BGP session \\S+ of node/node1 is up, and';

/** What takes a route away, and is then taken away itself. */
const FILTERED: readonly (Unheard & { readonly more: string; readonly without: (more: string) => string })[] = [
  {
    what: 'a filter of what a node tells',
    topology: 'bgp-one-subnet',
    more: `${PEERS('keep')}---${bgpFilter('keep', `exportV4: [${FAR_BLOCK}]`)}`,
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    says: [
      /^node\/node1 has no route to 192\.168\.104\.0\/26/,
      new RegExp(
        `^${UP} BGPFilter keep rejects it: node/node2 does not tell node/node1 of 192\\.168\\.104\\.0/26 \\(export\\)\\.$`,
      ),
    ],
    without: (more) => more.replace('filters: [keep]', 'filters: []'),
  },
  {
    what: 'a filter of what a node takes',
    topology: 'bgp-one-subnet',
    more: `${PEERS('others, near-only')}---${bgpFilter('near-only', 'importV4: [{action: Accept, matchOperator: In, cidr: 192.168.166.0/24}, {action: Reject}]')}---${bgpFilter('others', `importV6: [{action: Reject}]`)}`,
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    says: [
      /^node\/node1 has no route to 192\.168\.104\.0\/26/,
      new RegExp(
        `^${UP} BGPFilter near-only rejects it: node/node1 does not take from node/node2 192\\.168\\.104\\.0/26 \\(import\\)\\.$`,
      ),
    ],
    without: (more) => more.replace(', {action: Reject}]', ']'),
  },
  {
    what: 'a reflector that keeps it from its clients',
    topology: 'bgp-route-reflectors',
    more: bgpFilter('no-db', `exportV4: [${FAR_BLOCK}]`),
    edit: (text) => text.replaceAll(/peerSelector: (?=[^}]*\}\n)/g, 'filters: [no-db], peerSelector: '),
    ends: ['pod/shop/client', 'pod/shop/db:5432'],
    says: [
      /^node\/node1 has no route to 192\.168\.104\.0\/26/,
      /^There is no BGP session between node\/node1 and node\/node2: BGPConfiguration default has nodeToNodeMeshEnabled: false, and no BGPPeer makes one\.$/,
      /^BGP session \S+ of \S+ is up, and BGPFilter no-db rejects it: node\/node2 does not tell node\/reflector1 of 192\.168\.104\.0\/26 \(export\)\.$/,
    ],
    without: (more) => more.replace('Reject', 'Accept'),
  },
];

for (const { what, topology, more, edit, ends, says, without } of FILTERED) {
  t.test(`a route is missing for ${what}, and there without it`, async (t) => {
    for (const most of [24, 0]) {
      const cluster = clusterLike(topology, more, edit);
      cluster.bringRouting(birdRoutingUpTo(most));
      const [, ...told] = traceIn(cluster, ends).explanation;
      t.match(told, says, `by messages up to ${most}`);
      t.equal(told.length, says.length, told.join('\n'));
      const whole = clusterLike(topology, without(more), edit);
      whole.bringRouting(birdRoutingUpTo(most));
      t.equal(traceIn(whole, ends).verdict, 'answered');
    }
  });
}

const NO_SERVICES = bgpFilter('no-services', 'exportV4: [{action: Reject, matchOperator: In, cidr: 10.96.0.0/12}]');
const FILTERED_PEER: Edit = (text) =>
  text.replace('peerIP: 172.18.0.1, asNumber: 64512}', 'peerIP: 172.18.0.1, asNumber: 64512, filters: [no-services]}');

/** Addresses of Services that a router has not heard of. */
const UNANNOUNCED: readonly Unheard[] = [
  {
    what: 'a range that nobody announces',
    topology: 'bgp-services',
    edit: (text) => text.replace('serviceClusterIPs: [{cidr: 10.96.0.0/12}]', 'listenPort: 179'),
    ends: ['host/customer', 'svc/shop/api:80'],
    says: [
      /^host\/edge has no route to 10\.96\.0\.30: no node announces it: BGPConfiguration default has none whose serviceClusterIPs hold 10\.96\.0\.30\.$/,
    ],
  },
  {
    what: 'a single address whose Service has no endpoint',
    topology: 'bgp-services',
    edit: (text) =>
      text
        .replace('cidr: 198.51.100.64/26', 'cidr: 198.51.100.70/32')
        .replace('selector: {app: web}', 'selector: {app: gone}'),
    ends: ['host/customer', '198.51.100.70:80'],
    says: [
      /^host\/edge has no route to 198\.51\.100\.70: no node announces it: Service shop\/web has externalTrafficPolicy: Local, and no endpoint\.$/,
    ],
  },
  {
    what: 'a filter of Services’ addresses',
    topology: 'bgp-services',
    more: NO_SERVICES,
    edit: FILTERED_PEER,
    ends: ['host/customer', 'svc/shop/api:80'],
    says: [
      /^host\/edge has no route to 10\.96\.0\.30, which Calico announces by BGP from node\/node1, node\/node2, node\/node3\.$/,
      /^BGP session node1 of host\/edge is up, and BGPFilter no-services rejects it: node\/node1 does not tell host\/edge of 10\.96\.0\.0\/12 \(export\)\.$/,
    ],
  },
];

for (const { what, topology, more, edit, ends, says } of UNANNOUNCED) {
  t.test(`a router has no route for ${what}`, async (t) => {
    const [, ...told] = traceIn(clusterLike(topology, more, edit), ends).explanation;
    t.match(told, says);
    t.equal(told.length, says.length, told.join('\n'));
    t.equal(traceIn(clusterLike(topology, more), ends).verdict, 'answered');
  });
}

t.test('a router whose own filter keeps a route is told of with it', async (t) => {
  const cluster = clusterLike('bgp-peered-gateway', '', (text) =>
    text.replace('import where net ~ [ 192.168.0.0/16{26,32} ];', 'import where net ~ [ 10.0.0.0/8{26,32} ];'),
  );
  t.match(
    traceIn(cluster, ['host/spine', 'pod/shop/far:5432']).explanation.join('\n'),
    /BGP session node3 of host\/spine is up, and host\/spine does not take from node\/node3 192\.168\.\S+: its import filter rejects it\.$/m,
  );
});

for (const { what, topology, more, edit, ends, says } of UNHEARD) {
  t.test(`a route is missing for ${what}`, async (t) => {
    for (const most of [24, 0]) {
      const cluster = clusterLike(topology, more, edit);
      cluster.bringRouting(birdRoutingUpTo(most));
      const [, ...told] = traceIn(cluster, ends).explanation;
      t.match(told, says, `by messages up to ${most}`);
      t.equal(told.length, says.length, told.join('\n'));
    }
  });
}

t.test('a trace is not told of sessions where routes have nothing to do with it', async (t) => {
  const cluster = clusterLike('bgp-one-subnet');
  const closed = traceIn(cluster, ['pod/shop/client', 'pod/shop/db:81']);
  t.equal(closed.verdict, 'refused');
  t.notMatch(closed.explanation.join('\n'), /BGP|route to/);
});

t.test('packets that come to a pod another way are told of the route that they did not find', async (t) => {
  const ways = [
    ['answered', ['pod/shop/client', 'pod/shop/far:5432']],
    ['refused', ['pod/shop/client', 'pod/shop/far:81']],
  ] as const;
  for (const [verdict, ends] of ways) {
    const round = traceIn(clusterLike('bgp-peered-gateway', NO_MESH), ends);
    t.equal(round.verdict, verdict);
    const told = round.explanation.join('\n');
    t.match(
      told,
      /^node\/node1 has no route to 192\.168\.\S+, the block of node\/node3 \(it has only default via 172\.18\./m,
    );
    t.match(told, /^There is no BGP session between node\/node1 and node\/node3: .* has nodeToNodeMeshEnabled: false/m);
    const straight = traceIn(clusterLike('bgp-peered-gateway'), ends);
    t.equal(straight.verdict, verdict);
    t.notMatch(straight.explanation.join('\n'), /BGP|route to/);
  }
});

t.test('BIRD listens where its files say, and what it programs is the mesh’s', async (t) => {
  const port = `
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec: {listenPort: 1790, bindMode: NodeIP}
`;
  const cluster = clusterLike('bgp-one-subnet', port);
  t.equal(traceIn(cluster, ['node/node1', 'node/node2:1790']).verdict, 'answered');
  t.equal(traceIn(cluster, ['node/node1', 'node/node2:179']).verdict, 'refused');
  t.match(
    outputOf(cluster, 'node/node1', 'ip route'),
    /^192\.168\.104\.0\/26 via 172\.18\.0\.3 dev eth0 proto bird metric 1024 $/m,
  );
});

t.test('a large network tells the same of its sessions', async (t) => {
  const cluster = clusterLike('bgp-one-subnet', DROP_179('INPUT', 'node1'));
  cluster.bringRouting(birdRoutingUpTo(0));
  const told = traceIn(cluster, ['pod/shop/client', 'pod/shop/db:5432']).explanation.join('\n');
  t.match(told, /node\/node1 has no route to 192\.168\.104\.0\/26/);
  t.match(
    told,
    /BGP session Mesh_172_18_0_3 of node\/node1 with node\/node2 is Passive: .*chain INPUT: .*--dport 179 -j DROP/,
  );
});

t.test('a router’s configuration that cannot be read is an error with its place', async (t) => {
  const sources = sourcesOf('bgp-peered-gateway').map(({ file, text }) => ({
    file,
    text: text.replace('router id 172.18.0.1;', 'router id 172.18.0.1;\n        protocol ospf { }'),
  }));
  t.match(new RoutedCluster(sources).errors.map(formatConfigError), [
    /^network\.yaml:18:\d+: PhysicalNetwork two-racks: spec\.routers\[0\]\.bird: expected a configuration of BIRD 2, got line 2, column 10: protocol ospf/,
  ]);
});

t.test('what a router’s configuration asks for and nobody does is told with its place', async (t) => {
  const sources = sourcesOf('bgp-peered-gateway').map(({ file, text }) => ({
    file,
    text: text.replace('router id 172.18.0.1;', 'router id 172.18.0.1;\n        template bgp fast { bfd on; }'),
  }));
  const cluster = new RoutedCluster(sources);
  t.strictSame(cluster.errors, []);
  t.match(cluster.findings.map(formatFinding), [
    /network\.yaml:18:\d+.*BIRD on spine: line 2, column \d+: BFD is not modelled/,
  ]);
});

/** A router of an AS of its own beside the mesh. Real daemons come to the same routes. */
const otherAs =
  (peer: string): Edit =>
  (text) =>
    text.replace('local as 64512', 'local as 65000').replaceAll('asNumber: 64512', `asNumber: 65000${peer}`);

const ACROSS = ['pod/shop/client', 'pod/shop/far:5432'] as const;

t.test(
  'a router of another AS beside a mesh takes one node for all blocks, and that one sends packets back',
  async (t) => {
    const cluster = clusterLike('bgp-peered-gateway', '', otherAs(''));
    const routes = cluster
      .host('spine')
      .netns.fib.listRoutes(254)
      .filter((line) => line.includes('proto bird'));
    t.equal(routes.length, 3);
    for (const line of routes) t.match(line, / via 172\.18\.0\.2 dev eth0 /);
    t.equal(traceIn(cluster, ACROSS).verdict, 'ttl-exceeded');
  },
);

t.test('nodes that keep the next hop tell a router of another AS which node has a block', async (t) => {
  const cluster = clusterLike('bgp-peered-gateway', '', otherAs(', keepOriginalNextHop: true'));
  const routes = cluster
    .host('spine')
    .netns.fib.listRoutes(254)
    .filter((line) => line.includes('proto bird'));
  t.same(
    routes.map((line) => / via (\S+) /.exec(line)?.[1]),
    ['172.18.0.3', '172.18.1.4', '172.18.0.2'],
  );
  t.equal(traceIn(cluster, ACROSS).verdict, 'answered');
});

t.test('one password on both sides lets the session come up, signed', async (t) => {
  const cluster = clusterLike('bgp-peered-gateway', SECRET, (text) =>
    text
      .replaceAll('asNumber: 64512}', `asNumber: 64512, ${PASSWORD}}`)
      .replace('neighbor as 64512;', 'neighbor as 64512; password "secret";'),
  );
  t.equal(traceIn(cluster, ACROSS).verdict, 'answered');
  t.same(
    cluster.findings.filter(({ message }) => /BIRD|password/.test(message)),
    [],
  );
});
