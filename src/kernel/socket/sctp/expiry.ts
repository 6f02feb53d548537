/** What happens when a timer of an association expires (net/sctp/sm_statefuns.c). */

import { SCTP_CAUSE, SCTP_CHUNK } from '../../../packet/index.js';
import { NS_PER_MS } from '../../clock.js';
import type { Association, TimerKind } from './association.js';
import { abortChunk, parameter, plainChunk, shutdownChunk } from './chunks.js';
import { acknowledge, flush, queueCookieEcho, queueInit, retransmit } from './output.js';
import { startTimer } from './timers.js';

/** sctp_make_violation_max_retrans(). */
const TOO_MANY = new TextEncoder().encode('Association exceeded its max_retrans count\0');

export function timerExpired(asoc: Association, kind: TimerKind): void {
  switch (kind) {
    case 't1-init':
    case 't1-cookie':
      t1Expired(asoc, kind);
      return;
    case 't2-shutdown':
      t2Expired(asoc);
      return;
    case 't3-rtx':
      if (tooManyErrors(asoc)) return;
      strike(asoc);
      retransmit(asoc, 'timeout');
      return;
    case 't5-shutdown-guard':
      asoc.outgoing.push(abortChunk('own'));
      flush(asoc, 'the shutdown takes too long');
      asoc.socket.fail('ETIMEDOUT');
      return;
    case 'sack':
      acknowledge(asoc, 'now');
      flush(asoc);
      return;
  }
}

/** sctp_sf_t1_init_timer_expire(), sctp_sf_t1_cookie_timer_expire(), sctp_cmd_t1_timer_update(). */
function t1Expired(asoc: Association, kind: 't1-init' | 't1-cookie'): void {
  const { values } = asoc.socket.netns.sysctl;
  if (asoc.initErrors + 1 > values['sctp.max_init_retransmits']) {
    asoc.socket.fail('ETIMEDOUT');
    return;
  }
  if (kind === 't1-init') queueInit(asoc);
  else queueCookieEcho(asoc);
  asoc.initErrors += 1;
  if (asoc.initSent > asoc.initCycle + 1) {
    const most = values['sctp.rto_max'] * NS_PER_MS;
    if (kind === 't1-init') asoc.initTimeoutNs = Math.min(2 * asoc.initTimeoutNs, most);
    else asoc.cookieTimeoutNs = Math.min(2 * asoc.cookieTimeoutNs, most);
    asoc.initCycle += 1;
  }
  startTimer(asoc, kind);
  flush(asoc, `transmission ${asoc.initSent}`);
}

/** sctp_sf_t2_timer_expire(). */
function t2Expired(asoc: Association): void {
  if (tooManyErrors(asoc)) return;
  const again =
    asoc.state === 'SHUTDOWN_SENT' ? shutdownChunk(asoc.received.cumulative) : plainChunk(SCTP_CHUNK.shutdownAck);
  asoc.outgoing.push(again);
  strike(asoc);
  startTimer(asoc, 't2-shutdown');
  flush(asoc, 'once more');
}

/** sctp_do_8_2_transport_strike(). */
function strike(asoc: Association): void {
  asoc.errors += 1;
  asoc.rto.backOff();
}

/** sctp_cmd_assoc_failed(). */
function tooManyErrors(asoc: Association): boolean {
  if (asoc.errors < asoc.socket.netns.sysctl.values['sctp.association_max_retrans']) return false;
  asoc.outgoing.push(abortChunk('own', parameter(SCTP_CAUSE.protocolViolation, TOO_MANY)));
  flush(asoc, 'given up');
  asoc.socket.fail('ETIMEDOUT');
  return true;
}
