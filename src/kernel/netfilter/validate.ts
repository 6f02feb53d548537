/**
 * What the kernel checks of a table as a whole (net/netfilter/nf_tables_api.c:nft_chain_validate()): how deep
 * chains lead into each other, and that nothing is reached from a hook where it must not be.
 */

import type { HookName, TableName } from '../../trace/index.js';
import type { Rule } from './rule.js';
import { leadsTo, likeOf, type RuleEntry } from './rule-entry.js';
import type { SharedChains } from './shared-chains.js';
import { builtinName, TABLE_KINDS } from './table-kinds.js';

/** NFT_JUMP_STACK_SIZE: chains in a row, the built-in one included. A loop is a way that is too long. */
export const MAX_JUMPS = 16;

export interface Fault {
  readonly chain: string;
  /** Place in the chain, from 0. */
  readonly at: number;
  /** errno text. */
  readonly error: 'Invalid argument' | 'Too many links';
}

/** The chains of a table that is to be. */
interface Chains {
  entriesOf(chain: string): readonly RuleEntry[] | undefined;
  /** The chains that are shared, if that is one of them and as they have it. */
  sharedOf(chain: string): SharedChains | undefined;
  /** Of shared chains those that are something else here. */
  replaced(shared: SharedChains): Iterable<string>;
}

const NO_ENTRIES: readonly RuleEntry[] = [];

/** Not to be any address at all: nf_tables refuses a comparison of no octets. */
const isNobody = (test: { readonly mask: number; readonly inverted: boolean } | undefined): boolean =>
  test !== undefined && test.inverted && test.mask === 0;

/** xt_check_match(), xt_check_target(): tables and protocols are checked wherever the rule stands. */
export function fitsTable({ tests, matches, action }: Rule, table: TableName): boolean {
  const { protocol, source, destination } = tests;
  if (isNobody(source) || isNobody(destination)) return false;
  const number = protocol?.inverted === false ? protocol.number : -1;
  for (const { kind } of matches) {
    if (kind?.tables?.includes(table) === false || kind?.protocols?.includes(number) === false) return false;
  }
  if (action.kind !== 'target') return true;
  const { target, targetKind: kind } = action;
  const protocols = target.protocols ?? kind.protocols;
  return (kind.tables?.includes(table) ?? true) && (protocols?.includes(number) ?? true);
}

/** Nothing is made for it: it is asked of every rule of a table, once a hook. */
function fitsHook({ matches, action }: Rule, hook: HookName): boolean {
  for (const { match, kind } of matches) {
    if ((match.hooks ?? kind?.hooks)?.includes(hook) === false) return false;
  }
  if (action.kind !== 'target') return true;
  return (action.target.hooks ?? action.targetKind.hooks)?.includes(hook) ?? true;
}

/**
 * Walks one hook's chains. Depth by longest way: a chain is looked at again only where it is reached deeper
 * than before, so that many ways to one chain cost nothing.
 */
function walkHook(hook: HookName, chains: Chains): Fault | undefined {
  const depths = new Map<string, number>();
  const visit = (chain: string, depth: number): Fault | undefined => {
    if ((depths.get(chain) ?? 0) >= depth) return undefined;
    depths.set(chain, depth);
    const entries = chains.entriesOf(chain) ?? NO_ENTRIES;
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[at];
      if (entry === undefined) continue;
      if (!fitsHook(likeOf(entry), hook)) return { chain, at, error: 'Invalid argument' };
      const next = leadsTo(entry);
      if (next === undefined) continue;
      if (depth >= MAX_JUMPS) return { chain, at, error: 'Too many links' };
      const fault = visit(next, depth + 1);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
  return visit(builtinName(hook), 1);
}

/** What is reached from a chain: how many chains in a row, itself included, and the hooks that all of it may be reached from. */
interface Reach {
  readonly chains: number;
  readonly hooks: number;
}

/** A chain that leads back to itself. */
const LOOP: Reach = { chains: Number.POSITIVE_INFINITY, hooks: 0 };

/**
 * All chains are looked at once, whatever hooks lead to them: in a table without a fault that is all there is to do. Shared
 * chains are looked at as if each of them led wherever any of them does: what fits then fits all the more as it is.
 */
class Survey {
  readonly #hooks: readonly HookName[];
  readonly #chains: Chains;
  readonly #sharedAtOnce: boolean;
  readonly #reached = new Map<string | SharedChains, Reach>();
  /** By rule that others are like: a bit for each hook. */
  readonly #fitting = new Map<Rule, number>();

  constructor(hooks: readonly HookName[], chains: Chains, { sharedAtOnce }: { readonly sharedAtOnce: boolean }) {
    this.#hooks = hooks;
    this.#chains = chains;
    this.#sharedAtOnce = sharedAtOnce;
  }

  fits(hook: HookName): boolean {
    const { chains, hooks } = this.#reach(builtinName(hook));
    return chains <= MAX_JUMPS && (hooks & (1 << this.#hooks.indexOf(hook))) !== 0;
  }

  #reach(chain: string): Reach {
    const shared = this.#sharedAtOnce ? this.#chains.sharedOf(chain) : undefined;
    const key = shared ?? chain;
    const known = this.#reached.get(key);
    if (known !== undefined) return known;
    this.#reached.set(key, LOOP);
    const reach = shared === undefined ? this.#reachOf(chain) : this.#reachOfShared(shared);
    this.#reached.set(key, reach);
    return reach;
  }

  #reachOf(chain: string): Reach {
    let chains = 1;
    let hooks = -1;
    for (const entry of this.#chains.entriesOf(chain) ?? NO_ENTRIES) {
      hooks &= this.#hooksOf(likeOf(entry));
      const next = leadsTo(entry);
      if (next === undefined) continue;
      const below = this.#reach(next);
      chains = Math.max(chains, below.chains + 1);
      hooks &= below.hooks;
    }
    return { chains, hooks };
  }

  #reachOfShared(shared: SharedChains): Reach {
    let below = 0;
    let hooks = -1;
    for (const like of shared.likes) hooks &= this.#hooksOf(like);
    const replaced = [...this.#chains.replaced(shared)].filter((name) => shared.leadTo(name));
    for (const name of [...shared.outside, ...replaced]) {
      const reach = this.#reach(name);
      below = Math.max(below, reach.chains);
      hooks &= reach.hooks;
    }
    return { chains: shared.depth + below, hooks };
  }

  #hooksOf(rule: Rule): number {
    const known = this.#fitting.get(rule);
    if (known !== undefined) return known;
    let fitting = 0;
    for (const [i, hook] of this.#hooks.entries()) if (fitsHook(rule, hook)) fitting |= 1 << i;
    this.#fitting.set(rule, fitting);
    return fitting;
  }
}

/** The first thing wrong, or undefined. */
export function findFault(table: TableName, chains: Chains): Fault | undefined {
  const { hooks } = TABLE_KINDS[table];
  for (const sharedAtOnce of [true, false]) {
    const survey = new Survey(hooks, chains, { sharedAtOnce });
    if (hooks.every((hook) => survey.fits(hook))) return undefined;
  }
  for (const hook of hooks) {
    const fault = walkHook(hook, chains);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
