/**
 * Headers per second in CPU time: parsing Ethernet, IPv4 and TCP, and rewriting them as a forwarding host with
 * NAT does (TTL, destination and port, source and port), every checksum brought up to date.
 */

import {
  encodeEthernet,
  encodeIpv4,
  encodeTcp,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  Ethernet,
  IP_PROTOCOL,
  Ipv4,
  IPV4_HEADER_LENGTH,
  ipv4,
  mac,
  pseudoHeaderSum,
  SlabAllocator,
  Tcp,
  TCP_SYN,
  updateChecksum32,
} from '../src/packet/index.js';

const FRAMES = 1024;
const FRAME_LENGTH = 64;
const ROUNDS = 20_000;

const allocator = new SlabAllocator();
const offsets: { readonly view: DataView; readonly offset: number }[] = [];
for (let i = 0; i < FRAMES; i += 1) {
  const offset = allocator.reserve(FRAME_LENGTH);
  const { view } = allocator.slab;
  const network = offset + ETHERNET_HEADER_LENGTH;
  const transport = network + IPV4_HEADER_LENGTH;
  const payloadLength = FRAME_LENGTH - ETHERNET_HEADER_LENGTH - IPV4_HEADER_LENGTH;
  const [source, destination] = [ipv4(0x0a000000 + i), ipv4(0x0a600001)];
  encodeEthernet(view, offset, { destination: mac(1), source: mac(2), etherType: ETHERTYPE.ipv4 });
  encodeTcp(view, transport, {
    sourcePort: 40_000 + i,
    destinationPort: 80,
    sequence: i,
    acknowledgment: 0,
    flags: TCP_SYN,
    window: 64_240,
  });
  new Tcp(view, transport).fillChecksum(
    pseudoHeaderSum(source, destination, IP_PROTOCOL.tcp, payloadLength),
    transport + payloadLength,
  );
  encodeIpv4(view, network, { source, destination, protocol: IP_PROTOCOL.tcp, payloadLength });
  offsets.push({ view, offset });
}

function parse(): number {
  let sum = 0;
  for (const { view, offset } of offsets) {
    if (new Ethernet(view, offset).etherType !== ETHERTYPE.ipv4) continue;
    const end = offset + FRAME_LENGTH;
    const ip = Ipv4.parse(view, offset + ETHERNET_HEADER_LENGTH, end);
    if (ip === undefined || !ip.checksumValid()) continue;
    const tcp = Tcp.parse(view, ip.payloadOffset, ip.end);
    if (tcp !== undefined)
      sum += ip.ttl + ip.source + ip.destination + tcp.sourcePort + tcp.destinationPort + tcp.flags;
  }
  return sum;
}

/** Back and forth between two addresses, so that every round really changes something. */
function rewrite(round: number): number {
  const to = ipv4(round % 2 === 0 ? 0x0af40101 : 0x0a600001);
  const from = ipv4(round % 2 === 0 ? 0x0a0a0a0a : 0x0a000005);
  const port = round % 2 === 0 ? 8080 : 80;
  for (const { view, offset } of offsets) {
    const ip = new Ipv4(view, offset + ETHERNET_HEADER_LENGTH);
    const tcp = new Tcp(view, ip.payloadOffset);
    tcp.checksum = updateChecksum32(updateChecksum32(tcp.checksum, ip.destination, to), ip.source, from);
    ip.rewriteDestination(to);
    ip.rewriteSource(from);
    tcp.rewriteDestinationPort(port);
    tcp.rewriteSourcePort(port + 1);
    if (ip.decrementTtl() < 2) ip.ttl = 64;
  }
  return offsets.length;
}

function measure(name: string, run: (round: number) => number): void {
  for (let round = 0; round < ROUNDS / 10; round += 1) run(round);
  const start = process.cpuUsage();
  let kept = 0;
  for (let round = 0; round < ROUNDS; round += 1) kept ^= run(round);
  const { user, system } = process.cpuUsage(start);
  const perSecond = (ROUNDS * FRAMES) / ((user + system) / 1e6);
  console.log(`${name.padEnd(48)} ${(perSecond / 1e6).toFixed(1).padStart(7)} M/s${kept === 1 ? ' ' : ''}`);
}

measure('parse Ethernet, IPv4 with checksum, TCP', parse);
measure('rewrite TTL, both addresses, both ports', rewrite);
