/** An association's timers (net/sctp/sm_sideeffect.c); expiry.ts has what happens when one expires. */

import { NS_PER_MS } from '../../clock.js';
import type { Association, TimerKind } from './association.js';

/** T5: five times RTO.Max (sctp_association_init()). */
const GUARD_ROUNDS = 5;

function timeoutNs(asoc: Association, kind: TimerKind): number {
  const { values } = asoc.socket.netns.sysctl;
  switch (kind) {
    case 't1-init':
      return asoc.initTimeoutNs;
    case 't1-cookie':
      return asoc.cookieTimeoutNs;
    case 't2-shutdown':
    case 't3-rtx':
      return asoc.rto.timeoutNs;
    case 't5-shutdown-guard':
      return GUARD_ROUNDS * values['sctp.rto_max'] * NS_PER_MS;
    case 'sack':
      return values['sctp.sack_timeout'] * NS_PER_MS;
  }
}

/** Sets it anew where it runs already. */
export function startTimer(asoc: Association, kind: TimerKind, delayNs: number = timeoutNs(asoc, kind)): void {
  stopTimer(asoc, kind);
  const timer = asoc.socket.netns.emulation.clock.schedule(delayNs, () => {
    asoc.timers.delete(kind);
    asoc.socket.timerExpired(kind);
  });
  asoc.timers.set(kind, timer);
}

export function stopTimer(asoc: Association, kind: TimerKind): void {
  asoc.timers.get(kind)?.cancel();
  asoc.timers.delete(kind);
}

export function stopAllTimers(asoc: Association): void {
  for (const timer of asoc.timers.values()) timer.cancel();
  asoc.timers.clear();
}
