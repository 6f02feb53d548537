/**
 * ICMPv6 (RFC 4443 §2.1) and neighbour discovery (RFC 4861 §4).
 *
 *      0                   1                   2                   3
 *     +---------------+---------------+-------------------------------+
 *     |     Type      |     Code      |           Checksum            |
 *     +---------------+---------------+-------------------------------+
 *     |  identifier and sequence | MTU | pointer | R S O flags | ...
 *     +---------------------------------------------------------------+
 *     |  target address (16 octets) and options, or data, or the packet in error
 *     +---------------------------------------------------------------+
 */

import { checksumPartial, finishChecksum } from './checksum.js';
import type { Ipv6Addr } from './ip.js';
import { type Mac, macFromParts, macHigh16, macLow32 } from './mac.js';

const CHECKSUM = 2;
const REST = 4;
const TARGET = 8;
export const ICMPV6_HEADER_LENGTH = 8;

/** Message types (IANA "ICMPv6 Parameters"; include/uapi/linux/icmpv6.h). */
export const ICMPV6_TYPE = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  multicastListenerQuery: 130,
  multicastListenerReport: 131,
  multicastListenerDone: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
  multicastListenerReport2: 143,
} as const;

/** Codes of destination unreachable (RFC 4443 §3.1). */
export const ICMPV6_UNREACHABLE_CODE = {
  noRoute: 0,
  prohibited: 1,
  beyondScope: 2,
  address: 3,
  port: 4,
  policyFail: 5,
  rejectRoute: 6,
} as const;

/** Neighbour discovery options (RFC 4861 §4.6). */
export const ND_OPTION = {
  sourceLinkLayer: 1,
  targetLinkLayer: 2,
  prefixInformation: 3,
  redirectedHeader: 4,
  mtu: 5,
} as const;

/** Flags of a neighbour advertisement, in the word behind the checksum. */
export const ND_ROUTER = 0x8000_0000 | 0;
export const ND_SOLICITED = 0x4000_0000;
export const ND_OVERRIDE = 0x2000_0000;

/** A neighbour discovery option; `offset` and `length` include its type and length octets. */
export interface NdOption {
  readonly type: number;
  readonly offset: number;
  readonly length: number;
  /** Its length is zero or past the end: nothing behind it can be read (RFC 4861 §4.6). */
  readonly malformed: boolean;
}

/** Where a message's options start, or undefined for a message that has none. */
export function ndOptionsStart(type: number): number | undefined {
  switch (type) {
    case ICMPV6_TYPE.routerSolicitation:
      return 8;
    case ICMPV6_TYPE.routerAdvertisement:
      return 16;
    case ICMPV6_TYPE.neighbourSolicitation:
    case ICMPV6_TYPE.neighbourAdvertisement:
      return 24;
    case ICMPV6_TYPE.redirect:
      return 40;
    default:
      return undefined;
  }
}

/** A message where it lies in `view`: nothing is copied, and setters write through. */
export class Icmpv6 {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  /** A view, or undefined where the bytes do not hold the fixed part of that type of message. */
  static parse(view: DataView, offset: number, end: number): Icmpv6 | undefined {
    if (end - offset < ICMPV6_HEADER_LENGTH) return undefined;
    const icmp = new Icmpv6(view, offset);
    return end - offset < (ndOptionsStart(icmp.type) ?? ICMPV6_HEADER_LENGTH) ? undefined : icmp;
  }

  get type(): number {
    return this.view.getUint8(this.offset);
  }
  set type(value: number) {
    this.view.setUint8(this.offset, value);
  }

  get code(): number {
    return this.view.getUint8(this.offset + 1);
  }
  set code(value: number) {
    this.view.setUint8(this.offset + 1, value);
  }

  get checksum(): number {
    return this.view.getUint16(this.offset + CHECKSUM);
  }
  set checksum(value: number) {
    this.view.setUint16(this.offset + CHECKSUM, value);
  }

  /** The four octets whose meaning depends on the type: MTU, pointer, flags. */
  get rest(): number {
    return this.view.getInt32(this.offset + REST);
  }
  set rest(value: number) {
    this.view.setInt32(this.offset + REST, value);
  }

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

