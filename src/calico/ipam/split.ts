/** A pool's network cut into smaller ones; calicoctl/commands/ipam/split.go:splitCIDR(). */

import { addressBits, type Cidr, formatCidr, networkOf } from '../cidr.js';
import { IpamError } from './errors.js';

/** `parts` networks of one size, in their order. Throws IpamError where they cannot be made. */
export function splitCidr(cidr: Cidr, parts: number): Cidr[] {
  const power = Math.log2(parts);
  if (!Number.isInteger(power) || power === 0)
    throw new IpamError('invalid', `number to split CIDR into is not a valid power of 2: ${parts}`);
  const length = cidr.length + power;
  const bits = addressBits(cidr.version);
  if (length > bits)
    throw new IpamError('invalid', `the CIDR ${formatCidr(cidr)} is not large enough to be split into ${parts} parts`);
  const first = networkOf(cidr);
  const size = 1n << BigInt(bits - length);
  return Array.from({ length: parts }, (_, i) => ({ ...first, value: first.value + BigInt(i) * size, length }));
}
