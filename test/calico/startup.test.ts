import t from 'tap';
import { addressOf, type Cidr, formatAddress, formatCidr } from '../../src/calico/cidr.js';
import { autoAssign } from '../../src/calico/ipam/auto-assign.js';
import { addressesByHandle } from '../../src/calico/ipam/query.js';
import { IpamStore } from '../../src/calico/ipam/store.js';
import type { IpPool } from '../../src/calico/model.js';
import { type DetectionHost, detectAddress, nodeAddress } from '../../src/calico/startup/autodetect.js';
import { type DefaultPoolFacts, defaultPools } from '../../src/calico/startup/default-pools.js';
import { type Environment, networkingBackend, StartupError } from '../../src/calico/startup/environment.js';
import { startNode } from '../../src/calico/startup/node-resource.js';
import { reconcileTunnelAddresses } from '../../src/calico/startup/tunnel-addresses.js';
import { cidr, ipamContext, node, pool } from './samples.js';

const HOST: DetectionHost = {
  interfaces: [
    { name: 'lo', addresses: [cidr('127.0.0.1/8')] },
    { name: 'eth0', addresses: [cidr('10.0.0.5/24')] },
    { name: 'eth1', addresses: [cidr('169.254.3.3/16'), cidr('192.0.2.9/28')] },
    { name: 'docker0', addresses: [cidr('172.17.0.1/16')] },
  ],
  internalIps: [addressOf(cidr('10.0.0.5'))],
  sourceFor: (destination) =>
    ({ '198.51.100.1': addressOf(cidr('10.0.0.5')), '198.51.100.2': addressOf(cidr('203.0.113.9')) })[destination],
};

const METHODS: readonly { readonly method: string; readonly finds: string | undefined }[] = [
  { method: '', finds: '192.0.2.9/28' },
  { method: 'first-found', finds: '192.0.2.9/28' },
  { method: 'interface=eth0', finds: '10.0.0.5/24' },
  { method: 'interface=eth.*', finds: '192.0.2.9/28' },
  { method: 'interface=docker0', finds: '172.17.0.1/16' },
  { method: 'skip-interface=eth1', finds: '10.0.0.5/24' },
  { method: 'cidr=10.0.0.0/8,203.0.113.0/24', finds: '10.0.0.5/24' },
  { method: 'cidr=nonsense', finds: undefined },
  { method: 'can-reach=198.51.100.1', finds: '10.0.0.5/24' },
  { method: 'can-reach=nowhere.example', finds: undefined },
  { method: 'can-reach=198.51.100.2', finds: undefined },
  { method: 'interface=(', finds: undefined },
  { method: 'kubernetes-internal-ip', finds: '10.0.0.5/24' },
];

t.test('an InternalIP that no interface has is not taken', async (t) => {
  const translated = { ...HOST, internalIps: [addressOf(cidr('203.0.113.9'))] };
  t.equal(detectAddress('kubernetes-internal-ip', 4, translated), undefined);
});

t.test('a method is known by its whole name', async (t) => {
  for (const method of ['interface', 'first-found=eth0', 'can-reach', 'cidr', 'skip-interface'])
    t.throws(() => detectAddress(method, 4, HOST), StartupError, method);
});

const text = (found: Cidr | undefined): string | undefined => found && formatCidr(found);

for (const { method, finds } of METHODS) {
  t.test(`autodetection by "${method}" finds ${finds ?? 'nothing'}`, async (t) => {
    t.equal(text(detectAddress(method, 4, HOST)), finds);
  });
}

t.test("a node's address", async (t) => {
  const of = (environment: Environment, known?: string) =>
    text(nodeAddress(environment, 4, HOST, known === undefined ? undefined : cidr(known)));
  t.equal(of({ IP: '10.0.0.5' }), '10.0.0.5/24', 'a bare address takes the prefix of its interface');
  t.equal(of({ IP: '203.0.113.7' }), '203.0.113.7/32', 'one that no interface has stays alone');
  t.equal(of({}, '10.9.9.9/24'), '10.9.9.9/24', 'a known address stays unless detection is asked for');
  t.equal(of({ IP: 'autodetect' }, '10.9.9.9/24'), '192.0.2.9/28');
  t.equal(of({ IP: 'autodetect', IP_AUTODETECTION_METHOD: 'cidr=nonsense' }, '10.9.9.9/24'), '10.9.9.9/24');
  t.equal(of({ IP: 'none' }), undefined);
  t.throws(() => of({ IP: 'autodetect', IP_AUTODETECTION_METHOD: 'interface=wlan0' }), StartupError);
  t.throws(() => of({ IP: 'autodetect', IP_AUTODETECTION_METHOD: 'guess' }), /autodetection method/);
  t.throws(() => of({ IP: 'here' }), /IP: expected/);
  t.equal(text(nodeAddress({}, 6, HOST)), undefined, 'IPv6 is never looked for unasked');
});

