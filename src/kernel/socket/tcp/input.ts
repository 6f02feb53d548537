/**
 * What a segment does to a connection (RFC 9293 §3.10.7; net/ipv4/tcp_input.c): tcp_rcv_synsent_state_process() and
 * tcp_rcv_state_process(). Everything here returns why the segment was dropped, or undefined where it was taken.
 */

import type { DropReason } from '../../../trace/index.js';
import { NS_PER_MS } from '../../clock.js';
import type { MibName } from '../../mib.js';
import { acknowledge, isOlderTimestamp } from './ack.js';
import { receiveData, sendNeededAck } from './data.js';
import { initialiseBuffers, initialiseReceiveMss } from './establish.js';
import { beginMtuSearch } from './mtu-search.js';
import { negotiate } from './handshake.js';
import { pushPending, receiveWindow, sendAck, sendSynAck, timestampNow } from './output.js';
import { sendReset } from './reply.js';
import type { Segment } from './segment.js';
import { advance, after, before, between, distance } from './sequence.js';
import type { Tcb } from './tcb.js';
import { enterTimeWait, stopTimer, waitForFin } from './timers.js';

/** net.ipv4.tcp_invalid_ratelimit. */
const INVALID_RATE_NS = 500 * NS_PER_MS;

export function receiveSegment(tcb: Tcb, segment: Segment): DropReason | undefined {
  if (tcb.state === 'SYN_SENT') return synSent(tcb, segment);
  if (!segment.ack && !segment.rst && !segment.syn) return 'tcp-flags';
  const invalid = validate(tcb, segment);
  if (invalid !== undefined) return invalid === 'reset' ? undefined : invalid;
  if (!segment.ack) return 'tcp-flags';
  const verdict = acknowledge(tcb, segment);
  if (tcb.state === 'SYN_RECV') {
    if (verdict !== 'new') return refuse(tcb, segment);
    established(tcb, segment);
  }
  if (verdict === 'ancient' || verdict === 'unsent') {
    // tcp_rcv_established() stays silent about octets never sent; closing states and old ones are told
    if (verdict === 'ancient' || tcb.state !== 'ESTABLISHED') challenge(tcb);
    return 'tcp-oldsequence';
  }
  if (finAcknowledged(tcb) && afterOurFin(tcb, segment)) return undefined;
  const refused = dataAfterClose(tcb, segment);
  if (refused !== undefined) return refused;
  const dropped = ignoresData(tcb, segment) ? undefined : receiveData(tcb, segment);
  if (isOver(tcb)) return dropped;
  pushPending(tcb);
  sendNeededAck(tcb);
  return dropped;
}

const isOver = (tcb: Tcb): boolean => tcb.state === 'CLOSED' || tcb.state === 'TIME_WAIT';

function refuse(tcb: Tcb, segment: Segment): DropReason {
  sendReset(tcb.socket.netns, segment);
  return 'tcp-oldsequence';
}

/** tcp_rcv_synsent_state_process(). */
function synSent(tcb: Tcb, segment: Segment): DropReason | undefined {
  if (segment.ack) {
    const ack = segment.acknowledgment;
    if (!after(ack, tcb.sndUna) || after(ack, tcb.sndNxt)) return refuse(tcb, segment);
    if (echoesTheFuture(tcb, segment)) {
      tcb.mib.TcpExtPAWSActive += 1;
      return refuse(tcb, segment);
    }
    if (segment.rst) {
      tcb.socket.fail('ECONNREFUSED');
      return undefined;
    }
    if (!segment.syn) return 'tcp-flags';
    takeSyn(tcb, segment);
    acknowledge(tcb, segment);
    tcb.sndWnd = segment.window;
    tcb.maxWindow = segment.window;
    enterEstablished(tcb);
    sendAck(tcb);
    pushPending(tcb);
    return undefined;
  }
  if (segment.rst) return 'tcp-reset';
  if (!segment.syn) return 'tcp-flags';
  // RFC 9293 §3.5, figure 7: both ends opened at once
  takeSyn(tcb, segment);
  tcb.state = 'SYN_RECV';
  tcb.sndWnd = segment.window;
  tcb.maxWindow = segment.window;
  sendSynAck(tcb);
  return undefined;
}

