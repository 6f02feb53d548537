/**
 * What a namespace remembers of others' addresses (net/ipv4/inetpeer.c): one token bucket for each, which ICMP errors,
 * answers to packets without a route, and redirects all draw from.
 */

import type { Ipv4Addr } from '../../packet/index.js';
import { type Clock, NS_PER_MS, NS_PER_S } from '../clock.js';

/** inet_getpeer(): a peer that is new has not been told anything for a minute. */
const NEVER_NS = 60 * NS_PER_S;
/** XRLIM_BURST_FACTOR. */
const BURST_FACTOR = 6;
/** ip_rt_error_cost and ip_rt_error_burst. */
const ERROR_COST_NS = NS_PER_S;
const ERROR_BURST_NS = 5 * NS_PER_S;
/** ip_rt_redirect_number: after so many that were not heeded, silence. */
const MAX_UNHEEDED = 9;
/** ip_rt_redirect_load, HZ / 50; doubled with every redirect. */
const LOAD_NS = 20 * NS_PER_MS;
/** ip_rt_redirect_silence: after so long without packets counting starts again. */
const SILENCE_NS = LOAD_NS * 2 ** (MAX_UNHEEDED + 1);

interface InetPeer {
  tokensNs: number;
  lastNs: number;
  redirects: number;
}

export class InetPeers {
  readonly #clock: Clock;
  readonly #peers = new Map<Ipv4Addr, InetPeer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * inet_peer_xrlim_allow(): one message each `intervalNs`, six at once. With an interval of 0 every message may go, and
   * what the others have saved up is lost.
   */
  allowMessage(address: Ipv4Addr, intervalNs: number): boolean {
    const peer = this.#peer(address);
    // Tokens are counted, and capped, only where time has passed.
    const burstNs = this.#clock.nowNs === peer.lastNs ? Number.POSITIVE_INFINITY : BURST_FACTOR * intervalNs;
    return this.#take(peer, intervalNs, burstNs);
  }

  /** net/ipv4/route.c:ip_error(): whether a sender is told that there is no way. */
  allowError(address: Ipv4Addr): boolean {
    return this.#take(this.#peer(address), ERROR_COST_NS, ERROR_BURST_NS);
  }

  /** net/ipv4/route.c:ip_rt_send_redirect(): how often a host is told of its better first hop. */
  allowRedirect(address: Ipv4Addr): boolean {
    const now = this.#clock.nowNs;
    const peer = this.#peer(address);
    if (now - peer.lastNs > SILENCE_NS) {
      peer.tokensNs = 0;
      peer.redirects = 0;
    }
    if (peer.redirects >= MAX_UNHEEDED) {
      peer.lastNs = now;
      return false;
    }
    if (peer.redirects > 0 && now - peer.lastNs <= LOAD_NS * 2 ** peer.redirects) return false;
    peer.lastNs = now;
    peer.redirects += 1;
    return true;
  }

  #peer(address: Ipv4Addr): InetPeer {
    const there = this.#peers.get(address);
    if (there !== undefined) return there;
    const peer = { tokensNs: 0, lastNs: this.#clock.nowNs - NEVER_NS, redirects: 0 };
    this.#peers.set(address, peer);
    return peer;
  }

  #take(peer: InetPeer, costNs: number, burstNs: number): boolean {
    const now = this.#clock.nowNs;
    peer.tokensNs = Math.min(peer.tokensNs + now - peer.lastNs, burstNs);
    peer.lastNs = now;
    if (peer.tokensNs < costNs) return false;
    peer.tokensNs -= costNs;
    return true;
  }
}
