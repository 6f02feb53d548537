/** Giving addresses and blocks back; libcalico-go/lib/ipam/ipam.go: ReleaseIPs(), ReleaseByHandle(), ReleaseHostAffinities(). */

import { type Address, cidrContains, formatAddress } from '../cidr.js';
import { type AllocationBlock, sanitizeHandle } from './block.js';
import { ensureConsistentAffinity, releaseAffinity, touchBlock } from './claim.js';
import { IpamError } from './errors.js';
import type { AffinityOwner, IpamContext } from './model.js';
import { blockCidrFor, poolContaining } from './pools.js';
import type { IpamStore } from './store.js';

export interface Release {
  readonly address: Address;
  /** Where given, the address is released only if it is this handle's. */
  readonly handleId?: string;
  /** Where given, the address is released only if it has not been given out anew since. */
  readonly sequenceNumber?: bigint;
}

function blockOf(store: IpamStore, address: Address, context: IpamContext): AllocationBlock | undefined {
  const pool = poolContaining(context.pools, address);
  if (pool !== undefined) return store.block(blockCidrFor(pool, address));
  // Its pool is gone, but the block may still be there.
  return store.blocks().find(({ cidr }) => cidrContains(cidr, address));
}

/** An empty block stays while it has an owner, and goes without one. */
function afterRelease(store: IpamStore, block: AllocationBlock, context: IpamContext): void {
  if (block.empty && block.affinity === undefined) {
    store.deleteBlock(block);
    return;
  }
  touchBlock(block);
  ensureConsistentAffinity(store, block, context);
}

/** Whether the address is assigned. Throws IpamError where it is another's by now. */
function isReleasable(block: AllocationBlock, { address, handleId = '', sequenceNumber }: Release): boolean {
  const outOfDate = () => new IpamError('conflict', `update conflict: ${formatAddress(address)}`);
  const sequence = block.sequenceNumberForAllocation.get(block.ordinalOf(address)) ?? 0n;
  if (sequenceNumber !== undefined && sequenceNumber !== sequence) throw outOfDate();
  const attribute = block.attributeOf(address);
  if (attribute === undefined) return false;
  if (handleId !== '' && sanitizeHandle(handleId) !== sanitizeHandle(attribute.handleId ?? '')) throw outOfDate();
  return true;
}

/** All that is asked of one block, or nothing where any of it is in the way. Returns what was not assigned. */
function releaseFromBlock(
  store: IpamStore,
  block: AllocationBlock,
  asked: readonly Release[],
  context: IpamContext,
): Address[] {
  const releases = [...new Map(asked.map((release) => [formatAddress(release.address), release])).values()];
  const assigned = new Set(releases.filter((release) => isReleasable(block, release)));
  const handles = new Set(
    [...assigned].map(({ address }) => sanitizeHandle(block.attributeOf(address)?.handleId ?? '')).filter(Boolean),
  );
  if (assigned.size > 0) {
    block.release([...assigned].map(({ address }) => block.ordinalOf(address)));
    // Upstream counts a handle once for each block, however many of its addresses went: the rest of the count stays.
    for (const id of handles) store.decrementHandle(id, block.cidr, 1);
    afterRelease(store, block, context);
  }
  return releases.flatMap((release) => (assigned.has(release) ? [] : [release.address]));
}

/**
 * Returns those that were not assigned in the first place. Throws IpamError for the first block of which something could not
 * be released; what was asked of others is done.
 */
export function releaseAddresses(store: IpamStore, releases: readonly Release[], context: IpamContext): Address[] {
  const unallocated: Address[] = [];
  const byBlock = new Map<AllocationBlock, Release[]>();
  for (const release of releases) {
    const block = blockOf(store, release.address, context);
    if (block === undefined) unallocated.push(release.address);
    else byBlock.set(block, [...(byBlock.get(block) ?? []), release]);
  }
  let failure: IpamError | undefined;
  for (const [block, asked] of byBlock) {
    try {
      unallocated.push(...releaseFromBlock(store, block, asked, context));
    } catch (error) {
      if (!(error instanceof IpamError)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return unallocated;
}

/** Throws IpamError where the handle is unknown: callers who do not mind catch it. */
export function releaseByHandle(store: IpamStore, handleId: string, context: IpamContext): void {
  const id = sanitizeHandle(handleId);
  for (const cidr of store.requireHandle(id).keys()) {
    const block = store.blockNamed(cidr);
    const ordinals = block?.ordinalsOfHandle(id) ?? [];
    if (block === undefined || ordinals.length === 0) continue;
    block.release(ordinals, 'keep-sequence');
    store.decrementHandle(id, block.cidr, ordinals.length);
    afterRelease(store, block, context);
  }
}

/** All blocks of a host; the first that could not be given up is the error, after all were tried. */
export function releaseHostAffinities(
  store: IpamStore,
  owner: AffinityOwner,
  mustBeEmpty: 'must-be-empty' | 'any',
): void {
  let failure: IpamError | undefined;
  for (const version of [4, 6] as const) {
    for (const { cidr } of store.affinitiesOf(owner, version)) {
      try {
        releaseAffinity(store, owner, cidr, mustBeEmpty === 'must-be-empty');
      } catch (error) {
        if (!(error instanceof IpamError)) throw error;
        if (error.code !== 'conflict' && error.code !== 'does-not-exist') failure = error;
      }
    }
  }
  if (failure !== undefined) throw failure;
}
