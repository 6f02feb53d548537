/** `-j MARK`; net/netfilter/xt_mark.c:mark_tg(). All forms become --set-xmark. */

import type { WalkStep } from '../../../trace/index.js';
import { type Target, type TargetKind, RuleError } from '../extension.js';
import { hex, type Options, U32_MAX, type ValueMask } from '../options.js';

const FORMS = ['--set-xmark', '--set-mark', '--and-mark', '--or-mark', '--xor-mark'] as const;

/** `(mark & ~mask) ^ value`, from any of the five forms (libxt_MARK.c). */
export function parseXmark(options: Options, missing: string): ValueMask {
  const form = options.oneOf(FORMS, missing);
  const given = options.valueMask(form) ?? { value: 0, mask: U32_MAX };
  if (form !== '--set-xmark' && form !== '--set-mark' && options.text(form)?.includes('/') === true) {
    throw new RuleError(`${options.owner}: bad integer value for option "${form}", or out of range.`);
  }
  switch (form) {
    case '--set-mark':
      return { value: given.value, mask: (given.value | given.mask) >>> 0 };
    case '--and-mark':
      return { value: 0, mask: ~given.value >>> 0 };
    case '--or-mark':
      return { value: given.value, mask: given.value };
    case '--xor-mark':
      return { value: given.value, mask: 0 };
    default:
      return given;
  }
}

export const formatXmark = ({ value, mask }: ValueMask): string => `--set-xmark ${hex(value)}/${hex(mask)}`;

export const XMARK_OPTIONS = {
  '--set-xmark': {},
  '--set-mark': {},
  '--and-mark': {},
  '--or-mark': {},
  '--xor-mark': {},
} as const;

/** What a trace tells of a packet that has this mark now. */
export const markStep = (value: number): WalkStep => ({ kind: 'set', field: 'mark', value: hex(value) });

export const mark = {
  options: XMARK_OPTIONS,
  parse(options): Target {
    const xmark = parseXmark(options, 'MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required');
    return {
      outcome: 'continue',
      setsMark: xmark,
      apply({ skb, netns }) {
        skb.mark = ((skb.mark & ~xmark.mask) ^ xmark.value) >>> 0;
        if (netns.emulation.tracer !== undefined) netns.trace(skb, markStep(skb.mark));
        return 'continue';
      },
      toString: () => formatXmark(xmark),
    };
  },
} satisfies TargetKind;
