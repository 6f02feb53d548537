/** Looking up what was assigned. */

import type { Address } from '../cidr.js';
import { type AllocationAttribute, sanitizeHandle } from './block.js';
import { IpamError } from './errors.js';
import type { IpamContext } from './model.js';
import { blockCidrFor, poolContaining } from './pools.js';
import type { IpamStore } from './store.js';

/** Throws IpamError where the handle is unknown. */
export const addressesByHandle = (store: IpamStore, handleId: string): Address[] =>
  [...store.requireHandle(handleId).keys()].flatMap(
    (cidr) => store.blockNamed(cidr)?.addressesOfHandle(sanitizeHandle(handleId)) ?? [],
  );

/** Who has an address; undefined where it is free. Throws IpamError where no pool holds it. */
export function assignmentOf(
  store: IpamStore,
  address: Address,
  context: IpamContext,
): AllocationAttribute | undefined {
  const pool = poolContaining(context.pools, address);
  if (pool === undefined) throw new IpamError('invalid', 'No pool found for address');
  return store.block(blockCidrFor(pool, address))?.attributeOf(address);
}
