/**
 * IPAM's records held against what is really in use: leaked addresses and handles, addresses in use that
 * nobody gave out. calicoctl/commands/ipam/check.go, and what kube-controllers' garbage collection goes by.
 */

import { type Address, type Cidr, cidrContains, formatAddress, nthAddress } from '../cidr.js';
import { type AllocationAttribute, type AllocationBlock, sanitizeHandle } from './block.js';
import type { IpamStore } from './store.js';

export interface Allocation {
  readonly address: string;
  readonly block: AllocationBlock;
  readonly attribute: AllocationAttribute | undefined;
  /** Who is said to have it: the stored node, else the block's. Empty where nobody is named. */
  readonly node: string;
}

/** An address that something has. */
export interface InUse {
  readonly address: Address;
  /** `Node(node1)`, `Workload(shop/node1-k8s-web-eth0)`, the name of a Service. */
  readonly by: string;
}

export interface IpamCheck {
  readonly allocations: readonly Allocation[];
  /** Allocated, and nobody has it. */
  readonly leaked: readonly Allocation[];
  /** In use by several. */
  readonly shared: ReadonlyMap<string, readonly string[]>;
  /** In use, and in no pool that is enabled. */
  readonly outside: ReadonlyMap<string, readonly string[]>;
  /** In use and in a pool, but not given out. */
  readonly unallocated: ReadonlyMap<string, readonly string[]>;
  readonly leakedHandles: readonly string[];
  readonly goodHandles: number;
  /** Named in a block, without an IPAMHandle. */
  readonly missingHandles: readonly string[];
  /** How many addresses are in use. */
  readonly addressesInUse: number;
}

/** The handle under which the .0, .1, .2 and the last address of a block on Windows are kept. */
export const WINDOWS_RESERVED_HANDLE = 'windows-reserved-ipam-handle';

const blockNode = ({ affinity = '' }: AllocationBlock): string =>
  affinity.startsWith('host:') ? affinity.slice('host:'.length) : '';

export function allocationsOf(block: AllocationBlock): Allocation[] {
  return block.allocations.flatMap((index, ordinal) => {
    if (index === null) return [];
    const attribute = block.attributes[index];
    const address = formatAddress(nthAddress(block.cidr, ordinal));
    return [{ address, block, attribute, node: attribute?.attributes['node'] || blockNode(block) }];
  });
}

const ownersByAddress = (inUse: readonly InUse[]): Map<string, string[]> => {
  const owners = new Map<string, string[]>();
  for (const { address, by } of inUse) {
    const text = formatAddress(address);
    owners.set(text, [...(owners.get(text) ?? []), by]);
  }
  return owners;
};

/** `pools`: those that are enabled. */
export function checkIpam(store: IpamStore, pools: readonly Cidr[], inUse: readonly InUse[]): IpamCheck {
  const allocations = store.blocks().flatMap(allocationsOf);
  const reserved = allocations
    .filter(({ attribute }) => attribute?.handleId === WINDOWS_RESERVED_HANDLE)
    .map(({ address }) => address);
  const owners = ownersByAddress(inUse);
  for (const address of reserved) owners.set(address, [...(owners.get(address) ?? []), 'Reserved for Windows']);
  const allocated = new Set(allocations.map(({ address }) => address));
  const strangers = [...owners].filter(([address]) => !allocated.has(address));
  const parsed = new Map(inUse.map(({ address }) => [formatAddress(address), address]));
  const inPool = (text: string): boolean => {
    const address = parsed.get(text);
    return address !== undefined && pools.some((cidr) => cidrContains(cidr, address));
  };
  const named = new Set(
    allocations.flatMap(({ attribute }) =>
      attribute?.handleId === undefined || attribute.handleId === WINDOWS_RESERVED_HANDLE
        ? []
        : [sanitizeHandle(attribute.handleId)],
    ),
  );
  const handles = new Set(store.handles().map(([id]) => id));
  const known = [...handles];
  return {
    allocations,
    leaked: allocations.filter(({ address }) => !owners.has(address)),
    shared: new Map([...owners].filter(([, names]) => names.length > 1)),
    outside: new Map(strangers.filter(([address]) => !inPool(address))),
    unallocated: new Map(strangers.filter(([address]) => inPool(address))),
    leakedHandles: known.filter((id) => !named.has(id)),
    goodHandles: known.filter((id) => named.has(id)).length,
    missingHandles: [...named].filter((id) => !handles.has(id)),
    addressesInUse: owners.size,
  };
}
