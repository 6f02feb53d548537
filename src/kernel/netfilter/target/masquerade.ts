/** `-j MASQUERADE`: SNAT to the address of the device that it leaves by; net/netfilter/nf_nat_masquerade.c. */

import { INADDR_ANY } from '../../../packet/index.js';
import type { Target, TargetKind } from '../extension.js';
import { formatToPorts, parseToPorts, RANDOM_OPTIONS } from './nat.js';

export const masquerade = {
  options: { '--to-ports': {}, ...RANDOM_OPTIONS },
  tables: ['nat'],
  hooks: ['postrouting'],
  needsConntrack: true,
  parse(options, context): Target {
    const range = parseToPorts(options, context);
    return {
      outcome: 'accept',
      // nf_nat_masquerade_ipv4()
      apply({ skb, netns, out, source, destination }) {
        const { ct } = skb;
        // A host that has no address yet asks for one: not to be translated.
        if (ct === undefined || out === undefined || source === INADDR_ANY) return 'accept';
        const nextHop = skb.route?.gateway ?? destination;
        const address = netns.fib.selectSource(out, nextHop, 'global');
        if (address === INADDR_ANY) return 'drop';
        return netns.conntrack.nat.masquerade(ct, { address, ifindex: out.ifindex, range });
      },
      toString: () => formatToPorts(range, options),
    };
  },
} satisfies TargetKind;
