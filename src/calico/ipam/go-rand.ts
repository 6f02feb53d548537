/**
 * Go's `math/rand` source, seeded: an additive lagged Fibonacci generator, x[n] = x[n-607] + x[n-273]
 * modulo 2^64. Calico draws a host's first block from it, so its numbers must be Go's, bit for bit.
 * Counterparts: Go's math/rand/rng.go, math/big/nat.go:random().
 */

import { RNG_COOKED } from './go-rand-table.js';

const LENGTH = 607;
const TAP = 273;
const INT32_MAX = 0x7fffffff;
const WARM_UP = 20;
const HEX_DIGITS = 16;

/** x = 48271 x mod (2^31 - 1), Schrage's way. */
function seedStep(x: number): number {
  const high = Math.trunc(x / 44488);
  const next = 48271 * (x % 44488) - 3399 * high;
  return next < 0 ? next + INT32_MAX : next;
}

/** What Go makes of any 64-bit seed. */
function reduceSeed(seed: bigint): number {
  const rest = Number(seed % BigInt(INT32_MAX));
  const positive = rest < 0 ? rest + INT32_MAX : rest;
  return positive === 0 ? 89482311 : positive;
}

/** The state, each 64-bit word as two halves: BigInt words are some hundred times dearer. */
export class GoRand {
  readonly #high = new Int32Array(LENGTH);
  readonly #low = new Int32Array(LENGTH);
  #tap = 0;
  #feed = LENGTH - TAP;

  constructor(seed: bigint) {
    let x = reduceSeed(seed);
    const next = (): number => {
      x = seedStep(x);
      return x;
    };
    for (let i = 0; i < WARM_UP; i++) next();
    for (let i = 0; i < LENGTH; i++) {
      const [a, b, c] = [next(), next(), next()];
      // a << 40 ^ b << 20 ^ c ^ cooked[i]
      const cooked = i * HEX_DIGITS;
      this.#high[i] = (a << 8) ^ (b >>> 12) ^ Number.parseInt(RNG_COOKED.slice(cooked, cooked + 8), 16);
      this.#low[i] = (b << 20) ^ c ^ Number.parseInt(RNG_COOKED.slice(cooked + 8, cooked + HEX_DIGITS), 16);
    }
  }

  /** One step; leaves the new word in the state and says where. */
  #step(): number {
    this.#tap = (this.#tap + LENGTH - 1) % LENGTH;
    this.#feed = (this.#feed + LENGTH - 1) % LENGTH;
    const [feed, tap] = [this.#feed, this.#tap];
    const low = ((this.#low[feed] ?? 0) >>> 0) + ((this.#low[tap] ?? 0) >>> 0);
    this.#high[feed] = (this.#high[feed] ?? 0) + (this.#high[tap] ?? 0) + (low > 0xffffffff ? 1 : 0);
    this.#low[feed] = low;
    return feed;
  }

  uint64(): bigint {
    const at = this.#step();
    return (BigInt((this.#high[at] ?? 0) >>> 0) << 32n) | BigInt((this.#low[at] ?? 0) >>> 0);
  }

  /** Bits 31 to 62 of a word. */
  uint32(): number {
    const at = this.#step();
    return (((this.#high[at] ?? 0) << 1) | ((this.#low[at] ?? 0) >>> 31)) >>> 0;
  }

  /** A whole number below `limit`, as big.Int.Rand draws it: 64-bit words, low half first, until one is small enough. */
  below(limit: bigint): bigint {
    const bits = BigInt(limit.toString(2).length);
    const words = (bits + 63n) / 64n;
    const mask = (1n << bits) - 1n;
    for (;;) {
      let value = 0n;
      for (let word = 0n; word < words; word++) {
        const low = BigInt(this.uint32());
        const high = BigInt(this.uint32());
        value |= (low | (high << 32n)) << (64n * word);
      }
      value &= mask;
      if (value < limit) return value;
    }
  }
}
