/** Octets and FIN of a segment, and when they are acknowledged (net/ipv4/tcp_input.c:tcp_data_queue(), tcp_fin()). */

import type { DropReason } from '../../../trace/index.js';
import { receiveWindow, selectWindow, sendAck } from './output.js';
import type { Segment } from './segment.js';
import { advance, after, before, distance } from './sequence.js';
import type { Tcb } from './tcb.js';
import { armDelayedAck, enterTimeWait } from './timers.js';

/** TCP_MAX_QUICKACKS. */
const QUICK_ACKS = 16;

/** tcp_data_queue(). */
export function receiveData(tcb: Tcb, segment: Segment): DropReason | undefined {
  if (segment.sequence === segment.end) return undefined;
  // A SYN is counted already where it could still be here (simultaneous open).
  const start = segment.syn ? advance(segment.sequence, 1) : segment.sequence;
  if (start === segment.end) return undefined;
  if (!after(segment.end, tcb.rcvNxt)) {
    tcb.mib.TcpExtDelayedACKLost += 1;
    acknowledgeAtOnce(tcb);
    return 'tcp-oldsequence';
  }
  const window = receiveWindow(tcb);
  if (!before(start, advance(tcb.rcvNxt, window)) && !(window === 0 && segment.length === 0 && start === tcb.rcvNxt)) {
    if (start === tcb.rcvNxt) tcb.mib.TcpExtTCPZeroWindowDrop += 1;
    acknowledgeAtOnce(tcb);
    return 'tcp-oldsequence';
  }
  if (after(start, tcb.rcvNxt)) {
    tcb.mib.TcpExtTCPOFOQueue += 1;
    tcb.received.hold(start, segment.payload(), segment.fin);
    dataReceived(tcb, segment);
    tcb.ackNow = true; // RFC 5681 §4.2: the sender must learn of the hole
    return undefined;
  }
  tcb.received.append(segment.payload(distance(start, tcb.rcvNxt)));
  tcb.rcvNxt = segment.end;
  dataReceived(tcb, segment);
  if (segment.fin) finReceived(tcb);
  else closeHoles(tcb);
  return undefined;
}

/** tcp_ofo_queue(). */
function closeHoles(tcb: Tcb): void {
  if (!tcb.received.hasHole) return;
  const { next, fin } = tcb.received.close(tcb.rcvNxt);
  const closed = next !== tcb.rcvNxt;
  tcb.rcvNxt = next;
  if (fin) finReceived(tcb);
  if (closed || !tcb.received.hasHole) tcb.ackNow = true;
}

/** tcp_enter_quickack_mode(): the sender repeats itself, so it has not heard from us. */
function acknowledgeAtOnce(tcb: Tcb): void {
  tcb.interactive = false;
  tcb.quickAcks = Math.max(tcb.quickAcks, quickAckBudget(tcb));
  tcb.ackNow = true;
}

/** tcp_incr_quickack(). */
const quickAckBudget = (tcb: Tcb): number =>
  Math.min(Math.max(Math.floor(tcb.rcvWnd / (2 * tcb.receiveMss)), 2), QUICK_ACKS);

/** tcp_event_data_recv(): the first data are acknowledged at once, so that the sender gets going. */
function dataReceived(tcb: Tcb, segment: Segment): void {
  if (segment.length >= tcb.receiveMss) tcb.receiveMss = Math.min(segment.length, tcb.advertisedMss);
  const { nowNs } = tcb;
  const longAgo = tcb.heardData && nowNs - tcb.lastReceivedNs > tcb.timeoutNs;
  if (!tcb.heardData || longAgo) tcb.quickAcks = Math.max(tcb.quickAcks, quickAckBudget(tcb));
  tcb.heardData = true;
  tcb.lastReceivedNs = nowNs;
}

/** tcp_fin(). */
function finReceived(tcb: Tcb): void {
  tcb.peerFinished = true;
  tcb.received.forget();
  switch (tcb.state) {
    case 'ESTABLISHED':
      tcb.state = 'CLOSE_WAIT';
      tcb.interactive = true;
      return;
    case 'FIN_WAIT1':
      sendAck(tcb);
      tcb.state = 'CLOSING';
      return;
    case 'FIN_WAIT2':
      sendAck(tcb);
      enterTimeWait(tcb);
      return;
    default:
  }
}

/**
 * tcp_ack_snd_check(): at once for the second full segment, for holes and repetitions, and while the sender gets going;
 * else when the timer says so, or on the next data.
 */
export function sendNeededAck(tcb: Tcb): void {
  const unacknowledged = distance(tcb.rcvWup, tcb.rcvNxt);
  if (unacknowledged === 0 && !tcb.ackNow) return;
  const full = unacknowledged > tcb.receiveMss && selectWindow(tcb) >= tcb.rcvWnd;
  const quick = tcb.quickAcks > 0 && !tcb.interactive;
  if (full || quick || tcb.ackNow || tcb.received.hasHole) sendAck(tcb);
  else armDelayedAck(tcb);
}
