/**
 * Claiming blocks for a host and giving them up; libcalico-go/lib/ipam/ipam_block_reader_writer.go.
 * An affinity is written `pending`, then the block, then the affinity becomes `confirmed`: whoever finds a
 * pending one knows that its writer did not get to the end.
 */

import { type Cidr, cidrCovers, formatCidr } from '../cidr.js';
import type { IpPool } from '../model.js';
import { blocksInOrder } from './block-order.js';
import { AllocationBlock } from './block.js';
import { doesNotExist, IpamError } from './errors.js';
import { type AffinityOwner, affinityText, type BlockAffinity, type IpamContext, parseAffinity } from './model.js';
import { enabledPools, poolContaining, poolSelectsNode } from './pools.js';
import type { IpamStore } from './store.js';

/** An empty block of another host is left alone for so long: its owner may be about to use it. */
const EMPTY_BLOCK_MIN_RECLAIM_AGE_NS = 60_000_000_000n;

/** A write: whoever read an earlier number acts on stale information. */
export const touchBlock = (block: AllocationBlock): void => {
  block.sequenceNumber += 1n;
};

function createBlock(store: IpamStore, owner: AffinityOwner, cidr: Cidr, context: IpamContext): AllocationBlock {
  const now = context.nowNs();
  const block = new AllocationBlock(cidr);
  block.affinity = affinityText(owner);
  block.affinityClaimTimeNs = now;
  // A start that no earlier block of this CIDR can have had.
  block.sequenceNumber = now;
  store.putBlock(block);
  return block;
}

/** The block that an affinity stands for, made if need be. Undefined where the affinity was stale: it is then gone. */
export function blockOfAffinity(
  store: IpamStore,
  affinity: BlockAffinity,
  context: IpamContext,
): AllocationBlock | undefined {
  const { owner, cidr, state } = affinity;
  const block = store.block(cidr);
  if (block === undefined) {
    store.putAffinity({ owner, cidr, state: 'confirmed' });
    return createBlock(store, owner, cidr, context);
  }
  if (!block.isAffineTo(owner)) {
    store.deleteAffinity(affinity);
    return undefined;
  }
  if (state !== 'confirmed') {
    touchBlock(block);
    store.putAffinity({ owner, cidr, state: 'confirmed' });
  }
  return block;
}

/** Takes a block for `owner`; undefined where somebody else has it. */
export function claimBlock(
  store: IpamStore,
  owner: AffinityOwner,
  cidr: Cidr,
  context: IpamContext,
): AllocationBlock | undefined {
  const affinity: BlockAffinity = store.affinity(owner, cidr) ?? { owner, cidr, state: 'pending' };
  return blockOfAffinity(store, affinity, context);
}

/** Gives up a block: an empty one goes away, another stays without an owner. */
export function releaseAffinity(store: IpamStore, owner: AffinityOwner, cidr: Cidr, requireEmpty: boolean): void {
  const affinity = store.affinity(owner, cidr);
  if (affinity === undefined) throw doesNotExist(`BlockAffinityKey(cidr=${formatCidr(cidr)}, host=${owner.host})`);
  const block = store.block(cidr);
  if (block === undefined) throw doesNotExist(`BlockKey(cidr=${formatCidr(cidr)})`);
  if (block.affinity !== undefined && !block.isAffineTo(owner)) {
    store.deleteAffinity(affinity);
    throw new IpamError('conflict', `block '${formatCidr(cidr)}' is claimed by ${block.affinity}`);
  }
  if (block.empty) store.deleteBlock(block);
  else if (requireEmpty) throw new IpamError('block-not-empty', `block '${formatCidr(cidr)}' is not empty`);
  else {
    block.affinity = undefined;
    block.affinityClaimTimeNs = undefined;
    touchBlock(block);
  }
  store.deleteAffinity(affinity);
}

const TOLERATED = new Set(['conflict', 'block-not-empty', 'does-not-exist']);

/** As `releaseAffinity` with an empty block required; anything in the way is no error. */
export function tryReleaseAffinity(store: IpamStore, owner: AffinityOwner, cidr: Cidr): boolean {
  try {
    releaseAffinity(store, owner, cidr, true);
    return true;
  } catch (error) {
    if (error instanceof IpamError && TOLERATED.has(error.code)) return false;
    throw error;
  }
}

export interface BlockSearch {
  readonly owner: AffinityOwner;
  readonly pools: readonly IpPool[];
  readonly context: IpamContext;
}

/** The next block that `owner` may take: unclaimed, or its own with room, or an old empty one of another host. */
export function findUsableBlock(store: IpamStore, { owner, pools, context }: BlockSearch): Cidr | undefined {
  const { reservations } = context;
  const reclaimable: AllocationBlock[] = [];
  for (const pool of pools) {
    for (const cidr of blocksInOrder(pool, owner.host, context.nowNs)) {
      if (reservations.some((reserved) => cidrCovers(reserved, cidr))) continue;
      const block = store.block(cidr);
      if (block === undefined) return cidr;
      if (block.countFree(reservations) === 0) continue;
      if (block.isAffineTo(owner)) return cidr;
      if (block.empty) reclaimable.push(block);
    }
  }
  const now = context.nowNs();
  return reclaimable.find((block) => {
    const holder = parseAffinity(block.affinity ?? '');
    const old = now - (block.affinityClaimTimeNs ?? 0n) >= EMPTY_BLOCK_MIN_RECLAIM_AGE_NS;
    return old && holder !== undefined && tryReleaseAffinity(store, holder, block.cidr);
  })?.cidr;
}

/** After a release: a block whose pool has stopped selecting its node is given up, if it is empty. */
export function ensureConsistentAffinity(store: IpamStore, block: AllocationBlock, context: IpamContext): void {
  const owner = parseAffinity(block.affinity ?? '');
  const labels = owner && owner.host !== '' ? context.nodeLabels(owner.host) : undefined;
  const pool = poolContaining(enabledPools(context.pools, block.cidr.version), block.cidr);
  if (owner === undefined || labels === undefined || pool === undefined || poolSelectsNode(pool, labels)) return;
  tryReleaseAffinity(store, owner, block.cidr);
}
