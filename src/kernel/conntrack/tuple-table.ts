/**
 * The connection table (net/netfilter/nf_conntrack_core.c): every confirmed connection is in it twice, once a
 * direction. Buckets of chained nodes; a node repeats its tuple's five numbers, so that a look-up reads one object
 * a link of the chain. The bucket is the hash's top bits, so that a smaller table groups neighbours of a larger one.
 */

import type { Ipv4Addr } from '../../packet/index.js';
import type { CtDirection, CtEntry, CtTuple } from './entry.js';
import { hashTuple, tuplesEqual } from './tuple.js';

/** One direction of a connection in the table (struct nf_conntrack_tuple_hash). */
export class TupleHash implements CtTuple {
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly entry: CtEntry;
  readonly direction: CtDirection;
  readonly hash: number;
  next: TupleHash | undefined = undefined;

  constructor(entry: CtEntry, direction: CtDirection) {
    const tuple = entry.tuple(direction);
    this.source = tuple.source;
    this.destination = tuple.destination;
    this.protocol = tuple.protocol;
    this.sourcePort = tuple.sourcePort;
    this.destinationPort = tuple.destinationPort;
    this.entry = entry;
    this.direction = direction;
    this.hash = hashTuple(tuple);
  }
}

const MINIMUM_BITS = 4;
/** log2 of net.netfilter.nf_conntrack_buckets on a machine with more than 4 GiB. */
const KERNEL_BITS = 18;
/** NF_CT_EVICTION_RANGE: buckets that early drop looks at. */
const EVICTION_RANGE = 8;

export class TupleTable {
  #bits = MINIMUM_BITS;
  #buckets: (TupleHash | undefined)[] = emptyBuckets(MINIMUM_BITS);
  #nodes = 0;

  /** ____nf_conntrack_find(), without a word about expiry. */
  find(tuple: CtTuple, hash: number): TupleHash | undefined {
    let node = this.#buckets[hash >>> (32 - this.#bits)];
    while (node !== undefined && !(node.hash === hash && tuplesEqual(node, tuple))) node = node.next;
    return node;
  }

  insert(node: TupleHash): void {
    if (this.#nodes >= this.#buckets.length && this.#bits < KERNEL_BITS) this.#grow();
    this.#nodes += 1;
    this.#link(node);
  }

  /** Takes the node of that entry and direction out, if it is in. */
  remove(entry: CtEntry, direction: CtDirection): void {
    const index = hashTuple(entry.tuple(direction)) >>> (32 - this.#bits);
    let previous: TupleHash | undefined;
    for (let node = this.#buckets[index]; node !== undefined; previous = node, node = node.next) {
      if (node.entry !== entry || node.direction !== direction) continue;
      if (previous === undefined) this.#buckets[index] = node.next;
      else previous.next = node.next;
      this.#nodes -= 1;
      return;
    }
  }

  clear(): void {
    this.#bits = MINIMUM_BITS;
    this.#buckets = emptyBuckets(MINIMUM_BITS);
    this.#nodes = 0;
  }

  /**
   * The entries that early_drop() would look at for a new one with that hash: those of the kernel's bucket and the
   * seven behind it, a list a bucket.
   */
  *neighbours(hash: number): Generator<CtEntry[], void> {
    const first = hash >>> (32 - KERNEL_BITS);
    for (let i = 0; i < EVICTION_RANGE; i++) {
      const bucket = (first + i) & ((1 << KERNEL_BITS) - 1);
      const entries: CtEntry[] = [];
      for (let node = this.#buckets[bucket >>> (KERNEL_BITS - this.#bits)]; node !== undefined; node = node.next) {
        if (node.hash >>> (32 - KERNEL_BITS) === bucket) entries.push(node.entry);
      }
      yield entries;
    }
  }

  /** Newest first, as hlist_nulls_add_head_rcu() has it. */
  #link(node: TupleHash): void {
    const index = node.hash >>> (32 - this.#bits);
    node.next = this.#buckets[index];
    this.#buckets[index] = node;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#bits += 1;
    this.#buckets = emptyBuckets(this.#bits);
    for (const head of old) {
      let node = head;
      while (node !== undefined) {
        const { next } = node;
        this.#link(node);
        node = next;
      }
    }
  }
}

const emptyBuckets = (bits: number): (TupleHash | undefined)[] => Array.from({ length: 1 << bits });
