/** A table: its chains by name, the built-in ones by hook (struct xt_table). */

import type { HookName, TableName } from '../../trace/index.js';
import type { IptablesTableState } from '../host-state.js';
import { Chain } from './chain.js';
import { likeOf } from './rule-entry.js';
import { TableChains } from './table-chains.js';
import { builtinName, TABLE_KINDS } from './table-kinds.js';

export class Table {
  readonly name: TableName;
  /** Built-in chains first, in the order of their hooks. */
  readonly chains = new TableChains();
  readonly #builtin = new Map<HookName, Chain>();

  constructor(name: TableName) {
    this.name = name;
    for (const hook of TABLE_KINDS[name].hooks) {
      const chain = new Chain(builtinName(hook), 'ACCEPT');
      this.chains.set(chain.name, chain);
      this.#builtin.set(hook, chain);
    }
  }

  get hooks(): readonly HookName[] {
    return TABLE_KINDS[this.name].hooks;
  }

  /** The chain that a hook enters by. */
  builtin(hook: HookName): Chain | undefined {
    return this.#builtin.get(hook);
  }

  /** nf_tables makes a built-in chain, and with it the hook, when somebody declares it or gives it a rule. */
  get hooked(): boolean {
    for (const chain of this.#builtin.values()) if (chain.counting || chain.length > 0) return true;
    return false;
  }

  /** Built-in chains, then the others by name: the order of iptables-save. */
  *ordered(): Generator<Chain, void> {
    yield* this.#builtin.values();
    const users = [...this.chains.values()].filter((chain) => chain.policy === undefined);
    yield* users.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  *#chosen(isWanted: (chain: string) => boolean): Generator<Chain, void> {
    for (const chain of this.#builtin.values()) if (isWanted(chain.name)) yield chain;
    const builtin = new Set([...this.#builtin.values()].map(({ name }) => name));
    const names = [...this.chains.keys()].filter((name) => !builtin.has(name) && isWanted(name));
    for (const name of names.sort()) {
      const chain = this.chains.get(name);
      if (chain !== undefined) yield chain;
    }
  }

  get needsConntrack(): boolean {
    for (const entries of this.chains.lists()) if (entries.some((entry) => likeOf(entry).needsConntrack)) return true;
    return false;
  }

  /** Of all chains, or of those alone that are asked for: the others are not read for it. */
  state(isWanted?: (chain: string) => boolean): IptablesTableState {
    const chains = isWanted === undefined ? this.ordered() : this.#chosen(isWanted);
    return {
      name: this.name,
      chains: [...chains].map(({ name, policy, counting, rules }) => ({
        name,
        ...(policy === undefined ? {} : { policy, counting }),
        rules: rules.map((rule) => ({ text: rule.toString(), because: rule.because })),
      })),
    };
  }
}
