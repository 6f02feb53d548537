import t from 'tap';
import { addressOf, formatAddress, formatCidr } from '../../src/calico/cidr.js';
import type { FelixCluster, FelixHost } from '../../src/calico/felix/calc/input.js';
import { computeFelix } from '../../src/calico/felix/felix.js';
import { formatTables } from '../../src/calico/felix/format.js';
import { type ParameterLayer, felixEnvironment, readFelixConfig } from '../../src/calico/felix/parameters.js';
import { lacksMarks } from '../../src/calico/felix/rules/config.js';
import type { FelixRoute, FelixState } from '../../src/calico/felix/state.js';
import { type Cause, formatCause } from '../../src/trace/index.js';
import { cidr, cluster, host, pod, pool, vxlanResources } from './samples.js';

function print({ type, destination, via, dev, onlink, metric, protocol, mtu }: FelixRoute): string {
  return [
    ...(type === 'blackhole' ? ['blackhole'] : []),
    formatCidr(destination),
    ...(via ? [`via ${formatAddress(via)}`] : []),
    ...(dev === undefined ? [] : [`dev ${dev}`]),
    ...(onlink ? ['onlink'] : []),
    ...(protocol === 3 ? [] : [`proto ${protocol}`]),
    ...(metric === 0 ? [] : [`metric ${metric}`]),
    ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
  ].join(' ');
}

const routesOf = (cluster_: FelixCluster, host_: FelixHost): string[] =>
  computeFelix(cluster_, host_).routes.map(print).toSorted();

const NODE1 = host('node1', '172.18.0.2/24');

t.test('a neighbour on the wire is reached directly, another through the tunnel', async (t) => {
  t.same(routesOf(cluster(), NODE1), [
    '10.1.0.128/26 via 10.1.0.128 dev vxlan.calico onlink mtu 1450',
    '10.1.0.64/26 via 172.18.0.3 dev eth0 onlink proto 80',
    'blackhole 10.1.0.0/26 proto 80',
  ]);
});

t.test('a borrowed address has a route of its own, on the owner too', async (t) => {
  const [block1, block2, block3] = vxlanResources().blocks;
  const borrowed = [{ address: addressOf(cidr('10.1.0.9')), host: 'node3' }];
  const lent = cluster({
    blocks: [block1, block2, block3].flatMap((block) =>
      block ? [block === block1 ? { ...block, borrowed } : block] : [],
    ),
  });
  const wanted = '10.1.0.9/32 via 10.1.0.128 dev vxlan.calico onlink mtu 1450';
  t.ok(routesOf(lent, NODE1).includes(wanted), 'on the owner of the block');
  t.ok(routesOf(lent, host('node2', '172.18.0.3/24')).includes(wanted), 'on others');
  const borrower = { ...host('node3', '172.18.1.4/24'), endpoints: [pod('web', 'node3', '10.1.0.9')] };
  const there = routesOf(lent, borrower).filter((route) => route.startsWith('10.1.0.9/32'));
  t.match(
    there,
    [/^10\.1\.0\.9\/32 dev cali[0-9a-f]{11} metric 1024$/],
    'on the borrower the endpoint has it, and nothing else',
  );
});

/** A pool of each kind, with a block on either node. */
function everyPool(): FelixCluster {
  const kinds = { vxlan: { vxlanMode: 'Always' }, ipip: { ipipMode: 'Always' }, plain: {} } as const;
  return cluster({
    pools: Object.entries(kinds).map(([name, modes], i) => ({ ...pool(`10.${i + 1}.0.0/16`, modes), name })),
    blocks: [1, 2, 3].flatMap((i) => [
      { cidr: cidr(`10.${i}.0.0/26`), host: 'node1', borrowed: [] },
      { cidr: cidr(`10.${i}.0.64/26`), host: 'node2', borrowed: [] },
    ]),
  });
}

