/**
 * BGP-4 message header (RFC 4271 §4.1) and the framing of a stream.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *      +                        Marker (16 octets of ones)             +
 *      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *      |          Length               |      Type     |
 *      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */

import { octet } from '../bytes.js';
import { BGP_ERROR, BGP_HEADER_LENGTH, BGP_MARKER_LENGTH, BGP_MAX_MESSAGE_LENGTH, BGP_MESSAGE } from './constants.js';

/** Why octets cannot be taken: what a NOTIFICATION would say (RFC 4271 §6). */
export interface BgpProblem {
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

export const bgpProblem = (code: number, subcode: number, data: Uint8Array = new Uint8Array()): BgpProblem => ({
  code,
  subcode,
  data,
});

export const isBgpProblem = (value: object): value is BgpProblem => 'subcode' in value && 'code' in value;

/** A whole message as it lies in a stream. */
export interface BgpFrame {
  readonly type: number;
  /** Header included. */
  readonly bytes: Uint8Array;
  /** What lies behind the header. */
  readonly body: Uint8Array;
}

const LENGTH = BGP_MARKER_LENGTH;
const TYPE = LENGTH + 2;

/** Length that each type has at least (RFC 4271 §4.2 to 4.5). */
const MIN_LENGTH: Readonly<Record<number, number>> = {
  [BGP_MESSAGE.open]: 29,
  [BGP_MESSAGE.update]: 23,
  [BGP_MESSAGE.notification]: 21,
  [BGP_MESSAGE.keepalive]: BGP_HEADER_LENGTH,
  [BGP_MESSAGE.routeRefresh]: BGP_HEADER_LENGTH,
};

export const minBgpMessageLength = (type: number): number => MIN_LENGTH[type] ?? BGP_HEADER_LENGTH;

/** The message at `offset`; a problem with its header; or undefined where not all of it is there yet. */
export function nextBgpFrame(
  bytes: Uint8Array,
  offset = 0,
  maxLength: number = BGP_MAX_MESSAGE_LENGTH,
): BgpFrame | BgpProblem | undefined {
  if (bytes.length - offset < BGP_HEADER_LENGTH) return undefined;
  for (let i = 0; i < BGP_MARKER_LENGTH; i++) {
    if (octet(bytes, offset + i) !== 0xff) return bgpProblem(BGP_ERROR.messageHeader, 1);
  }
  const length = (octet(bytes, offset + LENGTH) << 8) | octet(bytes, offset + LENGTH + 1);
  if (length < BGP_HEADER_LENGTH || length > maxLength) {
    return bgpProblem(BGP_ERROR.messageHeader, 2, bytes.slice(offset + LENGTH, offset + TYPE));
  }
  if (bytes.length - offset < length) return undefined;
  return {
    type: octet(bytes, offset + TYPE),
    bytes: bytes.subarray(offset, offset + length),
    body: bytes.subarray(offset + BGP_HEADER_LENGTH, offset + length),
  };
}

/** A message of that type around `body`. */
export function encodeBgpMessage(type: number, body: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(BGP_HEADER_LENGTH + body.length).fill(0xff, 0, BGP_MARKER_LENGTH);
  bytes[LENGTH] = bytes.length >>> 8;
  bytes[LENGTH + 1] = bytes.length & 0xff;
  bytes[TYPE] = type;
  bytes.set(body, BGP_HEADER_LENGTH);
  return bytes;
}

export const encodeBgpKeepalive = (): Uint8Array => encodeBgpMessage(BGP_MESSAGE.keepalive);
