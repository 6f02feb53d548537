/** The states of sockets as `ss` names them (misc/ss.c:sstate_name[]). */

import type { SocketEntry } from '../../kernel/index.js';

export const STATE_NAMES = [
  'UNKNOWN',
  'ESTAB',
  'SYN-SENT',
  'SYN-RECV',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'UNCONN',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
] as const;
export type SocketState = (typeof STATE_NAMES)[number];

/** Names that the emulation has in another form. */
const STATES: Readonly<Record<string, SocketState>> = {
  ESTABLISHED: 'ESTAB',
  SYN_SENT: 'SYN-SENT',
  SYN_RECV: 'SYN-RECV',
  FIN_WAIT1: 'FIN-WAIT-1',
  FIN_WAIT2: 'FIN-WAIT-2',
  TIME_WAIT: 'TIME-WAIT',
  CLOSED: 'UNCONN',
  CLOSE_WAIT: 'CLOSE-WAIT',
  LAST_ACK: 'LAST-ACK',
};

export const stateOf = ({ state }: SocketEntry): SocketState =>
  STATES[state] ?? STATE_NAMES.find((name) => name === state) ?? 'UNKNOWN';