t.test(
  'beside an overlay nobody programs routes without one, and dead ends are those of the last manager',
  async (t) => {
    const felixs = (parameters: Readonly<Record<string, string>>): string[] =>
      routesOf(everyPool(), host('node1', '172.18.0.2/24', { ProgramClusterRoutes: 'Enabled', ...parameters }));
    const vxlan = '10.1.0.64/26 via 10.1.0.64 dev vxlan.calico onlink mtu 1450';
    const ipip = '10.2.0.64/26 via 172.18.0.3 dev tunl0 onlink proto 80 mtu 1480';
    t.same(felixs({}), [vxlan, ipip, 'blackhole 10.2.0.0/26 proto 80']);
    t.same(felixs({ IpInIpEnabled: 'false' }), [vxlan, 'blackhole 10.1.0.0/26 proto 80']);
    t.same(felixs({ VXLANEnabled: 'false', IpInIpEnabled: 'false' }), [
      '10.3.0.64/26 via 172.18.0.3 dev eth0 onlink proto 80',
      'blackhole 10.3.0.0/26 proto 80',
    ]);
  },
);

t.test('where workloads tell where addresses are each has a route of its own, and blocks have none', async (t) => {
  const local = pod('web', 'node1', '10.1.0.5');
  const endpoints = [local, pod('db', 'node2', '10.1.0.70'), pod('api', 'node3', '10.1.0.9')];
  const tuned = host('node1', '172.18.0.2/24', { RouteSource: 'WorkloadIPs' });
  t.same(routesOf(cluster({ endpoints }), { ...tuned, endpoints: [local] }), [
    `10.1.0.5/32 dev ${local.interfaceName} metric 1024`,
    '10.1.0.70/32 via 172.18.0.3 dev eth0 onlink proto 80',
    '10.1.0.9/32 via 10.1.0.128 dev vxlan.calico onlink mtu 1450',
  ]);
});

t.test("a tunnel address outside of its node's blocks gets a route of its own", async (t) => {
  const { nodes } = vxlanResources();
  const moved = nodes.map((one) =>
    one.name === 'node3' ? { ...one, ipv4VxlanTunnelAddress: addressOf(cidr('10.1.0.70')) } : one,
  );
  t.ok(routesOf(cluster({ nodes: moved }), NODE1).includes('10.1.0.70/32 dev vxlan.calico mtu 1450'));
});

t.test('a block of one address has no dead end', async (t) => {
  const blocks = [{ cidr: cidr('10.1.0.7/32'), host: 'node1', borrowed: [] }];
  t.same(routesOf(cluster({ blocks }), NODE1), []);
});

t.test('without a tunnel address of its own a node has no VXLAN device, nor routes into one', async (t) => {
  const { nodes } = vxlanResources();
  const [first, ...rest] = nodes;
  const { ipv4VxlanTunnelAddress: _, ...bare } = first ?? { name: '', labels: {} };
  const state = computeFelix(cluster({ nodes: [bare, ...rest] }), NODE1);
  t.equal(state.vxlan, undefined);
  t.same(state.routes.map(print), ['blackhole 10.1.0.0/26 proto 80']);
});

t.test('a configured route protocol and source address are used for all', async (t) => {
  const tuned = host('node1', '172.18.0.2/24', { DeviceRouteProtocol: '99', DeviceRouteSourceAddress: '172.18.0.2' });
  const { routes } = computeFelix(cluster(), { ...tuned, endpoints: [pod('web', 'node1', '10.1.0.5')] });
  t.same([...new Set(routes.map(({ protocol }) => protocol))], [99]);
  const sources = routes.filter(({ type }) => type === 'unicast').map(({ source }) => source && formatAddress(source));
  t.same([...new Set(sources)], ['172.18.0.2']);
});

t.test('the MTU of pods is the smallest of the encapsulations in use', async (t) => {
  const mtu = (pools: Parameters<typeof cluster>[0], parameters = {}) =>
    computeFelix(cluster(pools), host('node1', '172.18.0.2/24', parameters)).mtu.pod;
  t.equal(mtu({ pools: [pool('10.1.0.0/16')] }), 1500);
  t.equal(mtu({ pools: [pool('10.1.0.0/16', { ipipMode: 'CrossSubnet' })] }), 1480);
  t.equal(mtu({}), 1450);
  t.equal(mtu({}, { VXLANMTU: '8950' }), 8950, 'a configured one is taken as it is');
  t.equal(mtu({}, { MTUIfacePattern: '^bond' }), 1410, 'without an uplink 1460 is assumed');
});

const everyCause = (state: FelixState): string[] => {
  const tables = Object.values(state.tables).flatMap(({ chains, kernelChains }) => [
    ...chains.flatMap(({ rules }) => rules),
    ...kernelChains.flatMap(({ inserts, appends }) => [...inserts, ...appends]),
  ]);
  const all: readonly { readonly because: readonly Cause[] }[] = [
    ...tables,
    ...state.routes,
    ...state.ipsets,
    ...state.sysctls,
  ];
  return all.map(({ because }) => because.map(formatCause).join('; '));
};

