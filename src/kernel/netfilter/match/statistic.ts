/** `-m statistic`: by chance, or every n-th packet; net/netfilter/xt_statistic.c:statistic_mt(). */

import { assert } from '../../errors.js';
import { type Match, type MatchKind, RuleError } from '../extension.js';
import type { Options } from '../options.js';

/** The probability is kept in 31 bits. */
const ONE = 0x8000_0000;

function random(options: Options): Match {
  const text = options.require('--probability');
  const given = Number(text);
  if (text.trim() === '' || !(given >= 0 && given <= 1)) {
    throw new RuleError(`statistic: bad value for option "--probability", or out of range (0.0-1.0).`);
  }
  const probability = Math.round(given * ONE) / ONE;
  const inverted = options.inverted('--probability');
  return {
    matches({ netns, rule }) {
      assert(rule !== undefined, 'a match is asked for a rule');
      return netns.netfilter.choose(probability, rule) !== inverted;
    },
    toString: () => `--mode random ${options.bang('--probability')}--probability ${probability.toFixed(11)}`,
  };
}

function nth(options: Options): Match {
  const every = options.number('--every') ?? 0;
  if (every === 0) throw new RuleError('statistic: --every cannot be 0');
  const packet = options.number('--packet');
  if (packet === undefined) throw new RuleError('statistic: option "--every" also requires "--packet".');
  if (packet >= every) throw new RuleError('the --packet p must be 0 <= p <= n-1');
  const inverted = options.inverted('--every');
  // The count starts so that packet 0 of the first round is `--packet 0` (statistic_mt_check()).
  let count = every - 1 - packet;
  const put = (former: number) => (): void => {
    count = former;
  };
  return {
    matches({ netns }) {
      netns.emulation.journal?.push(put(count));
      const hit = count === every - 1;
      count = hit ? 0 : count + 1;
      return hit !== inverted;
    },
    toString: () => `--mode nth ${options.bang('--every')}--every ${every} --packet ${packet}`,
  };
}

export const statistic = {
  options: {
    '--mode': {},
    '--probability': { invertible: true },
    '--every': { invertible: true },
    '--packet': {},
  },
  pure: false,
  ageless: true,
  parse(options) {
    const mode = options.require('--mode');
    if (mode === 'random') return random(options);
    if (mode === 'nth') return nth(options);
    throw new RuleError(`Bad mode "${mode}"`);
  },
} satisfies MatchKind;
