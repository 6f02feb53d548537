/** The store's form of addresses in this module's. */

import { isIpv4, type IpAddress, parseIp, type Cidr as StoredCidr } from '../../kubernetes/index.js';
import { formatIpv6 } from '../../packet/index.js';
import {
  type Address,
  addressOf,
  addressOfIpv4,
  type Cidr,
  cidrAt,
  formatAddress,
  ipv4Of,
  parseAddress,
} from '../cidr.js';

export function addressFromStore(address: IpAddress): Address {
  if (isIpv4(address)) return addressOfIpv4(address);
  return parseAddress(formatIpv6(address)) ?? { version: 6, value: 0n };
}

export const cidrFromStore = ({ addr, length }: StoredCidr): Cidr => cidrAt(addressFromStore(addr), length);

/** Back into the store's form. */
export function cidrToStore(cidr: Cidr): StoredCidr {
  if (cidr.version === 4) return { addr: ipv4Of(cidr), length: cidr.length };
  const addr = parseIp(formatAddress(addressOf(cidr)));
  if (addr === undefined || isIpv4(addr)) throw new Error('assertion failed: an IPv6 address reads as it is written');
  return { addr, length: cidr.length };
}
