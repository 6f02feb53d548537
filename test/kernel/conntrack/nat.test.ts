import * as fc from 'fast-check';
import t from 'tap';
import { IPS, NAT_RANGE, type NatRange } from '../../../src/kernel/conntrack/index.js';
import { Gateway } from './gateway.js';
import { toHex } from '../../../src/packet/index.js';
import { address, checksumsValid, flowOf, icmp, sctp, tcp, udp } from './packets.js';

const to = (addr: string, port?: number): NatRange => ({
  flags: NAT_RANGE.mapIps | (port === undefined ? 0 : NAT_RANGE.protoSpecified),
  minAddr: address(addr),
  ...(port === undefined ? {} : { minPort: port }),
});

const CLUSTER_IP = '10.96.0.10';

/** kube-proxy's service: one backend, and clients behind the node's address. */
const service = (): Gateway =>
  new Gateway({
    dnat: ({ ipv4 }) => (ipv4.destination === address(CLUSTER_IP) ? to('10.244.2.7', 8080) : undefined),
    snat: () => to('172.18.0.2'),
  });

/** Everybody behind one address. */
const behindOne = (range: NatRange = to('172.18.0.2')): Gateway => new Gateway({ snat: () => range });

const sourcePort = (bytes: Uint8Array): number => ((bytes[20] ?? 0) << 8) | (bytes[21] ?? 0);

t.test('a service address becomes its backend, and the answer comes from the service', (t) => {
  const gateway = service().listen();
  const out = gateway.forward(tcp({ from: '10.244.1.2:40000', to: `${CLUSTER_IP}:80`, flags: 'S' }));
  t.equal(flowOf(out.bytes), 'tcp 172.18.0.2:40000 > 10.244.2.7:8080');
  const back = gateway.forward(tcp({ from: '10.244.2.7:8080', to: '172.18.0.2:40000', flags: 'SA', ack: 1 }));
  t.equal(flowOf(back.bytes), `tcp ${CLUSTER_IP}:80 > 10.244.1.2:40000`);
  t.ok(checksumsValid(out.bytes) && checksumsValid(back.bytes));
  t.match(gateway.list(), [
    'tcp      6 60 SYN_RECV src=10.244.1.2 dst=10.96.0.10 sport=40000 dport=80 src=10.244.2.7 dst=172.18.0.2 sport=8080 dport=40000 mark=0 use=1',
  ]);
  t.match(
    gateway.steps.filter((step) => step.kind === 'nat'),
    [
      { hook: 'prerouting', type: 'dnat', before: { destinationPort: 80 }, after: { destinationPort: 8080 } },
      {
        hook: 'postrouting',
        type: 'snat',
        before: { source: address('10.244.1.2') },
        after: { source: address('172.18.0.2') },
      },
      {
        hook: 'prerouting',
        type: 'dnat',
        before: { destination: address('172.18.0.2') },
        after: { destination: address('10.244.1.2') },
      },
      { hook: 'postrouting', type: 'snat', before: { sourcePort: 8080 }, after: { sourcePort: 80 } },
    ],
  );
  const [entry] = gateway.conntrack.entries();
  t.ok(entry?.has(IPS.srcNat) && entry.has(IPS.dstNat) && entry.has(IPS.srcNatDone) && entry.has(IPS.dstNatDone));
  t.equal(gateway.conntrack.delete({ nat: 'dst', replySource: address('10.244.2.7') }).length, 1);
  t.end();
});

t.test('rules speak once a connection', (t) => {
  let backends = 0;
  const gateway = new Gateway({ dnat: () => to(`10.244.2.${++backends}`, 53) });
  const question = udp({ from: '10.244.1.2:1', to: `${CLUSTER_IP}:53` });
  for (let i = 0; i < 3; i++) t.equal(flowOf(gateway.forward(question).bytes), 'udp 10.244.1.2:1 > 10.244.2.1:53');
  t.equal(
    flowOf(gateway.forward(udp({ from: '10.244.1.2:2', to: `${CLUSTER_IP}:53` })).bytes),
    'udp 10.244.1.2:2 > 10.244.2.2:53',
  );
  t.end();
});

