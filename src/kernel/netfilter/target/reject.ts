/** `-j REJECT`: drops and says so; net/ipv4/netfilter/ipt_REJECT.c, nf_reject_ipv4.c. */

import {
  checksumPartial,
  Ethernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  Ipv4,
  encodeEthernet,
  encodeIpv4,
  encodeTcp,
  finishChecksum,
  IP_PROTOCOL,
  IPV4_DONT_FRAGMENT,
  IPV4_HEADER_LENGTH,
  pseudoHeaderSum,
  Tcp,
  TCP_ACK,
  TCP_HEADER_LENGTH,
  TCP_RST,
} from '../../../packet/index.js';
import type { Device } from '../../device.js';
import type { Skb } from '../../skb.js';
import { type Target, type TargetKind, RuleError } from '../extension.js';
import type { RulePacket } from '../packet.js';

const DESTINATION_UNREACHABLE = 3;

/** `--reject-with` names with the ICMP code; the first of each is printed. */
const TYPES = [
  ['icmp-net-unreachable', 'net-unreach', 0],
  ['icmp-host-unreachable', 'host-unreach', 1],
  ['icmp-proto-unreachable', 'proto-unreach', 2],
  ['icmp-port-unreachable', 'port-unreach', 3],
  ['icmp-net-prohibited', 'net-prohib', 9],
  ['icmp-host-prohibited', 'host-prohib', 10],
  ['icmp-admin-prohibited', 'admin-prohib', 13],
] as const;

/** nf_reject_verify_csum(): protocols whose packets are taken as they are: GRE, ESP, AH, SCTP, UDP-Lite, DCCP. */
const UNVERIFIED: ReadonlySet<number> = new Set([47, 50, 51, 132, 136, 33]);

const UDP_HEADER_LENGTH = 8;
const UDP_CHECKSUM = 6;

/** nf_send_unreach(): not for later fragments, nor for what is broken. */
function sendUnreachable(packet: RulePacket, code: number): void {
  if (packet.fragmentOffset !== 0 || !isWhole(packet)) return;
  packet.netns.ipv4.icmp.send(packet.skb, DESTINATION_UNREACHABLE, code);
}

/** A sum that is right, or that nobody has to look at; UDP may have none. */
function isWhole(packet: RulePacket): boolean {
  const { protocol, view, transport } = packet;
  if (UNVERIFIED.has(protocol)) return true;
  if (protocol !== IP_PROTOCOL.udp) return checksumOk(packet);
  if (packet.transportLength < UDP_HEADER_LENGTH) return false;
  return view.getUint16(transport + UDP_CHECKSUM) === 0 || checksumOk(packet);
}

/** What an IPv4 header sums up to, its own checksum included. */
const HEADER_SUM = 0xffff;

/**
 * nf_ip_checksum(), whatever the protocol; TCP and UDP count addresses too. The kernel begins at the IP header: a sum of
 * nothing but zeros is right, and a header that has changed since it was summed (ip_options_compile()) makes all wrong,
 * unless the packet has been summed before that.
 */
function checksumOk(packet: RulePacket): boolean {
  const { protocol, source, destination, transportLength, view, skb, end } = packet;
  const hasPseudoHeader = protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.udp;
  const pseudo = hasPseudoHeader ? pseudoHeaderSum(source, destination, protocol, transportLength) : 0;
  const header = skb.summed ? HEADER_SUM : checksumPartial(view, skb.network, packet.transport);
  return finishChecksum(checksumPartial(view, packet.transport, end, pseudo + header)) === 0;
}

/** Sequence and acknowledgment of the answer: the peer's own words turned around (nf_reject_ip_tcphdr_put()). */
function resetFields(tcp: Tcp, payloadLength: number): { sequence: number; acknowledgment: number; flags: number } {
  if (tcp.ack) return { sequence: tcp.acknowledgment, acknowledgment: 0, flags: TCP_RST };
  const consumed = payloadLength + (tcp.syn ? 1 : 0) + (tcp.fin ? 1 : 0);
  return { sequence: 0, acknowledgment: (tcp.sequence + consumed) >>> 0, flags: TCP_RST | TCP_ACK };
}

