import t from 'tap';
import { type FelixOwnership, programFelix } from '../../src/calico/felix/dataplane/program.js';
import { computeFelix } from '../../src/calico/felix/felix.js';
import type { LinkState, NetnsState, RouteState } from '../../src/kernel/index.js';
import { formatIpv4, formatMac, formatPrefix, ipv4, MAC_ZERO } from '../../src/packet/index.js';
import { cluster, host, pod } from './samples.js';

const OWNERSHIP: FelixOwnership = { interfacePrefixes: ['cali'], removeExternalRoutes: true };

const link = (ifindex: number, name: string, kind: LinkState['kind']): LinkState => ({
  ifindex,
  name,
  kind,
  mac: MAC_ZERO,
  mtu: 1500,
  up: true,
  txqlen: 1000,
  because: [],
});

const route = (destination: number, length: number, changes: Partial<RouteState>): RouteState => ({
  table: 254,
  type: 'unicast',
  destination: { addr: ipv4(destination), length },
  tos: 0,
  metric: 0,
  scope: 'global',
  protocol: 3,
  nextHops: [],
  because: [],
  ...changes,
});

const hop = (dev: string) => [{ dev, onlink: false, weight: 1 }];

const web = pod('web', 'node1', '10.1.0.5');
const POD_ADDRESS = 0x0a010005;

/** A host after the CNI plugin, kube-proxy and the administrator were there. */
const BEFORE: NetnsState = {
  name: '',
  links: [link(1, 'lo', 'loopback'), link(2, 'eth0', 'ethernet'), link(3, web.interfaceName, 'veth')],
  addresses: [],
  routes: [
    route(0, 0, { nextHops: [{ dev: 'eth0', via: ipv4(0xac120001), onlink: false, weight: 1 }] }),
    route(POD_ADDRESS, 32, { scope: 'link', nextHops: hop(web.interfaceName) }),
  ],
  rules: [],
  neighbours: [],
  fdb: [],
  sysctls: { [`net.ipv4.conf.${web.interfaceName}.rp_filter`]: '0', 'net.ipv4.ip_default_ttl': '32' },
  ipsets: [
    { name: 'theirs', type: 'hash:ip', options: '', members: [], because: [] },
    { name: 'cali40old', type: 'hash:ip', options: '', members: [], because: [] },
  ],
  iptables: [
    {
      name: 'filter',
      chains: [
        { name: 'INPUT', policy: 'ACCEPT', rules: [{ text: '-j KUBE-FIREWALL', because: [] }] },
        {
          name: 'FORWARD',
          policy: 'DROP',
          rules: [
            { text: '-m comment --comment "cali:0123456789abcdef" -j cali-FORWARD', because: [] },
            { text: '-j KUBE-FORWARD', because: [] },
          ],
        },
        { name: 'OUTPUT', policy: 'ACCEPT', rules: [] },
        { name: 'KUBE-FIREWALL', rules: [] },
        { name: 'cali-old', rules: [] },
      ],
    },
    {
      name: 'nat',
      chains: [{ name: 'POSTROUTING', policy: 'ACCEPT', rules: [{ text: '-j KUBE-POSTROUTING', because: [] }] }],
    },
    { name: 'security', chains: [] },
  ],
  listeners: [],
};

const NODE1 = { ...host('node1', '172.18.0.2/24'), endpoints: [web] };
const felix = computeFelix(cluster(), NODE1);
const after = programFelix(BEFORE, felix, OWNERSHIP);

const rulesOf = (state: NetnsState, table: string, chain: string): string[] =>
  (state.iptables.find(({ name }) => name === table)?.chains.find(({ name }) => name === chain)?.rules ?? []).map(
    ({ text }) => text.replace(/^-m comment --comment "cali:\S+" /, ''),
  );

t.test("Felix' rules stand before those of others, and NAT on the way out after", async (t) => {
  t.same(rulesOf(after, 'filter', 'INPUT'), ['--jump cali-INPUT', '-j KUBE-FIREWALL']);
  t.same(rulesOf(after, 'nat', 'POSTROUTING'), ['-j KUBE-POSTROUTING', '--jump cali-POSTROUTING']);
  const [first, second, ...appended] = rulesOf(after, 'filter', 'FORWARD');
  t.same([first, second], ['--jump cali-FORWARD', '-j KUBE-FORWARD'], 'an old rule of its own is gone');
  t.equal(appended.length, 2);
});

