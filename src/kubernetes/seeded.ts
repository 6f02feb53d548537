/**
 * Chance by seed. Every use draws from a generator of its own, made from the seed and the name of what it
 * is for: one more Deployment in a cluster changes no other's pod names.
 */

/** FNV-1a over UTF-16 units, 32 bits (hash/fnv New32a for ASCII). */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** splitmix32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** The generator for one purpose: the same for the same seed and words. */
  static for(seed: number, purpose: string): Random {
    return new Random(fnv1a(purpose) ^ Math.imul(seed | 0, 0x9e3779b1));
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from 0 up to, not including, `limit`. */
  int(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}
