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

function releaseOne(
  store: IpamStore,
  block: AllocationBlock,
  { address, handleId = '', sequenceNumber }: Release,
): boolean {
  const attribute = block.attributeOf(address);
  if (attribute === undefined) return false;
  const owner = sanitizeHandle(attribute.handleId ?? '');
  if (handleId !== '' && sanitizeHandle(handleId) !== owner) {
    const identifier = formatAddress(address);
    throw new IpamError(
      'conflict',
      `update conflict: ${identifier}: bad handle, requested ${handleId}, expected ${owner}`,
    );
  }
  const sequence = block.sequenceNumberForAllocation.get(block.ordinalOf(address)) ?? 0n;
  if (sequenceNumber !== undefined && sequenceNumber !== sequence) {
    const wanted = `bad sequence number, requested ${sequenceNumber}, expected ${sequence}`;
    throw new IpamError('conflict', `update conflict: ${formatAddress(address)}: ${wanted}`);
  }
  block.release([block.ordinalOf(address)]);
  if (owner !== '') store.decrementHandle(owner, block.cidr, 1);
  return true;
}

/** Returns those that were not assigned in the first place. */
export function releaseAddresses(store: IpamStore, releases: readonly Release[], context: IpamContext): Address[] {
  const unallocated: Address[] = [];
  const changed = new Set<AllocationBlock>();
  for (const release of releases) {
    const block = blockOf(store, release.address, context);
    if (block !== undefined && releaseOne(store, block, release)) changed.add(block);
    else unallocated.push(release.address);
  }
  for (const block of changed) afterRelease(store, block, context);
  return unallocated;
}

/** Throws IpamError where the handle is unknown: callers who do not mind catch it. */
export function releaseByHandle(store: IpamStore, handleId: string, context: IpamContext): void {
  const id = sanitizeHandle(handleId);
  for (const cidr of store.requireHandle(id).keys()) {
    const block = store.blockNamed(cidr);
    const ordinals = block?.ordinalsOfHandle(id) ?? [];
    if (block === undefined || ordinals.length === 0) continue;
    block.release(ordinals);
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
