/** IP-in-IP: what goes out with the outer header, what comes in, and who is told of what goes wrong between the ends. */

import t, { type Test } from 'tap';
import { applyHostState, Emulation, Host, hostState, Ipip, type Netns, NS_PER_S } from '../../../src/kernel/index.js';
import { formatIpv4, Ipv4, viewOf } from '../../../src/packet/index.js';
import { icmp } from '../conntrack/packets.js';
import { encodePacket, inside, ip, type PacketSpec, run, told, TwoHosts } from './two-hosts.js';

const tunnelOf = (netns: Netns, name: string): Ipip => {
  const dev = netns.links.require(name);
  if (!(dev instanceof Ipip)) throw new Error(`${name} is no tunnel`);
  return dev;
};

/** What a test of headers looks at. */
const header = (packet: Ipv4 | undefined): object => ({
  source: packet && formatIpv4(packet.source),
  destination: packet && formatIpv4(packet.destination),
  protocol: packet?.protocol,
  ttl: packet?.ttl,
  tos: packet?.tos,
  dontFragment: packet?.dontFragment,
  length: packet?.totalLength,
});

t.test('the module brings tunl0 into every namespace, and into those that come later', (t) => {
  const host = new Host(new Emulation(), 'h');
  const before = host.addNetns('before');
  t.equal(told(host.netns, 'link add x type ipip remote 10.0.0.9'), undefined);
  const after = host.addNetns('after');
  for (const netns of [host.netns, before, after]) t.equal(tunnelOf(netns, 'tunl0').config.fallback, true, netns.name);
  t.equal(tunnelOf(after, 'tunl0').ifindex, 2, 'right behind lo');
  t.equal(tunnelOf(after, 'tunl0').mtu, 1480);
  t.equal(told(host.netns, 'link del tunl0'), undefined, 'it cannot be deleted, and nobody is told');
  t.ok(host.netns.devices.named('tunl0'));
  host.deleteNetns('after');
  t.end();
});

t.test('a name that belongs to the module loads it, whatever is asked about the device', (t) => {
  const host = new Host(new Emulation(), 'h');
  t.equal(told(host.netns, 'link set eth7 up'), 'Cannot find device "eth7"');
  t.notOk(host.hasModule('ipip'));
  t.equal(told(host.netns, 'link set tunl0 up mtu 1440'), undefined);
  t.ok(host.hasModule('ipip'));
  t.match(tunnelOf(host.netns, 'tunl0'), { up: true, mtu: 1440 });
  t.end();
});

const WORDS: readonly (readonly [line: string, said: string | undefined])[] = [
  ['link add tunl0 type ipip', 'RTNETLINK answers: File exists'],
  ['link add x0 type ipip', 'RTNETLINK answers: File exists'],
  ['link add t1 type ipip local 10.0.0.1 remote 10.0.0.2', undefined],
  ['link add t3 type ipip local 10.0.0.1 remote 10.0.0.2', 'RTNETLINK answers: File exists'],
  ['link add t4 type ipip remote 10.0.0.9 ttl 5 nopmtudisc', 'ttl != 0 and nopmtudisc are incompatible'],
  ['link add t4 type ipip remote 10.0.0.9 tos inherit/0x10', 'argument "inherit/0x10" is wrong: bad TOS value'],
  ['link add t4 type ipip external', 'ipip: "external" is not modelled'],
  ['link add t4 type ipip encap fou', 'ipip: "encap fou" is not modelled'],
  ['tunnel add t5 mode ipip remote 10.0.0.10 nopmtudisc', undefined],
  ['tunnel add t6 mode gre remote 10.0.0.11', 'tunnel mode "gre" is not modelled'],
  ['tunnel change tunl0 mode ipip ttl 33', undefined],
  ['tunnel change nothing mode ipip ttl 33', 'tunnel "nothing" does not exist'],
  ['tunnel del tunl0', 'delete tunnel "tunl0" failed: Operation not permitted'],
  ['link set t1 address 02:00:00:00:00:01', 'RTNETLINK answers: Operation not supported'],
  ['link set t1 mtu 65516', 'RTNETLINK answers: Invalid argument'],
  ['link set t1 mtu 65515', undefined],
  ['link set t1 mtu 67', 'RTNETLINK answers: Invalid argument'],
  ['link set tunl0 type ipip ttl 3', 'RTNETLINK answers: Invalid argument'],
  ['link set t1 type ipip local 10.0.0.1 remote 10.0.0.2 ttl 4', undefined],
  ['link set t1 type ipip local 10.0.0.1', 'RTNETLINK answers: Invalid argument'],
  ['link set t5 type ipip remote any local 10.0.0.1', 'RTNETLINK answers: Invalid argument'],
  ['link set t1 type ipip remote 10.0.0.10', 'RTNETLINK answers: File exists'],
];