t.test('everything that is programmed says why', async (t) => {
  const state = computeFelix(cluster(), { ...NODE1, endpoints: [pod('web', 'node1', '10.1.0.5')] });
  t.notOk(everyCause(state).includes(''), 'no cause is empty');
});

const rulesBecauseOf = (state: FelixState, name: string): number =>
  everyCause(state).filter((because) => because.includes(name)).length;

t.test('without the object that it names, a rule or route is gone', async (t) => {
  const web = pod('web', 'node1', '10.1.0.5');
  const with_ = computeFelix(cluster(), { ...NODE1, endpoints: [web] });
  const text = formatTables(with_);
  t.ok(rulesBecauseOf(with_, 'Pod shop/web') > 10);
  t.ok(text.includes(web.interfaceName));
  t.notOk(formatTables(computeFelix(cluster(), NODE1)).includes(web.interfaceName), 'the pod');
  t.ok(rulesBecauseOf(with_, 'IPPool pool') > 5);
  const poolless = computeFelix(cluster({ pools: [] }), { ...NODE1, endpoints: [web] });
  t.notMatch(formatTables(poolless), /all-vxlan-net|vxlan\.calico|NOTRACK|MASQUERADE/, 'the pool');
  for (const word of ['all-vxlan-net', 'vxlan.calico', 'NOTRACK', 'MASQUERADE'])
    t.ok(text.includes(word), `${word} is there with the pool`);
  t.same(
    poolless.routes.map(({ class: kind }) => kind),
    ['local-workload'],
  );
  const nodes = vxlanResources().nodes.filter(({ name }) => name !== 'node3');
  const without3 = computeFelix(cluster({ nodes }), NODE1);
  t.equal(rulesBecauseOf(without3, 'Node node3'), 0, 'the node');
});

