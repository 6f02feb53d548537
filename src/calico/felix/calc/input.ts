/** What Felix is told: about the cluster, the same for all hosts, and about the host it runs on. */

import type { Cause } from '../../../trace/index.js';
import type { Address, Cidr } from '../../cidr.js';
import type { BlockSummary, CalicoNode, IpPool, Profile, WorkloadEndpoint } from '../../model.js';
import type { FelixConfig } from '../parameters.js';
import { RouteSources } from './route-sources.js';

/** An interface of the host as the kernel has it. */
export interface HostInterface {
  readonly name: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly addresses: readonly Cidr[];
}

export interface ServiceCidr {
  readonly cidr: string;
  readonly because: readonly Cause[];
}

export interface ClusterResources {
  readonly nodes: readonly CalicoNode[];
  readonly pools: readonly IpPool[];
  readonly blocks: readonly BlockSummary[];
  readonly profiles: readonly Profile[];
  /** Ranges that BGPConfiguration has advertised for Services. */
  readonly serviceCidrs: readonly ServiceCidr[];
}

/** Built once for all hosts: what it holds depends on no host. */
export class FelixCluster {
  readonly nodes: ReadonlyMap<string, CalicoNode>;
  readonly pools: readonly IpPool[];
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly serviceCidrs: readonly ServiceCidr[];
  readonly routeSources: RouteSources;

  constructor({ nodes, pools, blocks, profiles, serviceCidrs }: ClusterResources) {
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.pools = pools;
    this.profiles = new Map(profiles.map((profile) => [profile.name, profile]));
    this.serviceCidrs = serviceCidrs;
    this.routeSources = new RouteSources(nodes, pools, blocks);
  }
}

export interface FelixHost {
  readonly node: string;
  readonly config: FelixConfig;
  readonly interfaces: readonly HostInterface[];
  /** Endpoints on this host. */
  readonly endpoints: readonly WorkloadEndpoint[];
}

/** All addresses of the host's own interfaces in one family. */
export const hostAddresses = (interfaces: readonly HostInterface[], version: 4 | 6): Address[] =>
  interfaces.flatMap(({ addresses }) => addresses.filter((address) => address.version === version));
