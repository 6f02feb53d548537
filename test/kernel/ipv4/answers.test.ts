/** What a host answers and takes besides echo: timestamps, options on the way, datagrams for many. */

import t from 'tap';
import { Emulation, Host, type Netns, runIpCommand } from '../../../src/kernel/index.js';
import {
  checksumPartial,
  encodeIcmp,
  encodeIpv4,
  encodeSctp,
  encodeSctpChunk,
  finishChecksum,
  formatIpv4,
  Icmp,
  ICMP_TYPE,
  INADDR_ANY,
  IP_PROTOCOL,
  Ipv4,
  type Ipv4Addr,
  ipv4,
  LINKTYPE,
  parseIpv4,
  pseudoHeaderSum,
  SCTP_CHUNK,
  Sctp,
  summarize,
  viewOf,
} from '../../../src/packet/index.js';

const HOUR_NS = 3_600e9;

const address = (text: string): Ipv4Addr => {
  const parsed = parseIpv4(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

function run(netns: Netns, ...commands: readonly string[]): void {
  for (const command of commands) {
    const problem = runIpCommand(netns, command, []);
    if (problem !== undefined) throw new Error(`${command}: ${problem}`);
  }
}

/** a (10.0.0.1) – router (10.0.0.254, 10.1.0.254) – b (10.1.0.1). */
function line(): { a: Netns; router: Netns; b: Netns } {
  const host = new Host(new Emulation(), 'host');
  const [a, b] = [host.addNetns('a'), host.addNetns('b')];
  const router = host.netns;
  run(
    router,
    'ip link add r0 type veth peer name eth0 netns a',
    'ip link add r1 type veth peer name eth0 netns b',
    'ip link set r0 up',
    'ip link set r1 up',
  );
  run(
    a,
    'ip link set lo up',
    'ip link set eth0 up',
    'ip addr add 10.0.0.1/24 dev eth0',
    'ip route add default via 10.0.0.254',
  );
  run(
    b,
    'ip link set lo up',
    'ip link set eth0 up',
    'ip addr add 10.1.0.1/24 dev eth0',
    'ip route add default via 10.1.0.254',
  );
  run(router, 'ip link set lo up', 'ip addr add 10.0.0.254/24 dev r0', 'ip addr add 10.1.0.254/24 dev r1');
  router.sysctl.set('net.ipv4.ip_forward', '1');
  return { a, router, b };
}

/** An ICMP message as a raw socket sends it. */
function sendIcmp(
  netns: Netns,
  to: string,
  message: { type: number; rest: number; data: Uint8Array; options?: Uint8Array },
): void {
  const { emulation } = netns;
  const { type, rest, data, options } = message;
  const optionsLength = options === undefined ? 0 : (options.length + 3) & ~3;
  const length = 20 + optionsLength + 8 + data.length;
  const skb = emulation.allocSkb(length);
  const at = skb.data;
  skb.slab.bytes.set(data, at + 20 + optionsLength + 8);
  encodeIcmp(skb.view, at + 20 + optionsLength, { type, code: 0, rest, payloadLength: data.length });
  encodeIpv4(skb.view, at, {
    source: address('10.0.0.1'),
    destination: address(to),
    protocol: IP_PROTOCOL.icmp,
    payloadLength: 8 + data.length,
    options,
  });
  skb.tail = at + length;
  skb.network = at;
  netns.ipv4.sendRaw(skb);
  emulation.run(() => false, emulation.clock.nowNs + 1e9);
}

/** IPv4 packets that a device receives, from their header on. */
function packetsAt(netns: Netns, dev: string): Uint8Array[] {
  const packets: Uint8Array[] = [];
  netns.links.require(dev).tap = (_dev, skb, direction) => {
    if (direction === 'in' && skb.view.getUint16(skb.data + 12) === 0x0800) packets.push(skb.toBytes().slice(14));
  };
  return packets;
}

const headerOf = (bytes: Uint8Array): Ipv4 => new Ipv4(new DataView(bytes.buffer), 0);

t.test('a timestamp request is answered with the time of day, in milliseconds', (t) => {
  const { a, b } = line();
  a.emulation.advance(HOUR_NS + 5e6);
  const seen = packetsAt(a, 'eth0');
  sendIcmp(a, '10.1.0.1', {
    type: ICMP_TYPE.timestampRequest,
    rest: 0x0007_0001,
    data: Uint8Array.from([0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0]),
  });
  const [bytes] = seen;
  if (bytes === undefined) throw new Error('no answer');
  const ip = headerOf(bytes);
  const icmp = new Icmp(ip.view, ip.payloadOffset);
  t.equal(icmp.type, ICMP_TYPE.timestampReply);
  t.equal(icmp.rest, 0x0007_0001);
  t.ok(icmp.checksumValid(ip.end));
  t.same(
    [0, 4, 8].map((i) => ip.view.getUint32(icmp.payloadOffset + i)),
    [99, 3_600_005, 3_600_005],
  );
  t.equal(b.drops.size, 0);
  seen.length = 0;
  sendIcmp(a, '10.1.0.1', { type: ICMP_TYPE.timestampRequest, rest: 0, data: new Uint8Array(3) });
  t.same(seen, [], 'without its time it is no request');
  t.equal(b.drops.get('pkt-too-small'), 1);
  t.end();
});

t.test('record route has the way out of each router and the receiver', (t) => {
  const { a, b } = line();
  const seen = packetsAt(b, 'eth0');
  const options = Uint8Array.from([7, 15, 4, ...new Uint8Array(12), 0]);
  sendIcmp(a, '10.1.0.1', { type: ICMP_TYPE.echoRequest, rest: 1, data: new Uint8Array(8), options });
  const [bytes] = seen;
  if (bytes === undefined) throw new Error('nothing came');
  const ip = headerOf(bytes);
  t.ok(ip.checksumValid());
  t.equal(ip.view.getUint8(22), 8, 'one entry on the wire');
  t.equal(formatIpv4(ipv4(ip.view.getInt32(23))), '10.1.0.254');
  t.end();
});

t.test('timestamps on the way: times alone, addresses too, and only of hosts that are named', (t) => {
  const table: readonly (readonly [string, readonly number[], readonly (string | number)[]])[] = [
    ['times', [68, 12, 5, 0, ...new Uint8Array(8)], [9, 0x00, 3_600_000, 0]],
    ['addresses by which they came too', [68, 20, 5, 1, ...new Uint8Array(16)], [13, 0x01, '10.0.0.254', 3_600_000]],
    ['named', [68, 12, 5, 3, 10, 0, 0, 254, 0, 0, 0, 0], [13, 0x03, '10.0.0.254', 3_600_000]],
    ['named, somebody else', [68, 12, 5, 3, 9, 9, 9, 9, 0, 0, 0, 0], [5, 0x03, '9.9.9.9', 0]],
    ['full', [68, 8, 9, 0, 1, 2, 3, 4], [9, 0x10, 0x0102_0304]],
  ];
  for (const [name, options, expected] of table) {
    const { a, b } = line();
    a.emulation.advance(HOUR_NS);
    const seen = packetsAt(b, 'eth0');
    sendIcmp(a, '10.1.0.1', {
      type: ICMP_TYPE.echoRequest,
      rest: 1,
      data: new Uint8Array(8),
      options: Uint8Array.from(options),
    });
    const [bytes] = seen;
    if (bytes === undefined) throw new Error(`${name}: nothing came`);
    const { view } = headerOf(bytes);
    t.ok(headerOf(bytes).checksumValid(), name);
    const words = expected.slice(2).map((word, i) => {
      const at = 24 + 4 * i;
      return typeof word === 'string' ? formatIpv4(ipv4(view.getInt32(at))) : view.getUint32(at);
    });
    t.same([view.getUint8(22), view.getUint8(23), ...words], expected, name);
  }
  t.end();
});

t.test('a datagram for a group reaches who listens to it, on that link alone', (t) => {
  const { a, router, b } = line();
  const group = address('239.1.2.3');
  const heard: string[] = [];
  const listen = (netns: Netns, name: string): unknown =>
    netns.sockets.listen({ protocol: 'udp', address: INADDR_ANY, port: 5000, onMessage: () => heard.push(name) });
  for (const [netns, name] of [
    [a, 'a'],
    [router, 'router'],
    [b, 'b'],
  ] as const)
    listen(netns, name);
  const seen = packetsAt(router, 'r0');
  const send = (): string[] => {
    heard.length = 0;
    a.sockets.udp().sendTo(new Uint8Array(4), group, 5000);
    a.emulation.run(() => false, a.emulation.clock.nowNs + 1e9);
    return heard.toSorted();
  };
  t.same(send(), [], 'nobody has joined');
  t.equal(headerOf(seen[0] ?? new Uint8Array(20)).ttl, 1);
  router.fib.joinGroup(router.links.require('r0'), group);
  t.same(send(), ['router']);
  a.fib.joinGroup(a.links.require('eth0'), group);
  t.same(send(), ['a', 'router'], 'the sender hears itself');
  router.fib.leaveGroup(router.links.require('r0'), group);
  t.same(send(), ['a']);
  t.end();
});

t.test('a broadcast is heard by the sender too', (t) => {
  const { a, router } = line();
  const heard: string[] = [];
  for (const [netns, name] of [
    [a, 'a'],
    [router, 'router'],
  ] as const)
    netns.sockets.listen({ protocol: 'udp', address: INADDR_ANY, port: 5000, onMessage: () => heard.push(name) });
  t.equal(a.sockets.udp({ broadcast: true }).sendTo(new Uint8Array(4), address('10.0.0.255'), 5000), undefined);
  a.emulation.run(() => false, a.emulation.clock.nowNs + 1e9);
  t.same(heard.toSorted(), ['a', 'router']);
  t.end();
});

/** An INIT without parameters, from 10.0.0.1. */
function sendInit(netns: Netns, to: string): void {
  const { emulation } = netns;
  const skb = emulation.allocSkb(52);
  const at = skb.data;
  encodeSctp(skb.view, at + 20, { sourcePort: 4000, destinationPort: 5000, verificationTag: 0 });
  const value = Uint8Array.from([0, 0, 0, 77, 0, 1, 0, 0, 0, 10, 0, 10, 0, 0, 0, 1]);
  encodeSctpChunk(skb.view, at + 32, { type: SCTP_CHUNK.init, value });
  const addresses = { source: address('10.0.0.1'), destination: address(to) };
  encodeIpv4(skb.view, at, { ...addresses, protocol: IP_PROTOCOL.sctp, payloadLength: 32 });
  skb.tail = at + 52;
  skb.network = at;
  new Sctp(skb.view, at + 20).fillChecksum(skb.tail);
  netns.ipv4.sendRaw(skb);
  emulation.run(() => false, emulation.clock.nowNs + 1e9);
}

t.test('SCTP is not known before a program on the machine opens a socket of it', (t) => {
  const { a, b } = line();
  const seen = packetsAt(a, 'eth0');
  sendInit(a, '10.1.0.1');
  sendInit(a, '10.0.0.254');
  b.sockets.sctp.open();
  t.ok(a.host.hasModule('sctp'), 'in all namespaces');
  sendInit(a, '10.1.0.1');
  t.same(
    seen.map((bytes) => summarize(bytes, { linkType: LINKTYPE.raw })),
    [
      'IP 10.1.0.1 > 10.0.0.1: ICMP 10.1.0.1 protocol 132 unreachable, length 60',
      'IP 10.0.0.254 > 10.0.0.1: ICMP 10.0.0.254 protocol 132 unreachable, length 60',
      'IP 10.1.0.1.5000 > 10.0.0.1.4000: sctp (1) [ABORT]',
    ],
  );
  t.equal(new Sctp(headerOf(seen[2] ?? new Uint8Array(40)).view, 20).verificationTag, 77);
  t.end();
});

/** UDP-Lite from 10.0.0.1 to 10.1.0.1, ports 1234 and 5678, with the sum of what it says is covered. */
function udpLite(covered: number, change?: (octets: Uint8Array) => void): Uint8Array {
  const octets = Uint8Array.from([
    0x04,
    0xd2,
    0x16,
    0x2e,
    0,
    covered,
    0,
    0,
    ...new TextEncoder().encode('hello world!'),
  ]);
  const view = viewOf(octets);
  const pseudo = pseudoHeaderSum(address('10.0.0.1'), address('10.1.0.1'), IP_PROTOCOL.udplite, octets.length);
  const end = covered >= 8 && covered < octets.length ? covered : octets.length;
  view.setUint16(6, finishChecksum(checksumPartial(view, 0, end, pseudo)));
  change?.(octets);
  return octets;
}

const LITE: readonly (readonly [what: string, octets: Uint8Array, counted: object, answered: boolean])[] = [
  ['covered as a whole', udpLite(0), { UdpLiteNoPorts: 1 }, true],
  ['of which the header is covered', udpLite(8), { UdpLiteNoPorts: 1 }, true],
  [
    'of which nothing behind the covered part counts',
    udpLite(8, (octets) => (octets[19] = 0)),
    { UdpLiteNoPorts: 1 },
    true,
  ],
  ['covered to its end', udpLite(20), { UdpLiteNoPorts: 1 }, true],
  ['with a wrong sum', udpLite(0, (octets) => (octets[19] = 0)), { UdpLiteInErrors: 1, UdpLiteInCsumErrors: 1 }, false],
  ['that covers less than its header', udpLite(4), { UdpLiteInErrors: 1, UdpLiteInCsumErrors: 1 }, false],
  [
    'without a sum',
    udpLite(0, (octets) => octets.fill(0, 6, 8)),
    { UdpLiteInErrors: 1, UdpLiteInCsumErrors: 1 },
    false,
  ],
  ['that covers more than there is', udpLite(100), { UdpLiteInErrors: 1 }, false],
  ['that is no header', udpLite(0).slice(0, 4), { UdpLiteInErrors: 1 }, false],
];

/** As Linux 6.18 counted them in a namespace. */
t.test('UDP-Lite to a host is answered with port unreachable, and counted by itself', (t) => {
  for (const [what, octets, counters, answered] of LITE) {
    const { a, b } = line();
    const seen = packetsAt(a, 'eth0');
    sendLite(a, octets);
    const found = Object.fromEntries(
      ['NoPorts', 'InErrors', 'InCsumErrors'].map((name) => [`UdpLite${name}`, b.mib.of(`UdpLite${name}`)]),
    );
    t.same(found, { UdpLiteNoPorts: 0, UdpLiteInErrors: 0, UdpLiteInCsumErrors: 0, ...counters }, what);
    t.equal(b.mib.of('IpInUnknownProtos'), 0, what);
    const codes = seen.map((bytes) => {
      const ip = headerOf(bytes);
      const { type, code } = new Icmp(ip.view, ip.payloadOffset);
      return [type, code];
    });
    t.same(codes, answered ? [[ICMP_TYPE.destinationUnreachable, 3]] : [], what);
  }
  t.end();
});

/** UDP-Lite as a raw socket sends it. */
function sendLite(netns: Netns, octets: Uint8Array): void {
  const { emulation } = netns;
  const skb = emulation.allocSkb(20 + octets.length);
  const at = skb.data;
  skb.slab.bytes.set(octets, at + 20);
  encodeIpv4(skb.view, at, {
    source: address('10.0.0.1'),
    destination: address('10.1.0.1'),
    protocol: IP_PROTOCOL.udplite,
    payloadLength: octets.length,
  });
  skb.tail = at + 20 + octets.length;
  skb.network = at;
  netns.ipv4.sendRaw(skb);
  emulation.run(() => false, emulation.clock.nowNs + 1e9);
}
