/** Valid frames of every kind that podwire makes, written by the codecs themselves, for the other tests of this folder. */

import {
  ARP_LENGTH,
  ARP_OPERATION,
  concatBytes,
  DNS_FLAG,
  DNS_RCODE,
  encodeArp,
  encodeDns,
  encodeEthernet,
  encodeIcmp,
  encodeIcmpv6,
  encodeIpv4,
  encodeIpv6,
  encodeIpv6Fragment,
  encodeNeighbourAdvertisement,
  encodeNeighbourSolicitation,
  encodeSctp,
  encodeSctpChunk,
  encodeTcp,
  encodeUdp,
  encodeVlan,
  encodeVxlan,
  ETHERTYPE,
  fromHex,
  ICMP_TYPE,
  ICMP_UNREACHABLE_CODE,
  Icmpv6,
  ICMPV6_TYPE,
  icmpEcho,
  type IcmpFields,
  INADDR_ANY,
  IP_PROTOCOL,
  type Ipv4Addr,
  type Ipv4Fields,
  type Ipv6Addr,
  ipv4,
  IPV4_DONT_FRAGMENT,
  IPV4_MORE_FRAGMENTS,
  type Mac,
  MAC_BROADCAST,
  MAC_ZERO,
  mac,
  ND_OVERRIDE,
  ND_SOLICITED,
  parseIpv4,
  parseIpv6,
  pseudoHeaderSum,
  pseudoHeaderSum6,
  SCTP_CHUNK,
  Sctp,
  Tcp,
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
  type TcpFields,
  tcpHeaderLength,
  Udp,
  viewOf,
  VXLAN_PORT,
} from '../../src/packet/index.js';

export const addr = (text: string): Ipv4Addr => {
  const value = parseIpv4(text);
  if (value === undefined) throw new Error(`not an address: ${text}`);
  return value;
};

const addr6 = (text: string): Ipv6Addr => {
  const value = parseIpv6(text);
  if (value === undefined) throw new Error(`not an address: ${text}`);
  return value;
};

export const bytesFrom = (hex: string): Uint8Array => {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new Error(`not hexadecimal: ${hex}`);
  return bytes;
};

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const NODE_A: Mac = mac(0x0242_ac12_0002);
const NODE_B: Mac = mac(0x0242_ac12_0003);
const POD_A: Mac = mac(0x66aa_bbcc_dd01);
const POD_B: Mac = mac(0x66aa_bbcc_dd02);

/** `build(view)` over `length` zeroed octets, `payload` behind them. */
function header(length: number, payload: Uint8Array, build: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = concatBytes([new Uint8Array(length), payload]);
  build(viewOf(bytes), bytes);
  return bytes;
}

export const ethernet = (etherType: number, payload: Uint8Array, macs = { source: NODE_A, destination: NODE_B }) =>
  header(14, payload, (view) => encodeEthernet(view, 0, { ...macs, etherType }));

type Addresses = { readonly source: Ipv4Addr; readonly destination: Ipv4Addr };
type Addresses6 = { readonly source: Ipv6Addr; readonly destination: Ipv6Addr };

export function ip4(fields: Omit<Ipv4Fields, 'payloadLength'>, payload: Uint8Array): Uint8Array {
  const headerLength = 20 + (((fields.options?.length ?? 0) + 3) & ~3);
  return header(headerLength, payload, (view) => encodeIpv4(view, 0, { ...fields, payloadLength: payload.length }));
}

const ip6 = (addresses: Addresses6, nextHeader: number, payload: Uint8Array): Uint8Array =>
  header(40, payload, (view) => encodeIpv6(view, 0, { ...addresses, nextHeader, payloadLength: payload.length }));

const pseudo = (addresses: Addresses | Addresses6, protocol: number, length: number): number =>
  typeof addresses.source === 'number' && typeof addresses.destination === 'number'
    ? pseudoHeaderSum(addresses.source, addresses.destination, protocol, length)
    : pseudoHeaderSum6(addresses.source as Ipv6Addr, addresses.destination as Ipv6Addr, protocol, length);

const udp = (addresses: Addresses | Addresses6, ports: readonly [number, number], payload: Uint8Array) =>
  header(8, payload, (view, bytes) => {
    encodeUdp(view, 0, { sourcePort: ports[0], destinationPort: ports[1], payloadLength: payload.length });
    new Udp(view, 0).fillChecksum(pseudo(addresses, IP_PROTOCOL.udp, bytes.length));
  });

