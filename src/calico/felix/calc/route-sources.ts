/**
 * What is known of each prefix, whoever's host asks: the pool around it, the block it is or lies in, whose
 * tunnel or node address it is. felix/calc/l3_route_resolver.go keeps a trie; here a map by prefix does, as
 * there are few prefix lengths.
 */

import {
  type Address,
  type Cidr,
  cidrAt,
  cidrContains,
  cidrCovers,
  compareCidr,
  formatCidr,
  hostCidr,
  networkOf,
} from '../../cidr.js';
import type { BlockSummary, CalicoNode, IpPool } from '../../model.js';

export type PoolType = 'vxlan' | 'ipip' | 'no-encap' | 'none';
export type TunnelKind = 'vxlan' | 'ipip';

interface Tunnel {
  readonly node: string;
  readonly kind: TunnelKind;
}

/** What is said about exactly one prefix. */
export interface PrefixFacts {
  readonly cidr: Cidr;
  /** Node that a block, or an address borrowed from one, belongs to. */
  blockNode: string | undefined;
  /** Nodes whose own address this is, sorted. */
  readonly hosts: string[];
  /** Sorted by node. */
  readonly tunnels: Tunnel[];
}

/** A prefix with all that bears on it. */
export interface KnownPrefix {
  readonly facts: PrefixFacts;
  readonly text: string;
  /** Facts about the prefixes around it and itself, widest first. */
  readonly path: readonly PrefixFacts[];
  /** The pools around it, widest first. */
  readonly pools: readonly IpPool[];
}

const isForLoadBalancersOnly = ({ allowedUses }: IpPool): boolean =>
  allowedUses.length === 1 && allowedUses[0] === 'LoadBalancer';

export function poolType(pool: IpPool): PoolType {
  if (isForLoadBalancersOnly(pool)) return 'none';
  if (pool.vxlanMode !== 'Never') return 'vxlan';
  return pool.ipipMode === 'Never' ? 'no-encap' : 'ipip';
}

export const isCrossSubnet = ({ ipipMode, vxlanMode }: IpPool): boolean =>
  ipipMode === 'CrossSubnet' || vxlanMode === 'CrossSubnet';

export class RouteSources {
  /** Widest first. */
  readonly #pools: readonly IpPool[];
  readonly #facts = new Map<string, PrefixFacts>();
  /** Prefix lengths that occur, ascending, by family. */
  readonly #lengths: Readonly<Record<4 | 6, Set<number>>> = { 4: new Set(), 6: new Set() };
  readonly #known = new Map<4 | 6, readonly KnownPrefix[]>();
  readonly nodes: ReadonlyMap<string, CalicoNode>;

  constructor(nodes: readonly CalicoNode[], pools: readonly IpPool[], blocks: readonly BlockSummary[]) {
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.#pools = pools.toSorted((a, b) => a.cidr.length - b.cidr.length);
    for (const block of blocks) this.#addBlock(block);
    for (const node of nodes) this.#addNode(node);
    for (const { hosts, tunnels } of this.#facts.values()) {
      hosts.sort();
      tunnels.sort((a, b) => (a.node < b.node ? -1 : a.node > b.node ? 1 : 0));
    }
  }

  #at(cidr: Cidr): PrefixFacts {
    const key = formatCidr(cidr);
    const found = this.#facts.get(key);
    if (found !== undefined) return found;
    const made: PrefixFacts = { cidr, blockNode: undefined, hosts: [], tunnels: [] };
    this.#facts.set(key, made);
    this.#lengths[cidr.version].add(cidr.length);
    return made;
  }

  #addBlock({ cidr, host, borrowed }: BlockSummary): void {
    for (const { address, host: borrower } of borrowed) this.#at(hostCidr(address)).blockNode = borrower;
    if (host !== undefined) this.#at(networkOf(cidr)).blockNode = host;
  }

  #addNode(node: CalicoNode): void {
    for (const address of [node.ipv4Address, node.ipv6Address]) {
      if (address) this.#at(hostCidr(address)).hosts.push(node.name);
    }
    const tunnel = (address: Address | undefined, kind: TunnelKind): void => {
      if (address) this.#at(hostCidr(address)).tunnels.push({ node: node.name, kind });
    };
    tunnel(node.ipv4VxlanTunnelAddress, 'vxlan');
    tunnel(node.ipv6VxlanTunnelAddress, 'vxlan');
    tunnel(node.ipv4IpipTunnelAddress, 'ipip');
  }

  /** All prefixes that something is known of, in order. Looked up once for all hosts. */
  prefixes(version: 4 | 6): readonly KnownPrefix[] {
    const known = this.#known.get(version) ?? this.#lookUp(version);
    this.#known.set(version, known);
    return known;
  }

  #lookUp(version: 4 | 6): KnownPrefix[] {
    const lengths = [...this.#lengths[version]].sort((a, b) => a - b);
    return [...this.#facts.values()]
      .filter(({ cidr }) => cidr.version === version)
      .sort((a, b) => compareCidr(a.cidr, b.cidr))
      .map((facts) => ({
        facts,
        text: formatCidr(facts.cidr),
        path: this.#around(facts.cidr, lengths),
        pools: this.#pools.filter((pool) => cidrCovers(networkOf(pool.cidr), facts.cidr)),
      }));
  }

  #around(cidr: Cidr, lengths: readonly number[]): PrefixFacts[] {
    return lengths
      .filter((length) => length <= cidr.length)
      .flatMap((length) => this.#facts.get(formatCidr(networkOf(cidrAt(cidr, length)))) ?? []);
  }
}

export const sameSubnet = (local: CalicoNode | undefined, remote: CalicoNode | undefined, version: 4 | 6): boolean => {
  const ours = version === 4 ? local?.ipv4Address : local?.ipv6Address;
  const theirs = version === 4 ? remote?.ipv4Address : remote?.ipv6Address;
  return ours !== undefined && theirs !== undefined && cidrContains(ours, theirs);
};
