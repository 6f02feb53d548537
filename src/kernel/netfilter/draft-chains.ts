/**
 * The chains of a table that is being changed: those that a command has looked at, over those that it brings as a whole,
 * over those that the table has.
 */

import type { Policy } from './chain.js';
import type { Counters, Rule } from './rule.js';
import { leadsTo, type RuleEntry, ruleOf } from './rule-entry.js';
import type { SharedChains } from './shared-chains.js';
import type { TableChains } from './table-chains.js';

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

export const ZERO: Counters = { packets: 0, bytes: 0 };

/** Without rules. */
export const emptyChain = (builtin: boolean): DraftChain =>
  new DraftChain({
    builtin,
    policy: builtin ? 'ACCEPT' : undefined,
    counters: ZERO,
    counting: false,
    entries: [],
  });

/** Chains that a text brings as a whole. */
interface Brought {
  readonly chains: SharedChains;
  /** The first line of a chain's rules; undefined while the chains are declared, and empty. */
  readonly lineOf: ((name: string) => number) | undefined;
}

export class DraftChains {
  readonly #own = new Map<string, DraftChain>();
  readonly #gone = new Set<string>();
  readonly #base: TableChains | undefined;
  readonly #isBuiltin: (name: string) => boolean;
  /** Told of lists that are new, and of the line of their first rule. */
  readonly #onNew: (entries: readonly RuleEntry[], line: number) => void;
  #brought: Brought | undefined = undefined;

  constructor(
    base: TableChains | undefined,
    isBuiltin: (name: string) => boolean,
    onNew: (entries: readonly RuleEntry[], line: number) => void,
  ) {
    this.#base = base;
    this.#isBuiltin = isBuiltin;
    this.#onNew = onNew;
  }

  /** To be changed. */
  get(name: string): DraftChain | undefined {
    return this.#own.get(name) ?? this.#take(name);
  }

  #take(name: string): DraftChain | undefined {
    if (this.#gone.has(name)) return undefined;
    const chain = this.#takeBrought(name) ?? this.#takeBase(name);
    if (chain !== undefined) this.#own.set(name, chain);
    return chain;
  }

