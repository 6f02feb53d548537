/**
 * `-j NOTRACK` and `-j CT --notrack`: no connection for this packet; net/netfilter/xt_CT.c. They do not ask for
 * connection tracking in their namespace: xt_ct_tg_check() comes to nf_ct_netns_get() for the other forms only.
 */

import type { Target, TargetKind } from '../extension.js';

const untrack = (text: string): Target => ({
  outcome: 'continue',
  apply({ skb, netns }) {
    // xt_ct_target(), `skb->_nfct != 0`: never a packet that has its connection already, or the mark of having none.
    if (skb.ctSeen && skb.ctInfo !== 'invalid') return 'continue';
    netns.conntrack.setUntracked(skb);
    if (netns.emulation.tracer !== undefined) netns.trace(skb, { kind: 'set', field: 'notrack', value: 'untracked' });
    return 'continue';
  },
  toString: () => text,
});

export const notrack = {
  options: {},
  tables: ['raw'],
  parse: () => untrack(''),
} satisfies TargetKind;

export const ct = {
  options: { '--notrack': { arguments: 0 } },
  tables: ['raw'],
  parse: (options): Target =>
    options.has('--notrack')
      ? untrack('--notrack')
      : { outcome: 'continue', apply: () => 'continue', toString: () => '' },
} satisfies TargetKind;
