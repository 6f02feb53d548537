/**
 * Rewrites a packet: one address, one port, and every checksum over them, incrementally
 * (net/netfilter/nf_nat_proto.c:nf_nat_ipv4_manip_pkt()).
 */

import {
  ICMP_HEADER_LENGTH,
  Icmp,
  ICMP_TYPE,
  IP_PROTOCOL,
  Ipv4,
  type Ipv4Addr,
  SCTP_HEADER_LENGTH,
  Sctp,
  TCP_HEADER_LENGTH,
  Tcp,
  UDP_HEADER_LENGTH,
  Udp,
} from '../../../packet/index.js';
import type { CtTuple } from '../entry.js';
import type { NatManip } from './range.js';

/** A datagram in a slab: its own, or one that an ICMP error quotes. */
export interface Datagram {
  readonly view: DataView;
  /** Offset of its IPv4 header. */
  readonly offset: number;
  /** Past the last octet that there is of it. */
  readonly end: number;
}

interface Change {
  readonly manip: NatManip;
  readonly before: Ipv4Addr;
  readonly after: Ipv4Addr;
  readonly port: number;
  readonly identifier: number;
  readonly transport: number;
  readonly end: number;
}

/** At least this much of a quoted TCP or SCTP header is there (RFC 792), without its checksum. */
const QUOTED_LENGTH = 8;

/** ICMP messages with an identifier. */
const WITH_IDENTIFIER: ReadonlySet<number> = new Set<number>([
  ICMP_TYPE.echoRequest,
  ICMP_TYPE.echoReply,
  ICMP_TYPE.timestampRequest,
  ICMP_TYPE.timestampReply,
  ICMP_TYPE.informationRequest,
  ICMP_TYPE.informationReply,
  ICMP_TYPE.addressMaskRequest,
  ICMP_TYPE.addressMaskReply,
]);

/** Gives the datagram the source or destination of `target`; false, with nothing changed, where it is too short. */
export function rewrite({ view, offset, end }: Datagram, target: CtTuple, manip: NatManip): boolean {
  const ipv4 = new Ipv4(view, offset);
  const isSource = manip === 'src';
  const change: Change = {
    manip,
    before: isSource ? ipv4.source : ipv4.destination,
    after: isSource ? target.source : target.destination,
    port: isSource ? target.sourcePort : target.destinationPort,
    identifier: target.sourcePort,
    transport: ipv4.payloadOffset,
    end,
  };
  if (!rewriteTransport(view, target.protocol, change)) return false;
  if (isSource) ipv4.rewriteSource(target.source);
  else ipv4.rewriteDestination(target.destination);
  return true;
}

/** Octets behind the IPv4 header that a change of the packet writes to. */
export function writtenOctets(protocol: number, there: number): number {
  switch (protocol) {
    case IP_PROTOCOL.tcp:
      return there >= TCP_HEADER_LENGTH ? TCP_HEADER_LENGTH : QUOTED_LENGTH;
    case IP_PROTOCOL.sctp:
      return there >= SCTP_HEADER_LENGTH ? SCTP_HEADER_LENGTH : QUOTED_LENGTH;
    case IP_PROTOCOL.udp:
      return UDP_HEADER_LENGTH;
    case IP_PROTOCOL.icmp:
      return ICMP_HEADER_LENGTH;
    default:
      return 0;
  }
}

/** l4proto_manip_pkt(). A protocol that it does not know passes with its addresses changed. */
function rewriteTransport(view: DataView, protocol: number, change: Change): boolean {
  switch (protocol) {
    case IP_PROTOCOL.tcp:
      return rewriteTcp(view, change);
    case IP_PROTOCOL.udp:
      return rewriteUdp(view, change);
    case IP_PROTOCOL.sctp:
      return rewriteSctp(view, change);
    case IP_PROTOCOL.icmp:
      return rewriteIcmp(view, change);
    default:
      return true;
  }
}

function rewriteTcp(view: DataView, change: Change): boolean {
  const length = change.end - change.transport;
  if (length < QUOTED_LENGTH) return false;
  const tcp = new Tcp(view, change.transport);
  if (length < TCP_HEADER_LENGTH) setPort(tcp, change);
  else {
    tcp.adjustChecksum32(change.before, change.after);
    if (change.manip === 'src') tcp.rewriteSourcePort(change.port);
    else tcp.rewriteDestinationPort(change.port);
  }
  return true;
}

/** A checksum of zero says that there is none, and stays. */
function rewriteUdp(view: DataView, change: Change): boolean {
  if (change.end - change.transport < UDP_HEADER_LENGTH) return false;
  const udp = new Udp(view, change.transport);
  udp.adjustChecksum32(change.before, change.after);
  if (change.manip === 'src') udp.rewriteSourcePort(change.port);
  else udp.rewriteDestinationPort(change.port);
  return true;
}

/** The addresses are not in the CRC. */
function rewriteSctp(view: DataView, change: Change): boolean {
  const length = change.end - change.transport;
  if (length < QUOTED_LENGTH) return false;
  const sctp = new Sctp(view, change.transport);
  setPort(sctp, change);
  if (length >= SCTP_HEADER_LENGTH) sctp.fillChecksum(change.end);
  return true;
}

function rewriteIcmp(view: DataView, change: Change): boolean {
  if (change.end - change.transport < ICMP_HEADER_LENGTH) return false;
  const icmp = new Icmp(view, change.transport);
  if (WITH_IDENTIFIER.has(icmp.type)) icmp.rewriteIdentifier(change.identifier);
  return true;
}

function setPort(header: Tcp | Sctp, { manip, port }: Change): void {
  if (manip === 'src') header.sourcePort = port;
  else header.destinationPort = port;
}
