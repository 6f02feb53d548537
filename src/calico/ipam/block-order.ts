/**
 * In which order a host tries the blocks of a pool: from a start drawn by a generator that is seeded with
 * the host's name, upwards and around. libcalico-go/lib/ipam/ipam_block_reader_writer.go:randomBlockGenerator().
 */

import { addressBits, type Cidr, cidrSize, networkOf } from '../cidr.js';
import type { IpPool } from '../model.js';
import { GoRand } from './go-rand.js';

/** FNV-1, 32 bits: multiply, then exclusive or. */
export function fnv1(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash, 0x01000193) ^ byte;
  return hash >>> 0;
}

/** Blocks of one address are started at by the clock, the rest by the host's name. */
function seedFor(pool: IpPool, host: string, nowNs: () => bigint): bigint {
  return pool.blockSize === addressBits(pool.cidr.version) ? nowNs() : BigInt(fnv1(host));
}

/** All blocks of `pool`, each once. */
export function* blocksInOrder(pool: IpPool, host: string, nowNs: () => bigint): Generator<Cidr> {
  const { version, value } = networkOf(pool.cidr);
  const blockAddresses = cidrSize({ version, value, length: pool.blockSize });
  const count = cidrSize(pool.cidr) / blockAddresses;
  if (count === 0n) return;
  const start = new GoRand(seedFor(pool, host, nowNs)).below(count);
  for (let i = 0n; i < count; i++) {
    yield { version, value: value + ((start + i) % count) * blockAddresses, length: pool.blockSize };
  }
}
