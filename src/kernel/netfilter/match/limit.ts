/** `-m limit`: a token bucket; net/netfilter/xt_limit.c:limit_mt(). */

import { NS_PER_S } from '../../clock.js';
import { type MatchKind, RuleError } from '../extension.js';

/** Rates are kept as the time of one packet, in 1/10,000 s (XT_LIMIT_SCALE). */
const SCALE = 10_000;
const UNITS = [
  ['day', 24 * 60 * 60],
  ['hour', 60 * 60],
  ['min', 60],
  ['sec', 1],
] as const;
const DEFAULT_RATE = '3/hour';
const DEFAULT_BURST = 5;
const MAX_BURST = 10_000;

/** The period of `10/sec`, `3/hour`, `7`: the unit may be cut short. */
function parseRate(text: string): number {
  const match = /^(\d+)(?:\/([a-z]+))?$/i.exec(text);
  const name = (match?.[2] ?? 'sec').toLowerCase();
  const unit = UNITS.find(
    ([unitName]) =>
      unitName.startsWith(name) ||
      (unitName === 'sec' && 'second'.startsWith(name)) ||
      (unitName === 'min' && 'minute'.startsWith(name)),
  );
  const rate = Number(match?.[1] ?? 0);
  if (unit === undefined || rate === 0) throw new RuleError(`limit: bad value for option "--limit", or out of range.`);
  const period = Math.floor((SCALE * unit[1]) / rate);
  if (period === 0) throw new RuleError(`Rate too fast "${text}"`);
  return period;
}

/** The largest unit in which the rate comes out even enough (libxt_limit.c:print_rate()). */
function formatRate(period: number): string {
  let i = 1;
  for (; i < UNITS.length; i++) {
    const whole = SCALE * (UNITS[i]?.[1] ?? 1);
    if (period > whole || Math.floor(whole / period) < whole % period) break;
  }
  const [name, seconds] = UNITS[i - 1] ?? UNITS[3];
  return `${Math.floor((SCALE * seconds) / period)}/${name}`;
}

export const limit = {
  options: { '--limit': {}, '--limit-burst': {} },
  pure: false,
  parse(options) {
    const period = parseRate(options.text('--limit') ?? DEFAULT_RATE);
    // nft_limit_init(): a burst of 0 is the usual one.
    const burst = options.number('--limit-burst', MAX_BURST) || DEFAULT_BURST;
    // Credit in nanoseconds. Differs: the kernel counts in jiffies, so its credit comes in steps.
    const cost = (period / SCALE) * NS_PER_S;
    const cap = cost * burst;
    let credit = cap;
    let lastNs = -1;
    const put = (formerCredit: number, formerNs: number) => (): void => {
      credit = formerCredit;
      lastNs = formerNs;
    };
    return {
      matches({ netns }) {
        const { journal, clock } = netns.emulation;
        journal?.push(put(credit, lastNs));
        const { nowNs } = clock;
        if (lastNs >= 0) credit = Math.min(cap, credit + nowNs - lastNs);
        lastNs = nowNs;
        if (credit < cost) return false;
        credit -= cost;
        return true;
      },
      toString: () => `--limit ${formatRate(period)}${burst === DEFAULT_BURST ? '' : ` --limit-burst ${burst}`}`,
    };
  },
} satisfies MatchKind;
