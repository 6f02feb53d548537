/** The chains of a table by name: those of its own, and those that it shares as long as nobody has asked for them. */

import { Chain } from './chain.js';
import type { RuleEntry } from './rule-entry.js';
import type { SharedChains } from './shared-chains.js';

export class TableChains implements Iterable<readonly [string, Chain]> {
  readonly #own = new Map<string, Chain>();
  #shared: SharedChains | undefined = undefined;
  /** Of the shared ones, those that this table has no more. */
  readonly #gone = new Set<string>();
  readonly #chainOf = (name: string): Chain | undefined => this.get(name);

  get(name: string): Chain | undefined {
    return this.#own.get(name) ?? this.#take(name);
  }

  /** A shared chain becomes one of the table's own. */
  #take(name: string): Chain | undefined {
    const lines = this.#waiting(name);
    if (lines === undefined) return undefined;
    const chain = new Chain(name, undefined);
    chain.replaceRules(lines);
    chain.lead(this.#chainOf);
    this.#own.set(name, chain);
    return chain;
  }

  #waiting(name: string): readonly RuleEntry[] | undefined {
    return this.#own.has(name) || this.#gone.has(name) ? undefined : this.#shared?.linesOf(name);
  }

  has(name: string): boolean {
    return this.#own.has(name) || this.#waiting(name) !== undefined;
  }

  /** Without making a chain of it. */
  entriesOf(name: string): readonly RuleEntry[] | undefined {
    return this.#own.get(name)?.entries ?? this.#waiting(name);
  }

  set(name: string, chain: Chain): void {
    this.#own.set(name, chain);
  }

  delete(name: string): void {
    this.#own.delete(name);
    if (this.#shared?.has(name) === true) this.#gone.add(name);
  }

  /** Chains of those names are these from now on; others stay. */
  share(chains: SharedChains): void {
    const before = this.#shared;
    if (before !== undefined && before !== chains)
      for (const name of before.names) if (!chains.has(name)) this.get(name);
    this.#shared = chains;
    this.#gone.clear();
    for (const [name, chain] of this.#own) {
      const lines = chains.linesOf(name);
      if (lines !== undefined) chain.replaceRules(lines);
    }
  }

  /** All rules that are read lead to chains of this table, as it is now. */
  lead(): void {
    for (const chain of Array.from(this.#own.values())) chain.lead(this.#chainOf);
  }

  /** Keeps those alone that `wanted` names. */
  retain(wanted: (name: string) => boolean): void {
    for (const name of this.keys()) if (!wanted(name)) this.delete(name);
  }

  /** Chains that are the table's own by now, and with them all rules that anybody has read. */
  get own(): Iterable<Chain> {
    return this.#own.values();
  }

  /** Those that wait, or that are what they were when they were asked for. */
  get shared(): SharedChains | undefined {
    return this.#shared;
  }

  isAsShared(name: string): boolean {
    const lines = this.#shared?.linesOf(name);
    if (lines === undefined || this.#gone.has(name)) return false;
    const own = this.#own.get(name);
    return own === undefined || own.given === lines;
  }

  /** Of shared chains, those that are the table's own in another form, or gone. */
  *replaced(): Generator<string, void> {
    yield* this.#gone;
    for (const name of this.#own.keys()) if (this.#shared?.has(name) === true && !this.isAsShared(name)) yield name;
  }

  *keys(): Generator<string, void> {
    yield* Array.from(this.#own.keys());
    for (const name of this.#shared?.names ?? []) if (this.#waiting(name) !== undefined) yield name;
  }

  get size(): number {
    let waiting = 0;
    for (const name of this.#shared?.names ?? []) if (this.#waiting(name) !== undefined) waiting += 1;
    return this.#own.size + waiting;
  }

  /** The rules of each. */
  *lists(): Generator<readonly RuleEntry[], void> {
    for (const { entries } of this.#own.values()) yield entries;
    for (const name of this.#shared?.names ?? []) {
      const lines = this.#waiting(name);
      if (lines !== undefined) yield lines;
    }
  }

  /** All of them, as chains of its own. */
  *[Symbol.iterator](): Generator<readonly [string, Chain], void> {
    for (const name of this.#shared?.names ?? []) this.get(name);
    yield* this.#own;
  }

  *values(): Generator<Chain, void> {
    for (const [, chain] of this) yield chain;
  }
}
