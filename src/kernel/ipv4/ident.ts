/**
 * IP identification of packets that may be cut (net/ipv4/route.c:__ip_select_ident()): a counter for each
 * bucket of (source, destination, protocol) that starts anywhere. Linux also adds a random step for the
 * time that passed; a virtual host's counters only count.
 */

import type { Ipv4Addr } from '../../packet/index.js';
import type { Random } from '../random.js';

const BUCKETS = 2048;

export class IdentGenerator {
  readonly #random: Random;
  readonly #counters = new Map<number, number>();

  constructor(random: Random) {
    this.#random = random;
  }

  next(source: Ipv4Addr, destination: Ipv4Addr, protocol: number): number {
    const mixed = Math.imul(source ^ Math.imul(destination, 0x9e3779b1) ^ protocol, 0x85ebca6b);
    const bucket = (mixed ^ (mixed >>> 15)) & (BUCKETS - 1);
    const value = this.#counters.get(bucket) ?? this.#random.below(0x10000);
    this.#counters.set(bucket, (value + 1) & 0xffff);
    return value;
  }
}