t.test('a source port stays where it is free, and else moves within its class', (t) => {
  for (const [port, least, most] of [
    [53, 1, 511],
    [700, 600, 1023],
    [1024, 1024, 65_535],
    [40_000, 1024, 65_535],
  ] as const) {
    const gateway = behindOne();
    const send = (host: number): number =>
      sourcePort(gateway.forward(udp({ from: `10.244.1.${host}:${port}`, to: '8.8.8.8:53' })).bytes);
    t.equal(send(1), port, `${port} is free`);
    const ports = new Set([port, ...Array.from({ length: 20 }, (_, i) => send(i + 2))]);
    t.equal(ports.size, 21, `${port}: all differ`);
    t.ok(
      [...ports].every((chosen) => chosen === port || (chosen >= least && chosen <= most)),
      `${port}: in ${least}-${most}`,
    );
    t.ok(gateway.conntrack.statistics.found > 0);
  }
  t.end();
});

t.test('the same client port towards another destination keeps its number', (t) => {
  const gateway = behindOne();
  gateway.forward(udp({ from: '10.244.1.1:5000', to: '8.8.8.8:53' }));
  t.equal(
    flowOf(gateway.forward(udp({ from: '10.244.1.2:5000', to: '8.8.4.4:53' })).bytes),
    'udp 172.18.0.2:5000 > 8.8.4.4:53',
  );
  t.end();
});

t.test('a source that is translated already keeps its translation towards others', (t) => {
  const gateway = behindOne();
  gateway.forward(udp({ from: '10.244.1.1:5000', to: '8.8.8.8:53' }));
  const moved = sourcePort(gateway.forward(udp({ from: '10.244.1.2:5000', to: '8.8.8.8:53' })).bytes);
  t.not(moved, 5000);
  t.equal(sourcePort(gateway.forward(udp({ from: '10.244.1.2:5000', to: '9.9.9.9:53' })).bytes), moved);
  gateway.advance(60);
  t.same(gateway.list(), []);
  t.equal(sourcePort(gateway.forward(udp({ from: '10.244.1.2:5000', to: '9.9.9.9:53' })).bytes), 5000, 'not for ever');
  t.end();
});

t.test('random ports are random, and the same for the same seed', (t) => {
  for (const flag of [NAT_RANGE.random, NAT_RANGE.randomFully]) {
    const ports = [1, 2].map(() => {
      const range = to('172.18.0.2');
      const gateway = behindOne({ ...range, flags: range.flags | flag });
      return Array.from({ length: 5 }, (_, i) =>
        sourcePort(gateway.forward(udp({ from: '10.244.1.1:5000', to: `8.8.8.${i}:53` })).bytes),
      );
    });
    t.same(ports[0], ports[1]);
    t.equal(new Set(ports[0]).size, 5);
    t.notOk(ports[0]?.includes(5000));
  }
  t.end();
});

t.test('ports come from the range of the rule, and a packet is lost where all are taken', (t) => {
  const range = { ...to('172.18.0.2', 6000), maxPort: 6003 };
  const gateway = behindOne(range);
  const sent = Array.from({ length: 5 }, (_, i) =>
    gateway.forward(udp({ from: `10.244.1.${i}:5000`, to: '8.8.8.8:53' })),
  );
  t.same(
    sent
      .slice(0, 4)
      .map(({ bytes }) => sourcePort(bytes))
      .toSorted((x, y) => x - y),
    [6000, 6001, 6002, 6003],
  );
  t.match(
    sent.map(({ verdict }) => verdict),
    ['accept', 'accept', 'accept', 'accept', 'drop'],
  );
  t.match(gateway.drops, [{ reason: 'netfilter-drop', note: /same tuple/ }]);
  t.equal(gateway.conntrack.statistics.insertFailed, 1);
  t.end();
});

