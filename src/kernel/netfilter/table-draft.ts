/**
 * A table being changed: commands work on lists of rules by chain name, and nothing of it is seen by packets
 * until it is put into place as a whole.
 */

import { type Cause, NO_CAUSE } from '../../trace/index.js';
import type { Policy } from './chain.js';
import { type DraftChain, DraftChains, emptyChain, ZERO } from './draft-chains.js';
import { RuleError } from './extension.js';
import { type Counters, Rule, type RuleParts } from './rule.js';
import { leadsTo, type RuleEntry, UnreadRule } from './rule-entry.js';
import type { SharedChains } from './shared-chains.js';
import type { Table } from './table.js';
import { builtinName, TABLE_KINDS } from './table-kinds.js';
import { targetKind } from './target/index.js';

/** XT_EXTENSION_MAXNAMELEN: names must be shorter. */
const NAME_LIMIT = 29;
const VERDICTS: ReadonlySet<string> = new Set(['ACCEPT', 'DROP', 'RETURN', 'QUEUE']);

const NO_CHAIN = 'No chain/target/match by that name.';

/** A rule that a command brings, with what belongs to it. */
export interface NewRule {
  readonly parts: RuleParts;
  readonly counters: Counters | undefined;
  readonly because: readonly Cause[];
  readonly line: number;
  readonly given?: string | undefined;
}

export class TableDraft {
  readonly table: Table;
  readonly chains: DraftChains;
  /** Lines of what is new, for messages. */
  readonly lines = new Map<RuleEntry, number>();
  /** The first lines of chains that are new as a whole. */
  readonly #blocks = new Map<readonly RuleEntry[], number>();
  /** Rules whose counters become zero with the commit. */
  readonly zeroed = new Set<Rule>();
  /** Rules whose matches live on in a renamed copy. */
  readonly inherited = new Set<Rule>();
  readonly from: 'as-is' | 'empty';
  /** Something was put into it: `*raw` and `COMMIT` alone make no table. */
  touched = false;

  constructor(table: Table, from: 'as-is' | 'empty') {
    this.table = table;
    this.from = from;
    const builtin = new Set(TABLE_KINDS[table.name].hooks.map(builtinName));
    this.chains = new DraftChains(
      from === 'as-is' ? table.chains : undefined,
      (name) => builtin.has(name),
      (entries, line) => this.#blocks.set(entries, line),
    );
    if (from === 'empty') for (const name of builtin) this.chains.set(name, emptyChain(true));
  }

  require(name: string): DraftChain {
    this.touched = true;
    const chain = this.chains.get(name);
    if (chain === undefined) throw new RuleError(NO_CHAIN);
    return this.#open(chain);
  }

