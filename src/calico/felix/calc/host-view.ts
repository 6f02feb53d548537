/**
 * What of the cluster's policy one host needs: its endpoints with the tiers that apply to them, the policies and
 * profiles that are in use, and the sets that those ask for; felix/calc/active_rules_calculator.go.
 */

import { compareText } from '../../digest.js';
import { type HostEndpoint, hostEndpointCause, type WorkloadEndpoint } from '../../model.js';
import { plainRule } from '../../policy/resources.js';
import type { IpSetDefinition, ParsedPolicy, ParsedProfile } from '../../policy/parsed-rules.js';
import type { Cause } from '../../../trace/index.js';
import { type DirectedTiers, type EndpointProfile, hasOwnChain, type PolicyGroup } from '../rules/endpoint.js';
import { allGroups, type EndpointTiers, endpointTiers } from './endpoint-tiers.js';
import { ALL_INTERFACES, resolveHostEndpoints } from './host-endpoints.js';
import { type FelixCluster, type FelixHost, ownInterfaces } from './input.js';
import type { Labelled } from './labels.js';

export interface LocalWorkload {
  readonly endpoint: WorkloadEndpoint;
  readonly tiers: EndpointTiers;
  readonly profiles: readonly EndpointProfile[];
}

/** A HostEndpoint on one of the interfaces that it governs, or on all. */
export interface LocalHostEndpoint {
  readonly interfaceName: string;
  readonly tiers: EndpointTiers;
  readonly profiles: readonly EndpointProfile[];
  readonly because: readonly Cause[];
}

export interface HostView {
  readonly workloads: readonly LocalWorkload[];
  /** Without the one for all interfaces. */
  readonly hostEndpoints: readonly LocalHostEndpoint[];
  readonly allInterfaces: LocalHostEndpoint | undefined;
  /** That select an endpoint here, in whatever direction, or want to be everywhere; in the order in which they are asked. */
  readonly policies: readonly ParsedPolicy[];
  /** That an endpoint here has, by name. */
  readonly profiles: readonly ParsedProfile[];
  /** Groups with a chain of their own. */
  readonly groups: readonly PolicyGroup[];
  readonly sets: readonly IpSetDefinition[];
}

class ViewBuilder {
  readonly #cluster: FelixCluster;
  readonly #policies = new Set<ParsedPolicy>();
  readonly #profileNames = new Set<string>();

  constructor(cluster: FelixCluster) {
    this.#cluster = cluster;
  }

  tiers(item: Labelled): EndpointTiers {
    const tiers = this.#cluster.policies.applicable(item, this.#cluster.labels);
    for (const { policies } of tiers) for (const policy of policies) this.#policies.add(policy);
    return endpointTiers(tiers);
  }

  profiles({ profiles }: Labelled): EndpointProfile[] {
    for (const name of profiles) this.#profileNames.add(name);
    return profiles.map((name) => ({ name, because: this.#cluster.profiles.get(name)?.because ?? [] }));
  }

  /** A profile that does not exist denies. */
  #profile(name: string): ParsedProfile {
    const { memo, profiles } = this.#cluster;
    const deny = [plainRule('Deny')];
    const missing = { name, labelsToApply: {}, ingress: deny, egress: deny, because: [] };
    return memo.profile(profiles.get(name) ?? missing);
  }

  used(): Pick<HostView, 'policies' | 'profiles' | 'sets'> {
    const order = this.#cluster.policies.tiers.flatMap(({ policies }) => policies);
    const policies = order.filter((parsed) => this.#policies.has(parsed) || parsed.policy.everywhere);
    const profiles = [...this.#profileNames].sort(compareText).map((name) => this.#profile(name));
    const sets = new Map<string, IpSetDefinition>();
    for (const { sets: own } of [...policies, ...profiles]) for (const set of own) sets.set(set.id, set);
    return { policies, profiles, sets: [...sets.values()] };
  }
}

/** A group stands once, whoever has it: the first by its contents will do. */
function groupsOf(all: readonly DirectedTiers[]): PolicyGroup[] {
  const found = new Map<string, PolicyGroup>();
  for (const group of all.flatMap(allGroups)) if (hasOwnChain(group)) found.set(groupKey(group), group);
  return [...found.values()];
}

/** endpoint_mgr.go:updateHostEndpoints(): what is not tracked is not looked at on all interfaces together. */
const hostTiers = ({ tiers, interfaceName }: LocalHostEndpoint): readonly DirectedTiers[] => [
  tiers.normal,
  ...(interfaceName === ALL_INTERFACES ? [] : [tiers.untracked]),
  tiers.preDnat,
  tiers.forward,
];

/** Same text, same group. */
export const groupKey = ({ direction, selector, policies }: PolicyGroup): string =>
  `${direction} ${selector} ${policies.map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`).join(' ')}`;

export function hostView(cluster: FelixCluster, host: FelixHost): HostView {
  const builder = new ViewBuilder(cluster);
  const workloads = host.endpoints.map((endpoint) => ({
    endpoint,
    tiers: builder.tiers(endpoint),
    profiles: builder.profiles(endpoint),
  }));
  const own = cluster.hostEndpoints.filter(({ node }) => node === host.node);
  const known = new Map(own.map((endpoint) => [endpoint, localHostEndpoint(builder, endpoint)]));
  const resolved = resolveHostEndpoints(own, ownInterfaces(host));
  const on = (endpoint: HostEndpoint, interfaceName: string): LocalHostEndpoint[] => {
    const local = known.get(endpoint);
    return local === undefined ? [] : [{ ...local, interfaceName }];
  };
  const hostEndpoints = resolved.named.flatMap(({ interfaceName, endpoint }) => on(endpoint, interfaceName));
  const [allInterfaces] = resolved.all === undefined ? [] : on(resolved.all, ALL_INTERFACES);
  const governed = [...hostEndpoints, ...(allInterfaces === undefined ? [] : [allInterfaces])];
  return {
    workloads,
    hostEndpoints,
    allInterfaces,
    ...builder.used(),
    groups: groupsOf([...workloads.map(({ tiers }) => tiers.normal), ...governed.flatMap(hostTiers)]),
  };
}

const localHostEndpoint = (builder: ViewBuilder, endpoint: HostEndpoint): Omit<LocalHostEndpoint, 'interfaceName'> => ({
  tiers: builder.tiers(endpoint),
  profiles: builder.profiles(endpoint),
  because: [hostEndpointCause(endpoint)],
});