/** A timestamp that we never sent: an answer to somebody else's SYN. */
function echoesTheFuture(tcb: Tcb, segment: Segment): boolean {
  const echo = segment.options.timestamps?.echo ?? 0;
  return echo !== 0 && !between(echo, tcb.synTimestamp, timestampNow(tcb));
}

/** What the peer's SYN tells: where its numbers start, and what it can. */
function takeSyn(tcb: Tcb, segment: Segment): void {
  const agreed = negotiate(tcb.socket.netns, segment.options);
  tcb.irs = segment.sequence;
  tcb.rcvNxt = advance(segment.sequence, 1);
  tcb.rcvWup = tcb.rcvNxt;
  tcb.sndWl1 = segment.sequence;
  tcb.mssClamp = agreed.mss;
  tcb.sack = agreed.sack;
  tcb.timestamps = agreed.timestamps;
  tcb.sendScale = agreed.sendScale;
  if (!agreed.scaling) {
    tcb.receiveScale = 0;
    tcb.windowClamp = Math.min(tcb.windowClamp, 65_535);
  }
  const { timestamps } = segment.options;
  if (!agreed.timestamps || timestamps === undefined) return;
  tcb.tsRecent = timestamps.value;
  tcb.tsRecentNs = tcb.nowNs;
}

/** tcp_finish_connect(), tcp_init_transfer(). */
function enterEstablished(tcb: Tcb): void {
  tcb.state = tcb.finQueued ? 'FIN_WAIT1' : 'ESTABLISHED';
  initialiseBuffers(tcb);
  initialiseReceiveMss(tcb);
  beginMtuSearch(tcb);
  tcb.softError = undefined;
  tcb.events.connected = true;
}

/** SYN_RECV: the handshake's last acknowledgment. */
function established(tcb: Tcb, segment: Segment): void {
  tcb.sndWnd = segment.window * 2 ** tcb.sendScale;
  tcb.maxWindow = Math.max(tcb.maxWindow, tcb.sndWnd);
  tcb.sndWl1 = segment.sequence;
  enterEstablished(tcb);
}

/** tcp_validate_incoming(): `reset` where the segment ended the connection. */
function validate(tcb: Tcb, segment: Segment): DropReason | 'reset' | undefined {
  if (isTooOld(tcb, segment) && !segment.rst) {
    tcb.mib.TcpExtPAWSEstab += 1;
    answerInvalid(tcb, segment, 'TcpExtTCPACKSkippedPAWS');
    return 'tcp-oldsequence';
  }
  if (!inWindow(tcb, segment)) {
    if (segment.rst) return resetsClosing(tcb, segment) ? reset(tcb) : 'tcp-oldsequence';
    if (segment.syn) challengeSyn(tcb);
    else answerInvalid(tcb, segment, 'TcpExtTCPACKSkippedSeq');
    return 'tcp-oldsequence';
  }
  if (segment.rst) {
    // RFC 5961 §3.2: only the very next number is believed
    if (segment.sequence === tcb.rcvNxt || resetsClosing(tcb, segment)) return reset(tcb);
    challenge(tcb);
    return 'tcp-reset';
  }
  if (segment.syn && !isSynOfSimultaneousOpen(tcb, segment)) {
    challengeSyn(tcb);
    return 'tcp-flags';
  }
  return undefined;
}

/** tcp_paws_discard(), RFC 7323 §5.3; a pure acknowledgment that was overtaken does no harm (tcp_disordered_ack()). */
function isTooOld(tcb: Tcb, segment: Segment): boolean {
  const { timestamps } = segment.options;
  if (!tcb.timestamps || timestamps === undefined || !isOlderTimestamp(tcb, timestamps.value)) return false;
  const overtaken =
    segment.ack &&
    segment.sequence === segment.end &&
    segment.sequence === tcb.rcvNxt &&
    segment.acknowledgment === tcb.sndUna;
  return !overtaken;
}

/** tcp_sequence(). */
const inWindow = (tcb: Tcb, segment: Segment): boolean =>
  !before(segment.end, tcb.rcvWup) && !after(segment.sequence, advance(tcb.rcvNxt, receiveWindow(tcb)));

/** tcp_reset_check(): a reset that forgot to count the FIN before it. */
const resetsClosing = (tcb: Tcb, segment: Segment): boolean =>
  tcb.peerFinished && segment.sequence === advance(tcb.rcvNxt, -1);

