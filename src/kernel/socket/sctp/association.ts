/** One association: tags, numbers, timers (struct sctp_association; RFC 9260 §14.2). What changes it is in other files. */

import type { Ipv4Addr, SctpChunkFields } from '../../../packet/index.js';
import { NS_PER_MS, type Timer } from '../../clock.js';
import type { Errno } from '../../errors.js';
import { Received } from './received.js';
import { Rto } from './rto.js';
import type { SctpSocket } from './sctp-socket.js';
import { SendQueue } from './send-queue.js';

/** sctp_state_tbl[], without its prefix. */
export type SctpState =
  | 'CLOSED'
  | 'COOKIE_WAIT'
  | 'COOKIE_ECHOED'
  | 'ESTABLISHED'
  | 'SHUTDOWN_PENDING'
  | 'SHUTDOWN_SENT'
  | 'SHUTDOWN_RECEIVED'
  | 'SHUTDOWN_ACK_SENT';

/** SCTP_DEFAULT_OUTSTREAMS, SCTP_MAX_STREAM: what a socket asks for. */
export const OUTBOUND_STREAMS = 10;
export const INBOUND_STREAMS = 65_535;
/** Half of net.core.rmem_default (sctp_association_init()). */
export const RECEIVE_WINDOW = 106_496;

export type TimerKind = 't1-init' | 't1-cookie' | 't2-shutdown' | 't3-rtx' | 't5-shutdown-guard' | 'sack';

/** What the application is still to be told. */
export interface SctpEvents {
  connected: boolean;
  messages: Uint8Array[];
  /** The peer has asked for the end. */
  ended: boolean;
  error: Errno | undefined;
  closed: boolean;
}

export class Association {
  readonly socket: SctpSocket;
  state: SctpState = 'CLOSED';
  /** The tag that the peer's packets carry, and the one that ours do; 0 before it is known. */
  localTag = 0;
  remoteTag = 0;
  initialTsn = 0;
  outboundStreams = OUTBOUND_STREAMS;
  inboundStreams = INBOUND_STREAMS;
  localAddresses: readonly Ipv4Addr[] = [];
  /** Where the peer may be too, besides the socket's own remote address. */
  remoteAddresses: readonly Ipv4Addr[] = [];
  cookie: Uint8Array | undefined = undefined;
  /** By how much longer a cookie is to be good, after one was stale. */
  cookieLifeMs: number | undefined = undefined;
  /** init_err_counter, init_cycle, and init_sent_count of the one path. */
  initErrors = 0;
  initCycle = 0;
  initSent = 0;
  initTimeoutNs: number;
  cookieTimeoutNs: number;
  /** Timeouts without a word of the peer (overall_error_count). */
  errors = 0;
  readonly rto: Rto;
  readonly sending = new SendQueue();
  received = new Received(0);
  /** Octets that the application has not taken yet. */
  unread = 0;
  sackNeeded = true;
  sackCount = 0;
  /** Control chunks that go out when the present packet has been dealt with. */
  readonly outgoing: SctpChunkFields[] = [];
  readonly timers = new Map<TimerKind, Timer>();
  /** What an ICMP error said (sk_err_soft): asked for, and told nobody. */
  softError: Errno | undefined = undefined;
  /** inet_id, once the socket knows its peer. */
  identification: number | undefined = undefined;
  /** close(2) or abort: nobody is told anything any more. */
  orphaned = false;
  readonly events: SctpEvents = { connected: false, messages: [], ended: false, error: undefined, closed: false };

  constructor(socket: SctpSocket) {
    this.socket = socket;
    const { sysctl } = socket.netns;
    this.rto = new Rto(sysctl);
    this.initTimeoutNs = sysctl.values['sctp.rto_initial'] * NS_PER_MS;
    this.cookieTimeoutNs = this.initTimeoutNs;
  }

  get nowNs(): number {
    return this.socket.netns.emulation.clock.nowNs;
  }

  /** asoc->rwnd. */
  get window(): number {
    return Math.max(0, RECEIVE_WINDOW - this.unread);
  }

  /** SCTP_CMD_INIT_COUNTER_RESET. */
  resetInitCounter(): void {
    this.initErrors = 0;
    this.initCycle = 0;
    this.initSent = 0;
  }
}
