/**
 * All confirmed connections of a namespace: found by either tuple, by original source for NAT, and in the order in
 * which they began. Nothing wakes up for an entry whose time is over: whoever comes across it takes it out
 * (nf_conntrack_core.c:nf_ct_gc_expired()), and a sweep before the table grows takes the rest.
 */

import { type CtEntry, type CtTuple, IPS } from './entry.js';
import { hashSource, hashTuple, tuplesEqual } from './tuple.js';
import { TupleHash, TupleTable } from './tuple-table.js';

/** Fewer entries than this are never swept. */
const SWEEP_MINIMUM = 1024;

export class ConnectionStore {
  readonly #table = new TupleTable();
  readonly #bySource = new SourceTable();
  readonly #entries = new Set<CtEntry>();
  readonly #clock: { readonly nowNs: number };
  #sweepAt = SWEEP_MINIMUM;

  constructor(clock: { readonly nowNs: number }) {
    this.#clock = clock;
  }

  /** nf_conntrack_count: entries, those included whose time is over and that nobody has met since. */
  get size(): number {
    return this.#entries.size;
  }

  /** nf_conntrack_find_get(): the connection, and which of its directions the tuple is. */
  find(tuple: CtTuple, hash: number = hashTuple(tuple)): TupleHash | undefined {
    const node = this.#table.find(tuple, hash);
    if (node === undefined || node.entry.expiresNs > this.#clock.nowNs) return node;
    this.kill(node.entry);
    return undefined;
  }

  /** __nf_conntrack_hash_insert(). */
  insert(entry: CtEntry): void {
    this.#table.insert(new TupleHash(entry, 'original'));
    this.insertReplyOnly(entry);
    if (entry.has(IPS.srcNatDone)) this.#bySource.insert(entry);
  }

  /** An entry that must not be found by its original tuple. */
  insertReplyOnly(entry: CtEntry): void {
    this.#table.insert(new TupleHash(entry, 'reply'));
    this.#entries.add(entry);
    if (this.#entries.size >= this.#sweepAt) {
      this.sweep();
      this.#sweepAt = Math.max(SWEEP_MINIMUM, 2 * this.#entries.size);
    }
  }

  /** nf_ct_delete(): false where it is gone already. */
  kill(entry: CtEntry): boolean {
    if (entry.has(IPS.dying)) return false;
    entry.status |= IPS.dying;
    if (this.#entries.delete(entry)) {
      this.#table.remove(entry, 'original');
      this.#table.remove(entry, 'reply');
      this.#bySource.remove(entry);
    }
    return true;
  }

  /** Takes out what has expired. */
  sweep(): void {
    const { nowNs } = this.#clock;
    for (const entry of this.#entries) if (entry.expiresNs <= nowNs) this.kill(entry);
  }

  /** Living entries, oldest first. */
  entries(): CtEntry[] {
    this.sweep();
    return [...this.#entries];
  }

  clear(): void {
    for (const entry of this.#entries) entry.status |= IPS.dying;
    this.#entries.clear();
    this.#table.clear();
    this.#bySource.clear();
  }

  /** early_drop(): how many unassured neighbours of a new entry with that hash had to go; the first bucket that has any. */
  earlyDrop(hash: number): number {
    for (const entries of this.#table.neighbours(hash)) {
      const victims = entries.filter((entry) => !entry.has(IPS.assured));
      const dropped = victims.filter((entry) => this.kill(entry)).length;
      if (dropped > 0) return dropped;
    }
    return 0;
  }

  /** Connections that began with that source address and port, newest first. */
  fromSource(tuple: CtTuple): Generator<CtEntry, void> {
    return this.#bySource.find(tuple);
  }
}

const SOURCE_BITS_MINIMUM = 4;
const SOURCE_BITS_MAXIMUM = 18;

/** nf_nat_bysource: chained through the entries themselves. */
class SourceTable {
  #bits = SOURCE_BITS_MINIMUM;
  #buckets: (CtEntry | undefined)[] = buckets(SOURCE_BITS_MINIMUM);
  #size = 0;

  insert(entry: CtEntry): void {
    if (this.#size >= this.#buckets.length && this.#bits < SOURCE_BITS_MAXIMUM) this.#grow();
    this.#size += 1;
    this.#link(entry);
  }

  remove(entry: CtEntry): void {
    const index = this.#index(entry.original);
    let previous: CtEntry | undefined;
    for (let at = this.#buckets[index]; at !== undefined; previous = at, at = at.nextBySource) {
      if (at !== entry) continue;
      if (previous === undefined) this.#buckets[index] = entry.nextBySource;
      else previous.nextBySource = entry.nextBySource;
      entry.nextBySource = undefined;
      this.#size -= 1;
      return;
    }
  }

  /** same_src(). */
  *find(tuple: CtTuple): Generator<CtEntry, void> {
    for (let at = this.#buckets[this.#index(tuple)]; at !== undefined; at = at.nextBySource) {
      const { source, sourcePort, protocol } = at.original;
      if (source === tuple.source && sourcePort === tuple.sourcePort && protocol === tuple.protocol) yield at;
    }
  }

  clear(): void {
    this.#bits = SOURCE_BITS_MINIMUM;
    this.#buckets = buckets(SOURCE_BITS_MINIMUM);
    this.#size = 0;
  }

  #index(tuple: CtTuple): number {
    return hashSource(tuple) >>> (32 - this.#bits);
  }

  #link(entry: CtEntry): void {
    const index = this.#index(entry.original);
    entry.nextBySource = this.#buckets[index];
    this.#buckets[index] = entry;
  }

  /** Chains keep their order: the oldest is linked first. */
  #grow(): void {
    const old = this.#buckets;
    this.#bits += 1;
    this.#buckets = buckets(this.#bits);
    for (const head of old) {
      const chain: CtEntry[] = [];
      for (let at = head; at !== undefined; at = at.nextBySource) chain.push(at);
      for (const entry of chain.reverse()) this.#link(entry);
    }
  }
}

const buckets = (bits: number): (CtEntry | undefined)[] => Array.from({ length: 1 << bits });

/** Both connections are the same flow, or each is the other seen from its end (nf_ct_can_merge()). */
export const canMerge = (a: CtEntry, b: CtEntry): boolean =>
  (tuplesEqual(a.original, b.original) && tuplesEqual(a.reply, b.reply)) ||
  (tuplesEqual(a.original, b.reply) && tuplesEqual(a.reply, b.original));
