/** BGP NOTIFICATION (RFC 4271 §4.5) and ROUTE-REFRESH (RFC 2918, RFC 7313). */

import { octet, viewOf } from '../bytes.js';
import { ByteWriter } from './byte-writer.js';
import { BGP_ERROR, BGP_MESSAGE } from './constants.js';
import { type BgpProblem, bgpProblem, encodeBgpMessage } from './message.js';
import type { BgpFamily } from './open.js';

export const encodeBgpNotification = ({ code, subcode, data }: BgpProblem): Uint8Array =>
  encodeBgpMessage(BGP_MESSAGE.notification, new ByteWriter().u8(code).u8(subcode).write(data).bytes);

export function parseBgpNotification(body: Uint8Array): BgpProblem | undefined {
  return body.length < 2 ? undefined : bgpProblem(octet(body, 0), octet(body, 1), body.slice(2));
}

export interface RouteRefresh {
  readonly family: BgpFamily;
  /** `ROUTE_REFRESH`. */
  readonly subtype: number;
}

export const encodeRouteRefresh = ({ family, subtype }: RouteRefresh): Uint8Array =>
  encodeBgpMessage(BGP_MESSAGE.routeRefresh, new ByteWriter().u16(family.afi).u8(subtype).u8(family.safi).bytes);

/** Undefined where it is not of the one length that it may have. */
export function parseRouteRefresh(body: Uint8Array): RouteRefresh | undefined {
  if (body.length !== 4) return undefined;
  return { family: { afi: viewOf(body).getUint16(0), safi: octet(body, 3) }, subtype: octet(body, 2) };
}

/** RFC 8203: the words that an administrator gives with a shutdown or reset. */
export function encodeShutdownMessage(text: string): Uint8Array {
  const octets = new TextEncoder().encode(text).subarray(0, 255);
  return new ByteWriter().u8(octets.length).write(octets).bytes;
}

export function decodeShutdownMessage(data: Uint8Array): string | undefined {
  const length = data.length === 0 ? 0 : octet(data, 0);
  return length === 0 || length + 1 > data.length ? undefined : new TextDecoder().decode(data.subarray(1, 1 + length));
}

/** RFC 4271 §6 with RFC 4486, 5492, 6608 and 7313, in BIRD's words (proto/bgp/packets.c:bgp_msg_table). */
const ERROR_TEXTS: Readonly<Record<number, readonly string[]>> = {
  [BGP_ERROR.messageHeader]: [
    'Invalid message header',
    'Connection not synchronized',
    'Bad message length',
    'Bad message type',
  ],
  [BGP_ERROR.openMessage]: [
    'Invalid OPEN message',
    'Unsupported version number',
    'Bad peer AS',
    'Bad BGP identifier',
    'Unsupported optional parameter',
    'Authentication failure',
    'Unacceptable hold time',
    'Required capability missing',
    'No supported AFI/SAFI',
  ],
  [BGP_ERROR.updateMessage]: [
    'Invalid UPDATE message',
    'Malformed attribute list',
    'Unrecognized well-known attribute',
    'Missing mandatory attribute',
    'Invalid attribute flags',
    'Invalid attribute length',
    'Invalid ORIGIN attribute',
    'AS routing loop',
    'Invalid NEXT_HOP attribute',
    'Optional attribute error',
    'Invalid network field',
    'Malformed AS_PATH',
  ],
  [BGP_ERROR.holdTimerExpired]: ['Hold timer expired'],
  [BGP_ERROR.finiteStateMachine]: [
    'Finite state machine error',
    'Unexpected message in OpenSent state',
    'Unexpected message in OpenConfirm state',
    'Unexpected message in Established state',
  ],
  [BGP_ERROR.cease]: [
    'Cease',
    'Maximum number of prefixes reached',
    'Administrative shutdown',
    'Peer de-configured',
    'Administrative reset',
    'Connection rejected',
    'Other configuration change',
    'Connection collision resolution',
    'Out of Resources',
  ],
  [BGP_ERROR.routeRefresh]: ['Invalid ROUTE-REFRESH message', 'Invalid ROUTE-REFRESH message length'],
};

export const bgpErrorText = (code: number, subcode: number): string =>
  ERROR_TEXTS[code]?.[subcode] ?? `Unknown error ${code}.${subcode}`;
