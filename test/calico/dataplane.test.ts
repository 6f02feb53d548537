import t from 'tap';
import { applyFelix, type FelixOwnership } from '../../src/calico/felix/dataplane/index.js';
import { computeFelix } from '../../src/calico/felix/felix.js';
import type { FelixState } from '../../src/calico/felix/state.js';
import { Emulation, Host, type NetnsState, netnsState, RT_PROTOCOL } from '../../src/kernel/index.js';
import { DEFAULT_PREFIX, formatIpv4, formatMac, formatPrefix, hostPrefix, ipv4 } from '../../src/packet/index.js';
import { cluster, host, pod } from './samples.js';

const OWNERSHIP: FelixOwnership = {
  interfacePrefixes: ['cali'],
  removeExternalRoutes: true,
  deviceRouteProtocol: RT_PROTOCOL.boot,
  routeSyncDisabled: false,
};

const web = pod('web', 'node1', '10.1.0.5');
const POD_ADDRESS = hostPrefix(ipv4(0x0a010005));

const THEIR_RULES = `*filter
:FORWARD DROP [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-FORWARD - [0:0]
:cali-FORWARD - [0:0]
:cali-old - [0:0]
-A INPUT -j KUBE-FIREWALL
-A FORWARD -m comment --comment "cali:0123456789abcdef" -j cali-FORWARD
-A FORWARD -j KUBE-FORWARD
COMMIT
*nat
:KUBE-POSTROUTING - [0:0]
-A POSTROUTING -j KUBE-POSTROUTING
COMMIT
*security
-A INPUT -j ACCEPT
COMMIT
`;

/** A host after the CNI plugin, kube-proxy and the administrator were there. */
function hostBefore(): Host {
  const made = new Host(new Emulation(), 'node1');
  const { links, fib, sysctl, ipsets, netfilter } = made.netns;
  const eth0 = links.addEthernet({ name: 'eth0' });
  const sandbox = made.addNetns('pod');
  const veth = links.addVeth({ name: web.interfaceName }, { name: 'eth0', netns: sandbox });
  for (const dev of [eth0, veth]) links.set(dev, { up: true });
  fib.addAddress(eth0, { address: ipv4(0xac120002), prefixLength: 24 });
  fib.addRoute({ destination: DEFAULT_PREFIX, nextHops: [{ dev: eth0, via: ipv4(0xac120001) }] });
  fib.addRoute({ destination: POD_ADDRESS, scope: 'link', nextHops: [{ dev: veth }] });
  sysctl.set('net.ipv4.ip_default_ttl', '32');
  ipsets.restore('create theirs hash:ip\ncreate cali40old hash:ip\n');
  t.same(netfilter.iptables.restore(THEIR_RULES), [], 'the rules of others load');
  return made;
}

/** The host's own namespace after Felix was there. */
function applied(state: FelixState, ownership: FelixOwnership = OWNERSHIP, made: Host = hostBefore()): NetnsState {
  t.same(applyFelix(state, made, ownership), [], 'the kernel refuses nothing');
  return netnsState(made.netns);
}

const NODE1 = { ...host('node1', '172.18.0.2/24'), endpoints: [web] };
const felix = computeFelix(cluster(), NODE1);
const after = applied(felix);

const rulesOf = (state: NetnsState, table: string, chain: string): string[] =>
  (state.iptables.find(({ name }) => name === table)?.chains.find(({ name }) => name === chain)?.rules ?? []).map(
    ({ text }) => text.replace(/^-m comment --comment "cali:\S+" /, ''),
  );

t.test("Felix' rules stand before those of others, and NAT on the way out after", async (t) => {
  t.same(rulesOf(after, 'filter', 'INPUT'), ['-j cali-INPUT', '-j KUBE-FIREWALL']);
  t.same(rulesOf(after, 'nat', 'POSTROUTING'), ['-j KUBE-POSTROUTING', '-j cali-POSTROUTING']);
  const [first, second, ...appended] = rulesOf(after, 'filter', 'FORWARD');
  t.same([first, second], ['-j cali-FORWARD', '-j KUBE-FORWARD'], 'an old rule of its own is gone');
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
  t.same(rulesOf(applied(appending), 'filter', 'INPUT'), ['-j KUBE-FIREWALL', '-j cali-INPUT']);
});

