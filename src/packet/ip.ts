/**
 * IPv4 and IPv6 addresses as values (RFC 791 §3.2, RFC 4291 §2.2).
 *
 * An IPv4 address is one signed 32-bit integer: the only number form that V8 keeps unboxed. An IPv6
 * address is four of them, most significant first. Text is parsed and printed at the edge, in
 * `address-text.ts`; nothing here allocates but the IPv6 tuple.
 */

declare const ipv4Brand: unique symbol;

/** A signed 32-bit integer (`| 0`): 10.0.0.1 is 0x0a000001, 192.168.0.1 is negative. */
export type Ipv4Addr = number & { readonly [ipv4Brand]: true };

/** Four signed 32-bit words, network order. */
export type Ipv6Addr = readonly [number, number, number, number];

export interface Ipv4Prefix {
  readonly addr: Ipv4Addr;
  /** 0 to 32. */
  readonly length: number;
}

export interface Ipv6Prefix {
  readonly addr: Ipv6Addr;
  /** 0 to 128. */
  readonly length: number;
}

/** Brands any integer as an address; bits above 32 are dropped. */
export const ipv4 = (value: number): Ipv4Addr => (value | 0) as Ipv4Addr;

export const INADDR_ANY: Ipv4Addr = ipv4(0);
export const INADDR_LOOPBACK: Ipv4Addr = ipv4(0x7f000001);
export const INADDR_BROADCAST: Ipv4Addr = ipv4(0xffffffff);
export const DEFAULT_PREFIX: Ipv4Prefix = { addr: INADDR_ANY, length: 0 };

/** The netmask as a signed integer. `-1 << 32` is -1 in JavaScript, so /0 needs its own answer. */
export const ipv4Mask = (length: number): number => (length === 0 ? 0 : -1 << (32 - length));

/** The network address of `addr` in a prefix of that length: host bits cleared. */
export const ipv4Network = (addr: Ipv4Addr, length: number): Ipv4Addr => ipv4(addr & ipv4Mask(length));

/** The directed broadcast address: host bits set. */
export const ipv4BroadcastOf = (addr: Ipv4Addr, length: number): Ipv4Addr => ipv4(addr | ~ipv4Mask(length));

export const prefixContains = (prefix: Ipv4Prefix, addr: Ipv4Addr): boolean =>
  ((prefix.addr ^ addr) & ipv4Mask(prefix.length)) === 0;

export const prefixesOverlap = (a: Ipv4Prefix, b: Ipv4Prefix): boolean =>
  ((a.addr ^ b.addr) & ipv4Mask(Math.min(a.length, b.length))) === 0;

export const prefixEquals = (a: Ipv4Prefix, b: Ipv4Prefix): boolean => a.addr === b.addr && a.length === b.length;

/** A single address as a prefix of 32 bits. */
export const hostPrefix = (addr: Ipv4Addr): Ipv4Prefix => ({ addr, length: 32 });

/** 127.0.0.0/8, include/linux/in.h:ipv4_is_loopback(). */
export const isLoopback = (addr: Ipv4Addr): boolean => (addr & 0xff000000) === 0x7f000000;
/** 224.0.0.0/4, include/linux/in.h:ipv4_is_multicast(). */
export const isMulticast = (addr: Ipv4Addr): boolean => (addr & 0xf0000000) === (0xe0000000 | 0);
/** 0.0.0.0 alone since Linux 5.3, include/linux/in.h:ipv4_is_zeronet(). */
export const isZeronet = (addr: Ipv4Addr): boolean => addr === 0;
/** 255.255.255.255, include/linux/in.h:ipv4_is_lbcast(). */
export const isLimitedBroadcast = (addr: Ipv4Addr): boolean => addr === INADDR_BROADCAST;
/** 169.254.0.0/16, include/linux/in.h:ipv4_is_linklocal_169(). */
export const isLinkLocal = (addr: Ipv4Addr): boolean => (addr & 0xffff0000) === (0xa9fe0000 | 0);

/** Unsigned order, as networks are listed. Negative, zero or positive. */
export const compareIpv4 = (a: Ipv4Addr, b: Ipv4Addr): number => (a >>> 0) - (b >>> 0);

/** Dotted decimal. */
export const formatIpv4 = (addr: Ipv4Addr): string =>
  `${addr >>> 24}.${(addr >>> 16) & 0xff}.${(addr >>> 8) & 0xff}.${addr & 0xff}`;

export const formatPrefix = (prefix: Ipv4Prefix): string => `${formatIpv4(prefix.addr)}/${prefix.length}`;

const ipv6Groups = (addr: Ipv6Addr): number[] => addr.flatMap((word) => [word >>> 16, word & 0xffff]);

/** The longest run of two or more zero groups, the first of equals (RFC 5952 §4.2). */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  let start = -1;
  groups.forEach((group, i) => {
    if (group !== 0) start = -1;
    else {
      if (start < 0) start = i;
      if (i - start + 1 > best.length) best = { start, length: i - start + 1 };
    }
  });
  return best;
}

/** RFC 5952 canonical text. */
export function formatIpv6(addr: Ipv6Addr): string {
  const groups = ipv6Groups(addr);
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  const { start, length } = longestZeroRun(groups);
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

export const formatIpv6Prefix = (prefix: Ipv6Prefix): string => `${formatIpv6(prefix.addr)}/${prefix.length}`;
