/**
 * A table being changed: commands work on lists of rules by chain name, and nothing of it is seen by packets
 * until it is put into place as a whole.
 */

import { type Cause, NO_CAUSE } from '../../trace/index.js';
import type { Policy } from './chain.js';
import { RuleError } from './extension.js';
import { type Counters, Rule, type RuleParts } from './rule.js';
import type { Table } from './table.js';
import { builtinName, TABLE_KINDS } from './table-kinds.js';
import { targetKind } from './target/index.js';

export interface DraftChain {
  readonly builtin: boolean;
  policy: Policy | undefined;
  /** Undefined: as they are now. */
  counters: Counters | undefined;
  /** nf_tables counts at a policy only where somebody has ever declared, set or zeroed it. */
  counting: boolean;
  rules: Rule[];
}

/** XT_EXTENSION_MAXNAMELEN: names must be shorter. */
const NAME_LIMIT = 29;
const VERDICTS: ReadonlySet<string> = new Set(['ACCEPT', 'DROP', 'RETURN', 'QUEUE']);

const NO_CHAIN = 'No chain/target/match by that name.';
const ZERO: Counters = { packets: 0, bytes: 0 };

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
  /** Lines of the rules that are new, for messages. */
  readonly lines = new Map<Rule, number>();
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
        this.chains.set(name, {
          builtin: isBuiltin,
          policy: chain.policy,
          counters: undefined,
          counting: chain.counting,
          rules: [...chain.rules],
        });
      } else if (isBuiltin) {
        this.chains.set(name, { builtin: true, policy: 'ACCEPT', counters: ZERO, counting: false, rules: [] });
      }
    }
  }

  require(name: string): DraftChain {
    this.touched = true;
    const chain = this.chains.get(name);
    if (chain === undefined) throw new RuleError(NO_CHAIN);
    return chain;
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
    this.chains.set(name, { builtin: false, policy: undefined, counters: ZERO, counting: false, rules: [] });
  }

  /** `-N`. */
  create(name: string): void {
    if (this.chains.has(name)) throw new RuleError('Chain already exists.');
    checkName(name);
    this.touched = true;
    this.chains.set(name, { builtin: false, policy: undefined, counters: ZERO, counting: false, rules: [] });
  }

  /** `-P`. */
  setPolicy(name: string, policy: string): void {
    const chain = this.require(name);
    if (!chain.builtin) throw new RuleError('Bad built-in chain name.');
    setPolicy(chain, parsePolicy(policy));
  }

  /** `-F`, of all chains without a name. */
  flush(name: string | undefined): void {
    if (name !== undefined) this.require(name).rules = [];
    else for (const chain of this.chains.values()) chain.rules = [];
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
    const users = this.#references(name);
    const own = users.filter((rule) => chain.rules.includes(rule)).length;
    if (users.length > own || chain.rules.length > 0) {
      throw new RuleError(`CHAIN_DEL failed (Device or resource busy): chain ${name}`);
    }
    this.chains.delete(name);
  }

  #references(name: string): Rule[] {
    const users: Rule[] = [];
    for (const { rules } of this.chains.values()) {
      for (const rule of rules) {
        if ((rule.action.kind === 'jump' || rule.action.kind === 'goto') && rule.action.chain === name)
          users.push(rule);
      }
    }
    return users;
  }

  /** `-E`: rules that lead there follow. */
  rename(from: string, to: string): void {
    const chain = this.require(from);
    if (chain.builtin) throw new RuleError(NO_CHAIN);
    if (this.chains.has(to)) throw new RuleError('Chain already exists.');
    checkName(to);
    const users = new Set(this.#references(from));
    this.chains.delete(from);
    this.chains.set(to, chain);
    for (const each of this.chains.values()) {
      each.rules = each.rules.map((rule) => {
        if (!users.has(rule)) return rule;
        const renamed = rule.renamed(to);
        const line = this.lines.get(rule);
        if (line === undefined) this.inherited.add(rule);
        else this.lines.set(renamed, line);
        return renamed;
      });
    }
  }

  #rule({ parts, counters, because, line, given }: NewRule): Rule {
    const rule = new Rule(parts, { because, ...(counters === undefined ? {} : { counters }) });
    rule.given = given;
    this.lines.set(rule, line);
    return rule;
  }

  /** `-A`. */
  append(name: string, rule: NewRule): void {
    this.require(name).rules.push(this.#rule(rule));
  }

  /** `-I`, before that position. */
  insert(name: string, position: number, rule: NewRule): void {
    const { rules } = this.require(name);
    if (position > rules.length + 1) throw new RuleError('Index of insertion too big.');
    rules.splice(position - 1, 0, this.#rule(rule));
  }

  /** `-R`. */
  replace(name: string, position: number, rule: NewRule): void {
    const { rules } = this.require(name);
    if (position > rules.length) throw new RuleError('Index of replacement too big.');
    rules[position - 1] = this.#rule(rule);
  }

  /** `-D CHAIN POSITION`. */
  deleteAt(name: string, position: number): void {
    const { rules } = this.require(name);
    if (position > rules.length) throw new RuleError('Index of deletion too big.');
    rules.splice(position - 1, 1);
  }

  #find(name: string, parts: RuleParts): { rules: Rule[]; at: number } {
    const { rules } = this.require(name);
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
    const rule = chain.rules[position - 1];
    if (rule === undefined) throw new RuleError('Index of replacement too big.');
    this.zeroed.add(rule);
  }

  #zeroChain(chain: DraftChain): void {
    chain.counters = ZERO;
    chain.counting = chain.builtin;
    for (const rule of chain.rules) this.zeroed.add(rule);
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
