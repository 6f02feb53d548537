/**
 * SipHash-2-4 (Aumasson and Bernstein; lib/siphash.c) of whole 64-bit words, which are pairs of 32-bit ones: BigInt
 * would be slow on the packet path.
 */

/** v0…v3, each as low and high half. */
const state = new Int32Array(8);

function add(to: number, from: number): void {
  const low = ((state[to] ?? 0) >>> 0) + ((state[from] ?? 0) >>> 0);
  state[to + 1] = (state[to + 1] ?? 0) + (state[from + 1] ?? 0) + (low > 0xffff_ffff ? 1 : 0);
  state[to] = low;
}

/** Rotates left by `bits` (below 32), then exclusive or with another word. */
function rotateXor(at: number, bits: number, other: number): void {
  const low = state[at] ?? 0;
  const high = state[at + 1] ?? 0;
  state[at] = ((low << bits) | (high >>> (32 - bits))) ^ (state[other] ?? 0);
  state[at + 1] = ((high << bits) | (low >>> (32 - bits))) ^ (state[other + 1] ?? 0);
}

/** Rotates left by 32. */
function swapHalves(at: number): void {
  const low = state[at] ?? 0;
  state[at] = state[at + 1] ?? 0;
  state[at + 1] = low;
}

const V0 = 0;
const V1 = 2;
const V2 = 4;
const V3 = 6;

function round(): void {
  add(V0, V1);
  rotateXor(V1, 13, V0);
  swapHalves(V0);
  add(V2, V3);
  rotateXor(V3, 16, V2);
  add(V0, V3);
  rotateXor(V3, 21, V0);
  add(V2, V1);
  rotateXor(V1, 17, V2);
  swapHalves(V2);
}

function compress(low: number, high: number): void {
  state[V3] = (state[V3] ?? 0) ^ low;
  state[V3 + 1] = (state[V3 + 1] ?? 0) ^ high;
  round();
  round();
  state[V0] = (state[V0] ?? 0) ^ low;
  state[V0 + 1] = (state[V0 + 1] ?? 0) ^ high;
}

/** A key: k0 and k1, each as low and high half. */
export type SipKey = readonly [k0Low: number, k0High: number, k1Low: number, k1High: number];

/** The low 32 bits of the hash. `words` are little-endian halves of 64-bit words: an even number of them. */
export function siphash32(words: Int32Array, [k0Low, k0High, k1Low, k1High]: SipKey): number {
  state[V0] = 0x70736575 ^ k0Low;
  state[V0 + 1] = 0x736f6d65 ^ k0High;
  state[V1] = 0x6e646f6d ^ k1Low;
  state[V1 + 1] = 0x646f7261 ^ k1High;
  state[V2] = 0x6e657261 ^ k0Low;
  state[V2 + 1] = 0x6c796765 ^ k0High;
  state[V3] = 0x79746573 ^ k1Low;
  state[V3 + 1] = 0x74656462 ^ k1High;
  for (let i = 0; i < words.length; i += 2) compress(words[i] ?? 0, words[i + 1] ?? 0);
  compress(0, (words.length * 4) << 24);
  state[V2] = (state[V2] ?? 0) ^ 0xff;
  for (let i = 0; i < 4; i += 1) round();
  return ((state[V0] ?? 0) ^ (state[V1] ?? 0) ^ (state[V2] ?? 0) ^ (state[V3] ?? 0)) >>> 0;
}
