/** What happens when a connection's timer expires (net/ipv4/tcp_timer.c). */

import { probeLoss, pushPending, probeWindow, retransmit, sendAck } from './output.js';
import { searchMtu } from './mtu-search.js';
import { RTO_INITIAL_NS, RTO_MAX_NS, RTO_MIN_NS } from './rtt.js';
import type { Tcb } from './tcb.js';
import { armProbe, armRetransmit } from './timers.js';

export type TimerKind = Tcb['timerKind'] | 'delayed-ack';

/** tcp_orphan_retries() where the sysctl is 0. */
const ORPHAN_RETRIES = 8;

const handshaking = (tcb: Tcb): boolean => tcb.state === 'SYN_SENT' || tcb.state === 'SYN_RECV';

export function timerExpired(tcb: Tcb, kind: TimerKind): void {
  if (kind === 'retransmit') retransmitTimer(tcb);
  else if (kind === 'loss-probe') lossProbeTimer(tcb);
  else if (kind === 'probe') probeTimer(tcb);
  else {
    sendAck(tcb);
    tcb.mib.TcpExtDelayedACKs += 1;
  }
}

/** After the probe the timeout runs anew. */
function lossProbeTimer(tcb: Tcb): void {
  if (tcb.sending.inFlight.length === 0) return;
  tcb.mib.TcpExtTCPLossProbes += 1;
  probeLoss(tcb);
  armRetransmit(tcb);
}

/** tcp_retransmit_timer(). */
function retransmitTimer(tcb: Tcb): void {
  const head = tcb.sending.inFlight[0];
  if (head === undefined) return;
  tcb.mib.TcpExtTCPTimeouts += 1;
  if (writeTimedOut(tcb)) {
    writeError(tcb);
    return;
  }
  // sk_rethink_txhash(): other paths of the network are tried.
  tcb.mib.TcpExtTcpTimeoutRehash += 1;
  enterLoss(tcb, head.sacked);
  retransmit(tcb, head);
  tcb.retransmits += 1;
  const linear = tcb.state === 'SYN_SENT' && tcb.retransmits <= synLinearTimeouts(tcb);
  if (!linear) {
    tcb.backoff += 1;
    tcb.timeoutNs = Math.min(tcb.timeoutNs * 2, RTO_MAX_NS);
  }
  armRetransmit(tcb);
}

/** tcp_write_err(). */
function writeError(tcb: Tcb): void {
  tcb.socket.fail(tcb.softError ?? 'ETIMEDOUT');
  tcb.mib.TcpExtTCPAbortOnTimeout += 1;
}

/**
 * tcp_enter_loss(): what was not selectively acknowledged is lost. A peer that has told of the first segment and still
 * does not acknowledge it has thrown it away, and perhaps the others (RFC 2018 §8).
 */
function enterLoss(tcb: Tcb, reneged: boolean): void {
  if (reneged) tcb.mib.TcpExtTCPSACKReneging += 1;
  for (const sent of tcb.sending.inFlight) {
    if (reneged) sent.sacked = false;
    sent.lost = !sent.sacked;
  }
  tcb.recoverEnd = tcb.sndNxt;
  tcb.recovery = 'timeout';
  tcb.duplicateAcks = 0;
}

/**
 * net.ipv4.tcp_syn_linear_timeouts: how many first retransmissions of a SYN come a second apart.
 * Differs: 0 by default, as up to Linux 6.4; since 6.5 it is 4.
 */
function synLinearTimeouts(tcb: Tcb): number {
  return Number(tcb.socket.netns.sysctl.get('net.ipv4.tcp_syn_linear_timeouts') ?? 0);
}

/** tcp_write_timeout(): whether it has been tried long enough. */
function writeTimedOut(tcb: Tcb): boolean {
  const { sysctl } = tcb.socket.netns;
  if (handshaking(tcb)) {
    const retries = sysctl.values['ipv4.tcp_syn_retries'];
    const extra = tcb.state === 'SYN_SENT' ? synLinearTimeouts(tcb) : 0;
    return tcb.retransmits >= retries + extra || retransmitsTimedOut(tcb, retries, RTO_INITIAL_NS);
  }
  if (retransmitsTimedOut(tcb, sysctl.values['ipv4.tcp_retries1'], RTO_MIN_NS)) searchMtu(tcb);
  const orphanRetries = sysctl.values['ipv4.tcp_orphan_retries'] || ORPHAN_RETRIES;
  return retransmitsTimedOut(tcb, tcb.orphaned ? orphanRetries : sysctl.values['ipv4.tcp_retries2'], RTO_MIN_NS);
}

/**
 * retransmits_timed_out(): sysctls count retransmissions, but what is compared is the time that so many would take from
 * `base` on (tcp_model_timeout()).
 */
function retransmitsTimedOut(tcb: Tcb, boundary: number, base: number): boolean {
  if (tcb.retransmits === 0 || tcb.retransmitStartNs === undefined) return false;
  const doublings = Math.floor(Math.log2(RTO_MAX_NS / base));
  const timeout =
    boundary <= doublings
      ? (2 ** (boundary + 1) - 1) * base
      : (2 ** (doublings + 1) - 1) * base + (boundary - doublings) * RTO_MAX_NS;
  return tcb.nowNs - tcb.retransmitStartNs >= timeout;
}

/** tcp_probe_timer(), tcp_send_probe0(). */
function probeTimer(tcb: Tcb): void {
  const { sysctl } = tcb.socket.netns;
  const limit = tcb.orphaned
    ? sysctl.values['ipv4.tcp_orphan_retries'] || ORPHAN_RETRIES
    : sysctl.values['ipv4.tcp_retries2'];
  if (tcb.probes >= limit) {
    writeError(tcb);
    return;
  }
  probeWindow(tcb);
  if (tcb.sending.inFlight.length > 0) {
    pushPending(tcb);
    return;
  }
  tcb.probes += 1;
  tcb.backoff = Math.min(tcb.backoff + 1, 15);
  armProbe(tcb);
}