t.test('a port range with a base shifts ports', (t) => {
  const range: NatRange = {
    flags: NAT_RANGE.mapIps | NAT_RANGE.protoSpecified | NAT_RANGE.protoOffset,
    minAddr: address('10.244.2.7'),
    minPort: 3000,
    maxPort: 3100,
    basePort: 5000,
  };
  const gateway = new Gateway({ dnat: () => range });
  t.equal(
    flowOf(gateway.forward(udp({ from: '10.0.0.1:9', to: '10.0.0.2:5042' })).bytes),
    'udp 10.0.0.1:9 > 10.244.2.7:3042',
  );
  t.end();
});

t.test('of several addresses a pair of ends always gets the same one', (t) => {
  const range: NatRange = { flags: NAT_RANGE.mapIps, minAddr: address('172.18.0.10'), maxAddr: address('172.18.0.13') };
  const chosen = (flags: number, destination: string): string => {
    const gateway = behindOne({ ...range, flags: range.flags | flags });
    return flowOf(gateway.forward(udp({ from: '10.244.1.1:5000', to: destination })).bytes).split(' ')[1] ?? '';
  };
  const destinations = Array.from({ length: 40 }, (_, i) => `8.8.${i}.8:53`);
  const addresses = destinations.map((destination) => chosen(0, destination));
  t.same(
    addresses,
    destinations.map((destination) => chosen(0, destination)),
  );
  t.equal(new Set(addresses).size, 4, 'all four are used');
  t.ok(addresses.every((text) => /^172\.18\.0\.1[0-3]:5000$/.test(text)));
  const persistent = destinations.map((destination) => chosen(NAT_RANGE.persistent, destination));
  t.equal(new Set(persistent).size, 1, 'persistent: one for all destinations');
  t.end();
});

t.test('without a rule nothing changes, but a port that another translation has taken', (t) => {
  const gateway = new Gateway({
    snat: ({ ipv4 }) => (ipv4.source === address('10.244.1.1') ? to('172.18.0.2') : undefined),
  });
  gateway.forward(udp({ from: '10.244.1.1:5000', to: '8.8.8.8:53' }));
  t.equal(
    flowOf(gateway.forward(udp({ from: '172.18.0.3:5000', to: '8.8.8.8:53' })).bytes),
    'udp 172.18.0.3:5000 > 8.8.8.8:53',
  );
  const own = gateway.forward(udp({ from: '172.18.0.2:5000', to: '8.8.8.8:53' }));
  t.match(flowOf(own.bytes), /^udp 172\.18\.0\.2:(?!5000)\d+ > 8\.8\.8\.8:53$/);
  t.end();
});

t.test('the other end of an untranslated connection may send first, once the entry is gone from here', (t) => {
  const gateway = new Gateway({});
  const [out, back] = [
    gateway.skb(udp({ from: '10.0.0.1:500', to: '10.0.0.2:500' })),
    gateway.skb(udp({ from: '10.0.0.2:500', to: '10.0.0.1:500' })),
  ];
  gateway.receive(out);
  gateway.receive(back);
  t.equal(gateway.send(out), 'accept');
  t.equal(gateway.send(back), 'accept');
  t.equal(flowOf(back.toBytes()), 'udp 10.0.0.2:500 > 10.0.0.1:500', 'its port stays');
  t.equal(gateway.conntrack.count, 1);
  t.equal(gateway.conntrack.statistics.clashResolve, 1);
  t.end();
});

