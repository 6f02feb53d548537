/** Whether what is written down of IPAM can be what Calico wrote: each address of a block is free, or somebody's. */

import { cidrSize, parseCidr } from '../cidr.js';
import type { IpamBlockSpec, IpamObjects } from './objects.js';

export interface IpamFlaw {
  readonly path: readonly (string | number)[];
  readonly flaw: string;
}

function allocationFlaw({ allocations, unallocated, attributes }: IpamBlockSpec): IpamFlaw | undefined {
  const free = new Set(unallocated);
  if (free.size !== unallocated.length) return { path: ['unallocated'], flaw: 'has an address twice' };
  for (const [i, ordinal] of unallocated.entries())
    if (allocations[ordinal] !== null) return { path: ['unallocated', i], flaw: 'is no free address of the block' };
  for (const [ordinal, index] of allocations.entries()) {
    const path = ['allocations', ordinal];
    if (index === null && !free.has(ordinal)) return { path, flaw: "is neither free nor anybody's" };
    if (index !== null && attributes[index] === undefined) return { path, flaw: 'has no attributes' };
  }
  return undefined;
}

function blockFlaw(block: IpamBlockSpec): IpamFlaw | undefined {
  const { cidr, affinity, allocations, sequenceNumber, sequenceNumberForAllocation = {} } = block;
  const range = parseCidr(cidr);
  if (range === undefined) return { path: ['cidr'], flaw: 'is no range of addresses' };
  if (cidrSize(range) !== BigInt(allocations.length))
    return { path: ['allocations'], flaw: `has ${allocations.length} addresses, and ${cidr} has ${cidrSize(range)}` };
  if (affinity !== undefined && !/^(?:host|virtual):./.test(affinity))
    return { path: ['affinity'], flaw: 'is neither host:NAME nor virtual:NAME' };
  if (sequenceNumber === null) return { path: ['sequenceNumber'], flaw: 'is no number' };
  for (const [ordinal, number] of Object.entries(sequenceNumberForAllocation))
    if (number === null || allocations[Number(ordinal)] === undefined)
      return { path: ['sequenceNumberForAllocation', ordinal], flaw: 'is about no address of the block' };
  return allocationFlaw(block);
}

/** The first thing that is wrong with it. */
export function ipamFlaw({ blocks }: IpamObjects): IpamFlaw | undefined {
  for (const [i, block] of blocks.entries()) {
    const found = blockFlaw(block);
    if (found !== undefined) return { ...found, path: ['blocks', i, ...found.path] };
  }
  return undefined;
}