export const tcp = (
  addresses: Addresses | Addresses6,
  ports: readonly [number, number],
  fields: Omit<TcpFields, 'sourcePort' | 'destinationPort' | 'window'>,
  payload: Uint8Array = new Uint8Array(0),
) =>
  header(tcpHeaderLength(fields.options), payload, (view, bytes) => {
    encodeTcp(view, 0, { sourcePort: ports[0], destinationPort: ports[1], window: 64240, ...fields });
    new Tcp(view, 0).fillChecksum(pseudo(addresses, IP_PROTOCOL.tcp, bytes.length), bytes.length);
  });

export const icmp = (fields: Omit<IcmpFields, 'payloadLength'>, payload: Uint8Array): Uint8Array =>
  header(8, payload, (view) => encodeIcmp(view, 0, { ...fields, payloadLength: payload.length }));

const icmp6 = (addresses: Addresses6, fields: { type: number; code: number; rest?: number }, payload: Uint8Array) =>
  header(8, payload, (view, bytes) => {
    encodeIcmpv6(view, 0, fields);
    new Icmpv6(view, 0).fillChecksum(pseudo(addresses, IP_PROTOCOL.icmpv6, bytes.length), bytes.length);
  });

function sctp(
  ports: readonly [number, number],
  chunks: readonly { type: number; flags?: number; value: Uint8Array }[],
) {
  const body = chunks.map((chunk) =>
    header((4 + chunk.value.length + 3) & ~3, new Uint8Array(0), (view) => encodeSctpChunk(view, 0, chunk)),
  );
  return header(12, concatBytes(body), (view, bytes) => {
    encodeSctp(view, 0, { sourcePort: ports[0], destinationPort: ports[1], verificationTag: 0xdeadbeef });
    new Sctp(view, 0).fillChecksum(bytes.length);
  });
}

const vxlan = (vni: number, frame: Uint8Array): Uint8Array => header(8, frame, (view) => encodeVxlan(view, 0, vni));

const arp = (fields: Parameters<typeof encodeArp>[2], padding = 0): Uint8Array =>
  header(ARP_LENGTH, new Uint8Array(padding), (view) => encodeArp(view, 0, fields));

const PODS: Addresses = { source: addr('10.244.1.5'), destination: addr('10.244.2.7') };
const NODES: Addresses = { source: addr('172.18.0.2'), destination: addr('172.18.0.3') };
const PODS6: Addresses6 = { source: addr6('fd00:10:244:1::5'), destination: addr6('fd00:10:244:2::7') };
const LINK6: Addresses6 = { source: addr6('fe80::64aa:bbff:fecc:dd01'), destination: addr6('ff02::1:ff00:7') };
const PORTS = [40000, 80] as const;

const ip4Frame = (fields: Omit<Ipv4Fields, 'payloadLength'>, payload: Uint8Array): Uint8Array =>
  ethernet(ETHERTYPE.ipv4, ip4({ identification: 0x1234, flagsAndOffset: IPV4_DONT_FRAGMENT, ...fields }, payload));

const ip6Frame = (addresses: Addresses6, nextHeader: number, payload: Uint8Array): Uint8Array =>
  ethernet(ETHERTYPE.ipv6, ip6(addresses, nextHeader, payload));

const tcpFrame = (fields: Parameters<typeof tcp>[2], payload?: Uint8Array, ports: readonly [number, number] = PORTS) =>
  ip4Frame({ ...PODS, protocol: IP_PROTOCOL.tcp }, tcp(PODS, ports, fields, payload));

/** A segment of a BGP session with that payload. */
export const bgpFrame = (payload: Uint8Array): Uint8Array =>
  tcpFrame({ sequence: 1, acknowledgment: 1, flags: TCP_ACK | TCP_PSH }, payload, [40000, 179]);

const SYN_OPTIONS = { mss: 1460, sackPermitted: true, timestamps: { value: 1_000_000, echo: 0 }, windowScale: 7 };
const TIMESTAMPS = { timestamps: { value: 1_000_100, echo: 2_000_000 } };

const innerTcp = ip4(
  { ...PODS, protocol: IP_PROTOCOL.tcp, ttl: 63, identification: 7, flagsAndOffset: IPV4_DONT_FRAGMENT },
  tcp(PODS, PORTS, { sequence: 1000, flags: TCP_SYN, options: SYN_OPTIONS }),
);
const innerUdp = ip4({ ...PODS, protocol: IP_PROTOCOL.udp, identification: 8 }, udp(PODS, [5000, 9999], text('hello')));
const innerFrame = ethernet(ETHERTYPE.ipv4, innerTcp, { source: POD_A, destination: POD_B });

