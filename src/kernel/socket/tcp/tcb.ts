/**
 * The transmission control block (RFC 9293 §3.3.1; struct tcp_sock): all numbers of one connection. What is done with
 * them lies in input.ts, output.ts and timers.ts, named as net/ipv4/tcp_*.c names it.
 */

import type { Timer } from '../../clock.js';
import type { Errno } from '../../errors.js';
import type { RouteResult } from '../../fib/types.js';
import type { EchoedOptions } from '../../ipv4/options.js';
import type { Mib } from '../../mib.js';
import { ReceiveQueue } from './receive-queue.js';
import { RTO_INITIAL_NS, RttEstimator } from './rtt.js';
import { SendQueue } from './send-queue.js';
import type { TcpSocket } from './tcp-socket.js';

/** As netstat and conntrack print them. */
export type TcpState =
  | 'CLOSED'
  | 'SYN_SENT'
  | 'SYN_RECV'
  | 'ESTABLISHED'
  | 'FIN_WAIT1'
  | 'FIN_WAIT2'
  | 'CLOSE_WAIT'
  | 'CLOSING'
  | 'LAST_ACK'
  | 'TIME_WAIT';

/** What the application is to hear once the segment or the timer is done with. */
export interface TcpEvents {
  connected: boolean;
  /** Both directions ended in order. */
  closed: boolean;
  /** Room in the send buffer after it was full. */
  writable: boolean;
  error: Errno | undefined;
}

export class Tcb {
  readonly socket: TcpSocket;
  state: TcpState = 'CLOSED';

  // Sending (RFC 9293 §3.3.1: SND.*)
  /** The sequence number of our SYN. */
  iss = 0;
  sndUna = 0;
  sndNxt = 0;
  /** Scaled up: octets that the peer takes behind `sndUna`. */
  sndWnd = 0;
  /** Sequence number of the segment that the window was taken from. */
  sndWl1 = 0;
  /** The largest window that the peer ever offered. */
  maxWindow = 0;
  /** Behind the last segment smaller than the MSS (snd_sml, Minshall's variant of Nagle's rule). */
  smallEnd = 0;
  readonly sending = new SendQueue();
  /** The application writes no more (SEND_SHUTDOWN). */
  finQueued = false;
  finSent = false;

  // Receiving (RCV.*)
  irs = 0;
  rcvNxt = 0;
  /** `rcvNxt` when a window was last advertised, and that window. */
  rcvWup = 0;
  rcvWnd = 0;
  windowClamp = 0;
  /** More is not advertised, whatever is free. */
  rcvSsthresh = 0;
  /** Octets of buffer that count as window. */
  receiveSpace = 0;
  readonly received = new ReceiveQueue();
  /** The peer's FIN was reached (RCV_SHUTDOWN by the peer). */
  peerFinished = false;

  // Agreed on
  sendScale = 0;
  receiveScale = 0;
  sack = false;
  timestamps = false;
  timestampOffset = 0;
  /** What our first SYN carried: no answer can echo less. */
  synTimestamp = 0;
  /** The peer's last timestamp, and when we took it. */
  tsRecent = 0;
  tsRecentNs = 0;
  /** Largest segment that the peer takes, and the one that we told it. */
  mssClamp = 0;
  advertisedMss = 0;
  /** Data octets of the longest segment that is thought to pass, where the path's MTU is searched for (icsk_mtup.search_low). */
  searchedMss: number | undefined = undefined;
  /** What the peer seems to send (icsk_ack.rcv_mss). */
  receiveMss = 0;

  /** IPv4 options of all its packets (inet_opt): the peer's SYN had them. */
  ipOptions: EchoedOptions | undefined = undefined;

  // Route
  route: RouteResult | undefined = undefined;
  /** inet_id: the next IPv4 identification. */
  identification = 0;

  // Timers
  readonly rtt = new RttEstimator();
  timeoutNs = RTO_INITIAL_NS;
  backoff = 0;
  retransmits = 0;
  /** When the first retransmission of what is lost now was sent; undefined while nothing is. */
  retransmitStartNs: number | undefined = undefined;
  probes = 0;
  timer: Timer | undefined = undefined;
  timerKind: 'retransmit' | 'probe' | 'loss-probe' = 'retransmit';
  delayedAck: Timer | undefined = undefined;
  /** FIN_WAIT2 without an application, or TIME_WAIT. */
  waitTimer: Timer | undefined = undefined;

  // Acknowledging
  /** Acknowledgments that are not to be delayed (icsk_ack.quick). */
  quickAcks = 0;
  /** The application answers what it gets: acknowledgments may ride on data. */
  interactive = false;
  ackNow = false;
  heardData = false;
  lastReceivedNs = 0;
  /** When the last answer to a segment outside the window was sent (tcp_invalid_ratelimit). */
  lastChallengeNs: number | undefined = undefined;

  // Loss
  /** A loss probe went out when this was `sndNxt`, and it is not acknowledged (tlp_high_seq). */
  lossProbeEnd: number | undefined = undefined;
  duplicateAcks = 0;
  /** Until this is acknowledged, recovery goes on. */
  recoverEnd: number | undefined = undefined;
  recovery: 'fast' | 'timeout' = 'fast';

  // Application
  /** close(2) was called: nobody reads or hears any more (SOCK_DEAD). */
  orphaned = false;
  /** What an ICMP error said; the reason that is given if the connection times out (sk_err_soft). */
  softError: Errno | undefined = undefined;
  readonly events: TcpEvents = { connected: false, closed: false, writable: false, error: undefined };

  constructor(socket: TcpSocket) {
    this.socket = socket;
  }

  /** struct inet_timewait_sock: the connection is remembered, and nobody's: in TIME_WAIT, or in FIN_WAIT2 without a program. */
  get isTimeWait(): boolean {
    return this.state === 'TIME_WAIT' || (this.state === 'FIN_WAIT2' && this.waitTimer !== undefined);
  }

  get mib(): Mib {
    return this.socket.netns.mib;
  }

  get nowNs(): number {
    return this.socket.netns.emulation.clock.nowNs;
  }
}
