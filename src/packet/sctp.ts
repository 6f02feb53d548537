/**
 * SCTP's common header, its checksum and its chunks' headers (RFC 9260 §3).
 *
 *      0                   1                   2                   3
 *     +-------------------------------+-------------------------------+
 *     |          Source Port          |       Destination Port        |
 *     +-------------------------------+-------------------------------+
 *     |                       Verification Tag                        |
 *     +---------------------------------------------------------------+
 *     |                       Checksum (CRC32c)                       |
 *     +---------------+---------------+-------------------------------+
 *     |  Chunk Type   |  Chunk Flags  |          Chunk Length         |
 *     +---------------+---------------+-------------------------------+
 */

const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const VERIFICATION_TAG = 4;
const CHECKSUM = 8;
export const SCTP_HEADER_LENGTH = 12;
export const SCTP_CHUNK_HEADER_LENGTH = 4;
export const SCTP_PARAMETER_HEADER_LENGTH = 4;
/** Chunks and parameters start at multiples of four octets. */
export const sctpPadded = (length: number): number => (length + 3) & ~3;

/** Chunk types (RFC 9260 §3.2). */
export const SCTP_CHUNK = {
  data: 0,
  init: 1,
  initAck: 2,
  sack: 3,
  heartbeat: 4,
  heartbeatAck: 5,
  abort: 6,
  shutdown: 7,
  shutdownAck: 8,
  error: 9,
  cookieEcho: 10,
  cookieAck: 11,
  shutdownComplete: 14,
} as const;

/** Flags of DATA chunks (RFC 9260 §3.3.1). */
export const SCTP_DATA_LAST = 1;
export const SCTP_DATA_FIRST = 2;
export const SCTP_DATA_UNORDERED = 4;
/** The T bit of ABORT and SHUTDOWN COMPLETE: the tag is the receiver's own, sent back (RFC 9260 §8.5.1). */
export const SCTP_TAG_REFLECTED = 1;

/** Parameter types (RFC 9260 §3.3.2.1 and §3.3.3.1; RFC 3758 §3.1; RFC 5061 §4.2). */
export const SCTP_PARAMETER = {
  heartbeatInfo: 1,
  ipv4Address: 5,
  ipv6Address: 6,
  stateCookie: 7,
  unrecognized: 8,
  cookiePreservative: 9,
  hostName: 11,
  supportedAddressTypes: 12,
  ecnCapable: 0x8000,
  supportedExtensions: 0x8008,
  forwardTsnSupported: 0xc000,
  adaptationLayer: 0xc006,
} as const;

/** Causes in ABORT and ERROR (RFC 9260 §3.3.10). */
export const SCTP_CAUSE = {
  invalidStream: 1,
  missingParameter: 2,
  staleCookie: 3,
  unresolvableAddress: 5,
  unrecognizedChunk: 6,
  invalidMandatoryParameter: 7,
  unrecognizedParameters: 8,
  noUserData: 9,
  cookieWhileShuttingDown: 10,
  userAbort: 12,
  protocolViolation: 13,
} as const;

/** The reflected Castagnoli polynomial, RFC 9260 appendix A. */
const POLYNOMIAL = 0x82f6_3b78;

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  return crc;
});

/** CRC32c of octets `[offset, end)`, unsigned; those from `skip` to `skip + 4` count as zero. */
export function crc32c(view: DataView, offset: number, end: number, skip = -1): number {
  let crc = ~0;
  for (let at = offset; at < end; at++) {
    const octet = skip >= 0 && at >= skip && at < skip + 4 ? 0 : view.getUint8(at);
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ octet) & 0xff] ?? 0);
  }
  return ~crc >>> 0;
}

/** One chunk where it lies. */
export interface SctpChunk {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  /** Header and value, without the padding to a multiple of four. */
  readonly length: number;
  /** Its length is below 4 or past the end: nothing behind it can be read. */
  readonly malformed: boolean;
}

/** A parameter of INIT or INIT ACK, or a cause of ABORT or ERROR, where it lies: both have a type and a length. */
export interface SctpParameter {
  readonly type: number;
  readonly offset: number;
  /** Header and value, without the padding. */
  readonly length: number;
  readonly malformed: boolean;
}