  /** Of packet too big. */
  get mtu(): number {
    return this.view.getUint32(this.offset + REST);
  }

  /** Below 128 a message is an error and quotes a packet (RFC 4443 §2.1). */
  get isError(): boolean {
    return this.type < 128;
  }

  get payloadOffset(): number {
    return this.offset + ICMPV6_HEADER_LENGTH;
  }

  /** The target of a neighbour solicitation or advertisement, or of a redirect. */
  get target(): Ipv6Addr {
    const at = this.offset + TARGET;
    const { view } = this;
    return [view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12)];
  }
  set target(value: Ipv6Addr) {
    value.forEach((word, i) => this.view.setInt32(this.offset + TARGET + 4 * i, word));
  }

  /** The neighbour discovery options up to `end`; none for messages that have none. */
  *options(end: number): Generator<NdOption, void> {
    const start = ndOptionsStart(this.type);
    if (start === undefined) return;
    let at = this.offset + start;
    while (at < end) {
      const length = at + 1 < end ? this.view.getUint8(at + 1) * 8 : 0;
      const malformed = length === 0 || at + length > end;
      yield { type: this.view.getUint8(at), offset: at, length: malformed ? end - at : length, malformed };
      if (malformed) return;
      at += length;
    }
  }

  /** The link-layer address that an option of type `option` carries. */
  linkLayerAddress(option: number, end: number): Mac | undefined {
    for (const { type, offset, length, malformed } of this.options(end)) {
      if (type === option && length === 8 && !malformed) {
        return macFromParts(this.view.getUint16(offset + 2), this.view.getUint32(offset + 4));
      }
    }
    return undefined;
  }

  /** `pseudo` is `pseudoHeaderSum6` with the message's length; the message reaches to `end`. */
  checksumValid(pseudo: number, end: number): boolean {
    return finishChecksum(checksumPartial(this.view, this.offset, end, pseudo)) === 0;
  }

  fillChecksum(pseudo: number, end: number): void {
    this.checksum = 0;
    this.checksum = finishChecksum(checksumPartial(this.view, this.offset, end, pseudo));
  }
}

export interface Icmpv6Fields {
  readonly type: number;
  readonly code: number;
  /** The four octets behind the checksum. 0 where left out. */
  readonly rest?: number;
}

/** Writes the eight octets with checksum 0; `fillChecksum` when all is in place. */
export function encodeIcmpv6(view: DataView, offset: number, fields: Icmpv6Fields): void {
  view.setInt32(offset, (fields.type << 24) | (fields.code << 16));
  view.setInt32(offset + REST, fields.rest ?? 0);
}

export interface NeighbourFields {
  readonly target: Ipv6Addr;
  /** `ND_SOLICITED | ND_OVERRIDE`, of an advertisement. */
  readonly flags?: number;
  /** The sender's (solicitation) or the target's (advertisement) link-layer address. */
  readonly linkLayer?: Mac;
}

function encodeNeighbour(
  view: DataView,
  offset: number,
  fields: NeighbourFields & { type: number; option: number },
): number {
  encodeIcmpv6(view, offset, { type: fields.type, code: 0, rest: fields.flags ?? 0 });
  new Icmpv6(view, offset).target = fields.target;
  if (fields.linkLayer === undefined) return 24;
  view.setUint16(offset + 24, (fields.option << 8) | 1);
  view.setUint16(offset + 26, macHigh16(fields.linkLayer));
  view.setInt32(offset + 28, macLow32(fields.linkLayer));
  return 32;
}

/** Writes a neighbour solicitation with checksum 0; its length. */
export const encodeNeighbourSolicitation = (view: DataView, offset: number, fields: NeighbourFields): number =>
  encodeNeighbour(view, offset, {
    ...fields,
    type: ICMPV6_TYPE.neighbourSolicitation,
    option: ND_OPTION.sourceLinkLayer,
  });

/** Writes a neighbour advertisement with checksum 0; its length. */
export const encodeNeighbourAdvertisement = (view: DataView, offset: number, fields: NeighbourFields): number =>
  encodeNeighbour(view, offset, {
    ...fields,
    type: ICMPV6_TYPE.neighbourAdvertisement,
    option: ND_OPTION.targetLinkLayer,
  });
