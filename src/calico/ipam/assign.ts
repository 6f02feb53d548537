/** Assigning an address that was asked for by name; libcalico-go/lib/ipam/ipam.go:AssignIP(). */

import { type Address, type Cidr, formatCidr } from '../cidr.js';
import type { AllocationBlock } from './block.js';
import { claimBlock, touchBlock } from './claim.js';
import { IpamError } from './errors.js';
import type { AffinityOwner, AssignRequest, IpamContext } from './model.js';
import { blockCidrFor, enabledPools, poolContaining } from './pools.js';
import type { IpamStore } from './store.js';

/** With strict affinity only the block's owner may take from it. */
function checkAffinity(block: AllocationBlock, owner: AffinityOwner): void {
  if (block.affinity === undefined) {
    throw new IpamError('affinity', `Attempt to assign from block ${formatCidr(block.cidr)} with no affinity`);
  }
  if (!block.isAffineTo(owner)) throw new IpamError('affinity', 'Block host affinity does not match');
}

function claim(store: IpamStore, owner: AffinityOwner, cidr: Cidr, context: IpamContext): AllocationBlock {
  const block = claimBlock(store, owner, cidr, context);
  if (block === undefined) throw new IpamError('conflict', `block ${formatCidr(cidr)} is claimed by another host`);
  return block;
}

/** A block that nobody has becomes the host's; an address in a block of another host is borrowed. Throws IpamError. */
export function assignAddress(store: IpamStore, address: Address, request: AssignRequest, context: IpamContext): void {
  const pool = poolContaining(enabledPools(context.pools, address.version), address);
  // The line feed is upstream's.
  if (pool === undefined) throw new IpamError('invalid', 'The provided IP address is not in a configured pool\n');
  const { host, handleId, attributes } = request;
  const owner: AffinityOwner = { type: request.use === 'LoadBalancer' ? 'virtual' : 'host', host };
  const { strictAffinity } = store.config();
  const cidr = blockCidrFor(pool, address);
  const block = store.block(cidr) ?? claim(store, owner, cidr, context);
  if (strictAffinity) checkAffinity(block, owner);
  block.assign(address, { attributes, ...(handleId !== undefined && { handleId }) });
  if (handleId !== undefined) store.incrementHandle(handleId, cidr, 1);
  touchBlock(block);
}
