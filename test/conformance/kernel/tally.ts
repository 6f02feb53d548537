/** What the packets of a run met: the matches and targets of rules, steps, reasons for a drop. */

import type { Programmed, Step } from '../../../src/trace/index.js';

type Counts = ReadonlyMap<string, number>;

const KINDS = ['match', 'target', 'step', 'drop'] as const;
export type TallyKind = (typeof KINDS)[number];

interface RuleWords {
  readonly matches: readonly string[];
  readonly target: string;
}

/** What stands in a rule before its modules. */
const BASICS = /(?:^| )(-[sdiopf]|--fragment) /g;
const MODULE = /-m (\S+)/g;

/** A rule's text taken apart: modules and basic matches, and where it leads. */
function wordsOf(rule: string): RuleWords {
  const matches = [...rule.matchAll(MODULE), ...rule.matchAll(BASICS)].map(([, word]) => word ?? '');
  const [, how = '', target = ''] = / -([jg]) (\S+)/.exec(rule) ?? [];
  const own = /^[A-Z]+$/.test(target) && !/^U\d$/.test(target);
  return { matches, target: target === '' ? 'none' : own ? target : how === 'g' ? 'goto a chain' : 'jump to a chain' };
}

/** Steps that say that a packet met more than a wire. */
function matters(step: Step): boolean {
  switch (step.kind) {
    case 'rule':
      return step.position > 0;
    case 'nat':
    case 'encapsulate':
    case 'decapsulate':
    case 'forward':
      return true;
    case 'route':
      return step.type !== 'local' && step.type !== 'unicast';
    case 'drop':
      return step.reason !== 'otherhost';
    default:
      return false;
  }
}

/** How often each of these was met. A rule is counted where it matched. */
export class Tally {
  readonly #counts: Readonly<Record<TallyKind, Map<string, number>>> = {
    match: new Map(),
    target: new Map(),
    step: new Map(),
    drop: new Map(),
  };
  readonly #words = new Map<Programmed, RuleWords>();
  /** Numbers of the orders that came to a rule, a route, a translation, a tunnel or an end that mattered. */
  readonly mattered = new Set<number>();

  of(kind: TallyKind): Counts {
    return this.#counts[kind];
  }

  note(order: number, step: Step): void {
    this.#count('step', step.kind);
    if (matters(step)) this.mattered.add(order);
    if (step.kind === 'drop') this.#count('drop', step.reason);
    if (step.kind !== 'rule' || step.rule === undefined) return;
    let words = this.#words.get(step.rule);
    if (words === undefined) {
      words = wordsOf(step.rule.toString());
      this.#words.set(step.rule, words);
    }
    for (const match of words.matches) this.#count('match', match);
    this.#count('target', words.target);
  }

  add(other: Tally): void {
    for (const kind of KINDS) for (const [name, count] of other.of(kind)) this.#count(kind, name, count);
  }

  #count(kind: TallyKind, name: string, count = 1): void {
    const counts = this.#counts[kind];
    counts.set(name, (counts.get(name) ?? 0) + count);
  }
}

/** One line a kind, the rarest last. */
export const formatTally = (tally: Tally): string[] =>
  KINDS.map((kind) => {
    const sorted = [...tally.of(kind)].toSorted(([, a], [, b]) => b - a);
    return `${kind}: ${sorted.map(([name, count]) => `${name} ${count}`).join(', ')}`;
  });
