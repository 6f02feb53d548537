/** Longest prefix match against the plainest thing that can be right: looking at every prefix. */

import * as fc from 'fast-check';
import t from 'tap';
import { PrefixTree } from '../../../src/kernel/fib/prefix-tree.js';
import { formatPrefix, type Ipv4Prefix, ipv4, ipv4Network, prefixContains } from '../../../src/packet/index.js';

const length = fc.oneof(fc.integer({ min: 0, max: 32 }), fc.constantFrom(0, 1, 8, 24, 26, 26, 31, 32));
/** Clustered, so that prefixes nest and addresses hit. */
const address = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.integer({ min: 0x0af4_0000, max: 0x0af4_03ff }),
  fc.constantFrom(0, -1, 1, -2, 0x7fff_ffff, -0x8000_0000),
);
const prefix: fc.Arbitrary<Ipv4Prefix> = fc
  .tuple(address, length)
  .map(([addr, bits]) => ({ addr: ipv4Network(ipv4(addr), bits), length: bits }));

const byScan = (prefixes: readonly Ipv4Prefix[], addr: number): string | undefined => {
  const around = prefixes.filter((each) => prefixContains(each, ipv4(addr))).toSorted((a, b) => b.length - a.length);
  return around[0] && formatPrefix(around[0]);
};

/** All prefixes around an address, longest first, as the tree gives them. */
function chain(tree: PrefixTree, addr: number): string[] {
  const found: string[] = [];
  for (let node = tree.find(ipv4(addr)); node !== undefined; node = tree.shorter(node)) found.push(formatPrefix(node));
  return found;
}

const unique = (prefixes: readonly Ipv4Prefix[]): Ipv4Prefix[] => [
  ...new Map(prefixes.map((each) => [formatPrefix(each), each])).values(),
];

t.test('the longest prefix around an address is found, in small and large tables', (test) => {
  fc.assert(
    fc.property(
      fc.array(prefix, { maxLength: 120 }),
      fc.array(address, { minLength: 1, maxLength: 40 }),
      (prefixes, addresses) => {
        const tree = new PrefixTree();
        for (const each of prefixes) tree.require(each.addr, each.length);
        for (const addr of [...addresses, ...prefixes.map((each) => each.addr)]) {
          const found = tree.find(ipv4(addr));
          test.equal(found && formatPrefix(found), byScan(prefixes, addr));
        }
      },
    ),
    { numRuns: 60 },
  );
  test.end();
});

t.test('shorter prefixes follow longer ones, whether an index is there or not', (test) => {
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 80 }), address, (prefixes, addr) => {
      const tree = new PrefixTree();
      for (const each of prefixes) tree.require(each.addr, each.length);
      const expected = unique(prefixes)
        .filter((each) => prefixContains(each, ipv4(addr)))
        .toSorted((a, b) => b.length - a.length)
        .map(formatPrefix);
      for (let i = 0; i < 12; i++) test.same(chain(tree, addr), expected);
    }),
    { numRuns: 60 },
  );
  test.end();
});

t.test('what is removed is not found any more, and the rest still is', (test) => {
  fc.assert(
    fc.property(
      fc.array(prefix, { minLength: 1, maxLength: 60 }),
      fc.array(address, { maxLength: 20 }),
      fc.nat(),
      (prefixes, addresses, seed) => {
        const tree = new PrefixTree();
        for (const each of prefixes) tree.require(each.addr, each.length);
        for (const addr of addresses) tree.find(ipv4(addr));
        const all = unique(prefixes);
        const kept = all.filter((_, i) => (seed >>> (i % 31)) % 2 === 0);
        for (const each of all) {
          const node = tree.get(each.addr, each.length);
          if (!kept.includes(each) && node !== undefined) tree.remove(node);
        }
        test.equal(tree.size, kept.length);
        for (const addr of [...addresses, ...all.map((each) => each.addr)]) {
          const found = tree.find(ipv4(addr));
          test.equal(found && formatPrefix(found), byScan(kept, addr));
        }
      },
    ),
    { numRuns: 60 },
  );
  test.end();
});

t.test('prefixes are listed by address, and of one address the longest first', (test) => {
  const tree = new PrefixTree();
  for (const [addr, bits] of [
    [0x0a000000, 8],
    [-1, 32],
    [0, 0],
    [0x0a000000, 24],
    [-0x80000000, 1],
  ] as const)
    tree.require(ipv4(addr), bits);
  test.same(tree.sorted().map(formatPrefix), [
    '0.0.0.0/0',
    '10.0.0.0/24',
    '10.0.0.0/8',
    '128.0.0.0/1',
    '255.255.255.255/32',
  ]);
  test.end();
});
