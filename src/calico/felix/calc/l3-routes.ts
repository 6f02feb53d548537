/**
 * Where each prefix is, seen from one host; felix/calc/l3_route_resolver.go:flush(). What becomes a route is
 * for the managers to decide.
 */

import type { Cause } from '../../../trace/index.js';
import { type Address, addressOf, type Cidr, formatCidr, hostCidr, isHostCidr, sameCidr } from '../../cidr.js';
import { nodeCause, poolCause, type WorkloadEndpoint } from '../../model.js';
import {
  isCrossSubnet,
  poolType,
  type PoolType,
  type KnownPrefix,
  type PrefixFacts,
  type RouteSources,
  sameSubnet,
} from './route-sources.js';

export interface PrefixLocation {
  readonly cidr: Cidr;
  readonly poolType: PoolType;
  readonly node: string;
  /** The node's own address in the prefix's family. */
  readonly nodeAddress?: Address;
  /** A block or address of another node, or of this one; a borrowed address may be both. */
  readonly remoteWorkload: boolean;
  readonly localWorkload: boolean;
  /** An endpoint of this host has exactly this address. */
  readonly liveEndpoint: boolean;
  readonly remoteTunnel: boolean;
  /** It lies in a block of another node than the one that has it. */
  readonly borrowed: boolean;
  /** The pool has CrossSubnet and the node is on our subnet. */
  readonly sameSubnet: boolean;
  readonly because: readonly Cause[];
}

export interface Viewpoint {
  readonly node: string;
  /** Endpoints of the node. */
  readonly endpoints: readonly WorkloadEndpoint[];
}

interface Reading {
  node: string | undefined;
  blockNode: string | undefined;
  borrowed: boolean;
  localBlock: boolean;
  remoteBlock: boolean;
  /** The block is the prefix itself, not merely around it. */
  blockIsPrefix: boolean;
}

/** The blocks on the way down to the prefix. */
function readBlocks(path: readonly PrefixFacts[], cidr: Cidr, self: string): Reading {
  const reading: Reading = {
    node: undefined,
    blockNode: undefined,
    borrowed: false,
    localBlock: false,
    remoteBlock: false,
    blockIsPrefix: false,
  };
  for (const { cidr: at, blockNode } of path) {
    if (blockNode === undefined) continue;
    if (reading.blockNode !== undefined && reading.blockNode !== blockNode) reading.borrowed = true;
    else reading.blockNode = blockNode;
    reading.node = blockNode;
    reading.blockIsPrefix ||= sameCidr(at, cidr);
    if (blockNode === self) reading.localBlock = true;
    else reading.remoteBlock = true;
  }
  return reading;
}

function locate(
  sources: RouteSources,
  { facts, text, path, pools }: KnownPrefix,
  live: ReadonlySet<string>,
  self: string,
): PrefixLocation | undefined {
  const { cidr, hosts, tunnels } = facts;
  const reading = readBlocks(path, cidr, self);
  const liveEndpoint = live.has(text);
  const [host] = hosts;
  const [tunnel] = tunnels;
  const owner = liveEndpoint ? self : tunnel?.node;
  const node = owner ?? host ?? reading.node;
  if (node === undefined) return undefined;
  // A node's address goes by the way to the node; a tunnel's, inside its node's block, by the block.
  const countsAsBlock = host === undefined && (reading.blockIsPrefix || tunnel === undefined || liveEndpoint);
  const type = pools.map(poolType).findLast((one) => one !== 'none') ?? 'none';
  const remote = sources.nodes.get(node);
  const nodeAddress = cidr.version === 4 ? remote?.ipv4Address : remote?.ipv6Address;
  return {
    cidr,
    poolType: type,
    node,
    ...(nodeAddress && { nodeAddress: addressOf(nodeAddress) }),
    remoteWorkload: countsAsBlock && reading.remoteBlock,
    localWorkload: liveEndpoint || (countsAsBlock && reading.localBlock),
    liveEndpoint,
    remoteTunnel: !liveEndpoint && tunnel !== undefined && tunnel.node !== self,
    borrowed:
      reading.borrowed || (owner !== undefined && reading.blockNode !== undefined && reading.blockNode !== owner),
    sameSubnet: pools.some(isCrossSubnet) && sameSubnet(sources.nodes.get(self), remote, cidr.version),
    because: [nodeCause(node), ...pools.map((pool) => poolCause(pool))],
  };
}

/** In the order of the prefixes. */
export function locatePrefixes(
  sources: RouteSources,
  { node, endpoints }: Viewpoint,
  version: 4 | 6,
): PrefixLocation[] {
  const live = new Set(
    endpoints.flatMap(({ networks }) => networks.filter(isHostCidr).map((network) => formatCidr(hostCidr(network)))),
  );
  return sources.prefixes(version).flatMap((known) => locate(sources, known, live, node) ?? []);
}
