/**
 * The nat table at its hooks (net/netfilter/nf_nat_core.c:nf_nat_inet_fn()): rules see the first packet of a
 * connection only, and every packet is then translated as the connection says.
 */

import { IP_PROTOCOL } from '../../packet/index.js';
import type { HookName } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Errno } from '../errors.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import { manipOf } from '../conntrack/index.js';
import type { NfVerdict } from './hook.js';

const DESTINATION = 16;

/** Of what is related, ICMP errors follow the connection that they are about; a reset that REJECT makes may be its first. */
const asksRules = ({ ctInfo, ipv4 }: Skb): boolean =>
  ctInfo === 'new' || ((ctInfo === 'related' || ctInfo === 'related-reply') && ipv4.protocol !== IP_PROTOCOL.icmp);

/** Walks a table's chain of a hook. */
export type Rules = (skb: Skb, inDev: Device | undefined, outDev: Device | undefined) => NfVerdict;

export class NatHook {
  readonly #netns: Netns;
  readonly #hook: HookName;
  readonly #rules: Rules;

  constructor(netns: Netns, hook: HookName, rules: Rules) {
    this.#netns = netns;
    this.#hook = hook;
    this.#rules = rules;
  }

  run(skb: Skb, inDev: Device | undefined, outDev: Device | undefined): NfVerdict | Errno {
    // Untracked, or invalid: not ours.
    if (skb.ct === undefined) return 'accept';
    const before = skb.view.getInt32(skb.network + DESTINATION);
    const verdict = this.#translate(skb, inDev, outDev);
    if (verdict !== 'accept') return verdict;
    const changed = skb.view.getInt32(skb.network + DESTINATION) !== before;
    return changed ? this.#routeAgain(skb) : 'accept';
  }

  #translate(skb: Skb, inDev: Device | undefined, outDev: Device | undefined): NfVerdict {
    const { nat } = this.#netns.conntrack;
    const { ct } = skb;
    if (ct !== undefined && asksRules(skb) && !nat.initialized(ct, manipOf(this.#hook))) {
      const verdict = this.#rules(skb, inDev, outDev);
      if (verdict !== 'accept') return verdict;
      if (!nat.initialized(ct, manipOf(this.#hook))) {
        const bound = nat.setupNull(ct, this.#hook);
        if (bound !== 'accept') return bound;
      }
    }
    return nat.mangle(skb, this.#hook, outDev?.ifindex ?? 0);
  }

  /** nf_nat_ipv4_pre_routing() forgets a route that was there, nf_nat_ipv4_local_fn() looks for a new one. */
  #routeAgain(skb: Skb): NfVerdict | Errno {
    if (this.#hook === 'prerouting') skb.route = undefined;
    return (this.#hook === 'output' ? this.#netns.ipv4.reroute(skb) : undefined) ?? 'accept';
  }
}
