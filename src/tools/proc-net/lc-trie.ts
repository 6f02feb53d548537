/**
 * The trie in which the kernel keeps routes (net/ipv4/fib_trie.c; Nilsson and Karlsson, "IP-address lookup using LC-tries"), as far as
 * it shows: nodes with 2^bits children that grow while they are full and shrink while they are empty.
 *
 * Differs: addresses are put in as their prefixes came; what has gone since can have left the kernel's nodes with other sizes.
 */

const ADDRESS_BITS = 32;

export interface Leaf<Entry> {
  readonly kind: 'leaf';
  /** Unsigned. */
  readonly key: number;
  readonly entries: Entry[];
}

export interface Inner<Entry> {
  readonly kind: 'inner';
  readonly key: number;
  /** Bits behind those that it looks at. */
  readonly pos: number;
  readonly bits: number;
  readonly children: (TrieNode<Entry> | undefined)[];
}

export type TrieNode<Entry> = Leaf<Entry> | Inner<Entry>;

/** In per cent of the children that it would have, or has: how many a node doubles or halves with. The first one is kept larger. */
const INFLATE = { root: 30, other: 50 } as const;
const HALVE = { root: 15, other: 25 } as const;
/** Times that a node changes its size at once. */
const MOST_WORK = 10;

const shifted = (key: number, by: number): number => (by >= ADDRESS_BITS ? 0 : key >>> by);

/** Which child of a node an address belongs to; beyond the last where it does not belong there. */
const indexIn = (key: number, { key: own, pos }: Inner<unknown>): number => shifted((key ^ own) >>> 0, pos);

const inner = <Entry>(key: number, pos: number, bits: number): Inner<Entry> => {
  const below = pos + bits;
  const masked = below >= ADDRESS_BITS ? 0 : ((key >>> below) << below) >>> 0;
  return { kind: 'inner', key: masked, pos, bits, children: Array.from({ length: 2 ** bits }, () => undefined) };
};

/** A child that looks at the very next bits. */
const isFull = <Entry>(node: Inner<Entry>, child: TrieNode<Entry> | undefined): child is Inner<Entry> =>
  child?.kind === 'inner' && child.pos + child.bits === node.pos;

const emptyIn = ({ children }: Inner<unknown>): number => children.filter((child) => child === undefined).length;
const fullIn = <Entry>(node: Inner<Entry>): number => node.children.filter((child) => isFull(node, child)).length;

/** What /proc/net/fib_trie counts of a node. */
export const countsOf = (node: Inner<unknown>): { readonly full: number; readonly empty: number } => ({
  full: fullIn(node),
  empty: emptyIn(node),
});

export class LcTrie<Entry> {
  root: TrieNode<Entry> | undefined = undefined;
  readonly #order: (a: Entry, b: Entry) => number;

  /** `order`: of what is at one address. */
  constructor(order: (a: Entry, b: Entry) => number) {
    this.#order = order;
  }

  add(key: number, entry: Entry): void {
    const path: Inner<Entry>[] = [];
    let node = this.root;
    while (node?.kind === 'inner' && indexIn(key, node) < node.children.length) {
      path.push(node);
      node = node.children[indexIn(key, node)];
    }
    if (node?.kind === 'leaf' && node.key === key) {
      node.entries.push(entry);
      node.entries.sort(this.#order);
      return;
    }
    const leaf: Leaf<Entry> = { kind: 'leaf', key, entries: [entry] };
    if (node === undefined) this.#put(path.at(-1), key, leaf);
    else {
      const fork = inner<Entry>(key, ADDRESS_BITS - 1 - Math.clz32(key ^ node.key), 1);
      this.#put(fork, node.key, node);
      this.#put(fork, key, leaf);
      this.#put(path.at(-1), key, fork);
      path.push(fork);
    }
    this.#rebalance(path);
  }

  #put(parent: Inner<Entry> | undefined, key: number, node: TrieNode<Entry> | undefined): void {
    if (parent === undefined) this.root = node;
    else parent.children[indexIn(key, parent)] = node;
  }

  /** From below to the root. */
  #rebalance(path: readonly Inner<Entry>[]): void {
    for (const [i, node] of [...path.entries()].reverse()) this.#resize(node, path[i - 1]);
  }

  #resize(node: Inner<Entry>, parent: Inner<Entry> | undefined): void {
    let current = node;
    let work = MOST_WORK;
    for (; work > 0 && shouldInflate(current, parent === undefined); work -= 1)
      current = this.#replace(inflated(current), parent);
    if (work < MOST_WORK) return;
    for (; work > 0 && shouldHalve(current, parent === undefined); work -= 1)
      current = this.#replace(halved(current), parent);
    const left = current.children.filter((child) => child !== undefined);
    if (left.length < 2) this.#put(parent, current.key, left[0]);
  }

  /** Those of its children that look at the very next bits may have another size too now. */
  #replace(node: Inner<Entry>, parent: Inner<Entry> | undefined): Inner<Entry> {
    this.#put(parent, node.key, node);
    for (const child of node.children.toReversed()) if (isFull(node, child)) this.#resize(child, node);
    return node;
  }
}

function shouldInflate<Entry>(node: Inner<Entry>, isRoot: boolean): boolean {
  const used = node.children.length - emptyIn(node) + fullIn(node);
  const threshold = 2 * node.children.length * (isRoot ? INFLATE.root : INFLATE.other);
  return used > 1 && node.pos > 0 && 100 * used >= threshold;
}

function shouldHalve<Entry>(node: Inner<Entry>, isRoot: boolean): boolean {
  const used = node.children.length - emptyIn(node);
  const threshold = node.children.length * (isRoot ? HALVE.root : HALVE.other);
  return used > 1 && node.bits > 1 && 100 * used < threshold;
}

/** With twice the children: those that looked at the next bits are taken in, or parted. */
function inflated<Entry>(old: Inner<Entry>): Inner<Entry> {
  const node = inner<Entry>(old.key, old.pos - 1, old.bits + 1);
  for (const [i, child] of old.children.entries()) {
    if (child === undefined) continue;
    if (!isFull(old, child)) node.children[indexIn(child.key, node)] = child;
    else if (child.bits === 1) [node.children[2 * i], node.children[2 * i + 1]] = child.children;
    else {
      const half = child.children.length / 2;
      const parts = [child.key, (child.key | (1 << node.pos)) >>> 0].map((key, part) => {
        const one = inner<Entry>(key, child.pos, child.bits - 1);
        one.children.splice(0, half, ...child.children.slice(part * half, (part + 1) * half));
        return one;
      });
      [node.children[2 * i], node.children[2 * i + 1]] = parts;
    }
  }
  return node;
}

/** With half of the children: two that are neighbours share a node. */
function halved<Entry>(old: Inner<Entry>): Inner<Entry> {
  const node = inner<Entry>(old.key, old.pos + 1, old.bits - 1);
  for (let i = 0; i < node.children.length; i += 1) {
    const [low, high] = [old.children[2 * i], old.children[2 * i + 1]];
    if (low === undefined || high === undefined) {
      node.children[i] = low ?? high;
      continue;
    }
    const pair = inner<Entry>(low.key, old.pos, 1);
    pair.children.splice(0, 2, low, high);
    node.children[i] = pair;
  }
  return node;
}
