/**
 * Which segment leads a tracked TCP connection from which state to which (net/netfilter/nf_conntrack_proto_tcp.c:
 * tcp_conntracks[][][]). The states are guesses of an observer in the middle, not those of either end:
 *
 *     NONE         nothing seen yet              CLOSE_WAIT  the first FIN was acknowledged
 *     SYN_SENT     SYN seen                      LAST_ACK    FIN seen from both ends
 *     SYN_SENT2    SYN seen from both ends       TIME_WAIT   the last FIN was acknowledged
 *     SYN_RECV     SYN-ACK seen                  CLOSE       reset
 *     ESTABLISHED  the handshake is done
 *     FIN_WAIT     FIN seen from one end
 *
 * `ignored` segments pass without a change: either end may know better than the table and answer with a reset.
 */

import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../packet/index.js';
import type { CtDirection } from './entry.js';

/** enum tcp_conntrack, in the kernel's order. */
export const TCP_STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;

export type TcpStateName = (typeof TCP_STATES)[number];

/** A state as a number: its place in TCP_STATES, which orders how far a connection has come. */
export const TCP_STATE = {
  none: 0,
  synSent: 1,
  synRecv: 2,
  established: 3,
  finWait: 4,
  closeWait: 5,
  lastAck: 6,
  timeWait: 7,
  close: 8,
  synSent2: 9,
  /** No state: TCP_CONNTRACK_MAX and TCP_CONNTRACK_IGNORE. */
  invalid: 10,
  ignored: 11,
} as const;

/** enum tcp_bit_set: what matters of a segment's flags. */
export const SEGMENT = { syn: 0, synAck: 1, fin: 2, ack: 3, rst: 4, none: 5 } as const;

type Outcome = TcpStateName | 'invalid' | 'ignored';
/** What a SYN, SYN-ACK, FIN, ACK and RST lead to. A segment with none of these flags is always invalid. */
type Row = readonly [syn: Outcome, synAck: Outcome, fin: Outcome, ack: Outcome, rst: Outcome];

const TRANSITIONS: Readonly<Record<CtDirection, Readonly<Record<TcpStateName, Row>>>> = {
  original: {
    NONE: ['SYN_SENT', 'invalid', 'invalid', 'ESTABLISHED', 'invalid'],
    SYN_SENT: ['SYN_SENT', 'invalid', 'invalid', 'invalid', 'CLOSE'],
    SYN_SENT2: ['SYN_SENT2', 'SYN_RECV', 'invalid', 'invalid', 'CLOSE'],
    SYN_RECV: ['ignored', 'SYN_RECV', 'FIN_WAIT', 'ESTABLISHED', 'CLOSE'],
    ESTABLISHED: ['ignored', 'invalid', 'FIN_WAIT', 'ESTABLISHED', 'CLOSE'],
    FIN_WAIT: ['ignored', 'invalid', 'LAST_ACK', 'CLOSE_WAIT', 'CLOSE'],
    CLOSE_WAIT: ['ignored', 'invalid', 'LAST_ACK', 'CLOSE_WAIT', 'CLOSE'],
    LAST_ACK: ['ignored', 'invalid', 'LAST_ACK', 'TIME_WAIT', 'CLOSE'],
    TIME_WAIT: ['SYN_SENT', 'invalid', 'TIME_WAIT', 'TIME_WAIT', 'CLOSE'],
    CLOSE: ['SYN_SENT', 'invalid', 'CLOSE', 'CLOSE', 'CLOSE'],
  },
  reply: {
    NONE: ['invalid', 'invalid', 'invalid', 'invalid', 'invalid'],
    SYN_SENT: ['SYN_SENT2', 'SYN_RECV', 'invalid', 'ignored', 'CLOSE'],
    SYN_SENT2: ['SYN_SENT2', 'SYN_RECV', 'invalid', 'ignored', 'CLOSE'],
    SYN_RECV: ['invalid', 'ignored', 'FIN_WAIT', 'SYN_RECV', 'CLOSE'],
    ESTABLISHED: ['invalid', 'ignored', 'FIN_WAIT', 'ESTABLISHED', 'CLOSE'],
    FIN_WAIT: ['invalid', 'ignored', 'LAST_ACK', 'CLOSE_WAIT', 'CLOSE'],
    CLOSE_WAIT: ['invalid', 'ignored', 'LAST_ACK', 'CLOSE_WAIT', 'CLOSE'],
    LAST_ACK: ['invalid', 'ignored', 'LAST_ACK', 'TIME_WAIT', 'CLOSE'],
    TIME_WAIT: ['SYN_SENT', 'ignored', 'TIME_WAIT', 'TIME_WAIT', 'CLOSE'],
    CLOSE: ['invalid', 'ignored', 'CLOSE', 'CLOSE', 'CLOSE'],
  },
};

const KINDS = 6;
const WORDS: readonly string[] = [...TCP_STATES, 'invalid', 'ignored'];

/** The same as numbers, by state and kind. */
function compile(rows: Readonly<Record<TcpStateName, Row>>): Uint8Array {
  const table = new Uint8Array(TCP_STATES.length * KINDS).fill(TCP_STATE.invalid);
  TCP_STATES.forEach((state, i) => {
    table.set(
      rows[state].map((outcome) => WORDS.indexOf(outcome)),
      i * KINDS,
    );
  });
  return table;
}

const ORIGINAL = compile(TRANSITIONS.original);
const REPLY = compile(TRANSITIONS.reply);

/** The state that follows, or TCP_STATE.invalid or .ignored. */
export const nextState = (direction: CtDirection, state: number, segment: number): number =>
  (direction === 'original' ? ORIGINAL : REPLY)[state * KINDS + segment] ?? TCP_STATE.invalid;

/** get_conntrack_index(). */
export function segmentKind(flags: number): number {
  if ((flags & TCP_RST) !== 0) return SEGMENT.rst;
  if ((flags & TCP_SYN) !== 0) return (flags & TCP_ACK) !== 0 ? SEGMENT.synAck : SEGMENT.syn;
  if ((flags & TCP_FIN) !== 0) return SEGMENT.fin;
  return (flags & TCP_ACK) !== 0 ? SEGMENT.ack : SEGMENT.none;
}

const SEGMENT_WORDS = ['SYN', 'SYN-ACK', 'FIN', 'ACK', 'RST', 'segment without flags'];

/** For notes: `SYN in state ESTABLISHED`. */
export const describeSegment = (segment: number, state: number): string =>
  `${SEGMENT_WORDS[segment]} in state ${TCP_STATES[state]}`;
