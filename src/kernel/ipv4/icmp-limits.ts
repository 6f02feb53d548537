/**
 * How many ICMP messages are sent (net/ipv4/icmp.c): a token bucket for the namespace
 * (icmp_msgs_per_sec, icmp_msgs_burst) and one for each destination (icmp_ratelimit), both on virtual
 * time. Only the types in icmp_ratemask are limited, and fragmentation needed never is.
 */

import { ICMP_TYPE, ICMP_UNREACHABLE_CODE, type Ipv4Addr } from '../../packet/index.js';
import { type Clock, NS_PER_MS, NS_PER_S } from '../clock.js';
import type { InetPeers } from './inet-peer.js';
import type { Netns } from '../netns.js';
import type { Sysctls } from '../sysctl.js';

export class IcmpLimits {
  readonly #sysctl: Sysctls;
  readonly #clock: Clock;
  readonly #netns: Netns;
  readonly #peers: InetPeers;
  #credit = 0;
  #creditNs = Number.NEGATIVE_INFINITY;

  constructor(netns: Netns, peers: InetPeers) {
    this.#netns = netns;
    this.#sysctl = netns.sysctl;
    this.#clock = netns.emulation.clock;
    this.#peers = peers;
  }

  /** Undefined where the message may go, else which limit holds it back. */
  allow(
    type: number,
    code: number,
    to: { readonly destination: Ipv4Addr; readonly loopback: boolean },
  ): string | undefined {
    if (!this.#limited(type, code) || to.loopback) return undefined;
    const { mib } = this.#netns;
    if (!this.#globalAllow()) {
      mib.IcmpOutRateLimitGlobal += 1;
      return 'limited by net.ipv4.icmp_msgs_per_sec';
    }
    if (this.#peerAllow(to.destination)) return undefined;
    mib.IcmpOutRateLimitHost += 1;
    return 'limited by net.ipv4.icmp_ratelimit';
  }

  /** icmpv4_mask_allow(). */
  #limited(type: number, code: number): boolean {
    if (type === ICMP_TYPE.destinationUnreachable && code === ICMP_UNREACHABLE_CODE.fragmentationNeeded) return false;
    return ((1 << type) & this.#sysctl.values['ipv4.icmp_ratemask']) !== 0;
  }

  /** icmp_global_allow(): whole messages, refilled at most once in 20 ms. */
  #globalAllow(): boolean {
    const burst = this.#sysctl.values['ipv4.icmp_msgs_burst'];
    const elapsedNs = Math.min(this.#clock.nowNs - this.#creditNs, NS_PER_S);
    if (elapsedNs >= NS_PER_S / 50) {
      const fresh = Math.floor((this.#sysctl.values['ipv4.icmp_msgs_per_sec'] * elapsedNs) / NS_PER_S);
      if (fresh > 0) {
        this.#creditNs = this.#clock.nowNs;
        this.#credit = Math.min(this.#credit + fresh, burst);
      }
    }
    if (this.#credit <= 0) return false;
    this.#credit -= 1;
    return true;
  }

  #peerAllow(destination: Ipv4Addr): boolean {
    const intervalNs = this.#sysctl.values['ipv4.icmp_ratelimit'] * NS_PER_MS;
    return this.#peers.allowMessage(destination, intervalNs);
  }
}
