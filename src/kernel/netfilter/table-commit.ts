/** Puts a changed table into place: checks it as a whole, takes what its rules need, and only then shows it to packets. */

import type { Netns } from '../netns.js';
import { Chain } from './chain.js';
import { RuleError } from './extension.js';
import { Rule } from './rule.js';
import { leadsTo, likeOf, type RuleEntry } from './rule-entry.js';
import type { TableDraft } from './table-draft.js';
import { findFault, fitsTable } from './validate.js';

export interface CommitProblem {
  readonly chain: string;
  /** Place in the chain, from 0. */
  readonly at: number;
  readonly message: string;
}

const refused = (chain: string, error: string): string => `RULE_APPEND failed (${error}): rule in chain ${chain}`;

/** An option behind `-j CHAIN`, which no target takes. */
function strayOption({ chains }: TableDraft, { action }: Rule): string | undefined {
  if (action.kind !== 'unknown' || !chains.has(action.unknown.name)) return undefined;
  return /--?\S+/.exec(action.unknown.toString())?.[0];
}

/** What is wrong with new rules, one by one. */
function checkRules(draft: TableDraft): CommitProblem[] {
  const problems: CommitProblem[] = [];
  for (const [chain, { entries }] of draft.chains) {
    const complain = (at: number, message: string): void => {
      problems.push({ chain, at, message });
    };
    const allNew = draft.areNew(entries);
    for (const [i, entry] of entries.entries()) {
      if (!allNew && !draft.lines.has(entry)) continue;
      const like = likeOf(entry);
      const stray = strayOption(draft, like);
      if (stray !== undefined) {
        complain(i, `unknown option "${stray}"`);
        continue;
      }
      const next = leadsTo(entry);
      const to = next === undefined ? undefined : draft.chains.get(next);
      if (next !== undefined && to === undefined) complain(i, `Chain '${next}' does not exist`);
      else if (to?.builtin === true) complain(i, refused(chain, 'Operation not supported'));
      else if (!fitsTable(like, draft.table.name)) complain(i, refused(chain, 'Invalid argument'));
    }
  }
  return problems;
}

function checkTable(draft: TableDraft): CommitProblem[] {
  const problems = checkRules(draft);
  if (problems.length > 0) return problems;
  const fault = findFault(draft.table.name, (chain) => draft.chains.get(chain)?.entries ?? []);
  if (fault === undefined) return [];
  return [{ chain: fault.chain, at: fault.at, message: refused(fault.chain, fault.error) }];
}

function attachables(rule: Rule): { attach?(netns: Netns): void; detach?(netns: Netns): void }[] {
  const matches = rule.matches.map(({ match }) => match);
  return rule.action.kind === 'target' ? [...matches, rule.action.target] : matches;
}

export function detachRule(rule: Rule, netns: Netns): void {
  for (const part of attachables(rule)) part.detach?.(netns);
}

/** Takes what the rule needs; where one part cannot be had, none is kept. @throws RuleError */
function attachRule(rule: Rule, netns: Netns): void {
  const done: { detach?(netns: Netns): void }[] = [];
  try {
    for (const part of attachables(rule)) {
      part.attach?.(netns);
      done.push(part);
    }
  } catch (error) {
    for (const part of done) part.detach?.(netns);
    throw error;
  }
  const { action } = rule;
  rule.unknown =
    rule.matches.some(({ match }) => match.known === false) || (action.kind === 'unknown' && !action.unknown.harmless);
}

function attachNew(draft: TableDraft, netns: Netns): CommitProblem[] {
  const problems: CommitProblem[] = [];
  const attached: Rule[] = [];
  for (const [chain, { entries }] of draft.chains) {
    // A line is left unread only where its rule needs nothing.
    if (draft.areNew(entries)) continue;
    for (const [at, entry] of entries.entries()) {
      if (!(entry instanceof Rule) || !draft.lines.has(entry)) continue;
      try {
        attachRule(entry, netns);
        attached.push(entry);
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        problems.push({ chain, at, message: error.message });
      }
    }
  }
  if (problems.length > 0) for (const rule of attached) detachRule(rule, netns);
  return problems;
}

/** Chains keep their identity by name. */
function place(draft: TableDraft): void {
  const { chains } = draft.table;
  for (const name of chains.keys()) if (!draft.chains.has(name)) chains.delete(name);
  for (const [name, wanted] of draft.chains) {
    const chain = chains.get(name) ?? new Chain(name, wanted.policy);
    chain.policy = wanted.policy;
    chain.counting = wanted.counting;
    if (wanted.counters !== undefined) chain.setCounters(wanted.counters);
    chain.replaceRules(wanted.entries);
    chains.set(name, chain);
  }
  const chainOf = (name: string): Chain | undefined => chains.get(name);
  for (const chain of chains.values()) chain.lead(chainOf);
  for (const rule of draft.zeroed) {
    rule.packets = 0;
    rule.bytes = 0;
  }
  for (const chain of chains.values()) chain.prepare();
}

/** Of chains that have changed; what nobody has read has nothing to let go of. */
function rulesThatGo(draft: TableDraft): Rule[] {
  const kept = new Set<RuleEntry>(draft.inherited);
  const former: Rule[] = [];
  for (const [name, { entries }] of draft.table.chains) {
    if (draft.chains.get(name)?.entries === entries) continue;
    for (const entry of entries) if (entry instanceof Rule) former.push(entry);
  }
  if (former.length === 0) return former;
  for (const { entries } of draft.chains.values()) for (const entry of entries) kept.add(entry);
  return former.filter((rule) => !kept.has(rule));
}

/** All of it, or nothing and the reasons. */
export function commitTable(draft: TableDraft, netns: Netns): readonly CommitProblem[] {
  const problems = checkTable(draft);
  if (problems.length > 0) return problems;
  const failed = attachNew(draft, netns);
  if (failed.length > 0) return failed;

  const gone = rulesThatGo(draft);
  place(draft);
  for (const rule of gone) detachRule(rule, netns);
  return [];
}
