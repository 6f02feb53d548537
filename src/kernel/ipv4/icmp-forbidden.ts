/** About which packets no ICMP error is sent (RFC 1122 §3.2.2; the beginning of net/ipv4/icmp.c:__icmp_send()). */

import { IP_PROTOCOL, type Ipv4, isIcmpError } from '../../packet/index.js';
import type { Skb } from '../skb.js';

/** Types that icmp_pointers[] counts as errors: some that nobody uses, and router discovery, among them. */
const UNANSWERED: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12]);
/** NR_ICMP_TYPES: types above are not known. */
export const TYPE_MAX = 18;

/** Why, or undefined. */
export function forbidden(skb: Skb, about: Ipv4, type: number): string | undefined {
  if (skb.route === undefined) return 'the packet was not routed';
  if (skb.packetType === 'broadcast' || skb.packetType === 'multicast') return 'it came as a link-layer broadcast';
  if (skb.route.type === 'broadcast' || skb.route.type === 'multicast') return 'it was sent to many';
  if (about.fragmentOffset !== 0) return 'it is not the first fragment';
  if (!isIcmpError(type) || about.protocol !== IP_PROTOCOL.icmp) return undefined;
  const at = skb.network + about.headerLength;
  if (at >= skb.tail) return 'its ICMP type is cut off';
  const inner = skb.view.getUint8(at);
  return UNANSWERED.has(inner) || inner > TYPE_MAX ? 'it is an ICMP error itself' : undefined;
}
