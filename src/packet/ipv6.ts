/**
 * IPv6 and its extension headers (RFC 8200 §3, §4).
 *
 *      0                   1                   2                   3
 *     +-------+---------------+---------------------------------------+
 *     |Version| Traffic Class |              Flow Label               |
 *     +-------+---------------+-------+---------------+---------------+
 *     |         Payload Length        |  Next Header  |   Hop Limit   |
 *     +-------------------------------+---------------+---------------+
 *     |                   Source Address (16 octets)                  |
 *     +---------------------------------------------------------------+
 *     |                Destination Address (16 octets)                |
 *     +---------------------------------------------------------------+
 */

import type { Ipv6Addr } from './ip.js';

const VERSION_CLASS_LABEL = 0;
const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SOURCE = 8;
const DESTINATION = 24;
export const IPV6_HEADER_LENGTH = 40;
export const IPV6_DEFAULT_HOP_LIMIT = 64;

/** Next-header values that are extension headers, not transports. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;

export const isIpv6Extension = (nextHeader: number): boolean =>
  nextHeader === HOP_BY_HOP ||
  nextHeader === ROUTING ||
  nextHeader === FRAGMENT ||
  nextHeader === AUTHENTICATION ||
  nextHeader === DESTINATION_OPTIONS;

/** One extension header where it lies. */
export interface Ipv6Extension {
  /** Its own number: what the header before it named. */
  readonly protocol: number;
  readonly offset: number;
  readonly length: number;
  readonly nextHeader: number;
  /** It does not fit: nothing behind it can be read. */
  readonly malformed: boolean;
}

/** What the extension headers lead to. */
export interface Ipv6Payload {
  readonly protocol: number;
  readonly offset: number;
  /** In octets; above 0 the transport header is in another fragment. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
}

const readAddress = (view: DataView, offset: number): Ipv6Addr => [
  view.getInt32(offset),
  view.getInt32(offset + 4),
  view.getInt32(offset + 8),
  view.getInt32(offset + 12),
];

const writeAddress = (view: DataView, offset: number, addr: Ipv6Addr): void =>
  addr.forEach((word, i) => view.setInt32(offset + 4 * i, word));

/** Length by the header's own rule: 8 for a fragment header, 4-octet units for AH (RFC 4302 §2.2), else 8-octet ones. */
function extensionLength(view: DataView, protocol: number, offset: number): number {
  if (protocol === FRAGMENT) return 8;
  const units = view.getUint8(offset + 1);
  return protocol === AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8;
}

function extensionAt(view: DataView, protocol: number, range: { offset: number; end: number }): Ipv6Extension {
  const { offset, end } = range;
  const whole = offset + 8 <= end && offset + extensionLength(view, protocol, offset) <= end;
  return {
    protocol,
    offset,
    length: whole ? extensionLength(view, protocol, offset) : Math.max(0, end - offset),
    nextHeader: offset < end ? view.getUint8(offset) : 0,
    malformed: !whole,
  };
}

/** A header where it lies in `view`: nothing is copied, and setters write through. */
export class Ipv6 {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  /** The checks of net/ipv6/ip6_input.c:ip6_rcv_core() on version and length. */
  static parse(view: DataView, offset: number, end: number): Ipv6 | undefined {
    if (end - offset < IPV6_HEADER_LENGTH) return undefined;
    const ip = new Ipv6(view, offset);
    return ip.version === 6 && IPV6_HEADER_LENGTH + ip.payloadLength <= end - offset ? ip : undefined;
  }

  get version(): number {
    return this.view.getUint8(this.offset) >>> 4;
  }

  get trafficClass(): number {
    return (this.view.getUint16(this.offset) >>> 4) & 0xff;
  }
  set trafficClass(value: number) {
    const at = this.offset;
    this.view.setUint16(at, (this.view.getUint16(at) & 0xf00f) | ((value & 0xff) << 4));
  }

  get dscp(): number {
    return this.trafficClass >>> 2;
  }

  get ecn(): number {
    return this.trafficClass & 0x03;
  }

  get flowLabel(): number {
    return this.view.getInt32(this.offset + VERSION_CLASS_LABEL) & 0x000f_ffff;
  }
  set flowLabel(value: number) {
    const at = this.offset + VERSION_CLASS_LABEL;
    this.view.setInt32(at, (this.view.getInt32(at) & 0xfff0_0000) | (value & 0x000f_ffff));
  }

  /** Extension headers and transport, in octets. */
  get payloadLength(): number {
    return this.view.getUint16(this.offset + PAYLOAD_LENGTH);
  }
  set payloadLength(value: number) {
    this.view.setUint16(this.offset + PAYLOAD_LENGTH, value);
  }

