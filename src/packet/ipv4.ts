/**
 * IPv4 (RFC 791 §3.1, DSCP and ECN by RFC 2474 and RFC 3168).
 *
 *      0                   1                   2                   3
 *     +-------+-------+---------------+-------------------------------+
 *     |Version|  IHL  |    DSCP   |ECN|          Total Length         |
 *     +-------+-------+---------------+-----+-------------------------+
 *     |         Identification        |Flags|     Fragment Offset     |
 *     +---------------+---------------+-----+-------------------------+
 *     |  Time to Live |    Protocol   |        Header Checksum        |
 *     +---------------+---------------+-------------------------------+
 *     |                         Source Address                        |
 *     +---------------------------------------------------------------+
 *     |                      Destination Address                      |
 *     +---------------------------------------------------------------+
 *     |                    Options (0 to 40 octets)                   |
 *     +---------------------------------------------------------------+
 */

import { checksumPartial, finishChecksum, updateChecksum16, updateChecksum32 } from './checksum.js';
import { type Ipv4Addr, ipv4 } from './ip.js';
import { type OptionSpan, optionSpans } from './option-span.js';

const VERSION_IHL = 0;
const TOS = 1;
const TOTAL_LENGTH = 2;
const IDENTIFICATION = 4;
const FLAGS_FRAGMENT_OFFSET = 6;
const TTL = 8;
const PROTOCOL = 9;
const CHECKSUM = 10;
const SOURCE = 12;
const DESTINATION = 16;
/** Without options. */
export const IPV4_HEADER_LENGTH = 20;
export const IPV4_OPTIONS_MAXIMUM = 40;

/** IP_DF, IP_MF, IP_OFFSET of include/net/ip.h, over the 16 bits that flags and offset share. */
export const IPV4_DONT_FRAGMENT = 0x4000;
export const IPV4_MORE_FRAGMENTS = 0x2000;
const RESERVED_FLAG = 0x8000;
const FRAGMENT_OFFSET_MASK = 0x1fff;

/** Assigned Internet Protocol Numbers (IANA; include/uapi/linux/in.h). */
export const IP_PROTOCOL = {
  hopByHop: 0,
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  noNext: 59,
  destinationOptions: 60,
  sctp: 132,
  udplite: 136,
} as const;

/** A header where it lies in `view`: nothing is copied, and setters write through. */
export class Ipv4 {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  /**
   * The length and version checks of net/ipv4/ip_input.c:ip_rcv_core(): a view, or undefined where the header or what
   * it says of itself does not fit in `[offset, end)`. The checksum is the caller's to ask for.
   */
  static parse(view: DataView, offset: number, end: number): Ipv4 | undefined {
    if (end - offset < IPV4_HEADER_LENGTH) return undefined;
    const versionIhl = view.getUint8(offset + VERSION_IHL);
    const headerLength = (versionIhl & 0x0f) << 2;
    const totalLength = view.getUint16(offset + TOTAL_LENGTH);
    const fits =
      versionIhl >>> 4 === 4 &&
      headerLength >= IPV4_HEADER_LENGTH &&
      totalLength >= headerLength &&
      totalLength <= end - offset;
    return fits ? new Ipv4(view, offset) : undefined;
  }

  get version(): number {
    return this.view.getUint8(this.offset + VERSION_IHL) >>> 4;
  }

  /** In octets. */
  get headerLength(): number {
    return (this.view.getUint8(this.offset + VERSION_IHL) & 0x0f) << 2;
  }

  /** DSCP and ECN together, once the type of service. Setting leaves the checksum alone, as all plain setters do. */
  get tos(): number {
    return this.view.getUint8(this.offset + TOS);
  }
  set tos(value: number) {
    this.view.setUint8(this.offset + TOS, value);
  }

  get dscp(): number {
    return this.tos >>> 2;
  }
  set dscp(value: number) {
    this.tos = ((value << 2) & 0xfc) | (this.tos & 0x03);
  }

  get ecn(): number {
    return this.tos & 0x03;
  }
  set ecn(value: number) {
    this.tos = (this.tos & 0xfc) | (value & 0x03);
  }