  #takeBrought(name: string): DraftChain | undefined {
    const lines = this.#brought?.chains.linesOf(name);
    if (lines === undefined) return undefined;
    const chain = emptyChain(false);
    const line = this.#brought?.lineOf?.(name);
    if (line === undefined) return chain;
    chain.share(lines);
    this.#onNew(lines, line);
    return chain;
  }

  #takeBase(name: string): DraftChain | undefined {
    const chain = this.#base?.get(name);
    if (chain === undefined) return undefined;
    const { policy, counting, entries } = chain;
    return new DraftChain({ builtin: this.#isBuiltin(name), policy, counters: undefined, counting, entries });
  }

  has(name: string): boolean {
    return this.kindOf(name) !== undefined;
  }

  kindOf(name: string): 'built-in' | 'user' | undefined {
    const own = this.#own.get(name);
    if (own !== undefined) return own.builtin ? 'built-in' : 'user';
    if (this.#gone.has(name)) return undefined;
    if (this.#brought?.chains.has(name) === true) return 'user';
    if (this.#base?.has(name) !== true) return undefined;
    return this.#isBuiltin(name) ? 'built-in' : 'user';
  }

  entriesOf(name: string): readonly RuleEntry[] | undefined {
    const own = this.#own.get(name);
    if (own !== undefined) return own.entries;
    if (this.#gone.has(name)) return undefined;
    const brought = this.#brought?.chains.linesOf(name);
    if (brought !== undefined) return this.#brought?.lineOf === undefined ? [] : brought;
    return this.#base?.entriesOf(name);
  }

  set(name: string, chain: DraftChain): void {
    this.#own.set(name, chain);
    this.#gone.delete(name);
  }

  delete(name: string): void {
    this.#own.delete(name);
    this.#gone.add(name);
  }

  /** Of the chains that the table had, those that it shall not have any more. */
  get gone(): Iterable<string> {
    return this.#gone;
  }

  /** Chains that are looked at or changed: all else is as it was in the table, or as it was brought. */
  get own(): ReadonlyMap<string, DraftChain> {
    return this.#own;
  }

  /** Every chain, each of which may then be changed. */
  *all(): Generator<readonly [string, DraftChain], void> {
    for (const name of this.#base?.keys() ?? []) this.get(name);
    this.takeAllBrought();
    yield* this.#own;
  }

  /** As if they had been brought one by one. */
  takeAllBrought(): void {
    for (const name of this.#brought?.chains.names ?? []) this.get(name);
    this.#brought = undefined;
  }

  /** Declares all of them: each is there, and empty. */
  declareAll(chains: SharedChains): void {
    this.takeAllBrought();
    for (const name of chains.names) {
      this.#own.delete(name);
      this.#gone.delete(name);
    }
    this.#brought = { chains, lineOf: undefined };
  }

  /** Chains that were declared, and got no rules, are there and empty. */
  takeDeclared(): void {
    if (this.#brought?.lineOf === undefined) this.takeAllBrought();
  }

  /** Gives all of them their rules. False where one of them is not as it was declared: nothing is done then. */
  fillAll(chains: SharedChains, lineOf: (name: string) => number): boolean {
    const waits = this.#brought?.chains === chains && this.#brought.lineOf === undefined;
    if (!waits || this.#touches(chains)) return false;
    this.#brought = { chains, lineOf };
    return true;
  }

  #touches(chains: SharedChains): boolean {
    for (const name of this.#own.keys()) if (chains.has(name)) return true;
    for (const name of this.#gone) if (chains.has(name)) return true;
    return false;
  }

  /** The first line of a chain that is as it was brought. */
  broughtAt(name: string): number | undefined {
    return this.#own.has(name) || this.brought?.has(name) !== true ? undefined : this.#brought?.lineOf?.(name);
  }

  /** What is brought as a whole, rules and all. */
  get brought(): SharedChains | undefined {
    return this.#brought?.lineOf === undefined ? undefined : this.#brought.chains;
  }

  /** Whether a rule of another chain leads there. */
  leadTo(name: string): boolean {
    for (const [own, { entries }] of this.#own) if (own !== name && leads(entries, name)) return true;
    const brought = this.brought;
    if (brought?.leadTo(name) === true && this.#waitingLead(brought, name)) return true;
    const base = this.#base;
    if (base === undefined) return false;
    for (const { name: own, entries } of base.own)
      if (own !== name && this.#isBase(own) && leads(entries, name)) return true;
    const { shared } = base;
    return shared?.leadTo(name) === true && this.#waitingLead(shared, name);
  }

  /** Neither changed nor brought. */
  #isBase(name: string): boolean {
    return !this.#own.has(name) && !this.#gone.has(name) && this.#brought?.chains.has(name) !== true;
  }

  #waitingLead(chains: SharedChains, to: string): boolean {
    for (const name of chains.names) {
      const lines = chains.linesOf(name);
      if (name !== to && lines !== undefined && this.entriesOf(name) === lines && leads(lines, to)) return true;
    }
    return false;
  }

  /** The chains that are shared, if that chain is one of them and is as they have it. */
  sharedOf(name: string): SharedChains | undefined {
    if (this.#own.has(name) || this.#gone.has(name)) return undefined;
    if (this.#brought?.chains.has(name) === true) return this.brought;
    return this.#base?.isAsShared(name) === true ? this.#base.shared : undefined;
  }

  /** Of those shared chains the ones that are something else here. */
  *replaced(chains: SharedChains): Generator<string, void> {
    for (const name of this.#own.keys()) if (chains.has(name)) yield name;
    for (const name of this.#gone) if (chains.has(name)) yield name;
    if (this.#base?.shared !== chains) return;
    yield* this.#base.replaced();
    for (const name of this.#brought?.chains.names ?? []) if (chains.has(name)) yield name;
  }

  /** All lists that may have rules which somebody has read. */
  *kept(): Generator<readonly RuleEntry[], void> {
    for (const { entries } of this.#own.values()) yield entries;
    for (const { name, entries } of this.#base?.own ?? []) if (this.#isBase(name)) yield entries;
  }
}

const leads = (entries: readonly RuleEntry[], to: string): boolean => entries.some((entry) => leadsTo(entry) === to);