const FACTS: DefaultPoolFacts = {
  existing: [],
  kubeadmPodSubnets: [],
  hostAddresses: [],
  ipv6Supported: false,
  uniqueLocalPrefix: () => cidr('fd12:3456:789a::/48'),
};

const made = (environment: Environment, facts: Partial<DefaultPoolFacts> = {}): IpPool[] =>
  defaultPools(environment, { ...FACTS, ...facts });
const cidrs = (pools: readonly IpPool[]): string[] => pools.map((one) => formatCidr(one.cidr));

t.test('the default pool is what the environment says', async (t) => {
  const [plain] = made({});
  t.match(plain, {
    name: 'default-ipv4-ippool',
    blockSize: 26,
    ipipMode: 'Never',
    vxlanMode: 'Never',
    natOutgoing: true,
  });
  t.same(plain?.allowedUses, ['Workload', 'Tunnel']);
  const [given] = made({
    CALICO_IPV4POOL_CIDR: '10.244.0.0/16',
    CALICO_IPV4POOL_IPIP: 'cross-subnet',
    CALICO_IPV4POOL_BLOCK_SIZE: '24',
    CALICO_IPV4POOL_NAT_OUTGOING: 'false',
    CALICO_IPV4POOL_NODE_SELECTOR: "zone == 'x'",
    CALICO_IPV4POOL_DISABLE_BGP_EXPORT: 'true',
  });
  t.match(given, {
    blockSize: 24,
    ipipMode: 'CrossSubnet',
    natOutgoing: false,
    nodeSelector: "zone == 'x'",
    disableBgpExport: true,
  });
});

t.test('the range of the default pool keeps off the host', async (t) => {
  t.same(cidrs(made({})), ['192.168.0.0/16']);
  const crowded = ['192.168.1.5', '172.16.0.9'].map((one) => addressOf(cidr(one)));
  t.same(cidrs(made({}, { hostAddresses: crowded })), ['172.17.0.0/16']);
  t.same(
    cidrs(made({}, { hostAddresses: crowded, kubeadmPodSubnets: [cidr('192.168.0.0/17')] })),
    ['192.168.0.0/17'],
    "kubeadm's wins",
  );
});

t.test('no default pool is made where there is one, or none is wanted', async (t) => {
  t.same(made({}, { existing: [pool('10.0.0.0/24')] }), []);
  t.same(made({ CALICO_IPV4POOL_CIDR: 'none' }), []);
  t.same(made({ NO_DEFAULT_POOLS: 'true' }), []);
  t.same(cidrs(made({}, { ipv6Supported: true })), ['192.168.0.0/16', 'fd12:3456:789a::/48']);
});

t.test('what calico-node would end at is an error that names the variable', async (t) => {
  const errors: readonly Environment[] = [
    { NO_DEFAULT_POOLS: 'true', CALICO_IPV4POOL_CIDR: '10.0.0.0/16' },
    { CALICO_IPV4POOL_CIDR: '10.0.0.0' },
    { CALICO_IPV4POOL_CIDR: 'fd00::/64' },
    { CALICO_IPV4POOL_BLOCK_SIZE: '19' },
    { CALICO_IPV4POOL_IPIP: 'sometimes' },
    { CALICO_IPV4POOL_NODE_SELECTOR: 'zone =' },
    { CALICO_IPV4POOL_CIDR: '10.0.0.0/28' },
  ];
  for (const environment of errors) t.throws(() => made(environment), StartupError, JSON.stringify(environment));
});

t.test('the backend is bird unless it is said to be another', async (t) => {
  t.same(
    ['', 'bird', 'vxlan', 'none'].map((value) => networkingBackend({ CALICO_NETWORKING_BACKEND: value })),
    ['bird', 'bird', 'vxlan', 'none'],
  );
});

