/** How full pools and blocks are, and who has borrowed from whom: what `calicoctl ipam show` reports. */

import { type Address, type Cidr, cidrsOverlap, networkOf, nthAddress } from '../cidr.js';
import type { IpPool } from '../model.js';
import type { AllocationBlock } from './block.js';
import type { IpamStore } from './store.js';

export interface BlockUse {
  readonly cidr: Cidr;
  readonly capacity: number;
  readonly free: number;
}

export interface PoolUtilization {
  /** Undefined: blocks whose pool is gone. */
  readonly pool: IpPool | undefined;
  readonly blocks: readonly BlockUse[];
}

/** libcalico-go/lib/ipam/ipam.go:GetUtilization(). Pools by name, disabled ones too; a block counts for the first. */
export function utilization(store: IpamStore, pools: readonly IpPool[]): PoolUtilization[] {
  const uses = pools.map((pool) => ({ pool, blocks: [] as BlockUse[] }));
  const orphaned: BlockUse[] = [];
  for (const { cidr, size, unallocated } of store.blocks()) {
    const owner = uses.find(({ pool }) => cidrsOverlap(networkOf(pool.cidr), cidr));
    const use = { cidr, capacity: size, free: unallocated.length };
    if (owner !== undefined) owner.blocks.push(use);
    // Upstream looks for them below 0.0.0.0/0: an IPv6 block without a pool is nowhere.
    else if (cidr.version === 4) orphaned.push(use);
  }
  return [...uses, { pool: undefined, blocks: orphaned }];
}

export interface BorrowedAddress {
  readonly address: Address;
  readonly borrower: string;
  readonly block: Cidr;
  /** Empty for a block of nobody. */
  readonly owner: string;
  /** `pod`, or the `type` that was stored with it: a tunnel's. */
  readonly type: string;
  /** `namespace/pod`; empty where it is no pod's. */
  readonly allocatedTo: string;
}

const ownerOf = ({ affinity = '' }: AllocationBlock): string => {
  const parts = affinity.split(':');
  return (parts.length === 2 ? parts[1] : parts[0]) ?? '';
};

/** Addresses of a node other than their block's; calicoctl/commands/ipam/show.go:getBorrowedIPs(). */
export function borrowedAddresses(store: IpamStore): {
  readonly borrowed: readonly BorrowedAddress[];
  /** Allocations that do not say whose they are. */
  readonly unclassified: number;
} {
  const borrowed: BorrowedAddress[] = [];
  let unclassified = 0;
  for (const block of store.blocks()) {
    block.allocations.forEach((index, ordinal) => {
      if (index === null) return;
      const { node, namespace = '', pod, type = '' } = block.attributes[index]?.attributes ?? {};
      if (node === undefined) unclassified += 1;
      if (node === undefined || node === ownerOf(block)) return;
      borrowed.push({
        address: nthAddress(block.cidr, ordinal),
        borrower: node,
        block: block.cidr,
        owner: ownerOf(block),
        type: pod === undefined ? type : 'pod',
        allocatedTo: pod === undefined ? '' : `${namespace}/${pod}`,
      });
    });
  }
  return { borrowed, unclassified };
}
