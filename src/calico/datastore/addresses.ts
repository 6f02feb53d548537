/** The store's form of addresses in this module's. */

import { isIpv4, type IpAddress, type Cidr as StoredCidr } from '../../kubernetes/index.js';
import { formatIpv6 } from '../../packet/index.js';
import { type Address, addressOfIpv4, type Cidr, parseAddress } from '../cidr.js';

export function addressFromStore(address: IpAddress): Address {
  if (isIpv4(address)) return addressOfIpv4(address);
  return parseAddress(formatIpv6(address)) ?? { version: 6, value: 0n };
}

export const cidrFromStore = ({ addr, length }: StoredCidr): Cidr => ({ ...addressFromStore(addr), length });
