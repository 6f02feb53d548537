/**
 * TCP (RFC 9293 §3.1).
 *
 *      0                   1                   2                   3
 *     +-------------------------------+-------------------------------+
 *     |          Source Port          |       Destination Port        |
 *     +-------------------------------+-------------------------------+
 *     |                        Sequence Number                        |
 *     +---------------------------------------------------------------+
 *     |                    Acknowledgment Number                      |
 *     +-------+-------+---------------+-------------------------------+
 *     | Offset| Rsrvd |  Control bits |            Window             |
 *     +-------+-------+---------------+-------------------------------+
 *     |           Checksum            |         Urgent Pointer        |
 *     +-------------------------------+-------------------------------+
 *     |                    Options (0 to 40 octets)                   |
 *     +---------------------------------------------------------------+
 */

import { checksumPartial, finishChecksum, updateChecksum16, updateChecksum32 } from './checksum.js';
import { type OptionSpan, optionSpans } from './option-span.js';
import { encodeTcpOptions, parseTcpOptions, type TcpOptions, tcpOptionsLength } from './tcp-options.js';

const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const SEQUENCE = 4;
const ACKNOWLEDGMENT = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const CHECKSUM = 16;
const URGENT_POINTER = 18;
/** Without options. */
export const TCP_HEADER_LENGTH = 20;

/** Control bits, RFC 9293 §3.1; ECE and CWR by RFC 3168. */
export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_URG = 0x20;
export const TCP_ECE = 0x40;
export const TCP_CWR = 0x80;

/** A segment's header where it lies in `view`: nothing is copied, and setters write through. */
export class Tcp {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  /** A view, or undefined where the header, options included, does not fit (net/ipv4/tcp_ipv4.c:tcp_v4_rcv()). */
  static parse(view: DataView, offset: number, end: number): Tcp | undefined {
    if (end - offset < TCP_HEADER_LENGTH) return undefined;
    const headerLength = (view.getUint8(offset + DATA_OFFSET) >>> 4) << 2;
    return headerLength >= TCP_HEADER_LENGTH && headerLength <= end - offset ? new Tcp(view, offset) : undefined;
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

  /** Unsigned, 0 to 2^32 - 1. */
  get sequence(): number {
    return this.view.getUint32(this.offset + SEQUENCE);
  }
  set sequence(value: number) {
    this.view.setUint32(this.offset + SEQUENCE, value);
  }

  /** Unsigned, 0 to 2^32 - 1. */
  get acknowledgment(): number {
    return this.view.getUint32(this.offset + ACKNOWLEDGMENT);
  }
  set acknowledgment(value: number) {
    this.view.setUint32(this.offset + ACKNOWLEDGMENT, value);
  }

  /** In octets, options included. */
  get headerLength(): number {
    return (this.view.getUint8(this.offset + DATA_OFFSET) >>> 4) << 2;
  }
  set headerLength(octets: number) {
    this.view.setUint8(this.offset + DATA_OFFSET, ((octets >>> 2) << 4) | this.reserved);
  }

  /** The four bits between data offset and control bits. */
  get reserved(): number {
    return this.view.getUint8(this.offset + DATA_OFFSET) & 0x0f;
  }

  /** The eight control bits, `TCP_FIN` and its like. */
  get flags(): number {
    return this.view.getUint8(this.offset + FLAGS);
  }
  set flags(value: number) {
    this.view.setUint8(this.offset + FLAGS, value);
  }

  get fin(): boolean {
    return (this.flags & TCP_FIN) !== 0;
  }

  get syn(): boolean {
    return (this.flags & TCP_SYN) !== 0;
  }

  get rst(): boolean {
    return (this.flags & TCP_RST) !== 0;
  }

  get ack(): boolean {
    return (this.flags & TCP_ACK) !== 0;
  }

  /** As sent, before any scaling. */
  get window(): number {
    return this.view.getUint16(this.offset + WINDOW);
  }
  set window(value: number) {
    this.view.setUint16(this.offset + WINDOW, value);
  }

  get checksum(): number {
    return this.view.getUint16(this.offset + CHECKSUM);
  }
  set checksum(value: number) {
    this.view.setUint16(this.offset + CHECKSUM, value);
  }

  get urgentPointer(): number {
    return this.view.getUint16(this.offset + URGENT_POINTER);
  }
  set urgentPointer(value: number) {
    this.view.setUint16(this.offset + URGENT_POINTER, value);
  }

  /** Offset of the data. */
  get payloadOffset(): number {
    return this.offset + this.headerLength;
  }

  /** Where each option lies; a malformed one is the last and says so. */
  get options(): Generator<OptionSpan, void> {
    return optionSpans(this.view, this.offset + TCP_HEADER_LENGTH, this.payloadOffset);
  }

  /** What the options say. */
  parseOptions(): TcpOptions {
    return parseTcpOptions(this.view, this.offset + TCP_HEADER_LENGTH, this.payloadOffset);
  }

  /** `pseudo` is a pseudo-header's sum; the segment, which does not know its length, reaches to `end`. */
  checksumValid(pseudo: number, end: number): boolean {
    return finishChecksum(checksumPartial(this.view, this.offset, end, pseudo)) === 0;
  }

  fillChecksum(pseudo: number, end: number): void {
    this.checksum = 0;
    this.checksum = finishChecksum(checksumPartial(this.view, this.offset, end, pseudo));
  }

  /** A 16-bit field that the checksum covers went from `before` to `after`. */
  adjustChecksum16(before: number, after: number): void {
    this.checksum = updateChecksum16(this.checksum, before, after);
  }

  /** A 32-bit field that the checksum covers, an address of the pseudo-header, went from `before` to `after`. */
  adjustChecksum32(before: number, after: number): void {
    this.checksum = updateChecksum32(this.checksum, before, after);
  }

  /** Port and checksum (net/netfilter/nf_nat_proto.c:tcp_manip_pkt()). */
  rewriteSourcePort(to: number): void {
    this.adjustChecksum16(this.sourcePort, to);
    this.sourcePort = to;
  }

  rewriteDestinationPort(to: number): void {
    this.adjustChecksum16(this.destinationPort, to);
    this.destinationPort = to;
  }
}

export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment?: number;
  /** Control bits: `TCP_SYN | TCP_ACK`. */
  readonly flags: number;
  readonly window: number;
  readonly urgentPointer?: number;
  readonly options?: TcpOptions;
}

/** The header's length with these options, to lay out a segment before it is written. */
export const tcpHeaderLength = (options: TcpOptions | undefined): number =>
  TCP_HEADER_LENGTH + (options === undefined ? 0 : tcpOptionsLength(options));

/** Writes header and options with checksum 0; the header's length. `fillChecksum` when the data is in place. */
export function encodeTcp(view: DataView, offset: number, fields: TcpFields): number {
  const headerLength = tcpHeaderLength(fields.options);
  view.setInt32(offset, (fields.sourcePort << 16) | fields.destinationPort);
  view.setUint32(offset + SEQUENCE, fields.sequence);
  view.setUint32(offset + ACKNOWLEDGMENT, fields.acknowledgment ?? 0);
  view.setInt32(offset + DATA_OFFSET, ((headerLength >>> 2) << 28) | (fields.flags << 16) | fields.window);
  view.setInt32(offset + CHECKSUM, fields.urgentPointer ?? 0);
  if (fields.options !== undefined) encodeTcpOptions(view, offset + TCP_HEADER_LENGTH, fields.options);
  return headerLength;
}
