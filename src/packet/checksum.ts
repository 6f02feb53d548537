/**
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 *
 * A *sum* here is the running ones' complement sum, not yet complemented: sums are chained
 * (pseudo-header, then segment) and finished once.
 */

import type { Ipv4Addr, Ipv6Addr } from './ip.js';

/** Both carries folded in: 0 to 0xffff for any sum below 2^32. */
function fold(sum: number): number {
  const once = (sum >>> 16) + (sum & 0xffff);
  return (once >>> 16) + (once & 0xffff);
}

/**
 * `sum` with the octets `[offset, end)` added, RFC 1071 §2 (C). An odd last octet counts as if a zero followed,
 * so only the last part of a chain may have odd length. Good for 128 KiB at once.
 * Two lanes over 32-bit loads: more than twice as fast as 16-bit ones (facts: 64 against 30 million 64-octet packets/s).
 */
export function checksumPartial(view: DataView, offset: number, end: number, sum = 0): number {
  let high = 0;
  let low = 0;
  let at = offset;
  for (const last = end - 4; at <= last; at += 4) {
    const word = view.getInt32(at);
    high += word >>> 16;
    low += word & 0xffff;
  }
  if (at + 2 <= end) {
    low += view.getUint16(at);
    at += 2;
  }
  if (at < end) low += view.getUint8(at) << 8;
  return fold(fold(high) + fold(low) + fold(sum));
}

/** The checksum field for a finished sum: folded and complemented. */
export const finishChecksum = (sum: number): number => ~fold(sum) & 0xffff;

/** HC' = ~(~HC + ~m + m'), RFC 1624 §3 eqn. 3: the checksum after a 16-bit field went from `m` to `m2`. */
export const updateChecksum16 = (hc: number, m: number, m2: number): number =>
  ~fold((~hc & 0xffff) + (~m & 0xffff) + (m2 & 0xffff)) & 0xffff;

/** The same for a 32-bit field (an address, signed or not): both its halves at once. */
export const updateChecksum32 = (hc: number, m: number, m2: number): number =>
  ~fold((~hc & 0xffff) + (~m >>> 16) + (~m & 0xffff) + (m2 >>> 16) + (m2 & 0xffff)) & 0xffff;

/** Sum of the IPv4 pseudo-header (RFC 9293 §3.1, RFC 768): `length` is that of transport header and data. */
export const pseudoHeaderSum = (source: Ipv4Addr, destination: Ipv4Addr, protocol: number, length: number): number =>
  (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length;

const addressSum = (addr: Ipv6Addr): number => addr.reduce((sum, word) => sum + (word >>> 16) + (word & 0xffff), 0);

/** Sum of the IPv6 pseudo-header (RFC 8200 §8.1). */
export const pseudoHeaderSum6 = (source: Ipv6Addr, destination: Ipv6Addr, protocol: number, length: number): number =>
  addressSum(source) + addressSum(destination) + protocol + (length >>> 16) + (length & 0xffff);