t.test('a fresh node takes its tunnel address before any pod, so pods start at .1', async (t) => {
  const context = ipamContext([pool('192.168.0.0/16', { vxlanMode: 'Always' })], { node1: {} });
  const store = new IpamStore();
  const reconciled = reconcileTunnelAddresses(store, node('node1', '172.18.0.2/24'), context);
  t.equal(reconciled.ipv4VxlanTunnelAddress && formatAddress(reconciled.ipv4VxlanTunnelAddress), '192.168.166.128');
  t.equal(reconciled.ipv4IpipTunnelAddress, undefined);
  t.same(addressesByHandle(store, 'vxlan-tunnel-addr-node1').map(formatAddress), ['192.168.166.128']);
  const first = autoAssign(store, { host: 'node1', version: 4, count: 1, use: 'Workload', attributes: {} }, context);
  t.same(first.addresses.map(formatCidr), ['192.168.166.129/26']);
  t.same(reconcileTunnelAddresses(store, reconciled, context), reconciled, 'a second run changes nothing');
});

t.test('a tunnel address is given back when its encapsulation is no more in use', async (t) => {
  const nodes = { node1: {} };
  const store = new IpamStore();
  const before = reconcileTunnelAddresses(
    store,
    node('node1', '172.18.0.2/24'),
    ipamContext([pool('10.0.0.0/24', { ipipMode: 'Always' })], nodes),
  );
  t.ok(before.ipv4IpipTunnelAddress);
  const after = reconcileTunnelAddresses(store, before, ipamContext([pool('10.0.0.0/24')], nodes));
  t.equal(after.ipv4IpipTunnelAddress, undefined);
  t.equal(store.handle('ipip-tunnel-addr-node1'), undefined);
});

t.test('a tunnel address outside of the pools is replaced by one inside', async (t) => {
  const store = new IpamStore();
  const stale = node('node1', '172.18.0.2/24', { ipv4VxlanTunnelAddress: addressOf(cidr('10.99.0.1')) });
  const found = reconcileTunnelAddresses(
    store,
    stale,
    ipamContext([pool('10.0.0.0/24', { vxlanMode: 'Always' })], { node1: {} }),
  );
  t.ok(found.ipv4VxlanTunnelAddress && formatAddress(found.ipv4VxlanTunnelAddress).startsWith('10.0.0.'));
});

const start = (environment: Environment, owner?: string) =>
  startNode(environment, HOST, { known: {}, ownerOf: () => owner });

t.test('a start writes address and AS number, and nothing where only policy is enforced', async (t) => {
  t.match(start({ AS: '65000.1' }), { asNumber: 65000 * 0x10000 + 1 });
  t.equal(start({})?.asNumber, undefined);
  t.equal(start({ CALICO_NETWORKING_BACKEND: 'none', IP_AUTODETECTION_METHOD: 'guess' }), undefined);
  t.ok(start({ CALICO_NETWORKING_BACKEND: 'vxlan' })?.ipv4Address);
});

t.test('a start ends where it would in a cluster', async (t) => {
  t.throws(() => start({ AS: '4294967296' }), /AS: expected an AS number/);
  t.throws(() => start({ AS: '65536.1' }), /AS: expected an AS number/);
  t.throws(() => start({ IP: 'none' }), /IP: expected an IPv4 or IPv6 address/);
  t.throws(() => start({}, 'node2'), /an address that Node node2 does not have, got "192\.0\.2\.9"/);
  t.ok(start({ DISABLE_NODE_IP_CHECK: 'true' }, 'node2'));
});

t.test('what is wrong with a default pool ends a start even where no pool is made', async (t) => {
  const existing = [pool('10.0.0.0/24')];
  t.throws(() => made({ CALICO_IPV4POOL_BLOCK_SIZE: '19' }, { existing }), StartupError);
  t.throws(() => made({ CALICO_IPV6POOL_CIDR: 'fd00::1' }, { existing }), StartupError);
  t.same(made({ CALICO_IPV4POOL_IPIP: 'sometimes' }, { existing }), [], 'modes are only read where a pool is made');
});

t.test("an IPv6 pool's VXLAN mode is lost where no IPv4 pool is wanted, as upstream loses it", async (t) => {
  const ipv6 = { ipv6Supported: true };
  t.match(made({ CALICO_IPV6POOL_VXLAN: 'Always' }, ipv6)[1], { vxlanMode: 'Always' });
  t.match(made({ CALICO_IPV6POOL_VXLAN: 'Always', CALICO_IPV4POOL_CIDR: 'none' }, ipv6)[0], { vxlanMode: 'Never' });
});
