/** Addresses and networks of either family, as BIRD's lib/ip.c and its `net` have them. */

import { compareIpv4, formatIpv4, formatIpv6, type Ipv4Addr, type Ipv6Addr, ipv4, ipv4Mask } from '../packet/index.js';

/** A number is IPv4, four words are IPv6. */
export type IpAddr = Ipv4Addr | Ipv6Addr;
export type Family = 'ipv4' | 'ipv6';

const familyOf = (addr: IpAddr): Family => (typeof addr === 'number' ? 'ipv4' : 'ipv6');
export const maxLength = (addr: IpAddr): number => (typeof addr === 'number' ? 32 : 128);

export const formatIp = (addr: IpAddr): string => (typeof addr === 'number' ? formatIpv4(addr) : formatIpv6(addr));

/** A router id, cluster id or originator id: printed as an address. */
export const formatQuad = (value: number): string => formatIpv4(ipv4(value));

export function ipEquals(a: IpAddr, b: IpAddr): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b;
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

/** Unsigned order; IPv4 before IPv6, as v4-mapped addresses lie. */
export function compareIp(a: IpAddr, b: IpAddr): number {
  if (typeof a === 'number') return typeof b === 'number' ? compareIpv4(a, b) : -1;
  if (typeof b === 'number') return 1;
  for (let i = 0; i < 4; i++) {
    const difference = ((a[i] ?? 0) >>> 0) - ((b[i] ?? 0) >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export const isZeroIp = (addr: IpAddr): boolean =>
  typeof addr === 'number' ? addr === 0 : addr.every((word) => word === 0);

const wordMask = (length: number, index: number): number => ipv4Mask(Math.max(0, Math.min(32, length - 32 * index)));

/** The network address: host bits cleared. */
export function maskIp(addr: IpAddr, length: number): IpAddr {
  if (typeof addr === 'number') return ipv4(addr & ipv4Mask(length));
  const [a, b, c, d] = addr;
  return [a & wordMask(length, 0), b & wordMask(length, 1), c & wordMask(length, 2), d & wordMask(length, 3)];
}

/** Whether the first `length` bits are the same. Addresses of different families never agree. */
export function sharesBits(a: IpAddr, b: IpAddr, length: number): boolean {
  if (typeof a === 'number') return typeof b === 'number' && ((a ^ b) & ipv4Mask(length)) === 0;
  if (typeof b === 'number') return false;
  for (let i = 0; i < 4 && 32 * i < length; i++) {
    if ((((a[i] ?? 0) ^ (b[i] ?? 0)) & wordMask(length, i)) !== 0) return false;
  }
  return true;
}

/** fe80::/10. */
export const isLinkLocalIp = (addr: IpAddr): boolean =>
  typeof addr !== 'number' && (addr[0] & 0xffc0_0000) === (0xfe80_0000 | 0);

/** What tells a network from all others, for maps. */
export const netKey = (addr: IpAddr, length: number): number | string =>
  typeof addr === 'number' ? (addr >>> 0) * 64 + length : `${addr.join(',')}/${length}`;

/** The key of the network that an address alone is. */
export const hostKey = (addr: IpAddr): number | string => netKey(addr, maxLength(addr));

/** A network: an address with no host bits and a length. */
export class Net {
  readonly addr: IpAddr;
  readonly length: number;
  /** Unique among networks, for maps. */
  readonly key: number | string;

  constructor(addr: IpAddr, length: number) {
    this.addr = addr;
    this.length = length;
    this.key = netKey(addr, length);
  }

  /** The network of that length that an address is in. */
  static of(addr: IpAddr, length: number): Net {
    return new Net(maskIp(addr, length), length);
  }

  get family(): Family {
    return familyOf(this.addr);
  }

  toString(): string {
    return `${formatIp(this.addr)}/${this.length}`;
  }
}

export const hostNet = (addr: IpAddr): Net => new Net(addr, maxLength(addr));

export const netContainsIp = (net: Net, addr: IpAddr): boolean => sharesBits(net.addr, addr, net.length);
/** net_in_net(): `inner` is `outer` or a part of it. */
export const netInNet = (inner: Net, outer: Net): boolean =>
  inner.length >= outer.length && sharesBits(inner.addr, outer.addr, outer.length);
export const netEquals = (a: Net, b: Net): boolean => a.key === b.key;

/** What an address is good for (lib/ip.c:ip4_classify(), ip6_classify()). */
export type AddressClass = 'host' | 'loopback' | 'link' | 'multicast' | 'broadcast' | 'invalid';

export function classifyIp(addr: IpAddr): AddressClass {
  if (typeof addr === 'number') {
    const first = addr >>> 24;
    if (first === 0) return 'invalid';
    if (first === 0x7f) return 'loopback';
    if (first >= 0xe0 && first <= 0xef) return 'multicast';
    return addr === -1 ? 'broadcast' : 'host';
  }
  if (addr[0] === 0 && addr[1] === 0 && addr[2] === 0) {
    if (addr[3] === 0) return 'invalid';
    if (addr[3] === 1) return 'loopback';
  }
  if ((addr[0] & 0xff00_0000) === (0xff00_0000 | 0)) return 'multicast';
  return isLinkLocalIp(addr) ? 'link' : 'host';
}

/** rte_validate(): a network that routes may lead to. The default route may, loopback, link-local and multicast may not. */
export const isRoutable = (net: Net): boolean => isZeroIp(net.addr) || classifyIp(net.addr) === 'host';
