/** What an acknowledgment says of what was sent (net/ipv4/tcp_input.c:tcp_ack()). */

import { NS_PER_MS } from '../../clock.js';
import type { MibName } from '../../mib.js';
import { currentMss, retransmit, timestampNow, unsent } from './output.js';
import type { Segment } from './segment.js';
import type { SentSegment } from './send-queue.js';
import { advance, after, before, distance } from './sequence.js';
import type { Tcb } from './tcb.js';
import { armLossProbe, stopTimer } from './timers.js';

/** RFC 5681 §3.2: so many duplicates, or selectively acknowledged segments behind a hole, mean a loss. */
const DUPLICATES_THRESHOLD = 3;
/** include/net/tcp.h:TCP_PAWS_24DAYS: an older timestamp than this proves nothing. */
const TIMESTAMP_STALE_NS = 24 * 86_400_000 * NS_PER_MS;

/**
 * `old`: nothing new. `ancient`: older than any window, and `unsent`: of octets never sent; both make the segment
 * worthless (RFC 5961 §5.2, RFC 9293 §3.10.7.4).
 */
export type AckVerdict = 'new' | 'old' | 'ancient' | 'unsent';

export function acknowledge(tcb: Tcb, segment: Segment): AckVerdict {
  const ack = segment.acknowledgment;
  if (before(ack, tcb.sndUna)) {
    if (before(ack, advance(tcb.sndUna, -tcb.maxWindow))) return 'ancient';
    applySack(tcb, segment);
    return 'old';
  }
  if (after(ack, tcb.sndNxt)) return 'unsent';

  replaceTimestamp(tcb, segment);
  tcb.probes = 0;
  const advanced = after(ack, tcb.sndUna);
  const windowMoved = updateWindow(tcb, segment);
  const waiting = tcb.sending.inFlight.length > 0;
  tcb.sndUna = ack;
  const sacked = applySack(tcb, segment);
  if (advanced) progress(tcb, segment);
  else if (waiting && (sacked || (segment.length === 0 && !windowMoved && !segment.fin))) duplicate(tcb);
  if (tcb.sending.inFlight.length === 0) ackWithNothingInFlight(tcb);
  return advanced ? 'new' : 'old';
}

/** tcp_paws_check(): sent before what was taken last, unless that is too long ago to tell. */
export const isOlderTimestamp = (tcb: Tcb, value: number): boolean =>
  before(value, tcb.tsRecent) && tcb.nowNs - tcb.tsRecentNs < TIMESTAMP_STALE_NS;

/** tcp_replace_ts_recent(), RFC 7323 §4.3. */
function replaceTimestamp(tcb: Tcb, segment: Segment): void {
  const { timestamps } = segment.options;
  if (!tcb.timestamps || timestamps === undefined || after(segment.sequence, tcb.rcvWup)) return;
  if (isOlderTimestamp(tcb, timestamps.value)) return;
  tcb.tsRecent = timestamps.value;
  tcb.tsRecentNs = tcb.nowNs;
}

/** tcp_ack_update_window(): a segment that is no older than the last one that told. */
function updateWindow(tcb: Tcb, segment: Segment): boolean {
  const window = segment.syn ? segment.window : segment.window * 2 ** tcb.sendScale;
  const newer =
    after(segment.acknowledgment, tcb.sndUna) ||
    after(segment.sequence, tcb.sndWl1) ||
    (segment.sequence === tcb.sndWl1 && window > tcb.sndWnd);
  if (!newer) return false;
  tcb.sndWl1 = segment.sequence;
  if (window === tcb.sndWnd) return false;
  tcb.sndWnd = window;
  tcb.maxWindow = Math.max(tcb.maxWindow, window);
  return true;
}

/** tcp_sacktag_write_queue(); whether a segment was marked that was not before. */
function applySack(tcb: Tcb, segment: Segment): boolean {
  const blocks = segment.options.sack;
  if (!tcb.sack || blocks === undefined) return false;
  let marked = false;
  for (const { left, right } of blocks) {
    if (before(left, tcb.sndUna) || after(right, tcb.sndNxt)) continue;
    for (const sent of tcb.sending.inFlight) {
      if (sent.sacked || before(sent.sequence, left) || after(sent.end, right)) continue;
      sent.sacked = true;
      sent.lost = false;
      tcb.mib.TcpExtTCPDelivered += 1;
      marked = true;
    }
  }
  return marked;
}

/** tcp_clean_rtx_queue(): something arrived that had not been acknowledged. */
function progress(tcb: Tcb, segment: Segment): void {
  const gone = tcb.sending.acknowledge(tcb.sndUna);
  countDelivered(tcb, gone);
  tcb.retransmits = 0;
  tcb.retransmitStartNs = undefined;
  tcb.duplicateAcks = 0;
  measure(tcb, segment, gone);
  if (tcb.sending.length < tcb.socket.sendBuffer && tcb.socket.sendBlocked) tcb.events.writable = true;
  if (tcb.lossProbeEnd !== undefined && !before(tcb.sndUna, tcb.lossProbeEnd)) tcb.lossProbeEnd = undefined;
  if (tcb.recoverEnd !== undefined) recover(tcb, gone.length);
  armLossProbe(tcb, tcb.nowNs);
}