const icmpFrame = (fields: Omit<IcmpFields, 'payloadLength'>, payload: Uint8Array): Uint8Array =>
  ip4Frame({ ...NODES, protocol: IP_PROTOCOL.icmp, flagsAndOffset: 0 }, icmp(fields, payload));

const unreachable = (code: number, rest = 0, quoted: Uint8Array = innerUdp): Uint8Array =>
  icmpFrame({ type: ICMP_TYPE.destinationUnreachable, code, rest }, quoted);

const udpFrame = (ports: readonly [number, number], payload: Uint8Array): Uint8Array =>
  ip4Frame({ ...PODS, protocol: IP_PROTOCOL.udp }, udp(PODS, ports, payload));

const question = { name: 'web.default.svc.cluster.local', type: 'A' };
const NO_RECORDS = { answers: [], authorities: [], additionals: [] };
const dnsQuery = encodeDns({
  id: 4660,
  flags: DNS_FLAG.recursionDesired,
  opcode: 0,
  rcode: 0,
  questions: [question],
  ...NO_RECORDS,
});
const dnsAnswer = encodeDns({
  id: 4660,
  flags: DNS_FLAG.response | DNS_FLAG.authoritative | DNS_FLAG.recursionDesired,
  opcode: 0,
  rcode: 0,
  questions: [question],
  answers: [
    { name: question.name, ttl: 5, type: 'A', address: addr('10.96.0.10') },
    { name: question.name, ttl: 5, type: 'AAAA', address: addr6('fd00:10:96::a') },
    { name: '_http._tcp.web', ttl: 5, type: 'SRV', priority: 0, weight: 100, port: 80, target: question.name },
    { name: 'www', ttl: 5, type: 'CNAME', target: question.name },
    { name: 'www', ttl: 5, type: 'TXT', texts: ['dns-version=1.1.0'] },
  ],
  authorities: [],
  additionals: [{ name: '.', ttl: 0, type: 'OPT', udpPayloadSize: 1232 }],
});
const dnsMissing = encodeDns({
  id: 4661,
  flags: DNS_FLAG.response | DNS_FLAG.authoritative | DNS_FLAG.recursionAvailable,
  opcode: 0,
  rcode: DNS_RCODE.nxDomain,
  questions: [{ name: 'nothing.default.svc.cluster.local', type: 'AAAA' }],
  answers: [],
  authorities: [
    {
      name: 'cluster.local',
      ttl: 30,
      type: 'SOA',
      mname: 'ns.dns.cluster.local',
      rname: 'hostmaster.cluster.local',
      serial: 1_700_000_000,
      refresh: 7200,
      retry: 1800,
      expire: 86400,
      minimum: 30,
    },
  ],
  additionals: [],
});

/** RFC 4861 messages go to link-layer addresses with hop limit 255. */
function neighbour(encode: typeof encodeNeighbourSolicitation, addresses: Addresses6, flags: number): Uint8Array {
  const body = header(32, new Uint8Array(0), (view, bytes) => {
    encode(view, 0, { target: addr6('fe80::7'), flags, linkLayer: POD_A });
    new Icmpv6(view, 0).fillChecksum(pseudo(addresses, IP_PROTOCOL.icmpv6, bytes.length), bytes.length);
  });
  const packet = header(40, body, (view) =>
    encodeIpv6(view, 0, { ...addresses, nextHeader: IP_PROTOCOL.icmpv6, payloadLength: body.length, hopLimit: 255 }),
  );
  return ethernet(ETHERTYPE.ipv6, packet);
}

function fragments(): readonly [Uint8Array, Uint8Array] {
  const whole = udp(PODS, [1000, 2000], new Uint8Array(1000).fill(0x61));
  const part = (flagsAndOffset: number, start: number, end: number): Uint8Array =>
    ip4Frame({ ...PODS, protocol: IP_PROTOCOL.udp, flagsAndOffset }, whole.slice(start, end));
  return [part(IPV4_MORE_FRAGMENTS, 0, 800), part(100, 800, whole.length)];
}

function fragments6(): readonly [Uint8Array, Uint8Array] {
  const whole = udp(PODS6, [1000, 2000], new Uint8Array(1000).fill(0x62));
  const part = (fragmentOffset: number, end: number): Uint8Array => {
    const body = header(8, whole.slice(fragmentOffset, end), (view) =>
      encodeIpv6Fragment(view, 0, {
        nextHeader: IP_PROTOCOL.udp,
        fragmentOffset,
        moreFragments: end < whole.length,
        identification: 99,
      }),
    );
    return ip6Frame(PODS6, IP_PROTOCOL.fragment, body);
  };
  return [part(0, 800), part(800, whole.length)];
}