  get totalLength(): number {
    return this.view.getUint16(this.offset + TOTAL_LENGTH);
  }
  set totalLength(value: number) {
    this.view.setUint16(this.offset + TOTAL_LENGTH, value);
  }

  get identification(): number {
    return this.view.getUint16(this.offset + IDENTIFICATION);
  }
  set identification(value: number) {
    this.view.setUint16(this.offset + IDENTIFICATION, value);
  }

  /** The 16 bits of flags and fragment offset (iph->frag_off). */
  get flagsAndOffset(): number {
    return this.view.getUint16(this.offset + FLAGS_FRAGMENT_OFFSET);
  }
  set flagsAndOffset(value: number) {
    this.view.setUint16(this.offset + FLAGS_FRAGMENT_OFFSET, value);
  }

  get reservedFlag(): boolean {
    return (this.flagsAndOffset & RESERVED_FLAG) !== 0;
  }

  get dontFragment(): boolean {
    return (this.flagsAndOffset & IPV4_DONT_FRAGMENT) !== 0;
  }
  set dontFragment(value: boolean) {
    this.flagsAndOffset = value ? this.flagsAndOffset | IPV4_DONT_FRAGMENT : this.flagsAndOffset & ~IPV4_DONT_FRAGMENT;
  }

  get moreFragments(): boolean {
    return (this.flagsAndOffset & IPV4_MORE_FRAGMENTS) !== 0;
  }
  set moreFragments(value: boolean) {
    this.flagsAndOffset = value
      ? this.flagsAndOffset | IPV4_MORE_FRAGMENTS
      : this.flagsAndOffset & ~IPV4_MORE_FRAGMENTS;
  }

  /** In octets, a multiple of 8. */
  get fragmentOffset(): number {
    return (this.flagsAndOffset & FRAGMENT_OFFSET_MASK) << 3;
  }
  set fragmentOffset(octets: number) {
    this.flagsAndOffset = (this.flagsAndOffset & ~FRAGMENT_OFFSET_MASK) | (octets >>> 3);
  }

  /** ip_is_fragment(): a part of a larger datagram, first part included. */
  get isFragment(): boolean {
    return (this.flagsAndOffset & (IPV4_MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK)) !== 0;
  }

  get ttl(): number {
    return this.view.getUint8(this.offset + TTL);
  }
  set ttl(value: number) {
    this.view.setUint8(this.offset + TTL, value);
  }

  get protocol(): number {
    return this.view.getUint8(this.offset + PROTOCOL);
  }
  set protocol(value: number) {
    this.view.setUint8(this.offset + PROTOCOL, value);
  }

  get checksum(): number {
    return this.view.getUint16(this.offset + CHECKSUM);
  }
  set checksum(value: number) {
    this.view.setUint16(this.offset + CHECKSUM, value);
  }

  get source(): Ipv4Addr {
    return ipv4(this.view.getInt32(this.offset + SOURCE));
  }
  set source(value: Ipv4Addr) {
    this.view.setInt32(this.offset + SOURCE, value);
  }

  get destination(): Ipv4Addr {
    return ipv4(this.view.getInt32(this.offset + DESTINATION));
  }
  set destination(value: Ipv4Addr) {
    this.view.setInt32(this.offset + DESTINATION, value);
  }

  /** Offset of the transport header. */
  get payloadOffset(): number {
    return this.offset + this.headerLength;
  }

  /** Past the last octet that the datagram says it has; link-layer padding may follow. */
  get end(): number {
    return this.offset + this.totalLength;
  }

  /** Options in order; a malformed one is the last and says so. */
  get options(): Generator<OptionSpan, void> {
    return optionSpans(this.view, this.offset + IPV4_HEADER_LENGTH, this.payloadOffset);
  }