t.test('commands about tunnels say what the kernel and iproute2 say', (t) => {
  const { netns } = new Host(new Emulation(), 'h');
  // Of a netlink error the emulator also says what was asked for.
  const plain = (text: string | undefined): string | undefined =>
    text?.toLowerCase().replace(/^rtnetlink answers: .*: /, 'rtnetlink answers: ');
  for (const [line, said] of WORDS) t.equal(plain(told(netns, line)), plain(said), line);
  t.match(tunnelOf(netns, 'tunl0').config, { ttl: 33, pmtudisc: true, mode: 'any' });
  t.match(tunnelOf(netns, 't1').config, { ttl: 4, pmtudisc: true, mode: 'any' });
  t.match(tunnelOf(netns, 't5').config, { ttl: 0, pmtudisc: false, mode: 'ipip' });
  t.end();
});

t.test('the outer header of tunl0 goes to the gateway, with the TTL and DF of what is inside', (t) => {
  const hosts = new TwoHosts().calico();
  hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5', ttl: 33, length: 60 });
  const [outer] = hosts.wire;
  t.same(header(outer), {
    source: '10.0.0.1',
    destination: '10.0.0.2',
    protocol: 4,
    ttl: 33,
    tos: 0,
    dontFragment: true,
    length: 80,
  });
  t.not(outer?.identification, 0, 'an identification, although it is not to be cut');
  t.same(header(inside(outer)), {
    source: '10.1.0.5',
    destination: '10.2.0.5',
    protocol: 200,
    ttl: 33,
    tos: 0,
    dontFragment: true,
    length: 60,
  });
  hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5', dontFragment: false });
  t.equal(hosts.wire.findLast(({ source }) => source === ip('10.0.0.1'))?.dontFragment, false);
  t.end();
});

interface HeaderCase {
  readonly name: string;
  readonly tunnel: string;
  readonly inner: Partial<PacketSpec>;
  readonly outer: { readonly ttl?: number; readonly tos?: number; readonly dontFragment?: boolean };
}

const HEADERS: readonly HeaderCase[] = [
  { name: 'a TTL of its own', tunnel: 'ttl 9', inner: { ttl: 77 }, outer: { ttl: 9 } },
  { name: 'an inherited TTL', tunnel: 'ttl inherit', inner: { ttl: 77 }, outer: { ttl: 77 } },
  { name: 'path MTU discovery sets DF', tunnel: '', inner: { dontFragment: false }, outer: { dontFragment: true } },
  {
    name: 'without it DF is the inner one',
    tunnel: 'nopmtudisc',
    inner: { dontFragment: false },
    outer: { dontFragment: false },
  },
  { name: 'no TOS, but the ECN', tunnel: '', inner: { tos: 0xb9 }, outer: { tos: 0x01 } },
  { name: 'a TOS of its own, and the ECN', tunnel: 'tos 0x48', inner: { tos: 0xb9 }, outer: { tos: 0x49 } },
  { name: 'an inherited TOS', tunnel: 'tos inherit', inner: { tos: 0xba }, outer: { tos: 0xba } },
  { name: 'congestion is not told twice', tunnel: 'tos inherit', inner: { tos: 0xbb }, outer: { tos: 0xba } },
];

for (const { name, tunnel, inner, outer } of HEADERS) {
  t.test(`the outer header: ${name}`, (t) => {
    const hosts = new TwoHosts();
    run(
      hosts.a.netns,
      `link add t1 type ipip local 10.0.0.1 remote 10.0.0.2 ${tunnel}`,
      'link set t1 up',
      'route add 10.2.0.0/16 dev t1',
    );
    hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5', ...inner });
    t.match(header(hosts.wire[0]), { protocol: 4, ...outer });
    t.end();
  });
}

