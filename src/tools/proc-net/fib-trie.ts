/** /proc/net/fib_trie and fib_triestat (net/ipv4/fib_trie.c:fib_trie_seq_show(), fib_triestat_seq_show()). */

import { type FibRoute, type Netns, RT_TABLE } from '../../kernel/index.js';
import { formatIpv4, ipv4 } from '../../packet/index.js';
import { lines } from '../tool.js';
import { countsOf, LcTrie, type TrieNode } from './lc-trie.js';

type Trie = LcTrie<FibRoute>;

interface NamedTrie {
  readonly title: string;
  readonly trie: Trie;
}

const SCOPE_NAMES: Readonly<Record<FibRoute['scope'], string>> = {
  global: 'universe',
  site: 'site',
  link: 'link',
  host: 'host',
  nowhere: 'nowhere',
};

/** Of one address: the longest prefix first, then the higher table, the higher TOS, the lower metric. */
const inLeaf = (a: FibRoute, b: FibRoute): number =>
  b.destination.length - a.destination.length || b.table - a.table || b.tos - a.tos || a.metric - b.metric;

function trieOf(routes: readonly FibRoute[]): Trie {
  const trie: Trie = new LcTrie(inLeaf);
  for (const route of routes) trie.add(route.destination.addr >>> 0, route);
  return trie;
}

const title = (table: number): string =>
  table === RT_TABLE.main ? 'Main' : table === RT_TABLE.local ? 'Local' : `Id ${table}`;

const triesOf = ({ fib }: Netns): readonly NamedTrie[] =>
  fib.trees().map(({ table, routes }) => ({ title: title(table), trie: trieOf(routes) }));

const indent = (depth: number): string => '   '.repeat(depth);

function entryRow({ destination, scope, type, tos }: FibRoute): string {
  const field = tos === 0 ? '' : ` tos=${tos}`;
  return `  /${destination.length} ${SCOPE_NAMES[scope]} ${type.toUpperCase()}${field}`;
}

/** `depth`: inner nodes above it. */
function nodeRows(node: TrieNode<FibRoute>, depth: number): string[] {
  const address = formatIpv4(ipv4(node.key));
  if (node.kind === 'leaf')
    return [`${indent(depth)}  |-- ${address}`, ...node.entries.map((entry) => indent(depth + 1) + entryRow(entry))];
  const { full, empty } = countsOf(node);
  const size = `${32 - node.pos - node.bits} ${node.bits} ${full} ${empty}`;
  const children = node.children.flatMap((child) => (child === undefined ? [] : nodeRows(child, depth + 1)));
  return [`${indent(depth)}  +-- ${address}/${size}`, ...children];
}

export const fibTrieText = (netns: Netns): string =>
  lines(
    triesOf(netns).flatMap(({ title: name, trie }) =>
      trie.root === undefined ? [] : [`${name}:`, ...nodeRows(trie.root, 0)],
    ),
  );

/** Octets, of a kernel of 64 bits. */
const SIZE = { leaf: 48, inner: 40, entry: 56, pointer: 8 } as const;

interface Statistics {
  leaves: number;
  totalDepth: number;
  maxDepth: number;
  prefixes: number;
  inner: number;
  nulls: number;
  /** How many have so many bits. */
  readonly sizes: Map<number, number>;
}

function count(node: TrieNode<FibRoute>, depth: number, into: Statistics): void {
  if (node.kind === 'leaf') {
    into.leaves += 1;
    into.totalDepth += depth;
    into.maxDepth = Math.max(into.maxDepth, depth);
    into.prefixes += node.entries.length;
    return;
  }
  into.inner += 1;
  into.nulls += countsOf(node).empty;
  into.sizes.set(node.bits, (into.sizes.get(node.bits) ?? 0) + 1);
  for (const child of node.children) if (child !== undefined) count(child, depth + 1, into);
}

function statisticsRows({ title: name, trie: { root } }: NamedTrie): string[] {
  const all: Statistics = { leaves: 0, totalDepth: 0, maxDepth: 0, prefixes: 0, inner: 0, nulls: 0, sizes: new Map() };
  if (root !== undefined) count(root, 0, all);
  const average = all.leaves === 0 ? 0 : Math.floor((all.totalDepth * 100) / all.leaves);
  const sizes = [...all.sizes].sort(([a], [b]) => a - b);
  const pointers = sizes.reduce((sum, [bits, many]) => sum + 2 ** bits * many, 0);
  const octets = SIZE.leaf * all.leaves + SIZE.entry * all.prefixes + SIZE.inner * all.inner + SIZE.pointer * pointers;
  return [
    `${name}:`,
    `\tAver depth:     ${Math.floor(average / 100)}.${String(average % 100).padStart(2, '0')}`,
    `\tMax depth:      ${all.maxDepth}`,
    `\tLeaves:         ${all.leaves}`,
    `\tPrefixes:       ${all.prefixes}`,
    `\tInternal nodes: ${all.inner}`,
    `\t${sizes.map(([bits, many]) => `  ${bits}: ${many}`).join('')}`,
    `\tPointers: ${pointers}`,
    `Null ptrs: ${all.nulls}`,
    `Total size: ${Math.ceil(octets / 1_024)}  kB`,
  ];
}

/** Without the counters of lookups, which a kernel may be built with (CONFIG_IP_FIB_TRIE_STATS). */
export const fibTrieStatText = (netns: Netns): string =>
  lines([
    `Basic info: size of leaf: ${SIZE.leaf} bytes, size of tnode: ${SIZE.inner} bytes.`,
    ...triesOf(netns).flatMap(statisticsRows),
  ]);
