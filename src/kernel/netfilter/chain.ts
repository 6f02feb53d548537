/** A chain: rules in order, and which of them a packet may match (rule-rows.ts; long chains by an index, chain-index.ts). */

import { ChainIndex } from './chain-index.js';
import type { RulePacket } from './packet.js';
import { type Counters, OPERATION, type Rule } from './rule.js';
import { type RuleEntry, ruleOf, sameEntries, UnreadRule } from './rule-entry.js';
import { RuleRows } from './rule-rows.js';

export type Policy = 'ACCEPT' | 'DROP';

/** Fewer rules than this are faster walked than looked up (bench/kube-proxy.bench.ts). */
const INDEX_FROM = 24;

/** Chains with so many rules take a millisecond and more to compile. */
const PREPARED_FROM = 512;

/** RuleRows.firstFrom(), in whichever way. */
interface Finder {
  firstFrom(from: number, packet: RulePacket): number;
}

function finderOf(rules: readonly Rule[]): Finder {
  const rows = new RuleRows(rules);
  if (rules.length < INDEX_FROM) return rows;
  const index = new ChainIndex(rows);
  // Where nearly all must be looked at anyway, one loop over all is faster.
  return index.unindexed * 2 > rules.length ? rows : index;
}

/**
 * What a walk does with a packet that has passed the row, three words a rule: the operation, and for the mark its mask
 * and value. ASK where the rule has more to say than that.
 */
export const ACTION_WORDS = 3;
export const ASK = -1;

function putAction(rule: Rule, actions: Int32Array, at: number): void {
  const { op, setsMark, rowIsAll, unknown } = rule;
  const plain = rowIsAll && !unknown && (setsMark !== undefined || op !== OPERATION.target);
  const ends = op === OPERATION.drop || op === OPERATION.queue;
  actions[at] = plain && !ends ? op : ASK;
  actions[at + 1] = setsMark?.mask ?? 0;
  actions[at + 2] = setsMark?.value ?? 0;
}

/** Where ports begin that some rule may tell from those below, ascending. */
function portBoundsOf(rules: readonly Rule[], side: 'source' | 'destination'): Int32Array {
  const bounds = new Set<number>();
  for (const { matches } of rules)
    for (const { match } of matches) {
      const test = match.ports?.[side];
      if (test !== undefined) bounds.add(test.first).add(test.last + 1);
      for (const bound of match.portBounds?.[side] ?? []) bounds.add(bound);
    }
  return bounds.size === 0 ? NO_WORDS : Int32Array.from(bounds).sort();
}

const NO_RULES: readonly Rule[] = [];
const NO_ENTRIES: readonly RuleEntry[] = [];
/** A chain by its name, in the table. */
type ChainOf = (name: string) => Chain | undefined;
const NO_CHAINS: readonly (Chain | undefined)[] = [];
const NO_COUNTS = new Float64Array(0);
const NO_WORDS = new Int32Array(0);

export class Chain {
  name: string;
  /** Of built-in chains. */
  policy: Policy | undefined;
  /** Of packets that reached the policy, where `counting`. */
  counting = false;
  packets = 0;
  bytes = 0;
  /** By rule, valid once `candidate` has been asked: actions, where jumps lead, packets and bytes. */
  actions: Int32Array = NO_WORDS;
  jumps: readonly (Chain | undefined)[] = NO_CHAINS;
  counts: Float64Array = NO_COUNTS;
  #sourcePortBounds: Int32Array = NO_WORDS;
  #destinationPortBounds: Int32Array = NO_WORDS;
  #entries: readonly RuleEntry[] = NO_ENTRIES;
  #given: readonly RuleEntry[] = NO_ENTRIES;
  /** Of `#entries`, once somebody has wanted them. */
  #rules: readonly Rule[] | undefined = NO_RULES;
  #chainOf: ChainOf = () => undefined;
  #finder: Finder | undefined = undefined;

  constructor(name: string, policy: Policy | undefined) {
    this.name = name;
    this.policy = policy;
  }

  get rules(): readonly Rule[] {
    return this.#rules ?? this.#read();
  }

  get entries(): readonly RuleEntry[] {
    return this.#entries;
  }

  /** The list that it was given last, before anybody read its lines. */
  get given(): readonly RuleEntry[] {
    return this.#given;
  }

  /** How many rules it has. */
  get length(): number {
    return this.#entries.length;
  }

  /** Lines that nobody has wanted yet are read, and lead where the others of the table do. */
  #read(): readonly Rule[] {
    const rules = this.#entries.map(ruleOf);
    this.#entries = rules;
    this.#rules = rules;
    this.#lead(rules);
    return rules;
  }

  #lead(rules: readonly Rule[]): void {
    for (const rule of rules) {
      const { action } = rule;
      rule.jumpsTo = action.kind === 'jump' || action.kind === 'goto' ? this.#chainOf(action.chain) : undefined;
    }
  }

  /** A commit gives all chains their rules anew, most of them those that they have. */
  replaceRules(entries: readonly RuleEntry[]): void {
    if (sameEntries(entries, this.#entries)) return;
    this.#given = entries;
    this.#entries = entries;
    this.#rules = undefined;
    this.#finder = undefined;
  }

  /** The chains of the table are these now. */
  lead(chainOf: ChainOf): void {
    this.#chainOf = chainOf;
    if (this.#rules !== undefined) this.#lead(this.#rules);
  }

  /** `iptables -Z`: of the rule at that position, from 1, or of all and of the policy. */
  zeroCounters(position?: number): void {
    this.#entries.forEach((entry, i) => {
      // What nobody has read has counted nothing.
      if (entry instanceof UnreadRule || (position !== undefined && position !== i + 1)) return;
      entry.packets = 0;
      entry.bytes = 0;
    });
    if (position === undefined) this.setCounters({ packets: 0, bytes: 0 });
  }

  setCounters({ packets, bytes }: Counters): void {
    this.packets = packets;
    this.bytes = bytes;
  }

  /** A long chain is made ready when it is written, for the first packet is not to wait for it. */
  prepare(): void {
    if (this.#finder === undefined && this.length >= PREPARED_FROM) this.#compile();
  }

  /** Built when a packet first comes. */
  #compile(): Finder {
    const { rules } = this;
    const finder = finderOf(rules);
    const counts = new Float64Array(2 * rules.length);
    const actions = new Int32Array(ACTION_WORDS * rules.length);
    rules.forEach((rule, i) => {
      rule.countIn(counts, 2 * i);
      putAction(rule, actions, ACTION_WORDS * i);
    });
    this.actions = actions;
    this.jumps = rules.map(({ jumpsTo }) => jumpsTo);
    this.counts = counts;
    this.#sourcePortBounds = portBoundsOf(rules, 'source');
    this.#destinationPortBounds = portBoundsOf(rules, 'destination');
    this.#finder = finder;
    return finder;
  }

  /** Source ports at which rules begin to say something else, ascending: between two of them all ports are alike. */
  get sourcePortBounds(): Int32Array {
    if (this.#finder === undefined) this.#compile();
    return this.#sourcePortBounds;
  }

  get destinationPortBounds(): Int32Array {
    if (this.#finder === undefined) this.#compile();
    return this.#destinationPortBounds;
  }

  /** The first rule from `from` on whose row does not rule the packet out, or the number of rules. */
  candidate(from: number, packet: RulePacket): number {
    const finder = this.#finder ?? this.#compile();
    return packet.odd ? Math.min(from, this.length) : finder.firstFrom(from, packet);
  }
}