t.test('a TCP connection in TIME_WAIT gives up its translated port to a later one', (t) => {
  const gateway = behindOne({ ...to('172.18.0.2', 7000), maxPort: 7001 });
  const server = '8.8.8.8:80';
  const late = (seq: number): string =>
    gateway.forward(tcp({ from: '10.244.1.9:6000', to: server, flags: 'S', seq })).verdict;
  const [one, two] = [1, 2].map((host) => {
    const client = { from: `10.244.1.${host}:5000`, to: server };
    const { bytes } = gateway.forward(tcp({ ...client, flags: 'S', seq: 100 }));
    const seen = { from: server, to: `172.18.0.2:${sourcePort(bytes)}` };
    gateway.forward(tcp({ ...seen, flags: 'SA', seq: 500, ack: 101 }));
    gateway.forward(tcp({ ...client, flags: 'A', seq: 101, ack: 501 }));
    return { client, seen };
  });
  t.equal(late(9000), 'drop', 'not while both live');
  for (const { client, seen } of [one!, two!]) {
    gateway.forward(tcp({ ...client, flags: 'FA', seq: 101, ack: 501 }));
    gateway.forward(tcp({ ...seen, flags: 'FA', seq: 501, ack: 102 }));
    gateway.forward(tcp({ ...client, flags: 'A', seq: 102, ack: 502 }));
  }
  t.match(gateway.list(), [/TIME_WAIT/, /TIME_WAIT/]);
  t.equal(late(50), 'drop', 'nor with an older sequence number');
  t.equal(late(9000), 'accept');
  t.match(gateway.list(), [/TIME_WAIT/, /SYN_SENT/]);
  t.end();
});

t.test('the translation of a confirmed connection stays as it is', (t) => {
  const gateway = behindOne();
  const { skb } = gateway.forward(udp({ from: '10.244.1.1:5000', to: '8.8.8.8:53' }));
  const before = gateway.list();
  t.equal(gateway.conntrack.nat.setup(skb.ct!, to('1.1.1.1'), 'src'), 'accept');
  t.same(gateway.list(), before);
  t.end();
});

t.test('an ICMP identifier is kept apart as a port is', (t) => {
  const gateway = behindOne();
  const ping = (host: number): string =>
    flowOf(gateway.forward(icmp({ from: `10.244.1.${host}`, to: '8.8.8.8', type: 8, id: 7 })).bytes);
  t.equal(ping(1), 'icmp 172.18.0.2 > 8.8.8.8 id 7');
  const other = ping(2);
  t.match(other, /^icmp 172\.18\.0\.2 > 8\.8\.8\.8 id (?!7$)\d+$/);
  const id = Number(other.split(' id ')[1]);
  const back = gateway.forward(icmp({ from: '8.8.8.8', to: '172.18.0.2', type: 0, id }));
  t.equal(flowOf(back.bytes), 'icmp 8.8.8.8 > 10.244.1.2 id 7');
  t.end();
});

t.test('a UDP checksum of zero stays zero', (t) => {
  const gateway = service();
  const { bytes } = gateway.forward(udp({ from: '10.244.1.2:1', to: `${CLUSTER_IP}:53`, checksum: 'none' }));
  t.equal(flowOf(bytes), 'udp 172.18.0.2:1 > 10.244.2.7:8080');
  t.equal(toHex(bytes, 26, 28), '0000');
  t.end();
});

t.test('what NAT changes keeps every checksum right', (t) => {
  const anyAddress = fc
    .tuple(fc.integer({ min: 1, max: 223 }), fc.nat(255), fc.nat(255), fc.nat(255))
    .map((octets) => octets.join('.'));
  const anyPort = fc.integer({ min: 1, max: 65_535 });
  fc.assert(
    fc.property(
      fc.record({ client: anyAddress, vip: anyAddress, backend: anyAddress, node: anyAddress }),
      fc.record({ client: anyPort, service: anyPort, backend: anyPort }),
      fc.constantFrom('tcp', 'udp', 'sctp', 'icmp'),
      fc.nat(300),
      (addresses, ports, protocol, data) => {
        const gateway = new Gateway({
          dnat: () => to(addresses.backend, ports.backend),
          snat: () => to(addresses.node),
        });
        const ends = { from: `${addresses.client}:${ports.client}`, to: `${addresses.vip}:${ports.service}` };
        const packet =
          protocol === 'tcp'
            ? tcp({ ...ends, flags: 'S', data })
            : protocol === 'udp'
              ? udp({ ...ends, data })
              : protocol === 'sctp'
                ? sctp({ ...ends, tag: 0, chunks: [{ type: 1, initTag: data }] })
                : icmp({ ...ends, type: 8, id: ports.client });
        return checksumsValid(gateway.forward(packet).bytes);
      },
    ),
    { numRuns: 200 },
  );
  t.end();
});