t.test('services that nobody serves do not circle between the hosts', async (t) => {
  const serviceCidrs = [{ cidr: '10.96.0.0/12', because: [{ kind: 'BGPConfiguration', name: 'default' }] }];
  const chain = (parameters: Record<string, string>): string[] | undefined =>
    computeFelix(cluster({ serviceCidrs }), host('node1', '172.18.0.2/24', parameters))
      .tables.filter.chains.find(({ name }) => name === 'cali-cidr-block')
      ?.rules.map(({ text }) => text.replace(/^.*?" /, ''));
  t.same(chain({}), ['--destination 10.96.0.0/12 --jump DROP']);
  t.same(chain({ ServiceLoopPrevention: 'Reject' }), ['--destination 10.96.0.0/12 --jump REJECT']);
  t.same(chain({ ServiceLoopPrevention: 'Disabled' }), []);
});

const layer = (parameters: Record<string, string>): ParameterLayer => ({ parameters, because: [] });

t.test('parameters come from the strongest source that has them', async (t) => {
  const { config } = readFelixConfig([
    layer(felixEnvironment({ FELIX_DEFAULTENDPOINTTOHOSTACTION: 'ACCEPT', PATH: '/bin', FELIX_VXLANMTU: '' })),
    layer({ defaultEndpointToHostAction: 'Return', vxlanMTU: '1400' }),
    layer({ vxlanMTU: '1300', ipipMTU: '1200', logPrefix: 'x' }),
  ]);
  t.equal(config.defaultEndpointToHostAction, 'ACCEPT');
  t.equal(config.ipipMtu, 1200, 'the API spells some names otherwise');
  t.equal(config.logPrefix, 'x');
});

t.test('a value that cannot be read leaves the default and is reported, or ends Felix', async (t) => {
  const { config, problems, fatal } = readFelixConfig([
    layer({
      DefaultEndpointToHostAction: 'REJECT',
      VXLANPort: 'many',
      FailsafeInboundHostPorts: 'tcp:99999',
      NATPortRange: '5:1',
      InterfacePrefix: 'cali, tap',
    }),
  ]);
  t.equal(config.defaultEndpointToHostAction, 'DROP');
  t.equal(config.vxlanPort, 4789);
  t.equal(config.failsafeInbound.length, 9);
  t.equal(config.natPortRange, undefined);
  t.same(
    problems.map((problem) => problem.split(':')[0]),
    ['NATPortRange', 'VXLANPort'],
  );
  t.same(
    fatal.map((problem) => problem.split(':')[0]),
    ['InterfacePrefix', 'DefaultEndpointToHostAction', 'FailsafeInboundHostPorts'],
  );
});

t.test('Felix needs a bit of the mark for each meaning, and one for endpoints', async (t) => {
  t.equal(lacksMarks(0x3f00), undefined);
  t.match(lacksMarks(0x1f00), /0x1f00 has too few bits/);
  t.match(lacksMarks(0x3f00, true), /0x3f00 has too few bits/, 'and one for WireGuard where that is on');
});

t.test('WireGuard is let in and out, and takes its part of the MTU and of the mark', async (t) => {
  const tuned = host('node1', '172.18.0.2/24', { WireguardEnabled: 'true', WireguardHostEncryptionEnabled: 'true' });
  const state = computeFelix(cluster({ pools: [pool('10.1.0.0/16')] }), tuned);
  t.equal(state.mtu.pod, 1440);
  const text = formatTables(state);
  t.match(text, /-A cali-INPUT .*"Allow incoming IPv4 Wireguard packets" -p 17 .*--destination-ports 51820 /);
  t.match(text, /-A cali-OUTPUT .*"Allow outgoing IPv4 Wireguard packets" -p 17 /);
  t.match(text, /-A cali-POSTROUTING .*--out-interface wireguard\.cali .*--jump MASQUERADE/);
  t.match(text, /-A cali-wireguard-incoming-mark .*--set-mark 0x200000\/0x200000/);
});

t.test('where Calico serves OpenStack workloads may ask for addresses, names and metadata', async (t) => {
  const rules = (parameters: Readonly<Record<string, string>>): string =>
    formatTables(computeFelix(cluster(), host('node1', '172.18.0.2/24', parameters)));
  const dhcp = /-A cali-wl-to-host .*-p udp .*--source-ports 68 .*--destination-ports 67 --jump ACCEPT/;
  t.notMatch(rules({}), dhcp);
  t.match(rules({ InterfacePrefix: 'cali,tap' }), dhcp);
  t.match(
    rules({ ClusterType: 'k8s,openstack' }),
    /--destination 169\.254\.169\.254\/32 --jump DNAT .*127\.0\.0\.1:8775/,
  );
  t.notMatch(rules({ ClusterType: 'openstack', MetadataAddr: 'none' }), /169\.254\.169\.254/);
});

t.test('interfaces that are excluded are none of the host for sets and host endpoints', async (t) => {
  const tuned = host('node1', '172.18.0.2/24', { InterfaceExclude: '/^eth/,docker0' });
  const dummy = { name: 'dummy0', up: true, mtu: 1500, addresses: [cidr('10.9.9.9/32')] };
  const hostEndpoint = { node: 'node1', labels: {}, profiles: [], ports: [] };
  const endpoints = [
    { ...hostEndpoint, name: 'by-name', interfaceName: 'eth0', expectedIps: [] },
    { ...hostEndpoint, name: 'by-address', interfaceName: '', expectedIps: [addressOf(cidr('10.9.9.9'))] },
  ];
  const all = { ...tuned, interfaces: [...tuned.interfaces, dummy] };
  const state = computeFelix(cluster({ hostEndpoints: endpoints }), all);
  t.same(state.ipsets.find(({ id }) => id === 'this-host')?.members, ['10.9.9.9', '127.0.0.1']);
  const chains = state.tables.filter.chains.map(({ name }) => name).filter((name) => name.startsWith('cali-fh-'));
  t.same(chains, ['cali-fh-dummy0']);
});

t.test('failsafe ports carry a protocol and peers', async (t) => {
  const { config } = readFelixConfig([
    layer({
      FailsafeInboundHostPorts: '22,udp:68,tcp:10.1.2.3/8:2379,udp:10.0.0.7:53,tcp:[fd00::/8]:22',
      FailsafeOutboundHostPorts: 'none',
    }),
  ]);
  t.same(config.failsafeInbound, [
    { protocol: 'tcp', port: 22 },
    { protocol: 'udp', port: 68 },
    { protocol: 'tcp', port: 2379, net: '10.0.0.0/8' },
    { protocol: 'udp', port: 53, net: '10.0.0.7/32' },
    { protocol: 'tcp', port: 22, net: 'fd00::/8' },
  ]);
  t.same(config.failsafeOutbound, []);
});