/** Inner and outer codepoint, and what comes out; undefined for dropped. RFC 6040 §4.2. */
const ECN: readonly (readonly [inner: number, outer: number, result: number | undefined])[] = [
  [0, 0, 0],
  [0, 1, 0],
  [0, 2, 0],
  [0, 3, undefined],
  [1, 0, 1],
  [1, 1, 1],
  [1, 2, 1],
  [1, 3, 3],
  [2, 0, 2],
  [2, 1, 1],
  [2, 2, 2],
  [2, 3, 3],
  [3, 0, 3],
  [3, 1, 3],
  [3, 2, 3],
  [3, 3, 3],
];

/** IP-in-IP as another machine would send it. */
const wrapped = (inner: PacketSpec, outer: Partial<PacketSpec> = {}): Uint8Array =>
  encodePacket({ from: '10.0.0.2', to: '10.0.0.1', protocol: 4, payload: encodePacket(inner), ...outer });

t.test('congestion that was marked on the way comes out with the inner header', (t) => {
  for (const [inner, outer, result] of ECN) {
    const hosts = new TwoHosts().calico();
    const received: Ipv4[] = [];
    hosts.a.netns.links.require('tunl0').tap = (_, skb) => received.push(new Ipv4(viewOf(skb.toBytes()), 0));
    hosts.arrive(hosts.a, 'eth0', wrapped({ from: '10.2.0.5', to: '10.1.0.7', tos: 0x20 | inner }, { tos: outer }));
    const [packet] = received;
    t.equal(packet?.tos, result === undefined ? undefined : 0x20 | result, `inside ${inner}, outside ${outer}`);
    t.equal(packet?.checksumValid() ?? true, true);
    const { rxErrors, rxPackets } = hosts.a.netns.links.require('tunl0').counters;
    t.same([rxErrors, rxPackets], result === undefined ? [1, 0] : [0, 1]);
  }
  t.end();
});

t.test('what is longer than the tunnel is cut before it is wrapped', (t) => {
  const hosts = new TwoHosts().calico();
  hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5', length: 1628, dontFragment: false });
  const sent = hosts.wire.filter(({ source }) => source === ip('10.0.0.1'));
  t.same(
    sent.map((outer) => [outer.totalLength, outer.isFragment, inside(outer).isFragment]),
    [
      [1496, false, true],
      [192, false, true],
    ],
  );
  t.not(sent[0]?.identification, sent[1]?.identification, 'each has an identification of its own');
  t.end();
});

t.test('what must not be cut and does not fit is answered, and the route learns how much fits', (t) => {
  const hosts = new TwoHosts(1300).calico();
  hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5', length: 1281 });
  t.same(hosts.errors(), ['3/4']);
  t.match(hosts.drops(), ['not-specified: 1281 octets, 1280 go through the tunnel, not to be fragmented']);
  t.equal(hosts.wire.length, 0);
  const found = hosts.a.netns.fib.routeGet({ destination: ip('10.2.0.5'), source: ip('10.1.0.5') });
  t.match(found, { text: /via 10\.0\.0\.2 dev tunl0 .*\n    cache expires 599sec mtu 1280/ });
  t.match(tunnelOf(hosts.a.netns, 'tunl0').counters, { txErrors: 1, txPackets: 0, txDropped: 0 });
  hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5', length: 1280 });
  t.equal(hosts.wire[0]?.totalLength, 1300, 'one octet less fits');
  t.match(tunnelOf(hosts.a.netns, 'tunl0').counters, { txErrors: 1, txPackets: 1, txBytes: 1280 });
  t.end();
});

t.test('a forwarded packet is judged by the device first, then by the path between the ends', (t) => {
  const hosts = new TwoHosts(1300).calico();
  run(hosts.a.netns, 'route add 10.9.0.0/16 dev pods');
  hosts.arrive(hosts.a, 'pods', encodePacket({ from: '10.9.0.9', to: '10.2.0.5', length: 1481 }));
  hosts.arrive(hosts.a, 'pods', encodePacket({ from: '10.9.0.9', to: '10.2.0.5', length: 1480 }));
  t.same(
    hosts.drops().filter((drop) => !drop.includes('dummy')),
    [
      'pkt-too-big: 1481 octets, MTU 1480, not to be fragmented',
      'not-specified: 1480 octets, 1280 go through the tunnel, not to be fragmented',
    ],
  );
  t.same(hosts.errors(), ['3/4', '3/4']);
  t.end();
});

