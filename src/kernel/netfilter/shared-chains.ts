/**
 * Chains that stand in tables of many namespaces, of lines that nobody has read: what kube-proxy writes on all nodes
 * alike. A table that takes them looks at them as a whole, and makes a chain of its own only of one that somebody asks for.
 */

import type { Rule } from './rule.js';
import type { UnreadRule } from './rule-entry.js';

/** Lines by chain. */
export type UnreadChains = ReadonlyMap<string, readonly UnreadRule[]>;

export class SharedChains {
  readonly #chains: UnreadChains;
  readonly #targets = new Set<string>();
  /** Each of their rules is like one of these. */
  readonly likes: ReadonlySet<Rule>;
  /** Chains that they lead to and that are not among them. */
  readonly outside: readonly string[];
  /** The longest way within: so many chains in a row. Infinite where one leads back to itself. */
  readonly depth: number;

  constructor(chains: UnreadChains) {
    this.#chains = chains;
    const likes = new Set<Rule>();
    for (const entries of chains.values())
      for (const { like, leadsTo } of entries) {
        likes.add(like);
        if (leadsTo !== undefined) this.#targets.add(leadsTo);
      }
    this.likes = likes;
    this.outside = [...this.#targets].filter((name) => !chains.has(name));
    this.depth = depthOf(chains);
  }

  has(name: string): boolean {
    return this.#chains.has(name);
  }

  linesOf(name: string): readonly UnreadRule[] | undefined {
    return this.#chains.get(name);
  }

  get names(): Iterable<string> {
    return this.#chains.keys();
  }

  /** Whether any rule leads to that chain. */
  leadTo(name: string): boolean {
    return this.#targets.has(name);
  }
}

function depthOf(chains: UnreadChains): number {
  const depths = new Map<string, number>();
  const visit = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    // For those that lead back here.
    depths.set(name, Number.POSITIVE_INFINITY);
    let below = 0;
    for (const { leadsTo } of chains.get(name) ?? [])
      if (leadsTo !== undefined && chains.has(leadsTo)) below = Math.max(below, visit(leadsTo));
    depths.set(name, below + 1);
    return below + 1;
  };
  let depth = 0;
  for (const name of chains.keys()) depth = Math.max(depth, visit(name));
  return depth;
}
