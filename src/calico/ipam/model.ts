/**
 * The words of Calico's IPAM. A *block* is a slice of a pool; an *affinity* says which host takes addresses
 * from it; a *handle* gathers what was assigned for one owner, so that it can be given back together.
 */

import { type Cidr, formatCidr } from '../cidr.js';
import { digest } from '../digest.js';
import type { IpPool, PoolUse } from '../model.js';
import type { Labels } from '../policy/selector.js';

export type AffinityType = 'host' | 'virtual';

/** Whom a block belongs to: a node, or the virtual owner of load-balancer addresses. */
export interface AffinityOwner {
  readonly type: AffinityType;
  readonly host: string;
}

/** `host:node1`. */
export const affinityText = ({ type, host }: AffinityOwner): string => `${type}:${host}`;

export function parseAffinity(text: string): AffinityOwner | undefined {
  const [type = '', ...host] = text.split(':');
  return type === 'host' || type === 'virtual' ? { type, host: host.join(':') } : undefined;
}

/** `confirmed` is also what an empty state of older versions means. */
export type AffinityState = 'pending' | 'confirmed' | 'pendingDeletion';

export interface BlockAffinity {
  readonly owner: AffinityOwner;
  readonly cidr: Cidr;
  readonly state: AffinityState;
  /** Confirmed, because an older version said nothing. confd tells the two apart. */
  readonly implicit?: true;
}

export interface IpamConfig {
  readonly strictAffinity: boolean;
  readonly autoAllocateBlocks: boolean;
  /** 0: the default limit. */
  readonly maxBlocksPerHost: number;
  /** `Enabled` where nothing is said: virtual machines keep their addresses. */
  readonly kubeVirtVmAddressPersistence?: string;
}

/** What applies until an IPAMConfig object says otherwise. */
export const DEFAULT_IPAM_CONFIG: IpamConfig = { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 0 };

/** A host that may take any number of blocks would eat the pool when something loops. */
export const DEFAULT_MAX_BLOCKS_PER_HOST = 20;

/** What IPAM reads but does not own. */
export interface IpamContext {
  /** All pools, in any order. */
  readonly pools: readonly IpPool[];
  /** CIDRs of IPReservation objects. */
  readonly reservations: readonly Cidr[];
  /** Labels of a Node, or undefined where there is none of that name. */
  readonly nodeLabels: (name: string) => Labels | undefined;
  /** Wall-clock time in nanoseconds since 1970. */
  readonly nowNs: () => bigint;
}

export interface AutoAssignRequest {
  readonly host: string;
  readonly version: 4 | 6;
  readonly count: number;
  readonly use: PoolUse;
  readonly handleId?: string;
  /** Stored beside the address: node, pod, namespace, timestamp; `type` for tunnels. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Pools asked for by CIDR: their selectors are then not looked at. */
  readonly requestedPools?: readonly Cidr[];
  readonly namespaceLabels?: Labels;
  /** A limit for this request, which cannot exceed the configured one. */
  readonly maxBlocksPerHost?: number;
  /** At most so many addresses of this family for the handle; those it has are then given again. */
  readonly maxPerHandle?: number;
}

export interface AssignRequest {
  readonly host: string;
  readonly handleId?: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly use?: PoolUse;
}

export interface Assignments {
  /** Each with its block's prefix length. */
  readonly addresses: readonly Cidr[];
  readonly version: 4 | 6;
  readonly requested: number;
  /** Why there are not more. */
  readonly messages: readonly string[];
}

/** What upstream reports where fewer addresses were assigned than asked for. */
export function shortfall({ addresses, version, requested, messages }: Assignments): string | undefined {
  if (addresses.length >= requested) return undefined;
  return [`Assigned ${addresses.length} out of ${requested} requested IPv${version} addresses`, ...messages].join('; ');
}

const dashed = (cidr: Cidr): string => formatCidr(cidr).replace(/[.:/]/g, '-');

/** Name of the IPAMBlock object. */
export const blockName = (cidr: Cidr): string => dashed(cidr);

const MAX_OBJECT_NAME = 252;

/** Name of the BlockAffinity object; the order of these names is the order of a listing. */
export function affinityName({ owner, cidr }: Pick<BlockAffinity, 'owner' | 'cidr'>): string {
  const block = dashed(cidr);
  const name = `${owner.host}-${block}`;
  if (name.length <= MAX_OBJECT_NAME) return name;
  // Room for a hash of 11 digits and the two dashes.
  const hash = digest('sha256', `${owner.host}+${block}`).toString('hex').slice(0, 11);
  return `${owner.host.slice(0, MAX_OBJECT_NAME - block.length - 13)}-${block}-${hash}`;
}
