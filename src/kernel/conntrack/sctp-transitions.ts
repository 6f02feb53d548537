/**
 * Which chunk leads a tracked SCTP association from which state to which
 * (net/netfilter/nf_conntrack_proto_sctp.c:sctp_conntracks[][][]).
 *
 *     CLOSED             nothing, or over                 SHUTDOWN_SENT      SHUTDOWN in the original direction
 *     COOKIE_WAIT        INIT, or its INIT ACK            SHUTDOWN_RECD      SHUTDOWN in the reply direction
 *     COOKIE_ECHOED      COOKIE ECHO                      SHUTDOWN_ACK_SENT  SHUTDOWN ACK
 *     ESTABLISHED        COOKIE ACK                       HEARTBEAT_SENT     another path of an association begins
 */

import { SCTP_CHUNK } from '../../packet/index.js';
import type { CtDirection } from './entry.js';

/** enum sctp_conntrack, in the kernel's order. */
export const SCTP_STATES = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
] as const;

export type SctpStateName = (typeof SCTP_STATES)[number];

type Moves = Readonly<Partial<Record<SctpStateName, SctpStateName>>>;

/** What a chunk does to an association that it finds in a state; a state that is not named stays as it is. */
const ORIGINAL: ReadonlyMap<number, Moves> = new Map<number, Moves>([
  [
    SCTP_CHUNK.init,
    { NONE: 'CLOSED', SHUTDOWN_SENT: 'CLOSED', SHUTDOWN_RECD: 'CLOSED', HEARTBEAT_SENT: 'COOKIE_WAIT' },
  ],
  [SCTP_CHUNK.initAck, { NONE: 'CLOSED', HEARTBEAT_SENT: 'CLOSED' }],
  [SCTP_CHUNK.abort, allTo('CLOSED')],
  [SCTP_CHUNK.shutdown, { NONE: 'CLOSED', ESTABLISHED: 'SHUTDOWN_SENT', HEARTBEAT_SENT: 'CLOSED' }],
  [
    SCTP_CHUNK.shutdownAck,
    {
      NONE: 'SHUTDOWN_ACK_SENT',
      SHUTDOWN_SENT: 'SHUTDOWN_ACK_SENT',
      SHUTDOWN_RECD: 'SHUTDOWN_ACK_SENT',
      HEARTBEAT_SENT: 'SHUTDOWN_ACK_SENT',
    },
  ],
  [SCTP_CHUNK.error, { NONE: 'CLOSED', HEARTBEAT_SENT: 'CLOSED' }],
  [SCTP_CHUNK.cookieEcho, { NONE: 'CLOSED', COOKIE_WAIT: 'COOKIE_ECHOED', HEARTBEAT_SENT: 'CLOSED' }],
  [SCTP_CHUNK.cookieAck, { NONE: 'CLOSED', COOKIE_ECHOED: 'ESTABLISHED', HEARTBEAT_SENT: 'CLOSED' }],
  [SCTP_CHUNK.shutdownComplete, { NONE: 'CLOSED', SHUTDOWN_ACK_SENT: 'CLOSED', HEARTBEAT_SENT: 'CLOSED' }],
  [SCTP_CHUNK.heartbeat, { NONE: 'HEARTBEAT_SENT' }],
  [SCTP_CHUNK.heartbeatAck, { NONE: 'CLOSED' }],
]);

const REPLY: ReadonlyMap<number, Moves> = new Map<number, Moves>([
  [SCTP_CHUNK.init, {}],
  [SCTP_CHUNK.initAck, { CLOSED: 'COOKIE_WAIT' }],
  [SCTP_CHUNK.abort, allTo('CLOSED')],
  [SCTP_CHUNK.shutdown, { ESTABLISHED: 'SHUTDOWN_RECD' }],
  [SCTP_CHUNK.shutdownAck, { SHUTDOWN_SENT: 'SHUTDOWN_ACK_SENT', SHUTDOWN_RECD: 'SHUTDOWN_ACK_SENT' }],
  [SCTP_CHUNK.error, { COOKIE_ECHOED: 'CLOSED' }],
  [SCTP_CHUNK.cookieEcho, { COOKIE_WAIT: 'COOKIE_ECHOED' }],
  [SCTP_CHUNK.cookieAck, { COOKIE_ECHOED: 'ESTABLISHED' }],
  [SCTP_CHUNK.shutdownComplete, { SHUTDOWN_ACK_SENT: 'CLOSED' }],
  [SCTP_CHUNK.heartbeat, {}],
  [SCTP_CHUNK.heartbeatAck, { HEARTBEAT_SENT: 'ESTABLISHED' }],
]);

function allTo(state: SctpStateName): Moves {
  return Object.fromEntries(SCTP_STATES.map((from) => [from, state]));
}

/** How further paths of an association are tried out (RFC 9260 §8.3). */
export const isHeartbeat = (chunk: number): boolean =>
  chunk === SCTP_CHUNK.heartbeat || chunk === SCTP_CHUNK.heartbeatAck;

/** sctp_new_state(): the state that follows, or undefined for what cannot be. Data moves nothing. */
export function nextSctpState(direction: CtDirection, state: SctpStateName, chunk: number): SctpStateName | undefined {
  const moves = (direction === 'original' ? ORIGINAL : REPLY).get(chunk);
  if (moves === undefined) return state;
  // Nothing is answered before something was sent, and a mere heartbeat is answered by a heartbeat.
  if (direction === 'reply' && (state === 'NONE' || (state === 'HEARTBEAT_SENT' && !isHeartbeat(chunk)))) {
    return undefined;
  }
  return moves[state] ?? state;
}