/** tcp_newly_delivered(): what SACK has not told of before; a SYN-ACK is not tracked. */
function countDelivered({ state, mib }: Tcb, gone: readonly SentSegment[]): void {
  for (const { sacked, syn } of gone) if (!sacked && !(syn && state === 'SYN_RECV')) mib.TcpExtTCPDelivered += 1;
}

/**
 * tcp_ack_update_rtt(): by the first segment where none was sent twice (Karn: what waited behind a repeated one tells
 * nothing either), else by the timestamp that came back.
 */
function measure(tcb: Tcb, segment: Segment, gone: readonly SentSegment[]): void {
  const repeated = gone.some((sent) => sent.transmissions > 1);
  const once = repeated ? undefined : gone.find((sent) => !sent.sacked);
  const echo = segment.options.timestamps?.echo;
  if (once !== undefined) tcb.rtt.measure(tcb.nowNs - once.sentNs, tcb.sndUna, tcb.sndNxt);
  else if (tcb.timestamps && echo !== undefined && echo !== 0) {
    const elapsed = distance(echo, timestampNow(tcb));
    if (elapsed < 0) return;
    tcb.rtt.measure(elapsed * NS_PER_MS, tcb.sndUna, tcb.sndNxt);
  } else return;
  tcb.timeoutNs = tcb.rtt.timeoutNs;
  tcb.backoff = 0;
}

/** tcp_fastretrans_alert() in recovery: what else is missing goes out as acknowledgments come in (RFC 6582, RFC 6675). */
function recover(tcb: Tcb, arrived: number): void {
  if (tcb.recoverEnd === undefined) return;
  if (!before(tcb.sndUna, tcb.recoverEnd)) {
    tcb.recoverEnd = undefined;
    return;
  }
  if (tcb.recovery === 'timeout') {
    retransmitLost(tcb, arrived + 1);
    return;
  }
  const head = tcb.sending.inFlight[0];
  if (head !== undefined && !tcb.sack && head.transmissions === 1) head.lost = true;
  markLost(tcb);
  retransmitLost(tcb, Number.POSITIVE_INFINITY);
}

function duplicate(tcb: Tcb): void {
  tcb.duplicateAcks += 1;
  if (tcb.recoverEnd === undefined) {
    const head = tcb.sending.inFlight[0];
    if (tcb.duplicateAcks < DUPLICATES_THRESHOLD || head === undefined) return;
    tcb.recoverEnd = tcb.sndNxt;
    tcb.recovery = 'fast';
    tcb.mib[tcb.sack ? 'TcpExtTCPSackRecovery' : 'TcpExtTCPRenoRecovery'] += 1;
    head.lost = true;
  }
  if (tcb.recovery !== 'fast') return;
  markLost(tcb);
  retransmitLost(tcb, Number.POSITIVE_INFINITY);
}

/** Segments with three selectively acknowledged ones behind them, sent once: lost. */
function markLost(tcb: Tcb): void {
  const { inFlight } = tcb.sending;
  let behind = 0;
  for (let i = inFlight.length - 1; i >= 0; i--) {
    const sent = inFlight[i];
    if (sent === undefined) continue;
    if (sent.sacked) behind += 1;
    else if (behind >= DUPLICATES_THRESHOLD && sent.transmissions === 1) sent.lost = true;
  }
}

/** tcp_xmit_retransmit_queue(). */
function retransmitLost(tcb: Tcb, limit: number): void {
  const lost = tcb.sending.inFlight.filter((sent) => sent.lost);
  const counter = tcb.recovery === 'fast' ? 'TcpExtTCPFastRetrans' : 'TcpExtTCPSlowStartRetrans';
  for (const sent of lost.slice(0, limit)) retransmitCounted(tcb, sent, counter);
}

function retransmitCounted(tcb: Tcb, sent: SentSegment, counter: MibName): void {
  if (retransmit(tcb, sent) === undefined) tcb.mib[counter] += 1;
}

/** tcp_simple_retransmit(): the path became narrower; what does not fit any more never arrived. */
export function retransmitTooLong(tcb: Tcb): void {
  const mss = currentMss(tcb);
  for (const sent of tcb.sending.inFlight) {
    if (distance(sent.sequence, sent.end) <= mss || sent.sacked) continue;
    sent.lost = true;
  }
  for (let lost = firstLost(tcb); lost !== undefined; lost = firstLost(tcb))
    retransmitCounted(tcb, lost, 'TcpExtTCPSlowStartRetrans');
}

/** A segment that is cut leaves its rest marked, so the queue is asked anew each time. */
const firstLost = (tcb: Tcb): SentSegment | undefined => tcb.sending.inFlight.find((sent) => sent.lost);

/** tcp_ack_probe(): the window let something go again, or it did not. */
function ackWithNothingInFlight(tcb: Tcb): void {
  const left = unsent(tcb);
  const needs = Math.min(left, currentMss(tcb)) + (left === 0 ? 1 : 0);
  if (needs > tcb.sndWnd) return;
  tcb.backoff = 0;
  stopTimer(tcb);
}
