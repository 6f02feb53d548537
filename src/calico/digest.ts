/** The digests that Calico names things with, and Go's spellings of them. */

import { createHash } from 'node:crypto';

type Algorithm = 'sha1' | 'sha224' | 'sha256' | 'sha3-224' | 'sha3-256';

export const digest = (algorithm: Algorithm, text: string | Uint8Array): Buffer =>
  createHash(algorithm).update(text).digest();

/** RFC 4648 §5, unpadded: Go's base64.RawURLEncoding. */
export const base64Url = (bytes: Buffer): string => bytes.toString('base64url');

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 §6, unpadded. */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32.charAt((held >>> bits) & 31);
    }
  }
  return bits === 0 ? text : text + BASE32.charAt((held << (5 - bits)) & 31);
}

/** Order of UTF-8 bytes, as Go sorts strings. */
export const compareText = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
