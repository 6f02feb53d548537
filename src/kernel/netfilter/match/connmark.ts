/** `-m connmark --mark value[/mask]`; net/netfilter/xt_connmark.c:connmark_mt(). */

import type { MatchKind } from '../extension.js';
import { formatValueMask, requireMark } from './mark.js';

export const connmark = {
  options: { '--mark': { invertible: true } },
  pure: true,
  needsConntrack: true,
  parse(options) {
    const wanted = requireMark(options);
    const inverted = options.inverted('--mark');
    const value = wanted.value | 0;
    const mask = wanted.mask | 0;
    return {
      // A packet without a connection matches neither way.
      matches: ({ skb: { ct } }) => ct !== undefined && ((ct.mark & mask) === value) !== inverted,
      toString: () => `${options.bang('--mark')}--mark ${formatValueMask(wanted)}`,
    };
  },
} satisfies MatchKind;