t.test('chains of others and policies stay, old chains of its own go', async (t) => {
  const filter = after.iptables.find(({ name }) => name === 'filter');
  t.equal(filter?.chains.find(({ name }) => name === 'FORWARD')?.policy, 'DROP');
  t.ok(filter?.chains.some(({ name }) => name === 'KUBE-FIREWALL'));
  t.notOk(filter?.chains.some(({ name }) => name === 'cali-old'));
  t.same(after.iptables.map(({ name }) => name).toSorted(), ['filter', 'mangle', 'nat', 'raw', 'security']);
});

t.test('in append mode the inserted rules come last', async (t) => {
  const appending = computeFelix(cluster(), {
    ...host('node1', '172.18.0.2/24', { ChainInsertMode: 'Append' }),
    endpoints: [web],
  });
  t.same(rulesOf(programFelix(BEFORE, appending, OWNERSHIP), 'filter', 'INPUT'), [
    '-j KUBE-FIREWALL',
    '--jump cali-INPUT',
  ]);
});

t.test("the plugin's route without a metric is replaced, others' routes stay", async (t) => {
  const printed = after.routes.map(
    ({ destination, metric, nextHops }) => `${formatPrefix(destination)} ${nextHops[0]?.dev ?? ''} ${metric}`,
  );
  t.same(printed.toSorted(), [
    '0.0.0.0/0 eth0 0',
    '10.1.0.0/26  0',
    '10.1.0.128/26 vxlan.calico 0',
    `10.1.0.5/32 ${web.interfaceName} 1024`,
    '10.1.0.64/26 eth0 0',
  ]);
  const kept = programFelix(BEFORE, felix, { ...OWNERSHIP, removeExternalRoutes: false });
  t.equal(kept.routes.length, after.routes.length + 1);
});

t.test('the VXLAN device comes with its address, neighbours and forwarding entries', async (t) => {
  const device = after.links.find(({ name }) => name === 'vxlan.calico');
  t.match(device, {
    ifindex: 4,
    kind: 'vxlan',
    mtu: 1450,
    vxlan: { vni: 4096, port: 4789, learning: false, dev: 'eth0' },
  });
  t.equal(device && formatMac(device.mac), '66:f9:37:c3:7e:94');
  t.same(
    after.addresses.map(({ dev, address, prefixLength }) => `${dev} ${formatIpv4(address)}/${prefixLength}`),
    ['vxlan.calico 10.1.0.0/32'],
  );
  t.same(
    after.neighbours.map(
      ({ address, mac, state }) => `${formatIpv4(address)} ${mac === undefined ? '' : formatMac(mac)} ${state}`,
    ),
    ['10.1.0.64 66:2d:bf:44:a6:8b permanent', '10.1.0.128 66:a4:6f:e0:c4:da permanent'],
  );
  t.same(
    after.fdb.map(
      ({ mac, remote, where }) => `${formatMac(mac)} ${remote === undefined ? '' : formatIpv4(remote)} ${where}`,
    ),
    ['66:2d:bf:44:a6:8b 172.18.0.3 self', '66:a4:6f:e0:c4:da 172.18.1.4 self'],
  );
});

t.test('sysctls are overwritten, sets of its own replaced', async (t) => {
  t.equal(after.sysctls[`net.ipv4.conf.${web.interfaceName}.rp_filter`], '1');
  t.equal(after.sysctls['net.ipv4.ip_default_ttl'], '32');
  const names = new Set(after.ipsets.map(({ name }) => name));
  t.ok(names.has('theirs') && names.has('cali40this-host'));
  t.notOk(names.has('cali40old'));
});

t.test('programming twice is programming once', async (t) => {
  t.same(programFelix(after, felix, OWNERSHIP), after);
});

t.test('what is wanted no more is gone', async (t) => {
  const bare = programFelix(after, computeFelix(cluster({ pools: [] }), host('node1', '172.18.0.2/24')), OWNERSHIP);
  t.notOk(bare.links.some(({ name }) => name === 'vxlan.calico'));
  t.same([bare.neighbours, bare.fdb, bare.addresses], [[], [], []]);
  t.same(
    bare.routes.map(({ destination }) => formatPrefix(destination)),
    ['0.0.0.0/0'],
  );
});
