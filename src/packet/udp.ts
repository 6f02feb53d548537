/**
 * UDP (RFC 768).
 *
 *      0                   1                   2                   3
 *     +-------------------------------+-------------------------------+
 *     |          Source Port          |       Destination Port        |
 *     +-------------------------------+-------------------------------+
 *     |            Length             |           Checksum            |
 *     +-------------------------------+-------------------------------+
 */

import { checksumPartial, finishChecksum, updateChecksum16, updateChecksum32 } from './checksum.js';

const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const LENGTH = 4;
const CHECKSUM = 6;
export const UDP_HEADER_LENGTH = 8;

/** Zero on the wire says "no checksum", so a computed zero is sent as its other form. */
const onTheWire = (checksum: number): number => (checksum === 0 ? 0xffff : checksum);

/** A datagram where it lies in `view`: nothing is copied, and setters write through. */
export class Udp {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  /** A view of bytes from the wire, or undefined where they are too short. After this no accessor reads past `end`. */
  static parse(view: DataView, offset: number, end: number): Udp | undefined {
    if (end - offset < UDP_HEADER_LENGTH) return undefined;
    const length = view.getUint16(offset + LENGTH);
    return length >= UDP_HEADER_LENGTH && length <= end - offset ? new Udp(view, offset) : undefined;
  }

  get sourcePort(): number {
    return this.view.getUint16(this.offset + SOURCE_PORT);
  }
  set sourcePort(value: number) {
    this.view.setUint16(this.offset + SOURCE_PORT, value);
  }

  get destinationPort(): number {
    return this.view.getUint16(this.offset + DESTINATION_PORT);
  }
  set destinationPort(value: number) {
    this.view.setUint16(this.offset + DESTINATION_PORT, value);
  }

  /** Header and data, in octets. */
  get length(): number {
    return this.view.getUint16(this.offset + LENGTH);
  }
  set length(value: number) {
    this.view.setUint16(this.offset + LENGTH, value);
  }

  /** Zero where the sender computed none. */
  get checksum(): number {
    return this.view.getUint16(this.offset + CHECKSUM);
  }
  set checksum(value: number) {
    this.view.setUint16(this.offset + CHECKSUM, value);
  }

  get payloadOffset(): number {
    return this.offset + UDP_HEADER_LENGTH;
  }

  /** Past the last octet of the data. */
  get end(): number {
    return this.offset + this.length;
  }

  /** `pseudo` is a pseudo-header's sum. True also where there is no checksum. */
  checksumValid(pseudo: number): boolean {
    return this.checksum === 0 || finishChecksum(checksumPartial(this.view, this.offset, this.end, pseudo)) === 0;
  }

  fillChecksum(pseudo: number): void {
    this.checksum = 0;
    this.checksum = onTheWire(finishChecksum(checksumPartial(this.view, this.offset, this.end, pseudo)));
  }

  /** A 16-bit field that the checksum covers went from `before` to `after`. */
  adjustChecksum16(before: number, after: number): void {
    const checksum = this.checksum;
    if (checksum !== 0) this.checksum = onTheWire(updateChecksum16(checksum, before, after));
  }

  /** A 32-bit field that the checksum covers, an address of the pseudo-header, went from `before` to `after`. */
  adjustChecksum32(before: number, after: number): void {
    const checksum = this.checksum;
    if (checksum !== 0) this.checksum = onTheWire(updateChecksum32(checksum, before, after));
  }

  /** Port and checksum (net/netfilter/nf_nat_proto.c:udp_manip_pkt()). */
  rewriteSourcePort(to: number): void {
    this.adjustChecksum16(this.sourcePort, to);
    this.sourcePort = to;
  }

  rewriteDestinationPort(to: number): void {
    this.adjustChecksum16(this.destinationPort, to);
    this.destinationPort = to;
  }
}

export interface UdpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payloadLength: number;
}

/** Writes the header with checksum 0; `new Udp(view, offset).fillChecksum(pseudo)` when the payload is in place. */
export function encodeUdp(view: DataView, offset: number, fields: UdpFields): void {
  view.setInt32(offset, (fields.sourcePort << 16) | fields.destinationPort);
  view.setInt32(offset + LENGTH, (UDP_HEADER_LENGTH + fields.payloadLength) << 16);
}