  checksumValid(): boolean {
    return finishChecksum(this.#sum()) === 0;
  }

  fillChecksum(): void {
    this.checksum = 0;
    this.checksum = finishChecksum(this.#sum());
  }

  /** Of the header. Nearly every one is of five words, which are summed without a loop. */
  #sum(): number {
    const { view, offset } = this;
    if ((view.getUint8(offset + VERSION_IHL) & 0x0f) !== 5) return checksumPartial(view, offset, this.payloadOffset);
    return headerSum(view, offset);
  }

  /** include/net/ip.h:ip_decrease_ttl(): one less, checksum updated; the new value. */
  decrementTtl(): number {
    const { view, offset } = this;
    const before = view.getUint16(offset + TTL);
    const after = before - 0x100;
    view.setUint16(offset + TTL, after);
    view.setUint16(offset + CHECKSUM, updateChecksum16(view.getUint16(offset + CHECKSUM), before, after));
    return after >>> 8;
  }

  /** Source address and header checksum. The transport checksum covers it too and is the caller's. */
  rewriteSource(to: Ipv4Addr): void {
    this.#rewriteWord(SOURCE, to);
  }

  /** Destination address and header checksum, likewise. */
  rewriteDestination(to: Ipv4Addr): void {
    this.#rewriteWord(DESTINATION, to);
  }

  /** DSCP and ECN with the header checksum (include/net/dsfield.h:ipv4_change_dsfield()). */
  rewriteTos(to: number): void {
    const { view, offset } = this;
    const before = view.getUint16(offset + VERSION_IHL);
    const after = (before & 0xff00) | (to & 0xff);
    view.setUint16(offset + VERSION_IHL, after);
    view.setUint16(offset + CHECKSUM, updateChecksum16(view.getUint16(offset + CHECKSUM), before, after));
  }

  #rewriteWord(field: number, to: number): void {
    const { view, offset } = this;
    const before = view.getInt32(offset + field);
    view.setInt32(offset + field, to);
    view.setUint16(offset + CHECKSUM, updateChecksum32(view.getUint16(offset + CHECKSUM), before, to));
  }
}

/** ip_fast_csum() of a header without options. */
function headerSum(view: DataView, offset: number): number {
  const a = view.getInt32(offset);
  const b = view.getInt32(offset + 4);
  const c = view.getInt32(offset + 8);
  const d = view.getInt32(offset + SOURCE);
  const e = view.getInt32(offset + DESTINATION);
  const high = (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16) + (e >>> 16);
  return high + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff) + (e & 0xffff);
}

export interface Ipv4Fields {
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly protocol: number;
  /** Octets behind the header and its options. */
  readonly payloadLength: number;
  readonly ttl?: number;
  readonly tos?: number;
  readonly identification?: number;
  /** The 16 bits of flags and offset, `IPV4_DONT_FRAGMENT` for a datagram not to be cut. */
  readonly flagsAndOffset?: number;
  /** Whole options as they go on the wire; padded with end markers to a multiple of four. */
  readonly options?: Uint8Array | undefined;
}

/** Linux' sysctl net.ipv4.ip_default_ttl. */
export const IPV4_DEFAULT_TTL = 64;

/** Writes a header with its checksum; the header's length, options included. */
export function encodeIpv4(view: DataView, offset: number, fields: Ipv4Fields): number {
  const options = fields.options;
  const optionsLength = options === undefined ? 0 : (options.length + 3) & ~3;
  const headerLength = IPV4_HEADER_LENGTH + optionsLength;
  const totalLength = headerLength + fields.payloadLength;
  view.setInt32(offset, ((0x40 | (headerLength >>> 2)) << 24) | ((fields.tos ?? 0) << 16) | totalLength);
  view.setInt32(offset + IDENTIFICATION, ((fields.identification ?? 0) << 16) | (fields.flagsAndOffset ?? 0));
  view.setInt32(offset + TTL, ((fields.ttl ?? IPV4_DEFAULT_TTL) << 24) | (fields.protocol << 16));
  view.setInt32(offset + SOURCE, fields.source);
  view.setInt32(offset + DESTINATION, fields.destination);
  if (options !== undefined) writeOptions(view, offset + IPV4_HEADER_LENGTH, options);
  new Ipv4(view, offset).fillChecksum();
  return headerLength;
}

function writeOptions(view: DataView, offset: number, options: Uint8Array): void {
  for (let i = 0; i < ((options.length + 3) & ~3); i++) view.setUint8(offset + i, options[i] ?? 0);
}
