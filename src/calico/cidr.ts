/**
 * Addresses and prefixes of either family, as the control plane reckons with them: IPAM cuts pools in
 * blocks and counts ordinals, which is one sum for both families on a whole number. What goes into a
 * kernel is turned into `packet`'s own forms at the border (`ipv4Of`, `ipv4PrefixOf`).
 */

import {
  formatIpv4,
  formatIpv6,
  type Ipv4Addr,
  type Ipv4Prefix,
  ipv4,
  parseIpv4,
  parseIpv4Prefix,
  parseIpv6,
  parseIpv6Prefix,
  type Ipv6Addr,
} from '../packet/index.js';

export type IpVersion = 4 | 6;

export interface Address {
  readonly version: IpVersion;
  /** Unsigned, most significant octet first. */
  readonly value: bigint;
}

export interface Cidr {
  readonly version: IpVersion;
  /** As written: host bits are kept until `networkOf`. */
  readonly value: bigint;
  readonly length: number;
}

export const addressBits = (version: IpVersion): number => (version === 4 ? 32 : 128);

const fromIpv6 = (words: Ipv6Addr): bigint => words.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);

const toIpv6 = (value: bigint): Ipv6Addr => {
  const word = (shift: bigint): number => Number(BigInt.asIntN(32, value >> shift));
  return [word(96n), word(64n), word(32n), word(0n)];
};

export const addressOfIpv4 = (addr: Ipv4Addr): Address => ({ version: 4, value: BigInt(addr >>> 0) });

/** An address of either family, or undefined. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(':')) {
    const addr = parseIpv4(text);
    return addr === undefined ? undefined : addressOfIpv4(addr);
  }
  const words = parseIpv6(text);
  return words && { version: 6, value: fromIpv6(words) };
}

/** `address/length`, host bits kept, or undefined. */
export function parseCidr(text: string): Cidr | undefined {
  if (!text.includes(':')) {
    const prefix = parseIpv4Prefix(text);
    return prefix && { version: 4, value: BigInt(prefix.addr >>> 0), length: prefix.length };
  }
  const prefix = parseIpv6Prefix(text);
  return prefix && { version: 6, value: fromIpv6(prefix.addr), length: prefix.length };
}

/** A prefix, or an address as a prefix of full length. */
export function parseCidrOrAddress(text: string): Cidr | undefined {
  if (text.includes('/')) return parseCidr(text);
  const address = parseAddress(text);
  return address && hostCidr(address);
}

export const formatAddress = ({ version, value }: Address): string =>
  version === 4 ? formatIpv4(ipv4(Number(value))) : formatIpv6(toIpv6(value));

export const formatCidr = (cidr: Cidr): string => `${formatAddress(cidr)}/${cidr.length}`;

/** How many low bits a prefix leaves to hosts. */
const hostBits = ({ version, length }: Cidr): bigint => BigInt(addressBits(version) - length);

/** Number of addresses. */
export const cidrSize = (cidr: Cidr): bigint => 1n << hostBits(cidr);

/** The prefix with its host bits cleared. */
export function networkOf(cidr: Cidr): Cidr {
  const bits = hostBits(cidr);
  return { version: cidr.version, value: (cidr.value >> bits) << bits, length: cidr.length };
}

export const hostCidr = ({ version, value }: Address): Cidr => ({ version, value, length: addressBits(version) });

/** The prefix of that length that an address stands in, its host bits kept. */
export const cidrAt = ({ version, value }: Address, length: number): Cidr => ({ version, value, length });

export const isHostCidr = ({ version, length }: Cidr): boolean => length === addressBits(version);

/** The address of a prefix as written, without its length. */
export const addressOf = ({ version, value }: Cidr): Address => ({ version, value });

export function cidrContains(cidr: Cidr, address: Address): boolean {
  const bits = hostBits(cidr);
  return cidr.version === address.version && cidr.value >> bits === address.value >> bits;
}

/** Whether `inner` lies wholly inside `outer`. */
export const cidrCovers = (outer: Cidr, inner: Cidr): boolean =>
  outer.length <= inner.length && cidrContains(outer, inner);

export const cidrsOverlap = (a: Cidr, b: Cidr): boolean => cidrCovers(a, b) || cidrCovers(b, a);

export const sameAddress = (a: Address, b: Address): boolean => a.version === b.version && a.value === b.value;

export const sameCidr = (a: Cidr, b: Cidr): boolean => sameAddress(a, b) && a.length === b.length;

/** The `index`-th address of a prefix, counted from its network address. */
export const nthAddress = (cidr: Cidr, index: number): Address => ({
  version: cidr.version,
  value: networkOf(cidr).value + BigInt(index),
});

/** Family, then numeric order, then the shorter prefix. */
export function compareCidr(a: Cidr, b: Cidr): number {
  if (a.version !== b.version) return a.version - b.version;
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.length - b.length;
}

/** The kernel's form of an IPv4 address. */
export const ipv4Of = ({ value }: Address): Ipv4Addr => ipv4(Number(value));

/** The kernel's form of an IPv4 prefix. */
export const ipv4PrefixOf = (cidr: Cidr): Ipv4Prefix => ({ addr: ipv4Of(cidr), length: cidr.length });
