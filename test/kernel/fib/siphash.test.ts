import t from 'tap';
import { siphash32 } from '../../../src/kernel/fib/siphash.js';

/** The authors' vectors (vectors.h of their reference code): key 00…0f, message 00…, its first four octets. */
const VECTORS: readonly (readonly [octets: number, hash: number])[] = [
  [0, 0xdd0e_0e31],
  [8, 0x9a93_2462],
  [16, 0x57c2_9bdb],
  [48, 0x9ecb_a951],
];

t.test('SipHash-2-4 of whole words, as its authors give it', (t) => {
  const message = Uint8Array.from({ length: 64 }, (_, i) => i);
  for (const [octets, hash] of VECTORS) {
    const words = new Int32Array(message.buffer, 0, octets / 4);
    t.equal(siphash32(words, [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c]), hash, `${octets} octets`);
  }
  t.end();
});
