/**
 * A COOKIE ECHO where there is an association already (RFC 9260 §5.2.4; sctp_sf_do_5_2_4_dupcook(),
 * sctp_tietags_compare()): the peer has started anew, both have asked at once, or a COOKIE ACK was lost.
 */

import { SCTP_CAUSE, SCTP_CHUNK, type SctpChunk } from '../../../packet/index.js';
import type { Association } from './association.js';
import { parameter, plainChunk } from './chunks.js';
import { type Cookie, unpackCookie } from './cookie.js';
import { adoptCookie } from './establish.js';
import type { Disposition } from './input.js';
import type { SctpPacket } from './packet.js';
import { stopTimer } from './timers.js';

/** The letters of RFC 9260's table 12. */
function actionFor(asoc: Association, cookie: Cookie): 'A' | 'B' | 'D' | undefined {
  const sameLocal = asoc.localTag === cookie.localTag;
  const sameRemote = asoc.remoteTag === cookie.remoteTag;
  const tied = asoc.localTag === cookie.localTieTag && asoc.remoteTag === cookie.remoteTieTag;
  if (!sameLocal && !sameRemote && tied) return 'A';
  if (sameLocal && (!sameRemote || asoc.remoteTag === 0)) return 'B';
  return sameLocal && sameRemote ? 'D' : undefined;
}

export function receiveCookieAgain(asoc: Association, packet: SctpPacket, chunk: SctpChunk): Disposition {
  const cookie = unpackCookie(undefined, packet.valueOf(chunk));
  if (cookie === undefined || cookie.localTag !== packet.verificationTag) return 'discard-packet';
  if (cookie.remotePort !== packet.sourcePort || cookie.localPort !== packet.destinationPort) return 'discard-packet';
  const action = actionFor(asoc, cookie);
  // Differs: a cookie that has expired is not told about.
  if (action === undefined || (action !== 'D' && cookie.expiresNs < asoc.nowNs)) return 'discard-packet';
  if (action === 'A' && asoc.state === 'SHUTDOWN_ACK_SENT') {
    const cause = parameter(SCTP_CAUSE.cookieWhileShuttingDown, new Uint8Array());
    asoc.outgoing.push(plainChunk(SCTP_CHUNK.shutdownAck), plainChunk(SCTP_CHUNK.error, cause));
    return 'consumed';
  }
  if (action !== 'D') {
    asoc.sending.clear();
    adoptCookie(asoc, cookie);
  }
  if (asoc.state === 'COOKIE_WAIT' || asoc.state === 'COOKIE_ECHOED') asoc.events.connected = true;
  for (const kind of ['t1-init', 't1-cookie', 't2-shutdown', 't3-rtx', 'sack'] as const)
    if (action !== 'D' || kind === 't1-cookie') stopTimer(asoc, kind);
  if (action !== 'D' || asoc.state === 'COOKIE_ECHOED') asoc.state = 'ESTABLISHED';
  asoc.outgoing.push(plainChunk(SCTP_CHUNK.cookieAck));
  return 'consumed';
}