  get nextHeader(): number {
    return this.view.getUint8(this.offset + NEXT_HEADER);
  }
  set nextHeader(value: number) {
    this.view.setUint8(this.offset + NEXT_HEADER, value);
  }

  get hopLimit(): number {
    return this.view.getUint8(this.offset + HOP_LIMIT);
  }
  set hopLimit(value: number) {
    this.view.setUint8(this.offset + HOP_LIMIT, value);
  }

  get source(): Ipv6Addr {
    return readAddress(this.view, this.offset + SOURCE);
  }
  set source(value: Ipv6Addr) {
    writeAddress(this.view, this.offset + SOURCE, value);
  }

  get destination(): Ipv6Addr {
    return readAddress(this.view, this.offset + DESTINATION);
  }
  set destination(value: Ipv6Addr) {
    writeAddress(this.view, this.offset + DESTINATION, value);
  }

  /** Offset of what `nextHeader` names. */
  get payloadOffset(): number {
    return this.offset + IPV6_HEADER_LENGTH;
  }

  /** Past the last octet that the header says there is. */
  get end(): number {
    return this.payloadOffset + this.payloadLength;
  }

  /** The extension headers in order; a malformed one is the last, and so is a later fragment's fragment header. */
  *extensions(end: number = this.end): Generator<Ipv6Extension, void> {
    let protocol = this.nextHeader;
    let at = this.payloadOffset;
    while (isIpv6Extension(protocol)) {
      const extension = extensionAt(this.view, protocol, { offset: at, end });
      yield extension;
      if (extension.malformed) return;
      if (protocol === FRAGMENT && new Ipv6Fragment(this.view, at).fragmentOffset > 0) return;
      protocol = extension.nextHeader;
      at += extension.length;
    }
  }

  /** Behind all extension headers (net/ipv6/exthdrs_core.c:ipv6_skip_exthdr()); undefined where one is malformed. */
  payload(): Ipv6Payload | undefined {
    const found = { protocol: this.nextHeader, offset: this.payloadOffset, fragmentOffset: 0, moreFragments: false };
    for (const extension of this.extensions()) {
      if (extension.malformed) return undefined;
      found.protocol = extension.nextHeader;
      found.offset = extension.offset + extension.length;
      if (extension.protocol === FRAGMENT) {
        const fragment = new Ipv6Fragment(this.view, extension.offset);
        found.fragmentOffset = fragment.fragmentOffset;
        found.moreFragments = fragment.moreFragments;
      }
    }
    return found;
  }
}

/** The fragment header (RFC 8200 §4.5). */
export class Ipv6Fragment {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  get nextHeader(): number {
    return this.view.getUint8(this.offset);
  }

  /** In octets, a multiple of 8. */
  get fragmentOffset(): number {
    return this.view.getUint16(this.offset + 2) & 0xfff8;
  }

  get moreFragments(): boolean {
    return (this.view.getUint16(this.offset + 2) & 1) === 1;
  }

  get identification(): number {
    return this.view.getUint32(this.offset + 4);
  }
}

export const IPV6_FRAGMENT_LENGTH = 8;

export interface Ipv6Fields {
  readonly source: Ipv6Addr;
  readonly destination: Ipv6Addr;
  readonly nextHeader: number;
  readonly payloadLength: number;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
}

/** Writes the fixed header. */
export function encodeIpv6(view: DataView, offset: number, fields: Ipv6Fields): void {
  const hopLimit = fields.hopLimit ?? IPV6_DEFAULT_HOP_LIMIT;
  view.setInt32(offset, (6 << 28) | ((fields.trafficClass ?? 0) << 20) | (fields.flowLabel ?? 0));
  view.setInt32(offset + PAYLOAD_LENGTH, (fields.payloadLength << 16) | (fields.nextHeader << 8) | hopLimit);
  writeAddress(view, offset + SOURCE, fields.source);
  writeAddress(view, offset + DESTINATION, fields.destination);
}

export interface Ipv6FragmentFields {
  readonly nextHeader: number;
  /** In octets, a multiple of 8. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  readonly identification: number;
}

/** Writes a fragment header. */
export function encodeIpv6Fragment(view: DataView, offset: number, fields: Ipv6FragmentFields): void {
  const more = fields.moreFragments ? 1 : 0;
  view.setInt32(offset, (fields.nextHeader << 24) | (fields.fragmentOffset & 0xfff8) | more);
  view.setUint32(offset + 4, fields.identification);
}