const isSynOfSimultaneousOpen = (tcb: Tcb, segment: Segment): boolean =>
  tcb.state === 'SYN_RECV' &&
  segment.ack &&
  advance(segment.sequence, 1) === segment.end &&
  segment.end === tcb.rcvNxt &&
  segment.acknowledgment === tcb.sndNxt;

/** tcp_reset(). */
function reset(tcb: Tcb): 'reset' {
  tcb.socket.fail(tcb.state === 'CLOSE_WAIT' ? 'EPIPE' : 'ECONNRESET');
  return 'reset';
}

/** __tcp_oow_rate_limited(): answers that were not asked for do not go too often; `skipped` counts those that do not go. */
function tooOften(tcb: Tcb, skipped: MibName): boolean {
  const { nowNs } = tcb;
  if (tcb.lastChallengeNs !== undefined && nowNs - tcb.lastChallengeNs < INVALID_RATE_NS) {
    tcb.mib[skipped] += 1;
    return true;
  }
  tcb.lastChallengeNs = nowNs;
  return false;
}

/** tcp_send_challenge_ack(), RFC 5961 §7. */
function challenge(tcb: Tcb): void {
  if (tooOften(tcb, 'TcpExtTCPACKSkippedChallenge')) return;
  tcb.mib.TcpExtTCPChallengeACK += 1;
  sendAck(tcb, 'challenge');
}

/** RFC 5961 §4.2. */
function challengeSyn(tcb: Tcb): void {
  if (tcb.state === 'ESTABLISHED') tcb.mib.TcpInErrs += 1;
  tcb.mib.TcpExtTCPSYNChallenge += 1;
  challenge(tcb);
}

/** tcp_send_dupack(); segments with data are always answered (tcp_oow_rate_limited()). */
function answerInvalid(tcb: Tcb, segment: Segment, skipped: MibName): void {
  if (segment.sequence === segment.end) {
    if (!tooOften(tcb, skipped)) sendAck(tcb, 'challenge');
    return;
  }
  if (before(segment.sequence, tcb.rcvNxt)) tcb.mib.TcpExtDelayedACKLost += 1;
  sendAck(tcb);
}

/** Our FIN has arrived; it is the last number that we used. */
const finAcknowledged = (tcb: Tcb): boolean => tcb.finSent && tcb.sndUna === tcb.sndNxt;

const endsAfter = (segment: Segment, sequence: number): boolean =>
  segment.sequence !== segment.end && after(advance(segment.end, segment.fin ? -1 : 0), sequence);

/** Step 5 of tcp_rcv_state_process(); true where the segment is done with. */
function afterOurFin(tcb: Tcb, segment: Segment): boolean {
  switch (tcb.state) {
    case 'FIN_WAIT1':
      tcb.state = 'FIN_WAIT2';
      stopTimer(tcb);
      if (tcb.orphaned && !endsAfter(segment, tcb.rcvNxt)) waitForFin(tcb);
      return false;
    case 'CLOSING':
      enterTimeWait(tcb);
      return true;
    case 'LAST_ACK':
      tcb.events.closed = true;
      tcb.socket.forget();
      return true;
    default:
      return false;
  }
}

/** RFC 1122 §4.2.2.13: data for an application that has gone is answered with a reset. */
function dataAfterClose(tcb: Tcb, segment: Segment): DropReason | undefined {
  if (!tcb.orphaned || (tcb.state !== 'FIN_WAIT1' && tcb.state !== 'FIN_WAIT2')) return undefined;
  if (!endsAfter(segment, tcb.rcvNxt)) return undefined;
  tcb.mib.TcpExtTCPAbortOnData += 1;
  sendReset(tcb.socket.netns, segment);
  tcb.socket.fail('ECONNRESET');
  return 'tcp-close';
}

/** Behind the peer's FIN there is nothing to be had; repetitions from before it are still acknowledged. */
function ignoresData(tcb: Tcb, segment: Segment): boolean {
  const { state } = tcb;
  if (state !== 'CLOSE_WAIT' && state !== 'CLOSING' && state !== 'LAST_ACK') return false;
  return distance(tcb.rcvNxt, segment.sequence) >= 0;
}