  /** To be changed: from now on its new lines are known one by one. */
  #open(chain: DraftChain): DraftChain {
    const { entries } = chain;
    const first = this.#blocks.get(entries);
    if (first === undefined) return chain;
    this.#blocks.delete(entries);
    entries.forEach((entry, i) => this.lines.set(entry, first + i));
    return chain;
  }

  /** None of them was in the table before. */
  areNew(entries: readonly RuleEntry[]): boolean {
    return this.#blocks.has(entries);
  }

  /** The line of the rule at that place, from 0, if it is new. */
  lineOf(name: string, at: number): number | undefined {
    const entries = this.chains.entriesOf(name) ?? [];
    const first = this.#blocks.get(entries) ?? this.chains.broughtAt(name);
    const entry = entries[at];
    return first !== undefined ? first + at : entry === undefined ? undefined : this.lines.get(entry);
  }

  /** `:NAME POLICY [packets:bytes]`: a user chain is emptied or made, a built-in one gets its policy. */
  declare(name: string, policy: string, counters: Counters | undefined): void {
    this.touched = true;
    const kind = this.chains.kindOf(name);
    if (kind === 'built-in') {
      const chain = this.require(name);
      if (policy !== '-') setPolicy(chain, parsePolicy(policy));
      if (counters !== undefined) chain.counters = counters;
      return;
    }
    if (kind === undefined) checkName(name);
    this.chains.set(name, emptyChain(false));
  }

  /** The same of many user chains at once. */
  declareAll(chains: SharedChains): void {
    this.touched = true;
    this.chains.declareAll(chains);
  }

  /**
   * Their rules, each chain's from that line on. False where somebody has looked at one of the chains since they were
   * declared.
   */
  fillAll(chains: SharedChains, lineOf: (name: string) => number): boolean {
    return this.chains.fillAll(chains, lineOf);
  }

  /** Whether a user chain may have that name. */
  mayBeUserChain(name: string): boolean {
    return this.chains.kindOf(name) !== 'built-in' && nameFault(name) === undefined;
  }

  /** `-N`. */
  create(name: string): void {
    if (this.chains.has(name)) throw new RuleError('Chain already exists.');
    checkName(name);
    this.touched = true;
    this.chains.set(name, emptyChain(false));
  }

  /** `-P`. */
  setPolicy(name: string, policy: string): void {
    const chain = this.require(name);
    if (!chain.builtin) throw new RuleError('Bad built-in chain name.');
    setPolicy(chain, parsePolicy(policy));
  }

  /** `-F`, of all chains without a name. */
  flush(name: string | undefined): void {
    if (name !== undefined) this.require(name).replace([]);
    else for (const [, chain] of this.chains.all()) chain.replace([]);
  }

  /** `-X`, of all user chains without a name, in the order in which iptables has them: that of their names. */
  delete(name: string | undefined): void {
    if (name === undefined) {
      const all = [...this.chains.all()].sort(([a], [b]) => (a < b ? -1 : 1));
      for (const [each, chain] of all) if (!chain.builtin) this.#deleteUser(each, chain);
      return;
    }
    const chain = this.require(name);
    if (chain.builtin) this.#deleteBuiltin(name, chain);
    else this.#deleteUser(name, chain);
  }

  /** nft_chain_del(): an empty one that accepts goes, and is there anew as soon as somebody writes into it: of a new table none is. */
  #deleteBuiltin(name: string, chain: DraftChain): void {
    if (chain.entries.length > 0) throw new RuleError(`CHAIN_DEL failed (Device or resource busy): chain ${name}`);
    if (this.from === 'empty') throw new RuleError(NO_CHAIN);
    if (chain.policy !== 'ACCEPT') throw new RuleError('Directory not empty.');
    chain.counting = false;
    chain.counters = ZERO;
  }

  #deleteUser(name: string, chain: DraftChain): void {
    if (chain.entries.length > 0 || this.chains.leadTo(name)) {
      throw new RuleError(`CHAIN_DEL failed (Device or resource busy): chain ${name}`);
    }
    this.chains.delete(name);
  }

  /** `-E`: rules that lead there follow. */
  rename(from: string, to: string): void {
    if (this.chains.has(to)) throw new RuleError('Chain already exists.');
    const chain = this.require(from);
    if (chain.builtin) throw new RuleError(NO_CHAIN);
    checkName(to);
    this.chains.delete(from);
    this.chains.set(to, chain);
    for (const [, each] of this.chains.all()) {
      if (!each.entries.some((entry) => leadsTo(entry) === from)) continue;
      const rules = this.#open(each)
        .read(this.lines)
        .map((rule) => {
          if (leadsTo(rule) !== from) return rule;
          const renamed = rule.renamed(to);
          const line = this.lines.get(rule);
          if (line === undefined) this.inherited.add(rule);
          else this.lines.set(renamed, line);
          return renamed;
        });
      each.replace(rules);
    }
  }

  #rulesOf(name: string): Rule[] {
    return this.require(name).read(this.lines);
  }

  #rule({ parts, counters, because, line, given }: NewRule): Rule {
    const rule = new Rule(parts, { because, ...(counters === undefined ? {} : { counters }) });
    rule.given = given;
    this.lines.set(rule, line);
    return rule;
  }

  /** `-A`. */
  append(name: string, rule: NewRule): Rule {
    const made = this.#rule(rule);
    this.require(name).append(made);
    return made;
  }

  /** `-A` of lines that can be read later, the first of them at that line. */
  appendBlock(name: string, entries: readonly RuleEntry[], line: number): void {
    const chain = this.require(name);
    if (chain.entries.length === 0 && !this.#blocks.has(entries)) {
      chain.share(entries);
      this.#blocks.set(entries, line);
    } else
      entries.forEach((entry, i) => {
        chain.append(entry);
        this.lines.set(entry, line + i);
      });
  }

  /** The same of a line that can be read later. */
  appendUnread(name: string, unread: UnreadRule, line: number): void {
    this.require(name).append(unread);
    this.lines.set(unread, line);
  }

  /** `-I`, before that position. */
  insert(name: string, position: number, rule: NewRule): void {
    const rules = this.#rulesOf(name);
    if (position > rules.length + 1) throw new RuleError('Index of insertion too big.');
    rules.splice(position - 1, 0, this.#rule(rule));
  }

  /** `-R`. */
  replace(name: string, position: number, rule: NewRule): void {
    const rules = this.#rulesOf(name);
    if (position > rules.length) throw new RuleError('Index of replacement too big.');
    rules[position - 1] = this.#rule(rule);
  }

  /** `-D CHAIN POSITION`. */
  deleteAt(name: string, position: number): void {
    const rules = this.#rulesOf(name);
    if (position > rules.length) throw new RuleError('Index of deletion too big.');
    rules.splice(position - 1, 1);
  }

  #find(name: string, parts: RuleParts): { rules: Rule[]; at: number } {
    const rules = this.#rulesOf(name);
    const wanted = new Rule(parts, { because: NO_CAUSE }).toString();
    const at = rules.findIndex((rule) => rule.toString() === wanted);
    if (at < 0) throw new RuleError('Bad rule (does a matching rule exist in that chain?).');
    return { rules, at };
  }

  /** `-D CHAIN RULE`: the first that prints the same. */
  deleteRule(name: string, parts: RuleParts): void {
    const { rules, at } = this.#find(name, parts);
    rules.splice(at, 1);
  }

  /** `-C`. */
  check(name: string, parts: RuleParts): void {
    this.#find(name, parts);
  }

  /** `-Z`, of everything, a chain, or one rule. */
  zero(name: string | undefined, position: number | undefined): void {
    if (name === undefined) {
      for (const [, chain] of this.chains.all()) this.#zeroChain(chain);
      return;
    }
    const chain = this.require(name);
    if (position === undefined) {
      this.#zeroChain(chain);
      return;
    }
    const rule = chain.read(this.lines)[position - 1];
    if (rule === undefined) throw new RuleError('Index of replacement too big.');
    this.zeroed.add(rule);
  }

  #zeroChain(chain: DraftChain): void {
    chain.counters = ZERO;
    chain.counting = chain.builtin;
    // Where nobody has read a line, nothing has been counted.
    for (const entry of chain.entries) if (!(entry instanceof UnreadRule)) this.zeroed.add(entry);
  }
}

/** A policy that is set begins to count anew. */
function setPolicy(chain: DraftChain, policy: Policy): void {
  chain.policy = policy;
  chain.counters = ZERO;
  chain.counting = true;
}

function parsePolicy(text: string): Policy {
  if (text !== 'ACCEPT' && text !== 'DROP') throw new RuleError('Bad policy name.');
  return text;
}

/** Why a chain may not have that name. */
function nameFault(name: string): string | undefined {
  if (name.length >= NAME_LIMIT) return `chain name \`${name}' too long (must be under ${NAME_LIMIT} chars)`;
  if (name.startsWith('-') || name.startsWith('!')) return "chain name not allowed to start with `-' or `!'";
  if (/\s/.test(name)) return `Invalid chain name \`${name}'`;
  if (name === '' || VERDICTS.has(name) || targetKind(name) !== undefined)
    return 'chain name may not clash with target name';
  return undefined;
}

function checkName(name: string): void {
  const fault = nameFault(name);
  if (fault !== undefined) throw new RuleError(fault);
}
