/** When a connection's timers are set (net/ipv4/tcp_timer.c); expiry.ts has what they do then. */

import { NS_PER_MS, NS_PER_S } from '../../clock.js';
import { RTO_MAX_NS, RTO_MIN_NS } from './rtt.js';
import type { Tcb } from './tcb.js';

/** TCP_DELACK_MIN. */
const DELAYED_ACK_NS = 40 * NS_PER_MS;
/** TCP_TIMEWAIT_LEN. */
const TIME_WAIT_NS = 60 * NS_PER_S;
/** inet_twsk_schedule(): what is kept for less is counted as gone at once. */
const KILLED_NS = 4 * NS_PER_S;

function arm(tcb: Tcb, kind: Tcb['timerKind'], delayNs: number): void {
  tcb.timer?.cancel();
  tcb.timerKind = kind;
  tcb.timer = tcb.socket.netns.emulation.clock.schedule(delayNs, () => {
    tcb.timer = undefined;
    tcb.socket.timerExpired(kind);
  });
}

export function stopTimer(tcb: Tcb): void {
  tcb.timer?.cancel();
  tcb.timer = undefined;
}

export function stopAllTimers(tcb: Tcb): void {
  stopTimer(tcb);
  tcb.delayedAck?.cancel();
  tcb.delayedAck = undefined;
  tcb.waitTimer?.cancel();
  tcb.waitTimer = undefined;
}

/** tcp_rearm_rto(). */
export function armRetransmit(tcb: Tcb): void {
  if (tcb.sending.inFlight.length === 0) stopTimer(tcb);
  else arm(tcb, 'retransmit', tcb.timeoutNs);
}

/** TCP_TIMEOUT_MIN: two jiffies at 250 Hz. */
const LOSS_PROBE_MIN_NS = 8 * NS_PER_MS;

/**
 * tcp_schedule_loss_probe(): the last segment goes out once more before the timeout, so that the peer tells what it has
 * (RFC 8985 §7). Where that is not for now, the timeout is set alone, `fromNs` being when it begins.
 */
export function armLossProbe(tcb: Tcb, fromNs: number): void {
  const { inFlight } = tcb.sending;
  const timeout = fromNs + tcb.timeoutNs - tcb.nowNs;
  if (!tcb.sack || inFlight.length === 0 || tcb.lossProbeEnd !== undefined || tcb.recoverEnd !== undefined) {
    armRetransmit(tcb);
    return;
  }
  const probe = 2 * tcb.rtt.smoothedNs + (inFlight.length === 1 ? RTO_MIN_NS : LOSS_PROBE_MIN_NS);
  arm(tcb, 'loss-probe', timeout > 0 ? Math.min(probe, timeout) : probe);
}

/** tcp_check_probe_timer(): nothing is in flight and the window takes nothing; ask from time to time. */
export function armProbe(tcb: Tcb): void {
  if (tcb.timer !== undefined) return;
  const base = Math.max(tcb.timeoutNs, RTO_MIN_NS);
  arm(tcb, 'probe', Math.min(base * 2 ** tcb.backoff, RTO_MAX_NS));
}

/**
 * tcp_send_delayed_ack(). Differs: always 40 ms, where Linux goes up to 200 ms for an application that answers slowly.
 */
export function armDelayedAck(tcb: Tcb): void {
  if (tcb.delayedAck !== undefined) return;
  tcb.delayedAck = tcb.socket.netns.emulation.clock.schedule(DELAYED_ACK_NS, () => {
    tcb.delayedAck = undefined;
    tcb.socket.timerExpired('delayed-ack');
  });
}

/** tcp_time_wait(): the connection is over, its numbers are remembered for a minute. */
export function enterTimeWait(tcb: Tcb): void {
  // Who waits for the peer's FIN in FIN_WAIT2 has been counted.
  if (tcb.waitTimer === undefined) countTimeWait(tcb, TIME_WAIT_NS);
  stopAllTimers(tcb);
  tcb.state = 'TIME_WAIT';
  tcb.sending.clear();
  tcb.received.forget();
  tcb.events.closed = true;
  restartTimeWait(tcb);
}

export function restartTimeWait(tcb: Tcb): void {
  tcb.waitTimer?.cancel();
  tcb.waitTimer = tcb.socket.netns.emulation.clock.schedule(TIME_WAIT_NS, () => tcb.socket.forget());
}

function countTimeWait({ mib }: Tcb, delayNs: number): void {
  mib[delayNs <= KILLED_NS ? 'TcpExtTWKilled' : 'TcpExtTW'] += 1;
}

/** FIN_WAIT2 without anybody to read what the peer may still send (net.ipv4.tcp_fin_timeout). */
export function waitForFin(tcb: Tcb): void {
  const seconds = tcb.socket.netns.sysctl.values['ipv4.tcp_fin_timeout'];
  if (tcb.waitTimer === undefined) countTimeWait(tcb, seconds * NS_PER_S);
  tcb.waitTimer?.cancel();
  tcb.waitTimer = tcb.socket.netns.emulation.clock.schedule(seconds * NS_PER_S, () => tcb.socket.forget());
}
