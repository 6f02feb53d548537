/**
 * What stands in a chain: a rule, or a line that is read when somebody wants the rule. Of the hundred thousand rules that a
 * node of a large cluster has, packets meet some hundred. Lines may stand in chains of many namespaces; rules are of one.
 */

import type { Cause } from '../../trace/index.js';
import { Rule } from './rule.js';

/** Reads a line as rules like it were read. */
export type ReadLine = (line: string, because: readonly Cause[]) => Rule;

export class UnreadRule {
  readonly text: string;
  /** A rule that differs from this in addresses, ports, chances, comments and where it leads alone. */
  readonly like: Rule;
  readonly leadsTo: string | undefined;
  readonly because: readonly Cause[];
  readonly #read: ReadLine;

  constructor(
    text: string,
    about: {
      readonly like: Rule;
      readonly leadsTo: string | undefined;
      readonly because: readonly Cause[];
      readonly read: ReadLine;
    },
  ) {
    this.text = text;
    this.like = about.like;
    this.leadsTo = about.leadsTo;
    this.because = about.because;
    this.#read = about.read;
  }

  /** Another each time. */
  read(): Rule {
    return this.#read(this.text, this.because);
  }
}

export type RuleEntry = Rule | UnreadRule;

export const ruleOf = (entry: RuleEntry): Rule => (entry instanceof Rule ? entry : entry.read());

/** For all that rules of one shape have in common: matches, target, tables and hooks that they may stand in. */
export const likeOf = (entry: RuleEntry): Rule => (entry instanceof Rule ? entry : entry.like);

/** The chain that a jump or goto leads to. */
export function leadsTo(entry: RuleEntry): string | undefined {
  if (!(entry instanceof Rule)) return entry.leadsTo;
  const { action } = entry;
  return action.kind === 'jump' || action.kind === 'goto' ? action.chain : undefined;
}

/** The same rules, whether read or not. */
export const sameEntries = (a: readonly RuleEntry[], b: readonly RuleEntry[]): boolean =>
  a === b || (a.length === b.length && a.every((entry, i) => entry === b[i]));
