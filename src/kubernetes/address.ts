/** Addresses of either family, as Kubernetes fields hold them. */

import {
  formatIpv4,
  formatIpv6,
  ipv4Network,
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
  texts.map(parseIpSloppy).filter((address) => address !== undefined);

export const parseCidr = (text: string): Cidr | undefined =>
  text.includes(':') ? parseIpv6Prefix(text) : parseIpv4Prefix(text);

/** Leading zeros are decimal zeros: `010.000.001` and `/08`. */
const withoutLeadingZeros = (text: string): string => text.replace(/(^|[./])0+(?=\d)/g, '$1');

/** k8s.io/utils/net ParseIPSloppy(): the form that fields of old API groups still take. */
export const parseIpSloppy = (text: string): IpAddress | undefined =>
  text.includes(':') ? parseIp(text) : parseIp(withoutLeadingZeros(text));

/** k8s.io/utils/net ParseCIDRSloppy(). */
export const parseCidrSloppy = (text: string): Cidr | undefined =>
  text.includes(':') ? parseCidr(text) : parseCidr(withoutLeadingZeros(text));

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

const networkWord = (word: number, i: number, length: number): number => word & wordMask(length, i * 32);

/** The prefix with its host bits cleared. */
export function networkOf({ addr, length }: Cidr): Cidr {
  if (isIpv4(addr)) return { addr: ipv4Network(addr, length), length };
  const [a, b, c, d] = addr;
  const at = (word: number, i: number): number => networkWord(word, i, length);
  return { addr: [at(a, 0), at(b, 1), at(c, 2), at(d, 3)], length };
}

/** No bit set behind the prefix. */
export const isNetwork = ({ addr, length }: Cidr): boolean =>
  words(addr).every((word, i) => (word & ~wordMask(length, i * 32)) === 0);