/** nf_send_reset(). */
function sendReset(packet: RulePacket): void {
  const { netns, skb } = packet;
  if (packet.protocol !== IP_PROTOCOL.tcp || packet.fragmentOffset !== 0) return;
  if (skb.route?.type === 'broadcast' || skb.route?.type === 'multicast') return;
  const tcp = Tcp.parse(packet.view, packet.transport, packet.end);
  if (tcp === undefined || tcp.rst || !checksumOk(packet)) return;

  const reset = netns.emulation.allocSkb(IPV4_HEADER_LENGTH + TCP_HEADER_LENGTH);
  const { view, data } = reset;
  const transport = data + IPV4_HEADER_LENGTH;
  reset.tail = transport + TCP_HEADER_LENGTH;
  reset.network = data;
  reset.transport = transport;
  reset.parent = skb.id;
  const source = packet.destination;
  const destination = packet.source;
  encodeIpv4(view, data, {
    source,
    destination,
    protocol: IP_PROTOCOL.tcp,
    payloadLength: TCP_HEADER_LENGTH,
    ttl: netns.sysctl.values['ipv4.ip_default_ttl'],
    flagsAndOffset: IPV4_DONT_FRAGMENT,
  });
  encodeTcp(view, transport, {
    sourcePort: tcp.destinationPort,
    destinationPort: tcp.sourcePort,
    window: 0,
    ...resetFields(tcp, packet.end - tcp.payloadOffset),
  });
  new Tcp(view, transport).fillChecksum(
    pseudoHeaderSum(source, destination, IP_PROTOCOL.tcp, TCP_HEADER_LENGTH),
    reset.tail,
  );
  reset.mark = netns.sysctl.values['ipv4.fwmark_reflect'] === 0 ? 0 : skb.mark;
  // ip_route_me_harder() with FLOWI_FLAG_ANYSRC: the answer speaks for an address that need not be ours.
  const route = netns.ipv4.route({
    destination,
    source,
    mark: reset.mark,
    ...(netns.fib.dissects
      ? { protocol: IP_PROTOCOL.tcp, sourcePort: tcp.destinationPort, destinationPort: tcp.sourcePort }
      : {}),
    anySource: true,
  });
  if (typeof route === 'string') return;
  reset.route = route;
  reset.protocol = skb.protocol;
  netns.conntrack.attach(reset, skb);
  netns.conntrack.setClosing(skb);
  if (skb.physIn === undefined) netns.ipv4.output.localOut(reset, 'honour');
  else sendByPort(packet, reset, skb.physIn);
}

/** What came over a bridge is answered by the port that it came in by, in the name of whom it was sent to. */
function sendByPort({ netns, skb }: RulePacket, reset: Skb, port: Device): void {
  const { source, destination } = new Ethernet(skb.view, skb.mac);
  new Ipv4(reset.view, reset.network).fillChecksum();
  netns.trace(reset, {
    kind: 'send',
    protocol: IP_PROTOCOL.tcp,
    note: 'made by the kernel, for the port of the bridge',
  });
  reset.push(ETHERNET_HEADER_LENGTH, netns.emulation.slabs);
  encodeEthernet(reset.view, reset.data, { source: destination, destination: source, etherType: ETHERTYPE.ipv4 });
  reset.mac = reset.data;
  port.transmit(reset);
}

const rejectTarget = (text: string, answer: (packet: RulePacket) => void): Target => ({
  outcome: 'drop',
  apply(packet) {
    answer(packet);
    return 'drop';
  },
  toString: () => `--reject-with ${text}`,
});

export const reject = {
  options: { '--reject-with': {} },
  tables: ['filter'],
  hooks: ['input', 'forward', 'output'],
  parse(options) {
    const text = options.text('--reject-with') ?? 'icmp-port-unreachable';
    if (text === 'tcp-reset' || text === 'tcp-rst') {
      return { ...rejectTarget('tcp-reset', sendReset), protocols: [IP_PROTOCOL.tcp] };
    }
    const type = TYPES.find(([name, short]) => name === text || short === text);
    if (type === undefined) throw new RuleError(`unknown reject type "${text}"`);
    const [name, , code] = type;
    return rejectTarget(name, (packet) => sendUnreachable(packet, code));
  },
} satisfies TargetKind;
