/**
 * ICMP for IPv4 (RFC 792; next-hop MTU by RFC 1191 §4).
 *
 *      0                   1                   2                   3
 *     +---------------+---------------+-------------------------------+
 *     |     Type      |     Code      |           Checksum            |
 *     +---------------+---------------+-------------------------------+
 *     |  rest of header: identifier and sequence | MTU | gateway | pointer
 *     +---------------------------------------------------------------+
 *     |  data, or the IP header and the first octets that were in error
 *     +---------------------------------------------------------------+
 */

import { checksumPartial, finishChecksum, updateChecksum16 } from './checksum.js';
import { type Ipv4Addr, ipv4 } from './ip.js';

const TYPE = 0;
const CODE = 1;
const CHECKSUM = 2;
const REST = 4;
export const ICMP_HEADER_LENGTH = 8;

/** Message types (IANA "ICMP Parameters"; include/uapi/linux/icmp.h). */
export const ICMP_TYPE = {
  echoReply: 0,
  destinationUnreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  routerAdvertisement: 9,
  routerSolicitation: 10,
  timeExceeded: 11,
  parameterProblem: 12,
  timestampRequest: 13,
  timestampReply: 14,
  informationRequest: 15,
  informationReply: 16,
  addressMaskRequest: 17,
  addressMaskReply: 18,
} as const;

/** Codes of destination unreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). */
export const ICMP_UNREACHABLE_CODE = {
  network: 0,
  host: 1,
  protocol: 2,
  port: 3,
  fragmentationNeeded: 4,
  sourceRouteFailed: 5,
  networkUnknown: 6,
  hostUnknown: 7,
  hostIsolated: 8,
  networkProhibited: 9,
  hostProhibited: 10,
  networkTos: 11,
  hostTos: 12,
  filtered: 13,
  hostPrecedence: 14,
  precedenceCutoff: 15,
} as const;

export const ICMP_TIME_EXCEEDED_CODE = { ttl: 0, reassembly: 1 } as const;
export const ICMP_REDIRECT_CODE = { network: 0, host: 1, networkTos: 2, hostTos: 3 } as const;

/** Types that quote a packet in error (net/ipv4/icmp.c:icmp_pointers[].error). */
export const isIcmpError = (type: number): boolean =>
  type === ICMP_TYPE.destinationUnreachable ||
  type === ICMP_TYPE.sourceQuench ||
  type === ICMP_TYPE.redirect ||
  type === ICMP_TYPE.timeExceeded ||
  type === ICMP_TYPE.parameterProblem;

/** A message where it lies in `view`: nothing is copied, and setters write through. */
export class Icmp {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  static parse(view: DataView, offset: number, end: number): Icmp | undefined {
    return end - offset < ICMP_HEADER_LENGTH ? undefined : new Icmp(view, offset);
  }

  get type(): number {
    return this.view.getUint8(this.offset + TYPE);
  }
  set type(value: number) {
    this.view.setUint8(this.offset + TYPE, value);
  }

  get code(): number {
    return this.view.getUint8(this.offset + CODE);
  }
  set code(value: number) {
    this.view.setUint8(this.offset + CODE, value);
  }

  get checksum(): number {
    return this.view.getUint16(this.offset + CHECKSUM);
  }
  set checksum(value: number) {
    this.view.setUint16(this.offset + CHECKSUM, value);
  }

  /** The four octets whose meaning depends on the type. */
  get rest(): number {
    return this.view.getInt32(this.offset + REST);
  }
  set rest(value: number) {
    this.view.setInt32(this.offset + REST, value);
  }

  /** Of echo and timestamp messages. */
  get identifier(): number {
    return this.view.getUint16(this.offset + REST);
  }
  set identifier(value: number) {
    this.view.setUint16(this.offset + REST, value);
  }

  get sequence(): number {
    return this.view.getUint16(this.offset + REST + 2);
  }
  set sequence(value: number) {
    this.view.setUint16(this.offset + REST + 2, value);
  }

  /** Of fragmentation needed; zero from routers older than RFC 1191. */
  get mtu(): number {
    return this.view.getUint16(this.offset + REST + 2);
  }
  set mtu(value: number) {
    this.view.setUint16(this.offset + REST + 2, value);
  }

  /** Of a redirect: where to go instead. */
  get gateway(): Ipv4Addr {
    return ipv4(this.rest);
  }
  set gateway(value: Ipv4Addr) {
    this.rest = value;
  }

  /** Of a parameter problem: the octet of the quoted header that is wrong. */
  get pointer(): number {
    return this.view.getUint8(this.offset + REST);
  }
  set pointer(value: number) {
    this.view.setUint8(this.offset + REST, value);
  }

  /** Where data or the quoted packet starts. */
  get payloadOffset(): number {
    return this.offset + ICMP_HEADER_LENGTH;
  }

  /** Destination unreachable, time exceeded and the others that quote a packet. */
  get isError(): boolean {
    return isIcmpError(this.type);
  }

  /** The message, which does not know its length, reaches to `end`. There is no pseudo-header. */
  checksumValid(end: number): boolean {
    return finishChecksum(checksumPartial(this.view, this.offset, end)) === 0;
  }

  fillChecksum(end: number): void {
    this.checksum = 0;
    this.checksum = finishChecksum(checksumPartial(this.view, this.offset, end));
  }

  /** Identifier and checksum (net/netfilter/nf_nat_proto.c:icmp_manip_pkt()). */
  rewriteIdentifier(to: number): void {
    this.checksum = updateChecksum16(this.checksum, this.identifier, to);
    this.identifier = to;
  }
}

/** The four octets behind the checksum of an echo message. */
export const icmpEcho = (identifier: number, sequence: number): number => (identifier << 16) | (sequence & 0xffff);

export interface IcmpFields {
  readonly type: number;
  readonly code: number;
  /** The four octets behind the checksum: `icmpEcho(id, seq)`, an MTU, a gateway, `pointer << 24`. 0 where left out. */
  readonly rest?: number;
  /** Octets already in place behind the header. */
  readonly payloadLength: number;
}

/** Writes the header over a payload that is in place, checksum included. */
export function encodeIcmp(view: DataView, offset: number, fields: IcmpFields): void {
  view.setInt32(offset, (fields.type << 24) | (fields.code << 16));
  view.setInt32(offset + REST, fields.rest ?? 0);
  new Icmp(view, offset).fillChecksum(offset + ICMP_HEADER_LENGTH + fields.payloadLength);
}
