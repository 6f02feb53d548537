/** What Felix is told: about the cluster, the same for all hosts, and about the host it runs on. */

import type { Cause } from '../../../trace/index.js';
import { type Address, type Cidr, hostCidr } from '../../cidr.js';
import {
  type BlockSummary,
  type CalicoNode,
  type HostEndpoint,
  hostEndpointCause,
  type IpPool,
  type NetworkSet,
  podCause,
  type Profile,
  type ServiceSlice,
  type WorkloadEndpoint,
} from '../../model.js';
import type { Policy, TierResource } from '../../policy/resources.js';
import type { FelixConfig } from '../parameters.js';
import { type Contributor, IpSetMembers } from './ip-set-members.js';
import { LabelInheritance } from './labels.js';
import { FelixMemo } from './memo.js';
import { PolicyTable } from './policy-table.js';
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
  readonly policies: readonly Policy[];
  readonly tiers: readonly TierResource[];
  /** Of all hosts: any of them may be somebody's peer. */
  readonly endpoints: readonly WorkloadEndpoint[];
  readonly hostEndpoints: readonly HostEndpoint[];
  readonly networkSets: readonly NetworkSet[];
  readonly serviceSlices: readonly ServiceSlice[];
}

export const NO_RESOURCES: ClusterResources = {
  nodes: [],
  pools: [],
  blocks: [],
  profiles: [],
  serviceCidrs: [],
  policies: [],
  tiers: [],
  endpoints: [],
  hostEndpoints: [],
  networkSets: [],
  serviceSlices: [],
};

/**
 * Built once for all hosts: what it holds depends on no host. One that is built after another takes over what
 * has been worked out of resources that are still the same objects.
 */
export class FelixCluster {
  readonly nodes: ReadonlyMap<string, CalicoNode>;
  readonly pools: readonly IpPool[];
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly serviceCidrs: readonly ServiceCidr[];
  readonly hostEndpoints: readonly HostEndpoint[];
  readonly routeSources: RouteSources;
  readonly labels: LabelInheritance;
  readonly policies: PolicyTable;
  readonly members: IpSetMembers;
  readonly memo: FelixMemo;
  readonly #resources: ClusterResources;
  #workloadSources: RouteSources | undefined = undefined;

  constructor(resources: Partial<ClusterResources>, previous?: FelixCluster) {
    const all = { ...NO_RESOURCES, ...resources };
    const before = previous === undefined ? undefined : previous.#resources;
    this.#resources = all;
    this.memo = previous?.memo ?? new FelixMemo();
    this.nodes = new Map(all.nodes.map((node) => [node.name, node]));
    this.pools = all.pools;
    this.profiles = new Map(all.profiles.map((profile) => [profile.name, profile]));
    this.serviceCidrs = all.serviceCidrs;
    this.hostEndpoints = all.hostEndpoints;
    const sameRoutes = before?.nodes === all.nodes && before.pools === all.pools && before.blocks === all.blocks;
    this.routeSources =
      previous !== undefined && sameRoutes ? previous.routeSources : new RouteSources(all.nodes, all.pools, all.blocks);
    this.labels = new LabelInheritance(this.profiles);
    this.policies = new PolicyTable(all.policies.map(this.memo.policy), all.tiers);
    this.members =
      previous !== undefined && before !== undefined && sameMembers(before, all)
        ? previous.members
        : new IpSetMembers(contributors(all), all.serviceSlices, this.labels);
  }

  /** Where workloads tell, the address of each is as a block of its own. */
  sourcesOf(told: FelixConfig['routeSource']): RouteSources {
    if (told === 'CalicoIPAM') return this.routeSources;
    const { nodes, pools, endpoints } = this.#resources;
    this.#workloadSources ??= new RouteSources(nodes, pools, endpoints.flatMap(ownBlocks));
    return this.#workloadSources;
  }
}

const ownBlocks = ({ node, networks }: WorkloadEndpoint): BlockSummary[] =>
  networks.map((network) => ({ cidr: hostCidr(network), host: node, borrowed: [] }));

const sameMembers = (a: ClusterResources, b: ClusterResources): boolean =>
  a.profiles === b.profiles &&
  a.endpoints === b.endpoints &&
  a.hostEndpoints === b.hostEndpoints &&
  a.networkSets === b.networkSets &&
  a.serviceSlices === b.serviceSlices;

function contributors({ endpoints, hostEndpoints, networkSets }: ClusterResources): Contributor[] {
  const pods = endpoints.map((endpoint): Contributor => {
    const { labels, profiles, ports, networks } = endpoint;
    return { labels, profiles, ports, nets: networks.map(hostCidr), cause: () => podCause(endpoint) };
  });
  const hosts = hostEndpoints.map((endpoint): Contributor => {
    const { labels, profiles, ports, expectedIps } = endpoint;
    return { labels, profiles, ports, nets: expectedIps.map(hostCidr), cause: () => hostEndpointCause(endpoint) };
  });
  const sets = networkSets.map(
    ({ labels, profiles, nets, because }): Contributor => ({ labels, profiles, ports: [], nets, cause: () => because }),
  );
  return [...pods, ...hosts, ...sets];
}

export interface FelixHost {
  readonly node: string;
  readonly config: FelixConfig;
  readonly interfaces: readonly HostInterface[];
  /** Endpoints on this host. */
  readonly endpoints: readonly WorkloadEndpoint[];
}

/** The host's own interfaces: not those of workloads, nor those that Felix is told not to look at. */
export const ownInterfaces = ({ config, interfaces }: FelixHost): readonly HostInterface[] =>
  interfaces.filter(
    ({ name }) =>
      !config.interfacePrefixes.some((prefix) => name.startsWith(prefix)) &&
      !config.interfaceExcludes.some((pattern) => pattern.test(name)),
  );

/** All addresses of the host's own interfaces in one family. */
export const hostAddresses = (interfaces: readonly HostInterface[], version: 4 | 6): Address[] =>
  interfaces.flatMap(({ addresses }) => addresses.filter((address) => address.version === version));
