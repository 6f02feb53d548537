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

/** Whether nothing is wrong with rules that are brought as a whole: each is like one of few, and leads to one of few chains. */
function broughtFit({ chains, table }: TableDraft): boolean {
  const { brought } = chains;
  if (brought === undefined) return true;
  for (const name of chains.gone) if (brought.has(name)) return false;
  return (
    brought.outside.every((name) => chains.kindOf(name) === 'user') &&
    [...brought.likes].every((like) => fitsTable(like, table.name))
  );
}

/** What is wrong with new rules, one by one. */
function checkRules(draft: TableDraft): CommitProblem[] {
  if (!broughtFit(draft)) draft.chains.takeAllBrought();
  const problems: CommitProblem[] = [];
  for (const [chain, { entries }] of draft.chains.own) {
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
      const to = next === undefined ? undefined : draft.chains.kindOf(next);
      if (next !== undefined && to === undefined) complain(i, `Chain '${next}' does not exist`);
      else if (to === 'built-in') complain(i, refused(chain, 'Operation not supported'));
      else if (!fitsTable(like, draft.table.name)) complain(i, refused(chain, 'Invalid argument'));
    }
  }
  return problems;
}

function checkTable(draft: TableDraft): CommitProblem[] {
  draft.chains.takeDeclared();
  const problems = checkRules(draft);
  if (problems.length > 0) return problems;
  const fault = findFault(draft.table.name, draft.chains);
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
  for (const [chain, { entries }] of draft.chains.own) {
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
  if (draft.from === 'empty') chains.retain((name) => draft.chains.has(name));
  else for (const name of draft.chains.gone) chains.delete(name);
  const { brought } = draft.chains;
  if (brought !== undefined) chains.share(brought);
  for (const [name, wanted] of draft.chains.own) {
    const chain = chains.get(name) ?? new Chain(name, wanted.policy);
    chain.policy = wanted.policy;
    chain.counting = wanted.counting;
    if (wanted.counters !== undefined) chain.setCounters(wanted.counters);
    chain.replaceRules(wanted.entries);
    chains.set(name, chain);
  }
  chains.lead();
  for (const rule of draft.zeroed) {
    rule.packets = 0;
    rule.bytes = 0;
  }
  for (const chain of chains.own) chain.prepare();
}

/** Of chains that have changed; what nobody has read has nothing to let go of. */
function rulesThatGo(draft: TableDraft): Rule[] {
  const former: Rule[] = [];
  for (const { name, entries } of draft.table.chains.own) {
    if (draft.chains.entriesOf(name) === entries) continue;
    for (const entry of entries) if (entry instanceof Rule) former.push(entry);
  }
  if (former.length === 0) return former;
  const kept = new Set<RuleEntry>(draft.inherited);
  for (const entries of draft.chains.kept()) for (const entry of entries) kept.add(entry);
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