t.test('an ICMP error about a translated packet is translated, outside and inside', (t) => {
  const gateway = service();
  gateway.forward(udp({ from: '10.244.1.2:5000', to: `${CLUSTER_IP}:53`, data: 20 }));
  const behind = udp({ from: '172.18.0.2:5000', to: '10.244.2.7:8080', data: 20 });
  const error = gateway.forward(icmp({ from: '10.244.2.7', to: '172.18.0.2', type: 3, code: 3, quoted: behind }));
  t.equal(error.state, 'related-reply');
  t.match(flowOf(error.bytes), `icmp ${CLUSTER_IP} > 10.244.1.2`);
  const quoted = error.bytes.slice(28);
  t.equal(flowOf(quoted), `udp 10.244.1.2:5000 > ${CLUSTER_IP}:53`);
  t.ok(checksumsValid(quoted), 'of the quoted packet');
  const sum = error.bytes.slice(20).reduce((all, octet, i) => all + (i % 2 === 0 ? octet << 8 : octet), 0);
  t.equal(((sum & 0xffff) + (sum >>> 16)) & 0xffff, 0xffff, 'of the message');

  const router = gateway.forward(icmp({ from: '192.0.2.1', to: '172.18.0.2', type: 11, quoted: behind.slice(0, 28) }));
  t.match(
    flowOf(router.bytes),
    `icmp ${CLUSTER_IP} > 10.244.1.2`,
    'the kernel gives a router the address of the service too',
  );
  t.end();
});

t.test('an ICMP error whose checksum is wrong, or that redirects, is dropped by NAT', (t) => {
  const gateway = service().set('netfilter.nf_conntrack_checksum', 0);
  gateway.forward(udp({ from: '10.244.1.2:5000', to: `${CLUSTER_IP}:53` }));
  const quoted = udp({ from: '172.18.0.2:5000', to: '10.244.2.7:8080' });
  const ends = { from: '10.244.2.7', to: '172.18.0.2', quoted };
  t.equal(gateway.forward(icmp({ ...ends, type: 3, checksum: 'bad' })).verdict, 'drop');
  t.equal(gateway.forward(icmp({ ...ends, type: 5 })).verdict, 'drop');
  t.match(
    gateway.drops.map(({ note }) => note),
    [/bad checksum/, /redirect/],
  );
  t.end();
});

t.test('a masqueraded connection ends with its device, its address, or when it moves', (t) => {
  const masqueraded = (): Gateway => {
    const gateway = new Gateway({});
    for (const [port, ifindex] of [
      [1, 2],
      [2, 3],
    ] as const) {
      const skb = gateway.skb(udp({ from: `10.244.1.2:${port}`, to: '8.8.8.8:53' }));
      gateway.receive(skb);
      gateway.conntrack.nat.masquerade(skb.ct!, { address: address(`172.18.0.${ifindex}`), ifindex });
      gateway.send(skb);
    }
    return gateway;
  };
  const down = masqueraded();
  t.equal(down.list().length, 2);
  down.conntrack.nat.masqueradeDeviceDown(2);
  t.match(down.list(), [/dst=172\.18\.0\.3/]);

  const gone = masqueraded();
  gone.conntrack.nat.masqueradeAddressGone(3, address('172.18.0.9'));
  t.equal(gone.list().length, 2);
  gone.conntrack.nat.masqueradeAddressGone(3, address('172.18.0.3'));
  t.match(gone.list(), [/dst=172\.18\.0\.2/]);

  const moved = masqueraded();
  const again = moved.skb(udp({ from: '10.244.1.2:1', to: '8.8.8.8:53' }));
  moved.receive(again);
  t.equal(moved.conntrack.nat.mangle(again, 'postrouting', 2), 'accept', 'the same device');
  const elsewhere = moved.skb(udp({ from: '10.244.1.2:1', to: '8.8.8.8:53' }));
  moved.receive(elsewhere);
  t.equal(moved.conntrack.nat.mangle(elsewhere, 'postrouting', 3), 'drop');
  t.match(moved.list(), [/dst=172\.18\.0\.3/]);
  t.end();
});
