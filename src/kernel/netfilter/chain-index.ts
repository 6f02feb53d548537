/**
 * An index over the rules of a long chain: which of them a packet's destination, protocol and destination port do not
 * rule out. Differs from the kernel's way (it walks), never from its answer: rules come in the order of the chain, each
 * with its own position, and those that the index cannot tell apart are looked at one by one.
 *
 * Rules fall into four classes, by what they want exactly: `-d IP/32 -p P --dport N` (Services), `-p P --dport N` (node
 * ports), `-d IP/32`, and all others. Of the first three, rules with one hash are a list in ascending order; lists may hold
 * rules of other keys, which their rows rule out.
 */

import type { RulePacket } from './packet.js';
import { portKey, type RuleRows } from './rule-rows.js';

const NONE = -1;

/** murmur3's finalizer, over both words. */
function mix(a: number, b: number): number {
  let hash = Math.imul(a ^ Math.imul(b, 0x9e37_79b1), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Positions by hash, each list ascending. */
class HashLists {
  readonly #rows: RuleRows;
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #mask: number;

  /** `positions` ascending, with the hash of each. */
  constructor(rows: RuleRows, positions: readonly number[], hashOf: (position: number) => number) {
    this.#rows = rows;
    let slots = 16;
    while (slots < positions.length * 2) slots *= 2;
    this.#heads = new Int32Array(slots).fill(NONE);
    this.#next = new Int32Array(rows.length);
    this.#mask = slots - 1;
    for (const position of positions.toReversed()) {
      const slot = hashOf(position) & this.#mask;
      this.#next[position] = this.#heads[slot] ?? NONE;
      this.#heads[slot] = position;
    }
  }

  /** The first from `from` on, below `limit`, that the packet may match; `limit` where there is none. */
  first(hash: number, from: number, limit: number, packet: RulePacket): number {
    const rows = this.#rows;
    for (let at = this.#heads[hash & this.#mask] ?? NONE; at !== NONE && at < limit; at = this.#next[at] ?? NONE) {
      if (at >= from && rows.holds(at, packet)) return at;
    }
    return limit;
  }
}

export class ChainIndex {
  readonly #rows: RuleRows;
  readonly #exact: HashLists | undefined;
  readonly #ports: HashLists | undefined;
  readonly #destinations: HashLists | undefined;
  /** Positions of the others, ascending. */
  readonly #others: Int32Array;

  constructor(rows: RuleRows) {
    this.#rows = rows;
    const exact: number[] = [];
    const ports: number[] = [];
    const destinations: number[] = [];
    const others: number[] = [];
    for (let position = 0; position < rows.length; position++) {
      const hasPort = rows.portOf(position) !== undefined;
      if (rows.destinationOf(position) !== undefined) (hasPort ? exact : destinations).push(position);
      else (hasPort ? ports : others).push(position);
    }
    const destinationOf = (position: number): number => rows.destinationOf(position) ?? 0;
    const portOf = (position: number): number => rows.portOf(position) ?? 0;
    const lists = (positions: number[], hashOf: (position: number) => number): HashLists | undefined =>
      positions.length === 0 ? undefined : new HashLists(rows, positions, hashOf);
    this.#exact = lists(exact, (position) => mix(destinationOf(position), portOf(position)));
    this.#ports = lists(ports, (position) => mix(0, portOf(position)));
    this.#destinations = lists(destinations, (position) => mix(destinationOf(position), 0));
    this.#others = Int32Array.from(others);
  }

  /** How many rules must be looked at one by one. */
  get unindexed(): number {
    return this.#others.length;
  }

  /** RuleRows.firstFrom(), by the index. */
  firstFrom(from: number, packet: RulePacket): number {
    const { destination, protocol, destinationPort } = packet;
    let limit = this.#rows.length;
    if (destinationPort >= 0) {
      const port = portKey(protocol, destinationPort);
      if (this.#exact !== undefined) limit = this.#exact.first(mix(destination, port), from, limit, packet);
      if (this.#ports !== undefined) limit = this.#ports.first(mix(0, port), from, limit, packet);
    }
    if (this.#destinations !== undefined) limit = this.#destinations.first(mix(destination, 0), from, limit, packet);
    return this.#firstOther(from, limit, packet);
  }

  #firstOther(from: number, limit: number, packet: RulePacket): number {
    const others = this.#others;
    let low = 0;
    let high = others.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((others[middle] ?? 0) < from) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < others.length; i++) {
      const position = others[i] ?? limit;
      if (position >= limit) break;
      if (this.#rows.holds(position, packet)) return position;
    }
    return limit;
  }
}