/** An error about an outer packet of a, which comes back by eth0. */
function errorAbout(hosts: TwoHosts, type: number, code: number, mtu = 0): void {
  const quoted = wrapped({ from: '10.1.0.5', to: '10.2.0.5' }, { from: '10.0.0.1', to: '10.0.0.2' }).subarray(0, 28);
  hosts.arrive(hosts.a, 'eth0', icmp({ from: '10.0.0.77:0', to: '10.0.0.1:0', type, code, rest: mtu, quoted }));
}

t.test('fragmentation needed about an outer packet: later senders are told what is left', (t) => {
  const hosts = new TwoHosts().calico();
  errorAbout(hosts, 3, 4, 1400);
  hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5', length: 1400 });
  t.match(hosts.drops(), ['not-specified: 1400 octets, 1380 go through the tunnel, not to be fragmented']);
  hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5', length: 1380 });
  t.equal(hosts.wire[0]?.totalLength, 1400);
  t.end();
});

t.test('other errors about outer packets are passed on by tunnels that have another end, for half a minute', (t) => {
  const hosts = new TwoHosts();
  run(
    hosts.a.netns,
    'link add t1 type ipip local 10.0.0.1 remote 10.0.0.2',
    'link set t1 up',
    'route add 10.2.0.0/16 dev t1',
  );
  run(hosts.b.netns, 'link set tunl0 up');
  errorAbout(hosts, 3, 1);
  errorAbout(hosts, 11, 0); // the TTL is the inner one's: not the tunnel's fault
  const packet = { from: '10.1.0.5', to: '10.2.0.5' };
  hosts.send(hosts.a, packet);
  t.same(hosts.errors().filter((error) => error === '3/1').length, 1, 'the sender is told');
  t.ok(
    hosts.wire.some(({ protocol }) => protocol === 4),
    'and the packet goes on',
  );
  hosts.send(hosts.a, packet);
  t.same(hosts.errors().filter((error) => error === '3/1').length, 1, 'once for each error');
  errorAbout(hosts, 3, 1);
  hosts.emulation.advance(31 * NS_PER_S);
  hosts.send(hosts.a, packet);
  t.same(hosts.errors().filter((error) => error === '3/1').length, 1, 'and not for ever');
  t.end();
});

interface LookupCase {
  readonly name: string;
  readonly tunnels: Readonly<Record<string, string>>;
  readonly takes: string;
}

const LOOKUP: readonly LookupCase[] = [
  { name: 'tunl0 where there is no other', tunnels: {}, takes: 'tunl0' },
  {
    name: 'both ends before one',
    tunnels: { both: 'local 10.0.0.1 remote 10.0.0.2', remote: 'remote 10.0.0.2', local: 'local 10.0.0.1' },
    takes: 'both',
  },
  {
    name: 'the remote end before the local one',
    tunnels: { remote: 'remote 10.0.0.2', local: 'local 10.0.0.1' },
    takes: 'remote',
  },
  { name: 'the local end before any', tunnels: { local: 'local 10.0.0.1', other: 'remote 10.0.0.3' }, takes: 'local' },
  {
    name: 'the device of arrival before everything',
    tunnels: { both: 'local 10.0.0.1 remote 10.0.0.2', here: 'local 10.0.0.1 dev eth0' },
    takes: 'here',
  },
  {
    name: 'another device is better than no tunnel',
    tunnels: { elsewhere: 'local 10.0.0.1 remote 10.0.0.2 dev pods' },
    takes: 'elsewhere',
  },
];

for (const { name, tunnels, takes } of LOOKUP) {
  t.test(`who takes a packet that came: ${name}`, (t) => {
    const hosts = new TwoHosts().calico();
    for (const [tunnel, words] of Object.entries(tunnels))
      run(hosts.a.netns, `link add ${tunnel} type ipip ${words}`, `link set ${tunnel} up`);
    hosts.arrive(hosts.a, 'eth0', wrapped({ from: '10.2.0.5', to: '10.1.0.7' }));
    const step = hosts.steps.find(({ kind }) => kind === 'decapsulate');
    t.match(step, { dev: takes, protocol: 'ipip' });
    t.end();
  });
}

t.test('without a tunnel that is up the port is unreachable, without the module the protocol', (t) => {
  const with_ = new TwoHosts();
  with_.a.loadModule('ipip');
  with_.arrive(with_.a, 'eth0', wrapped({ from: '10.2.0.5', to: '10.1.0.7' }));
  t.same(with_.errors(), ['3/3']);
  t.match(with_.drops(), ['not-specified: no tunnel takes it']);
  const without = new TwoHosts();
  without.arrive(without.a, 'eth0', wrapped({ from: '10.2.0.5', to: '10.1.0.7' }));
  t.same(without.errors(), ['3/2']);
  t.end();
});

