/** What `--ctstate` asks for: the states of a packet as bits (include/uapi/linux/netfilter/xt_conntrack.h). */

import { type CtInfo, IPS } from '../conntrack/entry.js';
import type { Skb } from '../skb.js';

/** In the order in which they are printed. */
export const CT_STATE = {
  INVALID: 1 << 0,
  NEW: 1 << 1,
  RELATED: 1 << 2,
  ESTABLISHED: 1 << 3,
  UNTRACKED: 1 << 4,
  SNAT: 1 << 5,
  DNAT: 1 << 6,
} as const;

const STATE_BIT: Readonly<Record<CtInfo, number>> = {
  new: CT_STATE.NEW,
  established: CT_STATE.ESTABLISHED,
  'established-reply': CT_STATE.ESTABLISHED,
  related: CT_STATE.RELATED,
  'related-reply': CT_STATE.RELATED,
  invalid: CT_STATE.INVALID,
  untracked: CT_STATE.UNTRACKED,
};

/** One that conntrack has not seen yet is INVALID, as one that it refused. */
export function ctStatesOf(skb: Skb): number {
  if (!skb.ctSeen) return CT_STATE.INVALID;
  const { ct } = skb;
  if (ct === undefined) return skb.ctInfo === 'untracked' ? CT_STATE.UNTRACKED : CT_STATE.INVALID;
  let bits = STATE_BIT[skb.ctInfo];
  if (ct.has(IPS.srcNat)) bits |= CT_STATE.SNAT;
  if (ct.has(IPS.dstNat)) bits |= CT_STATE.DNAT;
  return bits;
}
