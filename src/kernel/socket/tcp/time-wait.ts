/** What is left of a connection for a minute (RFC 9293 §3.10.7.8; net/ipv4/tcp_minisocks.c:tcp_timewait_state_process()). */

import { TCP_ACK } from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import { NS_PER_MS } from '../../clock.js';
import { isOlderTimestamp } from './ack.js';
import { timestampNow } from './output.js';
import { sendReply } from './reply.js';
import type { Segment } from './segment.js';
import { advance, after } from './sequence.js';
import type { Tcb } from './tcb.js';
import { restartTimeWait } from './timers.js';

const INVALID_RATE_NS = 500 * NS_PER_MS;

/** A segment for a connection in TIME_WAIT. */
export function receiveInTimeWait(tcb: Tcb, segment: Segment): DropReason | undefined {
  const stamp = tcb.timestamps ? segment.options.timestamps?.value : undefined;
  const old = stamp !== undefined && isOlderTimestamp(tcb, stamp);
  if (!old && segment.sequence === tcb.rcvNxt && (segment.sequence === segment.end || segment.rst)) {
    // A reset ends the wait: RFC 1337's fix is off by default (net.ipv4.tcp_rfc1337)
    if (segment.rst) tcb.socket.forget();
    else restartTimeWait(tcb);
    return undefined;
  }
  if (opensAgain(tcb, segment, old)) {
    const { sockets } = tcb.socket.netns;
    const isn = advance(tcb.sndNxt, 65_535 + 2);
    const { reason, taken } = sockets.reopen(tcb.socket, segment, isn);
    if (taken) return reason;
  }
  if (old) tcb.mib.TcpExtPAWSTimewait += 1;
  if (segment.rst) return 'tcp-reset';
  if (old || segment.ack) restartTimeWait(tcb);
  acknowledgeAgain(tcb, segment);
  return 'tcp-oldsequence';
}

/** RFC 9293 §3.10.7.8 with RFC 6191: a SYN that is surely newer than everything before. */
function opensAgain(tcb: Tcb, segment: Segment, old: boolean): boolean {
  if (!segment.syn || segment.rst || segment.ack || old) return false;
  const stamp = tcb.timestamps ? segment.options.timestamps?.value : undefined;
  return after(segment.sequence, tcb.rcvNxt) || (stamp !== undefined && after(stamp, tcb.tsRecent));
}

/** tcp_v4_timewait_ack(), not more than twice a second (tcp_timewait_check_oow_rate_limit()). */
function acknowledgeAgain(tcb: Tcb, segment: Segment): void {
  const { nowNs } = tcb;
  const limited = segment.sequence === segment.end || segment.syn;
  if (limited && tcb.lastChallengeNs !== undefined && nowNs - tcb.lastChallengeNs < INVALID_RATE_NS) {
    tcb.mib.TcpExtTCPACKSkippedTimeWait += 1;
    return;
  }
  if (limited) tcb.lastChallengeNs = nowNs;
  sendReply(tcb.socket.netns, segment, {
    sequence: tcb.sndNxt,
    acknowledgment: tcb.rcvNxt,
    flags: TCP_ACK,
    window: Math.floor(tcb.rcvWnd / 2 ** tcb.receiveScale),
    ...(tcb.timestamps ? { options: { timestamps: { value: timestampNow(tcb), echo: tcb.tsRecent } } } : {}),
    tos: tcb.socket.tos,
    mark: tcb.socket.mark,
    note: 'TIME_WAIT',
    md5Key: tcb.socket.md5Key,
  });
}