/** Parameters or causes of `view[offset..end)`; a malformed one is the last. */
export function* sctpParameters(view: DataView, offset: number, end: number): Generator<SctpParameter, void> {
  let at = offset;
  while (at + SCTP_PARAMETER_HEADER_LENGTH <= end) {
    const length = view.getUint16(at + 2);
    const malformed = length < SCTP_PARAMETER_HEADER_LENGTH || at + length > end;
    yield { type: view.getUint16(at), offset: at, length: malformed ? end - at : length, malformed };
    if (malformed) return;
    at += sctpPadded(length);
  }
}

/** A packet's common header where it lies in `view`; setters write through. */
export class Sctp {
  readonly view: DataView;
  readonly offset: number;

  constructor(view: DataView, offset: number) {
    this.view = view;
    this.offset = offset;
  }

  static parse(view: DataView, offset: number, end: number): Sctp | undefined {
    return end - offset < SCTP_HEADER_LENGTH ? undefined : new Sctp(view, offset);
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

  get verificationTag(): number {
    return this.view.getUint32(this.offset + VERIFICATION_TAG);
  }
  set verificationTag(value: number) {
    this.view.setUint32(this.offset + VERIFICATION_TAG, value);
  }

  /** CRC32c, sent least significant octet first (RFC 9260 appendix A). */
  get checksum(): number {
    return this.view.getUint32(this.offset + CHECKSUM, true);
  }
  set checksum(value: number) {
    this.view.setUint32(this.offset + CHECKSUM, value, true);
  }

  get payloadOffset(): number {
    return this.offset + SCTP_HEADER_LENGTH;
  }

  /** The chunks up to `end`; a malformed one is the last. */
  *chunks(end: number): Generator<SctpChunk, void> {
    let at = this.payloadOffset;
    while (at < end) {
      const length = at + SCTP_CHUNK_HEADER_LENGTH <= end ? this.view.getUint16(at + 2) : 0;
      const malformed = length < SCTP_CHUNK_HEADER_LENGTH || at + length > end;
      const flags = at + 1 < end ? this.view.getUint8(at + 1) : 0;
      yield { type: this.view.getUint8(at), flags, offset: at, length: malformed ? end - at : length, malformed };
      if (malformed) return;
      at += sctpPadded(length);
    }
  }

  /** There is no pseudo-header; the packet reaches to `end`. */
  checksumValid(end: number): boolean {
    return crc32c(this.view, this.offset, end, this.offset + CHECKSUM) === this.checksum;
  }

  /** A CRC has no incremental update: NAT computes it afresh too (net/netfilter/nf_nat_proto.c:sctp_manip_pkt()). */
  fillChecksum(end: number): void {
    this.checksum = crc32c(this.view, this.offset, end, this.offset + CHECKSUM);
  }
}

export interface SctpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly verificationTag: number;
}

/** Writes the common header with checksum 0; `fillChecksum` when the chunks are in place. */
export function encodeSctp(view: DataView, offset: number, fields: SctpFields): void {
  view.setInt32(offset, (fields.sourcePort << 16) | fields.destinationPort);
  view.setUint32(offset + VERIFICATION_TAG, fields.verificationTag);
  view.setInt32(offset + CHECKSUM, 0);
}

export interface SctpChunkFields {
  readonly type: number;
  readonly flags?: number;
  readonly value: Uint8Array;
}

/** Writes a chunk and its padding; octets written, a multiple of four. */
export function encodeSctpChunk(view: DataView, offset: number, fields: SctpChunkFields): number {
  const length = SCTP_CHUNK_HEADER_LENGTH + fields.value.length;
  view.setUint8(offset, fields.type);
  view.setUint8(offset + 1, fields.flags ?? 0);
  view.setUint16(offset + 2, length);
  fields.value.forEach((octet, i) => view.setUint8(offset + SCTP_CHUNK_HEADER_LENGTH + i, octet));
  const padded = sctpPadded(length);
  for (let at = length; at < padded; at++) view.setUint8(offset + at, 0);
  return padded;
}
