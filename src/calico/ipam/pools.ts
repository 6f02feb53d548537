/** Which pools a request may take addresses from; libcalico-go/lib/ipam/ipam.go:determinePools(), pools.go. */

import {
  type Address,
  addressBits,
  type Cidr,
  cidrAt,
  cidrContains,
  formatCidr,
  networkOf,
  sameCidr,
} from '../cidr.js';
import { compareText } from '../digest.js';
import type { IpPool } from '../model.js';
import { type Labels, parseSelector } from '../policy/selector.js';
import { IpamError } from './errors.js';
import type { AutoAssignRequest, IpamContext } from './model.js';

const selects = (selector: string, labels: Labels): boolean =>
  selector === '' || parseSelector(selector).matches(labels);

export const poolSelectsNode = (pool: IpPool, nodeLabels: Labels): boolean => selects(pool.nodeSelector, nodeLabels);

const byName = (a: IpPool, b: IpPool): number => compareText(a.name, b.name);

/** Pools of one family that are in use, in the order in which they are tried. */
export const enabledPools = (pools: readonly IpPool[], version: 4 | 6): IpPool[] =>
  pools.filter((pool) => !pool.disabled && pool.cidr.version === version).sort(byName);

export const poolContaining = (pools: readonly IpPool[], address: Address): IpPool | undefined =>
  pools.find((pool) => cidrContains(pool.cidr, address));

/** The block of `pool` that an address falls in. */
export const blockCidrFor = (pool: IpPool, address: Address): Cidr => networkOf(cidrAt(address, pool.blockSize));

function requested(pools: readonly IpPool[], cidrs: readonly Cidr[]): IpPool[] {
  return cidrs.map((cidr) => {
    const pool = pools.find((candidate) => sameCidr(networkOf(candidate.cidr), networkOf(cidr)));
    if (pool !== undefined) return pool;
    throw new IpamError('invalid', `the given pool (${formatCidr(networkOf(cidr))}) does not exist, or is not enabled`);
  });
}

/** Pools that select the node, whatever they may be used for. Those asked for are taken without looking at selectors. */
function selectingPools(request: AutoAssignRequest, enabled: readonly IpPool[], nodeLabels: Labels): IpPool[] {
  const usable = enabled.filter(({ blockSize, cidr }) => blockSize <= addressBits(cidr.version));
  if (usable.length === 0) throw new IpamError('no-qualified-pool', 'cannot find a qualified ippool');
  if (request.requestedPools && request.requestedPools.length > 0) return requested(usable, request.requestedPools);
  return enabled.filter(
    (pool) =>
      pool.assignmentMode === 'Automatic' &&
      poolSelectsNode(pool, nodeLabels) &&
      selects(pool.namespaceSelector, request.namespaceLabels ?? {}),
  );
}

export interface PoolChoice {
  /** In the order in which they are used up. */
  readonly allowed: readonly IpPool[];
  /** Those that select the node, for any use. */
  readonly selecting: readonly IpPool[];
  readonly enabled: readonly IpPool[];
}

/** Throws IpamError where nothing qualifies. */
export function choosePools(request: AutoAssignRequest, context: IpamContext, nodeLabels: Labels): PoolChoice {
  const enabled = enabledPools(context.pools, request.version);
  const selecting = selectingPools(request, enabled, nodeLabels);
  if (selecting.length === 0)
    throw new IpamError('no-qualified-pool', `no configured Calico pools for node ${request.host}`);
  const allowed = selecting.filter((pool) => pool.allowedUses.includes(request.use));
  if (allowed.length === 0) {
    const message = `cannot find a qualified ippool, no pools match the required use (${request.use})`;
    throw new IpamError('no-qualified-pool', message);
  }
  return { allowed, selecting, enabled };
}
