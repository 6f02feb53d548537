/**
 * A table being changed: commands work on lists of rules by chain name, and nothing of it is seen by packets
 * until it is put into place as a whole.
 */

import { type Cause, NO_CAUSE } from '../../trace/index.js';
import type { Policy } from './chain.js';
import { RuleError } from './extension.js';
import { type Counters, Rule, type RuleParts } from './rule.js';
import { leadsTo, type RuleEntry, ruleOf, UnreadRule } from './rule-entry.js';
import type { Table } from './table.js';
import { builtinName, TABLE_KINDS } from './table-kinds.js';
import { targetKind } from './target/index.js';

interface DraftChainFields {
  readonly builtin: boolean;
  readonly policy: Policy | undefined;
  readonly counters: Counters | undefined;
  readonly counting: boolean;
  readonly entries: readonly RuleEntry[];
}

export class DraftChain {
  readonly builtin: boolean;
  policy: Policy | undefined;
  /** Undefined: as they are now. */
  counters: Counters | undefined;
  /** nf_tables counts at a policy only where somebody has ever declared, set or zeroed it. */
  counting: boolean;
  #entries: readonly RuleEntry[];
  /** Of this draft alone. */
  #own: RuleEntry[] | undefined = undefined;

  constructor({ builtin, policy, counters, counting, entries }: DraftChainFields) {
    this.builtin = builtin;
    this.policy = policy;
    this.counters = counters;
    this.counting = counting;
    this.#entries = entries;
  }

  get entries(): readonly RuleEntry[] {
    return this.#entries;
  }

  /** All rules, to be changed in place: what stood in `lines` as a line that nobody had read stands there as a rule. */
  read(lines: Map<RuleEntry, number>): Rule[] {
    const rules = this.#entries.map((entry) => {
      const rule = ruleOf(entry);
      const line = lines.get(entry);
      if (line !== undefined) lines.set(rule, line);
      return rule;
    });
    this.replace(rules);
    return rules;
  }

  replace(rules: Rule[]): void {
    this.#own = rules;
    this.#entries = rules;
  }

  /** All of them, which other chains have too. */
  share(entries: readonly RuleEntry[]): void {
    this.#own = undefined;
    this.#entries = entries;
  }

  append(entry: RuleEntry): void {
    this.#own ??= [...this.#entries];
    this.#own.push(entry);
    this.#entries = this.#own;
  }
}

const ZERO: Counters = { packets: 0, bytes: 0 };

/** Without rules. */
const emptyChain = (builtin: boolean): DraftChain =>
  new DraftChain({
    builtin,
    policy: builtin ? 'ACCEPT' : undefined,
    counters: ZERO,
    counting: false,
    entries: [],
  });

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
  readonly chains = new Map<string, DraftChain>();
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
    for (const [name, chain] of table.chains) {
      const isBuiltin = builtin.has(name);
      if (from === 'as-is') {
        const { policy, counting, entries } = chain;
        this.chains.set(name, new DraftChain({ builtin: isBuiltin, policy, counters: undefined, counting, entries }));
      } else if (isBuiltin) this.chains.set(name, emptyChain(true));
    }
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
    const entries = this.chains.get(name)?.entries ?? [];
    const first = this.#blocks.get(entries);
    const entry = entries[at];
    return first !== undefined ? first + at : entry === undefined ? undefined : this.lines.get(entry);
  }

  /** `:NAME POLICY [packets:bytes]`: a user chain is emptied or made, a built-in one gets its policy. */
  declare(name: string, policy: string, counters: Counters | undefined): void {
    this.touched = true;
    const chain = this.chains.get(name);
    if (chain?.builtin === true) {
      if (policy !== '-') setPolicy(chain, parsePolicy(policy));
      if (counters !== undefined) chain.counters = counters;
      return;
    }
    if (chain === undefined) checkName(name);
    this.chains.set(name, emptyChain(false));
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
    else for (const chain of this.chains.values()) chain.replace([]);
  }

  /** `-X`, of all user chains without a name. */
  delete(name: string | undefined): void {
    if (name === undefined) {
      for (const [each, chain] of this.chains) if (!chain.builtin) this.#deleteUser(each, chain);
      return;
    }
    const chain = this.require(name);
    if (chain.builtin) throw new RuleError(NO_CHAIN);
    this.#deleteUser(name, chain);
  }

  #deleteUser(name: string, chain: DraftChain): void {
    const isUsed = [...this.chains.values()].some((other) => other !== chain && leads(other, name));
    if (isUsed || chain.entries.length > 0) {
      throw new RuleError(`CHAIN_DEL failed (Device or resource busy): chain ${name}`);
    }
    this.chains.delete(name);
  }

  /** `-E`: rules that lead there follow. */
  rename(from: string, to: string): void {
    const chain = this.require(from);
    if (chain.builtin) throw new RuleError(NO_CHAIN);
    if (this.chains.has(to)) throw new RuleError('Chain already exists.');
    checkName(to);
    this.chains.delete(from);
    this.chains.set(to, chain);
    for (const each of this.chains.values()) {
      if (!leads(each, from)) continue;
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
      for (const chain of this.chains.values()) this.#zeroChain(chain);
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

const leads = ({ entries }: DraftChain, to: string): boolean => entries.some((entry) => leadsTo(entry) === to);

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

function checkName(name: string): void {
  if (name.length >= NAME_LIMIT) {
    throw new RuleError(`chain name \`${name}' too long (must be under ${NAME_LIMIT} chars)`);
  }
  if (name.startsWith('-') || name.startsWith('!'))
    throw new RuleError("chain name not allowed to start with `-' or `!'");
  if (/\s/.test(name)) throw new RuleError(`Invalid chain name \`${name}'`);
  if (name === '' || VERDICTS.has(name) || targetKind(name) !== undefined) {
    throw new RuleError('chain name may not clash with target name');
  }
}
