/** Buffers and estimates of a connection that has just been agreed on. */

import type { Tcb } from './tcb.js';

const MSS_DEFAULT = 536;
/** TCP_MIN_MSS. */
const MSS_MIN = 88;

/** tcp_input.c:tcp_init_buffer_space(): one segment of the buffer is kept back. */
export function initialiseBuffers(tcb: Tcb): void {
  const space = tcb.receiveSpace;
  const { advertisedMss } = tcb;
  tcb.windowClamp = Math.min(tcb.windowClamp, space);
  if (tcb.windowClamp > 2 * advertisedMss && tcb.windowClamp + advertisedMss > space) {
    tcb.windowClamp = Math.max(2 * advertisedMss, space - advertisedMss);
  }
  tcb.rcvSsthresh = Math.min(tcb.rcvWnd, tcb.windowClamp);
}

/** tcp_input.c:tcp_initialize_rcv_mss(). */
export function initialiseReceiveMss(tcb: Tcb): void {
  const hint = Math.min(tcb.advertisedMss, tcb.mssClamp, Math.floor(tcb.rcvWnd / 2), MSS_DEFAULT);
  tcb.receiveMss = Math.max(hint, MSS_MIN);
}