t.test("the plugin's route without a metric is replaced, others' routes stay", async (t) => {
  const main = after.routes.filter(({ table, protocol }) => table === 254 && protocol !== 2);
  const printed = main.map(
    ({ destination, metric, nextHops }) => `${formatPrefix(destination)} ${nextHops[0]?.dev ?? ''} ${metric}`,
  );
  t.same(printed.toSorted(), [
    '0.0.0.0/0 eth0 0',
    '10.1.0.0/26  0',
    '10.1.0.128/26 vxlan.calico 0',
    `10.1.0.5/32 ${web.interfaceName} 1024`,
    '10.1.0.64/26 eth0 0',
  ]);
});

t.test(
  'a stranger on the interface of a workload stays where Felix is told so, if its protocol is not of Felix',
  async (t) => {
    const strangers = (ownership: Partial<FelixOwnership>): readonly string[] => {
      const made = hostBefore();
      const { devices, fib } = made.netns;
      const veth = devices.named(web.interfaceName);
      const destination = { addr: ipv4(0x0a090000), length: 24 };
      fib.addRoute({ destination, protocol: RT_PROTOCOL.static, scope: 'link', nextHops: [{ dev: veth }] });
      return applied(felix, { ...OWNERSHIP, ...ownership }, made)
        .routes.filter(
          ({ table, metric, nextHops }) => table === 254 && metric === 0 && nextHops[0]?.dev === veth?.name,
        )
        .map(({ destination: to }) => formatPrefix(to));
    };
    t.same(strangers({}), []);
    t.same(strangers({ removeExternalRoutes: false }), ['10.9.0.0/24'], "the plugin's is of the usual protocol");
    t.same(strangers({ removeExternalRoutes: false, deviceRouteProtocol: 99 }), ['10.1.0.5/32', '10.9.0.0/24']);
  },
);

t.test('Felix that keeps off routes leaves them as they are, the one of the CNI plugin too', async (t) => {
  const parameters = { RouteSyncDisabled: 'true', IPForwarding: 'Disabled' };
  const made = hostBefore();
  made.netns.sysctl.set('net.ipv4.ip_forward', '0');
  const state = computeFelix(cluster(), { ...host('node1', '172.18.0.2/24', parameters), endpoints: [web] });
  t.same(state.routes, []);
  const main = applied(state, { ...OWNERSHIP, routeSyncDisabled: true }, made).routes.filter(
    ({ table, protocol }) => table === 254 && protocol !== RT_PROTOCOL.kernel,
  );
  t.same(
    main.map(({ destination, metric }) => `${formatPrefix(destination)} ${metric}`),
    ['0.0.0.0/0 0', '10.1.0.5/32 0'],
  );
  t.equal(made.netns.sysctl.values['ipv4.ip_forward'], 0, 'and is told not to have the host forward');
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
    after.addresses
      .filter(({ dev }) => dev === 'vxlan.calico')
      .map(({ dev, address, prefixLength }) => `${dev} ${formatIpv4(address)}/${prefixLength}`),
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
  const made = hostBefore();
  const once = applied(felix, OWNERSHIP, made);
  t.same(applied(felix, OWNERSHIP, made), once);
});

t.test('what is wanted no more is gone', async (t) => {
  const made = hostBefore();
  applied(felix, OWNERSHIP, made);
  const bare = applied(computeFelix(cluster({ pools: [] }), host('node1', '172.18.0.2/24')), OWNERSHIP, made);
  t.notOk(bare.links.some(({ name }) => name === 'vxlan.calico'));
  t.same([bare.neighbours, bare.fdb], [[], []]);
  t.same(
    bare.routes
      .filter(({ table, protocol }) => table === 254 && protocol !== 2)
      .map(({ destination }) => formatPrefix(destination)),
    ['0.0.0.0/0'],
  );
});
