/** A chain: rules in order, and which of them a packet may match (rule-rows.ts; long chains by an index, chain-index.ts). */

import { ChainIndex } from './chain-index.js';
import type { RulePacket } from './packet.js';
import type { Counters, Rule } from './rule.js';
import { RuleRows } from './rule-rows.js';

export type Policy = 'ACCEPT' | 'DROP';

/** Fewer rules than this are faster walked than looked up (bench/kube-proxy.bench.ts). */
const INDEX_FROM = 24;

/** How the rules of a chain are found: built when a packet first comes. */
interface Compiled {
  readonly rows: RuleRows;
  readonly finder: { firstFrom(from: number, packet: RulePacket): number };
}

function compile(rules: readonly Rule[]): Compiled {
  const rows = new RuleRows(rules);
  if (rules.length < INDEX_FROM) return { rows, finder: rows };
  const index = new ChainIndex(rows);
  // Where nearly all must be looked at anyway, one loop over all is faster.
  return { rows, finder: index.unindexed * 2 > rules.length ? rows : index };
}

const sameRules = (a: readonly Rule[], b: readonly Rule[]): boolean =>
  a.length === b.length && a.every((rule, i) => rule === b[i]);

export class Chain {
  name: string;
  /** Of built-in chains. */
  policy: Policy | undefined;
  /** Of packets that reached the policy, where `counting`. */
  counting = false;
  packets = 0;
  bytes = 0;
  #rules: readonly Rule[] = [];
  #compiled: Compiled | undefined = undefined;

  constructor(name: string, policy: Policy | undefined) {
    this.name = name;
    this.policy = policy;
  }

  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /** A commit gives all chains their rules anew, most of them those that they have. */
  replaceRules(rules: readonly Rule[]): void {
    if (sameRules(rules, this.#rules)) return;
    this.#rules = rules;
    this.#compiled = undefined;
  }

  setCounters({ packets, bytes }: Counters): void {
    this.packets = packets;
    this.bytes = bytes;
  }

  #compile(): Compiled {
    const compiled = this.#compiled ?? compile(this.#rules);
    this.#compiled = compiled;
    return compiled;
  }

  /** True where the basic tests of the candidate need not be asked again. */
  rowIsEnough(position: number): boolean {
    return this.#compiled?.rows.isEnough(position) ?? false;
  }

  /** The first rule from `from` on whose row does not rule the packet out, or the number of rules. */
  candidate(from: number, packet: RulePacket): number {
    const { finder } = this.#compiled ?? this.#compile();
    if (packet.odd) return Math.min(from, this.#rules.length);
    return finder.firstFrom(from, packet);
  }
}
