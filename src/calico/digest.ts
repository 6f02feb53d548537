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

/** Only from here on does the order of UTF-16 differ from that of UTF-8. */
const SURROGATES_AND_ABOVE = /[\ud800-\uffff]/;

/** Order of UTF-8 bytes, as Go sorts strings. */
export function compareText(a: string, b: string): number {
  if (SURROGATES_AND_ABOVE.test(a) || SURROGATES_AND_ABOVE.test(b))
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}
