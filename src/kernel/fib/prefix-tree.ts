/**
 * The prefixes of a routing table and, for each, its routes: what the kernel keeps in a trie
 * (net/ipv4/fib_trie.c). Here one map a prefix length is the truth, and an index for longest prefix match is
 * built from it once the table has been asked often enough since its last change to pay for that.
 */

import { type Ipv4Addr, ipv4Network } from '../../packet/index.js';
import { buildPrefixIndex, LINEAR_LIMIT, type PrefixIndex } from './prefix-index.js';
import type { Route } from './route.js';

/** One prefix (a leaf with one suffix length): its routes by table, TOS and metric, best first. */
export class PrefixNode {
  readonly addr: Ipv4Addr;
  readonly length: number;
  readonly routes: Route[] = [];
  /** The next shorter prefix around this one; valid while an index is. */
  parent: PrefixNode | undefined = undefined;
  /** Its place among those that were made for the tree. */
  readonly order: number;

  constructor(addr: Ipv4Addr, length: number, order: number) {
    this.addr = addr;
    this.length = length;
    this.order = order;
  }
}

/** A rebuild costs about as much as so many lookups by maps for each prefix. */
const REBUILD_FACTOR = 1 / 8;

export class PrefixTree {
  readonly #byLength = new Map<number, Map<Ipv4Addr, PrefixNode>>();
  /** Lengths in use, longest first. */
  #lengths: number[] = [];
  #size = 0;
  #made = 0;
  #index: PrefixIndex | undefined = undefined;
  #lookupsSinceChange = 0;

  get size(): number {
    return this.#size;
  }

  get(addr: Ipv4Addr, length: number): PrefixNode | undefined {
    return this.#byLength.get(length)?.get(addr);
  }

  /** The node of a prefix, made where there is none. */
  require(addr: Ipv4Addr, length: number): PrefixNode {
    const present = this.get(addr, length);
    if (present !== undefined) return present;
    let sameLength = this.#byLength.get(length);
    if (sameLength === undefined) {
      sameLength = new Map();
      this.#byLength.set(length, sameLength);
      this.#lengths = [...this.#byLength.keys()].toSorted((a, b) => b - a);
    }
    const node = new PrefixNode(addr, length, this.#made);
    this.#made += 1;
    sameLength.set(addr, node);
    this.#size += 1;
    this.#changed();
    return node;
  }

  /** Forgets a prefix without routes. */
  remove(node: PrefixNode): void {
    const sameLength = this.#byLength.get(node.length);
    if (sameLength?.delete(node.addr) !== true) return;
    this.#size -= 1;
    if (sameLength.size === 0) {
      this.#byLength.delete(node.length);
      this.#lengths = this.#lengths.filter((length) => length !== node.length);
    }
    this.#changed();
  }

  /** The longest prefix around `addr`. */
  find(addr: Ipv4Addr): PrefixNode | undefined {
    if (this.#index === undefined) {
      this.#lookupsSinceChange += 1;
      if (this.#size > LINEAR_LIMIT && this.#lookupsSinceChange < this.#size * REBUILD_FACTOR)
        return this.#probe(addr, 32);
      this.#index = buildPrefixIndex([...this.#nodes()]);
    }
    return this.#index.find(addr);
  }

  /** The next shorter prefix around the address that `find` was asked for. */
  shorter(node: PrefixNode): PrefixNode | undefined {
    return this.#index === undefined ? this.#probe(node.addr, node.length - 1) : node.parent;
  }

  /** All prefixes as the kernel dumps them: by address, and of one address the longest first. */
  sorted(): PrefixNode[] {
    return [...this.#nodes()].sort((a, b) => (a.addr >>> 0) - (b.addr >>> 0) || b.length - a.length);
  }

  /** All prefixes as they came. */
  inOrder(): PrefixNode[] {
    return [...this.#nodes()].sort((a, b) => a.order - b.order);
  }

  *#nodes(): IterableIterator<PrefixNode> {
    for (const sameLength of this.#byLength.values()) yield* sameLength.values();
  }

  *routes(): IterableIterator<Route> {
    for (const node of this.#nodes()) yield* node.routes;
  }

  #changed(): void {
    this.#index = undefined;
    this.#lookupsSinceChange = 0;
  }

  #probe(addr: Ipv4Addr, longest: number): PrefixNode | undefined {
    for (const length of this.#lengths) {
      if (length > longest) continue;
      const node = this.#byLength.get(length)?.get(ipv4Network(addr, length));
      if (node !== undefined) return node;
    }
    return undefined;
  }
}
