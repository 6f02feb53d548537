/** Addresses of either family, as Kubernetes fields hold them. */

import {
  formatIpv4,
  formatIpv6,
  type Ipv4Addr,
  type Ipv4Prefix,
  type Ipv6Addr,
  type Ipv6Prefix,
  parseIpv4,
  parseIpv4Prefix,
  parseIpv6,
  parseIpv6Prefix,
} from '../packet/index.js';

export type IpAddress = Ipv4Addr | Ipv6Addr;
export type Cidr = Ipv4Prefix | Ipv6Prefix;

export const isIpv4 = (address: IpAddress): address is Ipv4Addr => typeof address === 'number';
export const isIpv4Cidr = (cidr: Cidr): cidr is Ipv4Prefix => typeof cidr.addr === 'number';

export const parseIp = (text: string): IpAddress | undefined =>
  text.includes(':') ? parseIpv6(text) : parseIpv4(text);
/** Those of the texts that are addresses. Not flatMap(): it would take an IPv6 address apart. */
export const parseIps = (texts: readonly string[]): readonly IpAddress[] =>
  texts.map(parseIp).filter((address) => address !== undefined);

export const parseCidr = (text: string): Cidr | undefined =>
  text.includes(':') ? parseIpv6Prefix(text) : parseIpv4Prefix(text);

export const formatIp = (address: IpAddress): string => (isIpv4(address) ? formatIpv4(address) : formatIpv6(address));
export const formatCidr = (cidr: Cidr): string => `${formatIp(cidr.addr)}/${cidr.length}`;

const words = (address: IpAddress): readonly number[] => (isIpv4(address) ? [address] : address);

/** The mask of the 32-bit word that begins at bit `from`, in a prefix of that length. */
function wordMask(length: number, from: number): number {
  const bits = Math.min(32, Math.max(0, length - from));
  return bits === 0 ? 0 : -1 << (32 - bits);
}

const agree = (a: IpAddress, b: IpAddress, length: number): boolean => {
  const right = words(b);
  return words(a).every((word, i) => ((word ^ (right[i] ?? 0)) & wordMask(length, i * 32)) === 0);
};

const sameFamily = (a: IpAddress, b: IpAddress): boolean => isIpv4(a) === isIpv4(b);

export const cidrContains = (cidr: Cidr, address: IpAddress): boolean =>
  sameFamily(cidr.addr, address) && agree(cidr.addr, address, cidr.length);

export const cidrsOverlap = (a: Cidr, b: Cidr): boolean =>
  sameFamily(a.addr, b.addr) && agree(a.addr, b.addr, Math.min(a.length, b.length));

export const cidrEquals = (a: Cidr, b: Cidr): boolean =>
  a.length === b.length && sameFamily(a.addr, b.addr) && agree(a.addr, b.addr, a.length);

/** No bit set behind the prefix. */
export const isNetwork = ({ addr, length }: Cidr): boolean =>
  words(addr).every((word, i) => (word & ~wordMask(length, i * 32)) === 0);
