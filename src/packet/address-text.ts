/**
 * Addresses and prefixes as text: all parsing, validating and subnet arithmetic of input, by `ip-num`.
 * The edge only: nothing on a packet's way calls this (ip-num's objects cost some 700 times an integer).
 */

import { IPv4, IPv4CidrRange, IPv6, IPv6CidrRange } from 'ip-num';
import { type Ipv4Addr, type Ipv4Prefix, type Ipv6Addr, type Ipv6Prefix, ipv4, ipv4Network } from './ip.js';

const attempt = <T>(parse: () => T): T | undefined => {
  try {
    return parse();
  } catch {
    return undefined; // ip-num throws on anything malformed; here a miss is an answer
  }
};

const DOTTED = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/**
 * Dotted decimal with four parts, no leading zeros (RFC 6943 §3.1.1), or undefined. Not by ip-num: a table of 300,000
 * rules has as many addresses, and ip-num is some 100 times dearer.
 */
export function parseIpv4(text: string): Ipv4Addr | undefined {
  const match = DOTTED.exec(text);
  if (match === null) return undefined;
  let value = 0;
  for (let i = 1; i <= 4; i++) {
    const octet = Number(match[i]);
    if (octet > 0xff) return undefined;
    value = (value << 8) | octet;
  }
  return ipv4(value);
}

/** The four words of a 128-bit value. */
const words = (value: bigint): Ipv6Addr => {
  const word = (shift: bigint): number => Number(BigInt.asIntN(32, value >> shift));
  return [word(96n), word(64n), word(32n), word(0n)];
};

/** `::ffff:10.0.0.1` and its like: the dotted tail written as two groups. */
function undot(text: string): string | undefined {
  const tail = text.slice(text.lastIndexOf(':') + 1);
  if (!tail.includes('.')) return text;
  const addr = parseIpv4(tail);
  if (addr === undefined) return undefined;
  return `${text.slice(0, -tail.length)}${(addr >>> 16).toString(16)}:${(addr & 0xffff).toString(16)}`;
}

/** Any RFC 4291 §2.2 text without a zone, or undefined. */
export function parseIpv6(text: string): Ipv6Addr | undefined {
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(':')) return undefined;
  const plain = undot(text);
  return plain === undefined ? undefined : attempt(() => words(new IPv6(plain).getValue()));
}

function split(text: string, bits: number): { address: string; length: number } | undefined {
  const [address = '', length, extra] = text.split('/');
  if (length === undefined || extra !== undefined || !/^\d{1,3}$/.test(length) || Number(length) > bits)
    return undefined;
  return { address, length: Number(length) };
}

/** `a.b.c.d/n` as written, host bits kept, or undefined. */
export function parseIpv4Prefix(text: string): Ipv4Prefix | undefined {
  const parts = split(text, 32);
  const addr = parts && parseIpv4(parts.address);
  return parts === undefined || addr === undefined ? undefined : { addr, length: parts.length };
}

/** `a.b.c.d/n` with its host bits cleared, or undefined. */
export function parseIpv4Network(text: string): Ipv4Prefix | undefined {
  const prefix = parseIpv4Prefix(text);
  return prefix && { addr: ipv4Network(prefix.addr, prefix.length), length: prefix.length };
}

/** A prefix, or a single address as /32: what `ip route` and iptables accept; `default` is 0.0.0.0/0. */
export function parseIpv4Destination(text: string): Ipv4Prefix | undefined {
  if (text === 'default') return { addr: ipv4(0), length: 0 };
  if (text.includes('/')) return parseIpv4Prefix(text);
  const addr = parseIpv4(text);
  return addr === undefined ? undefined : { addr, length: 32 };
}

/** `x::y/n` as written, or undefined. */
export function parseIpv6Prefix(text: string): Ipv6Prefix | undefined {
  const parts = split(text, 128);
  const addr = parts && parseIpv6(parts.address);
  return parts === undefined || addr === undefined ? undefined : { addr, length: parts.length };
}

/** First and last address of a prefix. */
export function ipv4Range(prefix: Ipv4Prefix): { first: Ipv4Addr; last: Ipv4Addr; size: number } {
  const network = new IPv4(BigInt(ipv4Network(prefix.addr, prefix.length) >>> 0));
  const range = IPv4CidrRange.fromCidr(`${network.toString()}/${prefix.length}`);
  return {
    first: ipv4(Number(range.getFirst().getValue())),
    last: ipv4(Number(range.getLast().getValue())),
    size: Number(range.getSize()),
  };
}

/** First and last address of an IPv6 prefix. */
export function ipv6Range(text: string): { first: Ipv6Addr; last: Ipv6Addr } | undefined {
  return attempt(() => {
    const range = IPv6CidrRange.fromCidr(text);
    return { first: words(range.getFirst().getValue()), last: words(range.getLast().getValue()) };
  });
}

/** The `index`-th subnet of `length` bits inside `prefix`, counted from 0. */
export const ipv4Subnet = (prefix: Ipv4Prefix, length: number, index: number): Ipv4Prefix => ({
  addr: ipv4((ipv4Network(prefix.addr, prefix.length) >>> 0) + index * 2 ** (32 - length)),
  length,
});
