/** Ranges of addresses that a load balancer gives: `192.0.2.7`, `192.0.2.0/28` or `192.0.2.1-192.0.2.9`. IPv4 alone. */

import { type Ipv4Addr, ipv4, ipv4Range, parseIpv4, parseIpv4Network } from '../../packet/index.js';

export interface AddressRange {
  readonly first: Ipv4Addr;
  readonly last: Ipv4Addr;
}

const isBefore = (a: Ipv4Addr, b: Ipv4Addr): boolean => a >>> 0 < b >>> 0;

/** Undefined for what is no range, and for one of IPv6. */
export function parseAddressRange(given: string): AddressRange | undefined {
  const [from = '', to, more] = given.split('-').map((part) => part.trim());
  if (more !== undefined) return undefined;
  if (to === undefined && from.includes('/')) {
    const network = parseIpv4Network(from);
    return network && ipv4Range(network);
  }
  const first = parseIpv4(from);
  const last = to === undefined ? first : parseIpv4(to);
  if (first === undefined || last === undefined || isBefore(last, first)) return undefined;
  return { first, last };
}

export const inRange = ({ first, last }: AddressRange, address: Ipv4Addr): boolean =>
  !isBefore(address, first) && !isBefore(last, address);

/** In order, one after the other: a range may be a whole /8. */
export function* addressesOf({ first, last }: AddressRange): Generator<Ipv4Addr> {
  for (let value = first >>> 0; value <= last >>> 0; value += 1) yield ipv4(value);
}
