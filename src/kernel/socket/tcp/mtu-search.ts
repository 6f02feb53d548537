/**
 * Packetization layer path MTU discovery (RFC 4821; net/ipv4/tcp_timer.c:tcp_mtu_probing(), tcp_output.c:tcp_mtup_init()):
 * where nobody tells that segments are too long, they are made shorter after some timeouts.
 * Differs: longer ones are not tried afterwards (tcp_mtu_probe()).
 */

import type { Tcb } from './tcb.js';

/** net.ipv4.tcp_mtu_probing: only when segments seem to be lost for their length. */
const AFTER_LOSS = 1;

/** A connection begins: whoever always searches begins with short segments. */
export function beginMtuSearch(tcb: Tcb): void {
  const { values } = tcb.socket.netns.sysctl;
  tcb.searchedMss = values['ipv4.tcp_mtu_probing'] > AFTER_LOSS ? values['ipv4.tcp_base_mss'] : undefined;
}

/** What was sent is not acknowledged for long: tcp_base_mss first, then half of that, and so on. */
export function searchMtu(tcb: Tcb): void {
  const { values } = tcb.socket.netns.sysctl;
  if (values['ipv4.tcp_mtu_probing'] === 0) return;
  const base = values['ipv4.tcp_base_mss'];
  tcb.searchedMss =
    tcb.searchedMss === undefined
      ? base
      : Math.max(
          Math.min(tcb.searchedMss >> 1, base),
          values['ipv4.tcp_mtu_probe_floor'],
          values['ipv4.tcp_min_snd_mss'],
        );
}
