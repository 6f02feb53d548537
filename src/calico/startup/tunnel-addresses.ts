/**
 * Addresses of a node's tunnel devices, given out before any pod's; node/pkg/allocateip/allocateip.go. On a
 * fresh node the tunnel therefore has the first address of the node's first block.
 */

import { type Address, addressOf, type Cidr, cidrContains, networkOf } from '../cidr.js';
import { autoAssign } from '../ipam/auto-assign.js';
import type { AllocationAttribute } from '../ipam/block.js';
import { IpamError } from '../ipam/errors.js';
import { type AutoAssignRequest, type IpamContext, shortfall } from '../ipam/model.js';
import { poolSelectsNode } from '../ipam/pools.js';
import { assignmentOf } from '../ipam/query.js';
import { releaseAddresses, releaseByHandle } from '../ipam/release.js';
import type { IpamStore } from '../ipam/store.js';
import type { CalicoNode, IpPool } from '../model.js';

interface TunnelKind {
  /** Value of the attribute `type`. */
  readonly type: string;
  readonly handle: (node: string) => string;
  readonly version: 4 | 6;
  readonly encapsulates: (pool: IpPool) => boolean;
  readonly field: 'ipv4IpipTunnelAddress' | 'ipv4VxlanTunnelAddress' | 'ipv6VxlanTunnelAddress';
}

/** In the order in which they are seen to. */
const KINDS: readonly TunnelKind[] = [
  {
    type: 'ipipTunnelAddress',
    handle: (node) => `ipip-tunnel-addr-${node}`,
    version: 4,
    encapsulates: ({ ipipMode }) => ipipMode !== 'Never',
    field: 'ipv4IpipTunnelAddress',
  },
  {
    type: 'vxlanTunnelAddress',
    handle: (node) => `vxlan-tunnel-addr-${node}`,
    version: 4,
    encapsulates: ({ vxlanMode }) => vxlanMode !== 'Never',
    field: 'ipv4VxlanTunnelAddress',
  },
  {
    type: 'vxlanV6TunnelAddress',
    handle: (node) => `vxlan-v6-tunnel-addr-${node}`,
    version: 6,
    encapsulates: ({ vxlanMode }) => vxlanMode !== 'Never',
    field: 'ipv6VxlanTunnelAddress',
  },
];

/** Pools with the encapsulation that may give the node a tunnel address. */
function tunnelPools({ version, encapsulates }: TunnelKind, node: CalicoNode, pools: readonly IpPool[]): Cidr[] {
  return pools
    .filter((pool) => pool.cidr.version === version && !pool.disabled && encapsulates(pool))
    .filter((pool) => pool.allowedUses.includes('Tunnel') && poolSelectsNode(pool, node.labels))
    .map((pool) => networkOf(pool.cidr));
}

function release(store: IpamStore, handleId: string, context: IpamContext): void {
  if (store.handle(handleId) !== undefined) releaseByHandle(store, handleId, context);
}

function owner(store: IpamStore, address: Address, context: IpamContext): AllocationAttribute | undefined {
  try {
    return assignmentOf(store, address, context);
  } catch (error) {
    if (error instanceof IpamError) return undefined; // no pool holds it any more
    throw error;
  }
}

/** Whether what the node has is its own and still good; what is the node's and no more good is given back. */
function keeps(store: IpamStore, kind: TunnelKind, node: CalicoNode, context: IpamContext): boolean {
  const address = node[kind.field];
  const held = address && owner(store, address, context);
  const isOurs = held?.attributes['type'] === kind.type && held.attributes['node'] === node.name;
  if (address === undefined || held === undefined) {
    release(store, kind.handle(node.name), context);
    return false;
  }
  if (!isOurs) return false;
  const good = tunnelPools(kind, node, context.pools).some((cidr) => cidrContains(cidr, address));
  if (!good) release(store, kind.handle(node.name), context);
  return good;
}

function assign(store: IpamStore, kind: TunnelKind, node: CalicoNode, context: IpamContext): Address {
  const request: AutoAssignRequest = {
    host: node.name,
    version: kind.version,
    count: 1,
    use: 'Tunnel',
    handleId: kind.handle(node.name),
    attributes: { node: node.name, type: kind.type },
    requestedPools: tunnelPools(kind, node, context.pools),
  };
  const result = autoAssign(store, request, context);
  const [assigned] = result.addresses;
  if (assigned === undefined) throw new IpamError('no-qualified-pool', shortfall(result) ?? 'no address', result);
  return addressOf(assigned);
}

/** An address without a handle is of a time before there were any: the node's own all the same. */
function releaseOld(store: IpamStore, address: Address | undefined, context: IpamContext): void {
  const held = address && owner(store, address, context);
  if (address && held && held.handleId === undefined && Object.keys(held.attributes).length === 0) {
    releaseAddresses(store, [{ address }], context);
  }
}

function reconcile(store: IpamStore, kind: TunnelKind, node: CalicoNode, context: IpamContext): CalicoNode {
  const wanted = tunnelPools(kind, node, context.pools).length > 0;
  if (wanted && keeps(store, kind, node, context)) return node;
  if (wanted) return { ...node, [kind.field]: assign(store, kind, node, context) };
  releaseOld(store, node[kind.field], context);
  release(store, kind.handle(node.name), context);
  const { [kind.field]: _, ...without } = node;
  return without;
}

/**
 * The node with the tunnel addresses that it should have. An address is given back when its encapsulation is
 * no more in use. Throws IpamError where no address is left.
 */
export function reconcileTunnelAddresses(store: IpamStore, node: CalicoNode, context: IpamContext): CalicoNode {
  let current = node;
  for (const kind of KINDS) current = reconcile(store, kind, current, context);
  return current;
}
