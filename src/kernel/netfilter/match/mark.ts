/** `-m mark --mark value[/mask]`; net/netfilter/xt_mark.c:mark_mt(). */

import { type MatchKind, RuleError } from '../extension.js';
import { hex, type Options, U32_MAX, type ValueMask } from '../options.js';

/** `0x1` or `0x1/0xf`. */
export const formatValueMask = ({ value, mask }: ValueMask): string =>
  mask === U32_MAX ? hex(value) : `${hex(value)}/${hex(mask)}`;

/** `--mark` of the mark and connmark matches. */
export function requireMark(options: Options): ValueMask {
  const wanted = options.valueMask('--mark');
  if (wanted === undefined) throw new RuleError(`${options.owner}: option "--mark" must be specified`);
  return wanted;
}

export const mark = {
  options: { '--mark': { invertible: true } },
  pure: true,
  parse(options) {
    const wanted = requireMark(options);
    const inverted = options.inverted('--mark');
    const value = wanted.value | 0;
    const mask = wanted.mask | 0;
    return {
      matches: ({ skb }) => ((skb.mark & mask) === value) !== inverted,
      ...(inverted ? {} : { markTest: { value, mask } }),
      toString: () => `${options.bang('--mark')}--mark ${formatValueMask(wanted)}`,
    };
  },
} satisfies MatchKind;