interface BadCase {
  readonly name: string;
  readonly lines: readonly string[];
  readonly drop: string;
  readonly counters: object;
}

const BAD_ROUTES: readonly BadCase[] = [
  {
    name: 'no route to the other end',
    lines: ['link add t1 type ipip remote 99.0.0.1', 'link set t1 up', 'route add 10.2.0.0/16 dev t1'],
    drop: 'not-specified: no route to the other end: ENETUNREACH',
    counters: { txErrors: 1, txCarrierErrors: 1, collisions: 0 },
  },
  {
    name: 'the way to the other end leads into the tunnel',
    lines: ['link add t1 type ipip remote 10.2.0.1', 'link set t1 up', 'route add 10.2.0.0/16 dev t1'],
    drop: 'not-specified: the route to the other end leads into the tunnel itself',
    counters: { txErrors: 1, txCarrierErrors: 0, collisions: 1 },
  },
];

for (const { name, lines, drop, counters } of BAD_ROUTES) {
  t.test(`a tunnel that leads nowhere: ${name}`, (t) => {
    const hosts = new TwoHosts();
    run(hosts.a.netns, ...lines);
    hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5' });
    t.same(hosts.drops(), [drop]);
    t.match(tunnelOf(hosts.a.netns, 't1').counters, { txPackets: 0, ...counters });
    t.end();
  });
}

t.test('two tunnels that lead into one another end at a limit', (t) => {
  const hosts = new TwoHosts();
  run(
    hosts.a.netns,
    'link add t1 type ipip remote 10.8.0.1',
    'link add t2 type ipip remote 10.9.0.1',
    'link set t1 up',
    'link set t2 up',
    'route add 10.9.0.0/16 dev t1',
    'route add 10.8.0.0/16 dev t2',
    'route add 10.2.0.0/16 dev t1',
  );
  hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5' });
  t.match(hosts.drops().at(-1), /^recursion-limit: dead loop on virtual device t\d$/);
  t.equal(hosts.emulation.xmitRecursion, 0, 'and nothing is left of it');
  t.end();
});

t.test('the outer flow is a connection of protocol 4, kept for ten minutes', (t) => {
  const hosts = new TwoHosts().calico();
  const { netns } = hosts.a;
  netns.netfilter.iptables.restore('*filter\n-A OUTPUT -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n', {
    noflush: true,
  });
  hosts.send(hosts.a, { from: '10.1.0.5', to: '10.2.0.5' });
  const lines = netns.conntrack.entries().map((entry) => netns.conntrack.format(entry));
  t.match(lines.toSorted(), [
    /^unknown +200 /,
    /^unknown +4 599 src=10\.0\.0\.1 dst=10\.0\.0\.2 src=10\.0\.0\.2 dst=10\.0\.0\.1 mark=0/,
  ]);
  t.end();
});

t.test('a host with tunnels is the same after its state was read and programmed again', (t) => {
  const host = new Host(new Emulation(), 'h');
  host.addNetns('pod');
  run(
    host.netns,
    'link set tunl0 up mtu 1440',
    'link add eth0 type dummy',
    'link set eth0 up',
    'addr add 10.0.0.1/24 dev eth0',
    'link add t1 type ipip local 10.0.0.1 remote 10.0.0.2 ttl 9 tos inherit dev eth0',
    'link set t1 up',
    'addr add 10.1.0.0/32 dev tunl0',
    'route add 10.2.0.0/16 via 10.0.0.7 dev tunl0 onlink',
  );
  const state = hostState(host);
  const again = new Host(new Emulation(), 'h');
  applyHostState(again, state);
  t.same(hostState(again), state);
  t.ok(again.hasModule('ipip'));
  t.end();
});

t.test('a tunnel that is gone takes nothing any more', (t: Test) => {
  const hosts = new TwoHosts().calico();
  run(hosts.a.netns, 'link add t1 type ipip local 10.0.0.1 remote 10.0.0.2', 'link set t1 up', 'link del t1');
  hosts.arrive(hosts.a, 'eth0', wrapped({ from: '10.2.0.5', to: '10.1.0.7' }));
  t.match(
    hosts.steps.find(({ kind }) => kind === 'decapsulate'),
    { dev: 'tunl0' },
  );
  t.end();
});
