/**
 * Longest prefix match for a set of prefixes that does not change: built when a table is asked often, thrown
 * away when it changes. Two forms, by size: a short list is searched from its longest prefix on; else the
 * address space is cut into ranges with one longest prefix each, and an index over the part of it where nearly
 * all of them begin leaves a binary search of a step or two.
 */

import type { Ipv4Addr } from '../../packet/index.js';
import { ipv4Mask } from '../../packet/index.js';
import type { PrefixNode } from './prefix-tree.js';

export interface PrefixIndex {
  /** The longest prefix that contains `addr`. */
  find(addr: Ipv4Addr): PrefixNode | undefined;
}

/** Up to so many prefixes a list is as fast as anything, and small. */
export const LINEAR_LIMIT = 16;

const MAX_INDEX_BITS = 16;

class LinearIndex implements PrefixIndex {
  readonly #networks: Int32Array;
  readonly #masks: Int32Array;
  readonly #nodes: readonly PrefixNode[];

  constructor(nodes: readonly PrefixNode[]) {
    this.#nodes = nodes.toSorted((a, b) => b.length - a.length);
    this.#networks = Int32Array.from(this.#nodes, (node) => node.addr);
    this.#masks = Int32Array.from(this.#nodes, (node) => ipv4Mask(node.length));
  }

  find(addr: Ipv4Addr): PrefixNode | undefined {
    const networks = this.#networks;
    const masks = this.#masks;
    for (let i = 0; i < networks.length; i++) {
      if ((((networks[i] ?? 0) ^ addr) & (masks[i] ?? 0)) === 0) return this.#nodes[i];
    }
    return undefined;
  }
}

/** Flipping the sign bit lets signed comparison order addresses as unsigned. */
const SIGN = 0x8000_0000 | 0;

interface Ranges {
  /** Unsigned first address of each range, ascending, from 0. */
  readonly starts: readonly number[];
  readonly owners: readonly (PrefixNode | undefined)[];
}

const lastOf = (node: PrefixNode): number => (node.addr | ~ipv4Mask(node.length)) >>> 0;

/** Sweeps over the prefixes by address, shorter first, and notes where the longest one changes. */
function cut(sorted: readonly PrefixNode[]): Ranges {
  const starts: number[] = [0];
  const owners: (PrefixNode | undefined)[] = [undefined];
  const open: PrefixNode[] = [];
  const begin = (start: number, owner: PrefixNode | undefined): void => {
    if (starts.at(-1) === start) owners[owners.length - 1] = owner;
    else if (owners.at(-1) !== owner) {
      starts.push(start);
      owners.push(owner);
    }
  };
  const closeBefore = (start: number): void => {
    for (let top = open.at(-1); top !== undefined && lastOf(top) < start; top = open.at(-1)) {
      open.pop();
      begin(lastOf(top) + 1, open.at(-1));
    }
  };
  for (const node of sorted) {
    const start = node.addr >>> 0;
    closeBefore(start);
    begin(start, node);
    open.push(node);
  }
  closeBefore(0xffff_ffff); // what reaches the last address ends with the address space
  return { starts, owners };
}

/** Where nearly all ranges begin: pods of a cluster share a few upper bits, and an index over those says nothing. */
interface Window {
  readonly base: number;
  /** Upper bits that all addresses in it share. */
  readonly bits: number;
}

/** Ranges outside the window are few: they may take the long way. */
const WINDOW_SHARE = 7 / 8;
const MAX_WINDOW_BITS = 20;

/** The smallest block of addresses in which that share of the ranges begins. */
function findWindow(starts: readonly number[]): Window {
  let window: Window = { base: 0, bits: 0 };
  for (let bits = 1; bits <= MAX_WINDOW_BITS; bits++) {
    const size = 2 ** (32 - bits);
    let block = -1;
    let inBlock = 0;
    let best: number | undefined;
    for (const start of starts) {
      const its = Math.floor(start / size);
      inBlock = its === block ? inBlock + 1 : 1;
      block = its;
      if (inBlock >= starts.length * WINDOW_SHARE) best = block;
    }
    if (best === undefined) return window;
    window = { base: best * size, bits };
  }
  return window;
}

class RangeIndex implements PrefixIndex {
  readonly #starts: Int32Array;
  readonly #owners: readonly (PrefixNode | undefined)[];
  /** The window in cells of equal size; for each, the range that its first address lies in. */
  readonly #first: Uint32Array;
  readonly #base: number;
  readonly #shift: number;

  constructor(sorted: readonly PrefixNode[]) {
    const { starts, owners } = cut(sorted);
    this.#starts = Int32Array.from(starts, (start) => start ^ SIGN);
    this.#owners = owners;
    const window = findWindow(starts);
    const bits = Math.min(MAX_INDEX_BITS, 32 - window.bits, Math.ceil(Math.log2(starts.length)) + 1);
    this.#base = window.base | 0;
    this.#shift = 32 - window.bits - bits;
    this.#first = new Uint32Array(2 ** bits + 1);
    let range = 0;
    for (let cell = 0; cell <= 2 ** bits; cell++) {
      const address = window.base + cell * 2 ** this.#shift;
      while ((starts[range + 1] ?? Number.POSITIVE_INFINITY) <= address) range += 1;
      this.#first[cell] = range;
    }
  }

  find(addr: Ipv4Addr): PrefixNode | undefined {
    const starts = this.#starts;
    const first = this.#first;
    const cell = (addr ^ this.#base) >>> this.#shift;
    const wanted = addr ^ SIGN;
    const indexed = cell + 1 < first.length;
    let low = indexed ? (first[cell] ?? 0) : 0;
    let high = indexed ? (first[cell + 1] ?? 0) : starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((starts[middle] ?? 0) <= wanted) low = middle;
      else high = middle - 1;
    }
    return this.#owners[low];
  }
}

/** Notes in each node the next shorter prefix that contains it, and builds the index. */
export function buildPrefixIndex(nodes: readonly PrefixNode[]): PrefixIndex {
  const sorted = nodes.toSorted((a, b) => (a.addr >>> 0) - (b.addr >>> 0) || a.length - b.length);
  const open: PrefixNode[] = [];
  for (const node of sorted) {
    for (let top = open.at(-1); top !== undefined && lastOf(top) < node.addr >>> 0; top = open.at(-1)) open.pop();
    node.parent = open.at(-1);
    open.push(node);
  }
  return sorted.length <= LINEAR_LIMIT ? new LinearIndex(sorted) : new RangeIndex(sorted);
}