const initBody = bytesFrom('00000001 0000ffff 000a ffff 00000064');
const dataBody = concatBytes([bytesFrom('00000064 0001 0002 00000000'), text('hello')]);
const sackBody = bytesFrom('00000064 0000ffff 0000 0000');

const ECHO_PAYLOAD = Uint8Array.from({ length: 56 }, (_, i) => i);

export interface NamedFrame {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const tcpFrames: readonly NamedFrame[] = [
  { name: 'tcp syn', bytes: tcpFrame({ sequence: 1000, flags: TCP_SYN, options: SYN_OPTIONS }) },
  {
    name: 'tcp syn-ack',
    bytes: tcpFrame({ sequence: 4_294_967_295, acknowledgment: 1001, flags: TCP_SYN | TCP_ACK, options: SYN_OPTIONS }),
  },
  {
    name: 'tcp syn without timestamps',
    bytes: tcpFrame({
      sequence: 1,
      flags: TCP_SYN | TCP_ECE | TCP_CWR,
      options: { mss: 8960, sackPermitted: true, windowScale: 0 },
    }),
  },
  { name: 'tcp ack', bytes: tcpFrame({ sequence: 1001, acknowledgment: 1, flags: TCP_ACK, options: TIMESTAMPS }) },
  {
    name: 'tcp sack',
    bytes: tcpFrame({
      sequence: 1001,
      acknowledgment: 1,
      flags: TCP_ACK,
      options: {
        ...TIMESTAMPS,
        sack: [
          { left: 2000, right: 3000 },
          { left: 4_000_000_000, right: 4_000_000_500 },
        ],
      },
    }),
  },
  {
    name: 'tcp data',
    bytes: tcpFrame(
      { sequence: 1001, acknowledgment: 1, flags: TCP_PSH | TCP_ACK, options: TIMESTAMPS },
      text('some bytes'),
      [40000, 9999],
    ),
  },
  {
    name: 'http request',
    bytes: tcpFrame(
      { sequence: 1001, acknowledgment: 1, flags: TCP_PSH | TCP_ACK },
      text('GET / HTTP/1.1\r\nHost: web\r\n\r\n'),
    ),
  },
  {
    name: 'http response',
    bytes: tcpFrame(
      { sequence: 1, acknowledgment: 30, flags: TCP_PSH | TCP_ACK },
      text('HTTP/1.1 200 OK\r\n\r\n'),
      [80, 40000],
    ),
  },
  {
    name: 'tcp urgent',
    bytes: tcpFrame(
      { sequence: 9, acknowledgment: 1, flags: TCP_URG | TCP_ACK, urgentPointer: 3 },
      text('abc'),
      [40000, 9999],
    ),
  },
  { name: 'tcp fin', bytes: tcpFrame({ sequence: 1011, acknowledgment: 1, flags: TCP_FIN | TCP_ACK }) },
  { name: 'tcp rst', bytes: tcpFrame({ sequence: 0, acknowledgment: 1001, flags: TCP_RST | TCP_ACK }) },
  { name: 'tcp without flags', bytes: tcpFrame({ sequence: 7, flags: 0 }) },
  {
    name: 'bgp keepalive',
    bytes: tcpFrame(
      { sequence: 7, acknowledgment: 8, flags: TCP_PSH | TCP_ACK },
      bytesFrom(`${'ff'.repeat(16)} 0013 04`),
      [40000, 179],
    ),
  },
];

const icmpFrames: readonly NamedFrame[] = [
  {
    name: 'echo request',
    bytes: icmpFrame({ type: ICMP_TYPE.echoRequest, code: 0, rest: icmpEcho(77, 1) }, ECHO_PAYLOAD),
  },
  { name: 'echo reply', bytes: icmpFrame({ type: ICMP_TYPE.echoReply, code: 0, rest: icmpEcho(77, 1) }, ECHO_PAYLOAD) },
  ...Object.entries(ICMP_UNREACHABLE_CODE).map(([name, code]) => ({
    name: `unreachable ${name}`,
    bytes: unreachable(code, code === ICMP_UNREACHABLE_CODE.fragmentationNeeded ? 1400 : 0),
  })),
  { name: 'unreachable tcp port', bytes: unreachable(ICMP_UNREACHABLE_CODE.port, 0, innerTcp) },
  {
    name: 'unreachable port, short quotation',
    bytes: unreachable(ICMP_UNREACHABLE_CODE.port, 0, innerTcp.slice(0, 28)),
  },
  { name: 'time exceeded', bytes: icmpFrame({ type: ICMP_TYPE.timeExceeded, code: 0 }, innerTcp) },
  { name: 'reassembly time exceeded', bytes: icmpFrame({ type: ICMP_TYPE.timeExceeded, code: 1 }, innerUdp) },
  { name: 'redirect', bytes: icmpFrame({ type: ICMP_TYPE.redirect, code: 1, rest: addr('172.18.0.1') }, innerUdp) },
  {
    name: 'parameter problem',
    bytes: icmpFrame({ type: ICMP_TYPE.parameterProblem, code: 0, rest: 9 << 24 }, innerUdp),
  },
];

const linkFrames: readonly NamedFrame[] = [
  {
    name: 'arp request',
    bytes: ethernet(
      ETHERTYPE.arp,
      arp({
        operation: ARP_OPERATION.request,
        senderMac: NODE_A,
        senderIp: NODES.source,
        targetMac: MAC_ZERO,
        targetIp: NODES.destination,
      }),
      { source: NODE_A, destination: MAC_BROADCAST },
    ),
  },
  {
    name: 'arp request to a known neighbour',
    bytes: ethernet(
      ETHERTYPE.arp,
      arp({
        operation: ARP_OPERATION.request,
        senderMac: NODE_A,
        senderIp: NODES.source,
        targetMac: NODE_B,
        targetIp: NODES.destination,
      }),
    ),
  },
  {
    name: 'arp probe',
    bytes: ethernet(
      ETHERTYPE.arp,
      arp({
        operation: ARP_OPERATION.request,
        senderMac: NODE_A,
        senderIp: INADDR_ANY,
        targetMac: MAC_ZERO,
        targetIp: ipv4(0xa9fe0101),
      }),
      { source: NODE_A, destination: MAC_BROADCAST },
    ),
  },
  {
    name: 'arp reply, padded',
    bytes: ethernet(
      ETHERTYPE.arp,
      arp(
        {
          operation: ARP_OPERATION.reply,
          senderMac: NODE_B,
          senderIp: NODES.destination,
          targetMac: NODE_A,
          targetIp: NODES.source,
        },
        18,
      ),
    ),
  },
  {
    name: 'tagged udp',
    bytes: ethernet(
      ETHERTYPE.vlan,
      header(4, innerUdp, (view) => encodeVlan(view, 0, { vlanId: 100, priority: 3, etherType: ETHERTYPE.ipv4 })),
    ),
  },
  { name: 'unknown ethertype', bytes: ethernet(0x88b5, text('experimental')) },
];

const tunnelFrames: readonly NamedFrame[] = [
  {
    name: 'vxlan',
    bytes: ip4Frame({ ...NODES, protocol: IP_PROTOCOL.udp }, udp(NODES, [54321, VXLAN_PORT], vxlan(4096, innerFrame))),
  },
  { name: 'ip in ip', bytes: ip4Frame({ ...NODES, protocol: IP_PROTOCOL.ipip }, innerTcp) },
];

const ipv6Frames: readonly NamedFrame[] = [
  {
    name: 'ipv6 tcp',
    bytes: ip6Frame(PODS6, IP_PROTOCOL.tcp, tcp(PODS6, PORTS, { sequence: 1, flags: TCP_SYN, options: SYN_OPTIONS })),
  },
  { name: 'ipv6 udp', bytes: ip6Frame(PODS6, IP_PROTOCOL.udp, udp(PODS6, [1000, 2000], text('six'))) },
  {
    name: 'ipv6 echo',
    bytes: ip6Frame(
      PODS6,
      IP_PROTOCOL.icmpv6,
      icmp6(PODS6, { type: ICMPV6_TYPE.echoRequest, code: 0, rest: icmpEcho(5, 6) }, ECHO_PAYLOAD),
    ),
  },
  {
    name: 'ipv6 too big',
    bytes: ip6Frame(
      PODS6,
      IP_PROTOCOL.icmpv6,
      icmp6(
        PODS6,
        { type: ICMPV6_TYPE.packetTooBig, code: 0, rest: 1400 },
        ip6(PODS6, IP_PROTOCOL.udp, udp(PODS6, [1000, 2000], text('six'))),
      ),
    ),
  },
  {
    name: 'ipv6 port unreachable',
    bytes: ip6Frame(
      PODS6,
      IP_PROTOCOL.icmpv6,
      icmp6(
        PODS6,
        { type: ICMPV6_TYPE.destinationUnreachable, code: 4 },
        ip6(PODS6, IP_PROTOCOL.udp, udp(PODS6, [1000, 2000], text('six'))),
      ),
    ),
  },
  {
    name: 'ipv6 no route',
    bytes: ip6Frame(
      PODS6,
      IP_PROTOCOL.icmpv6,
      icmp6(
        PODS6,
        { type: ICMPV6_TYPE.destinationUnreachable, code: 0 },
        ip6(PODS6, IP_PROTOCOL.udp, udp(PODS6, [1000, 2000], text('six'))),
      ),
    ),
  },
  {
    name: 'ipv6 time exceeded',
    bytes: ip6Frame(
      PODS6,
      IP_PROTOCOL.icmpv6,
      icmp6(
        PODS6,
        { type: ICMPV6_TYPE.timeExceeded, code: 0 },
        ip6(PODS6, IP_PROTOCOL.udp, udp(PODS6, [1000, 2000], text('six'))),
      ),
    ),
  },
  { name: 'neighbour solicitation', bytes: neighbour(encodeNeighbourSolicitation, LINK6, 0) },
  {
    name: 'neighbour advertisement',
    bytes: neighbour(
      encodeNeighbourAdvertisement,
      { source: addr6('fe80::7'), destination: LINK6.source },
      ND_SOLICITED | ND_OVERRIDE,
    ),
  },
  { name: 'ipv6 first fragment', bytes: fragments6()[0] },
  { name: 'ipv6 last fragment', bytes: fragments6()[1] },
];

const udpFrames: readonly NamedFrame[] = [
  { name: 'udp', bytes: udpFrame([1000, 2000], text('hello')) },
  { name: 'udp without checksum', bytes: withoutUdpChecksum(udpFrame([1000, 2000], text('hello'))) },
  { name: 'dns query', bytes: udpFrame([41000, 53], dnsQuery) },
  { name: 'dns answer', bytes: udpFrame([53, 41000], dnsAnswer) },
  { name: 'dns missing name', bytes: udpFrame([53, 41000], dnsMissing) },
  {
    name: 'dns query over tcp',
    bytes: tcpFrame(
      { sequence: 1, acknowledgment: 1, flags: TCP_PSH | TCP_ACK },
      concatBytes([Uint8Array.of(0, dnsQuery.length), dnsQuery]),
      [41000, 53],
    ),
  },
  { name: 'first fragment', bytes: fragments()[0] },
  { name: 'last fragment', bytes: fragments()[1] },
  {
    name: 'ipv4 options',
    bytes: ip4Frame(
      { ...PODS, protocol: IP_PROTOCOL.udp, options: bytesFrom('94040000 0107070a 000001 00') },
      udp(PODS, [1000, 2000], text('opt')),
    ),
  },
  { name: 'unknown protocol', bytes: ip4Frame({ ...PODS, protocol: 200 }, text('whatever')) },
];

function withoutUdpChecksum(frame: Uint8Array): Uint8Array {
  const bytes = frame.slice();
  bytes.fill(0, 40, 42);
  return bytes;
}

const sctpFrame = (chunks: Parameters<typeof sctp>[1]): Uint8Array =>
  ip4Frame({ ...PODS, protocol: IP_PROTOCOL.sctp }, sctp([5000, 2000], chunks));

const sctpFrames: readonly NamedFrame[] = [
  { name: 'sctp init', bytes: sctpFrame([{ type: SCTP_CHUNK.init, value: initBody }]) },
  {
    name: 'sctp data and sack',
    bytes: sctpFrame([
      { type: SCTP_CHUNK.sack, value: sackBody },
      { type: SCTP_CHUNK.data, flags: 3, value: dataBody },
    ]),
  },
  { name: 'sctp cookie ack', bytes: sctpFrame([{ type: SCTP_CHUNK.cookieAck, value: new Uint8Array(0) }]) },
];

export const FRAMES: readonly NamedFrame[] = [
  ...linkFrames,
  ...udpFrames,
  ...tcpFrames,
  ...icmpFrames,
  ...sctpFrames,
  ...tunnelFrames,
  ...ipv6Frames,
];

export const frame = (name: string): Uint8Array => {
  const found = FRAMES.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no frame ${name}`);
  return found.bytes;
};
