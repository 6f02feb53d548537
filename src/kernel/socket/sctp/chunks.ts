/** What Linux writes into chunks (net/sctp/sm_make_chunk.c). Values are without the chunk's header. */

import {
  concatBytes,
  type Ipv4Addr,
  SCTP_CAUSE,
  SCTP_CHUNK,
  SCTP_PARAMETER,
  SCTP_PARAMETER_HEADER_LENGTH,
  SCTP_TAG_REFLECTED,
  type SctpChunkFields,
  sctpPadded,
  viewOf,
} from '../../../packet/index.js';

export const INIT_LENGTH = 20;
export const DATA_HEADER_LENGTH = 16;
export const SACK_LENGTH = 16;

/** The fixed part of INIT and INIT ACK (RFC 9260 §3.3.2). */
export interface InitFields {
  readonly tag: number;
  readonly window: number;
  readonly outboundStreams: number;
  readonly inboundStreams: number;
  readonly tsn: number;
}

const NONE = new Uint8Array();

/** A parameter or a cause, with its padding. */
export function parameter(type: number, value: Uint8Array): Uint8Array {
  const length = SCTP_PARAMETER_HEADER_LENGTH + value.length;
  const bytes = new Uint8Array(sctpPadded(length));
  viewOf(bytes).setUint16(0, type);
  viewOf(bytes).setUint16(2, length);
  bytes.set(value, SCTP_PARAMETER_HEADER_LENGTH);
  return bytes;
}

const word = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value);
  return bytes;
};

function fixedPart(fields: InitFields): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = viewOf(bytes);
  view.setUint32(0, fields.tag);
  view.setUint32(4, fields.window);
  view.setUint16(8, fields.outboundStreams);
  view.setUint16(10, fields.inboundStreams);
  view.setUint32(12, fields.tsn);
  return bytes;
}

/** sctp_bind_addrs_to_raw(): one address is not worth telling. */
export const addressParameters = (addresses: readonly Ipv4Addr[]): Uint8Array =>
  addresses.length <= 1
    ? NONE
    : concatBytes(addresses.map((address) => parameter(SCTP_PARAMETER.ipv4Address, word(address))));

/** An AF_INET socket's pf->supported_addrs(). */
const SUPPORTED_ADDRESSES = parameter(
  SCTP_PARAMETER.supportedAddressTypes,
  Uint8Array.of(0, SCTP_PARAMETER.ipv4Address),
);
const ECN_CAPABLE = parameter(SCTP_PARAMETER.ecnCapable, NONE);
const FORWARD_TSN = parameter(SCTP_PARAMETER.forwardTsnSupported, NONE);

/**
 * sctp_make_init(). With ASCONF, RE-CONFIG, AUTH and I-DATA off, as they are unless somebody asks, there are no extensions
 * to list.
 */
export function initChunk(fields: InitFields, addresses: readonly Ipv4Addr[], cookieLifeMs?: number): SctpChunkFields {
  const preservative =
    cookieLifeMs === undefined ? NONE : parameter(SCTP_PARAMETER.cookiePreservative, word(cookieLifeMs));
  const parameters = [addressParameters(addresses), SUPPORTED_ADDRESSES, ECN_CAPABLE, FORWARD_TSN, preservative];
  return { type: SCTP_CHUNK.init, value: concatBytes([fixedPart(fields), ...parameters]) };
}

export interface InitAckOptions {
  readonly addresses: readonly Ipv4Addr[];
  readonly cookie: Uint8Array;
  /** The peer said so. */
  readonly ecn: boolean;
  readonly forwardTsn: boolean;
  /** Causes about parameters that are not known. */
  readonly unrecognized: Uint8Array;
}

/** sctp_make_init_ack(). */
export function initAckChunk(fields: InitFields, options: InitAckOptions): SctpChunkFields {
  const value = concatBytes([
    fixedPart(fields),
    addressParameters(options.addresses),
    parameter(SCTP_PARAMETER.stateCookie, options.cookie),
    options.ecn ? ECN_CAPABLE : NONE,
    options.forwardTsn ? FORWARD_TSN : NONE,
    options.unrecognized,
  ]);
  return { type: SCTP_CHUNK.initAck, value };
}

export const plainChunk = (type: number, value: Uint8Array = NONE): SctpChunkFields => ({ type, value });

/** sctp_make_abort(): the T bit says that the tag is the receiver's own. */
export const abortChunk = (tag: 'own' | 'reflected', causes: Uint8Array = NONE): SctpChunkFields => ({
  type: SCTP_CHUNK.abort,
  flags: tag === 'reflected' ? SCTP_TAG_REFLECTED : 0,
  value: causes,
});

export const shutdownCompleteChunk = (tag: 'own' | 'reflected'): SctpChunkFields => ({
  type: SCTP_CHUNK.shutdownComplete,
  flags: tag === 'reflected' ? SCTP_TAG_REFLECTED : 0,
  value: NONE,
});

export const shutdownChunk = (cumulativeTsn: number): SctpChunkFields =>
  plainChunk(SCTP_CHUNK.shutdown, word(cumulativeTsn));

/** sctp_make_op_error() about a cookie that has expired so long ago. */
export const staleCookieChunk = (microseconds: number): SctpChunkFields =>
  plainChunk(SCTP_CHUNK.error, parameter(SCTP_CAUSE.staleCookie, word(Math.min(microseconds, 0xffff_ffff))));

export interface DataFields {
  readonly flags: number;
  readonly tsn: number;
  readonly stream: number;
  readonly sequence: number;
  readonly protocol: number;
  readonly payload: Uint8Array;
}

export function dataChunk({ flags, tsn, stream, sequence, protocol, payload }: DataFields): SctpChunkFields {
  const value = new Uint8Array(12 + payload.length);
  const view = viewOf(value);
  view.setUint32(0, tsn);
  view.setUint16(4, stream);
  view.setUint16(6, sequence);
  view.setUint32(8, protocol);
  value.set(payload, 12);
  return { type: SCTP_CHUNK.data, flags, value };
}

export interface SackFields {
  readonly cumulativeTsn: number;
  readonly window: number;
  /** Offsets from the cumulative TSN, both ends included. */
  readonly gaps: readonly { readonly first: number; readonly last: number }[];
  readonly duplicates: readonly number[];
}

/** sctp_make_sack(). */
export function sackChunk({ cumulativeTsn, window, gaps, duplicates }: SackFields): SctpChunkFields {
  const value = new Uint8Array(12 + 4 * (gaps.length + duplicates.length));
  const view = viewOf(value);
  view.setUint32(0, cumulativeTsn);
  view.setUint32(4, window);
  view.setUint16(8, gaps.length);
  view.setUint16(10, duplicates.length);
  gaps.forEach(({ first, last }, i) => {
    view.setUint16(12 + 4 * i, first);
    view.setUint16(14 + 4 * i, last);
  });
  duplicates.forEach((tsn, i) => view.setUint32(12 + 4 * (gaps.length + i), tsn));
  return { type: SCTP_CHUNK.sack, value };
}
