/**
 * The order in which `show route` lists networks: that of BIRD's hash table (nest/rt-fib.c). Its buckets are the
 * high bits of the hash and chains are kept in order, so that the size of the table does not matter.
 */

import type { Net } from '../address.js';
import type { Dialect } from '../config/keywords.js';

const words = ({ addr }: Net): readonly number[] => (typeof addr === 'number' ? [addr] : addr);

/** 1.6, lib/ip.h: ip4_hash(), ip6_hash(): 16 bits of the address. */
function hash16(net: Net): number {
  const mixed = words(net).reduce((sum, word) => sum ^ word, 0);
  if (typeof net.addr !== 'number') return (mixed ^ (mixed >>> 16) ^ (mixed >>> 8)) & 0xffff;
  const x = mixed ^ (mixed >>> 16);
  return (x ^ (x << 10)) & 0xffff;
}

/** 2, lib/net.h: net_hash_ip4(), net_hash_ip6(). */
function hash32(net: Net): number {
  const mixed = words(net).reduce((sum, word) => sum ^ word, 0);
  const hash = typeof net.addr === 'number' ? Math.imul(mixed, 2_902_958_171) : mixed ^ (mixed << 16) ^ (mixed << 24);
  return (hash ^ (net.length << 26)) >>> 0;
}

/** Networks, given in the order in which they came into the table, as BIRD walks them. */
export function inFibOrder<T extends { readonly net: Net }>(entries: Iterable<T>, dialect: Dialect): T[] {
  const hash = dialect === 'bird-1.6' ? hash16 : hash32;
  const hashed = Array.from(entries, (entry, index) => ({ entry, index, hash: hash(entry.net) }));
  // Of equal hashes 2 has the newest first.
  const newest = dialect === 'bird-2' ? -1 : 1;
  hashed.sort((a, b) => a.hash - b.hash || newest * (a.index - b.index));
  return hashed.map(({ entry }) => entry);
}
