/** How often a host is told of its better first hop (net/ipv4/route.c:ip_rt_send_redirect()). */

import type { Ipv4Addr } from '../../packet/index.js';
import { type Clock, NS_PER_MS } from '../clock.js';

/** ip_rt_redirect_number: after so many that were not heeded, silence. */
const MAX_UNHEEDED = 9;
/** ip_rt_redirect_load, HZ / 50; doubled with every redirect. */
const LOAD_NS = 20 * NS_PER_MS;
/** ip_rt_redirect_silence: after so long without packets counting starts again. */
const SILENCE_NS = LOAD_NS * 2 ** (MAX_UNHEEDED + 1);

interface Peer {
  sent: number;
  lastNs: number;
}

export class Redirects {
  readonly #clock: Clock;
  readonly #peers = new Map<Ipv4Addr, Peer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  allow(source: Ipv4Addr): boolean {
    const now = this.#clock.nowNs;
    const peer = this.#peers.get(source) ?? { sent: 0, lastNs: Number.NEGATIVE_INFINITY };
    this.#peers.set(source, peer);
    if (now - peer.lastNs > SILENCE_NS) peer.sent = 0;
    if (peer.sent >= MAX_UNHEEDED) {
      peer.lastNs = now;
      return false;
    }
    if (peer.sent > 0 && now - peer.lastNs < LOAD_NS * 2 ** peer.sent) return false;
    peer.lastNs = now;
    peer.sent += 1;
    return true;
  }
}
