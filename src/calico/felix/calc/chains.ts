/** The chains of each table, before it is known which of them a packet can get to. */

import { formatAddress } from '../../cidr.js';
import { podCause, poolCause } from '../../model.js';
import { endpointConfigKey, type RulesConfig } from '../rules/config.js';
import {
  type DispatchTarget,
  type HostDispatch,
  hostDispatchChains,
  workloadDispatchChains,
} from '../rules/dispatch.js';
import {
  type DirectedTiers,
  policyGroupChain,
  type WorkloadChains,
  workloadEndpointChains,
} from '../rules/endpoint.js';
import {
  type HostChains,
  hostFilterChains,
  hostMangleEgressChains,
  hostMangleIngressChains,
  hostRawChains,
} from '../rules/host-endpoint.js';
import type { Chain } from '../rules/rule.js';
import { cidrBlockChain, staticFilterChains } from '../rules/static-filter.js';
import { egressDscpChain, staticMangleChains } from '../rules/static-mangle.js';
import { floatingIpChains, natOutgoingChain, staticNatChains } from '../rules/static-nat.js';
import { rpfSkipChain, staticRawChains } from '../rules/static-raw.js';
import { dscpSources } from './dscp.js';
import { groupKey, type HostView, type LocalHostEndpoint, type LocalWorkload } from './host-view.js';
import type { FelixCluster } from './input.js';

export interface ChainContext {
  readonly node: string;
  readonly cluster: FelixCluster;
  readonly config: RulesConfig;
  readonly view: HostView;
  /** Whether pods may have floating addresses. */
  readonly floatingIps: boolean;
}

const tiersKey = ({ ingress, egress }: DirectedTiers): string =>
  [...ingress, ...egress]
    .map(({ name, defaultAction, groups }) => `${name} ${defaultAction} ${groups.map(groupKey).join('\n')}`)
    .join('\n\n');

/** All that an endpoint's chains are made of, beside the endpoint itself. */
const endpointKey = (configKey: string, { tiers, profiles }: LocalWorkload): string =>
  `${configKey}\n${tiersKey(tiers.normal)}\n${JSON.stringify(profiles)}`;

function workloadChains(config: RulesConfig, { endpoint, tiers, profiles }: LocalWorkload): Chain[] {
  const chains: WorkloadChains = {
    interfaceName: endpoint.interfaceName,
    adminUp: endpoint.active,
    tiers: tiers.normal,
    profiles,
    ...(endpoint.qos && { qos: endpoint.qos }),
    because: [podCause(endpoint)],
  };
  return workloadEndpointChains(config, chains);
}

/** Policies and groups stand in all tables, since nobody knows beforehand where they are used. */
function policyChains({ cluster, config, view }: ChainContext): Chain[] {
  const { policy } = cluster.memo.renderers(config);
  return [...view.policies.flatMap(policy), ...view.groups.map((group) => policyGroupChain(config, group))];
}

const hasTiers = ({ ingress, egress }: DirectedTiers): boolean => ingress.length + egress.length > 0;

const hostChains = ({ interfaceName, profiles, because }: LocalHostEndpoint): HostChains => ({
  interfaceName,
  profiles,
  because,
});

const targets = (endpoints: readonly LocalHostEndpoint[]): DispatchTarget[] =>
  endpoints.map(({ interfaceName, because }) => ({ interfaceName, because }));

/** Host endpoints of the view that have something to say, as targets of a dispatch. */
function hostDispatch(
  { view: { hostEndpoints, allInterfaces } }: ChainContext,
  says: (endpoint: LocalHostEndpoint) => boolean,
): Pick<HostDispatch, 'targets' | 'defaultTarget'> {
  const [defaultTarget] = targets(allInterfaces !== undefined && says(allInterfaces) ? [allInterfaces] : []);
  return { targets: targets(hostEndpoints.filter(says)), ...(defaultTarget && { defaultTarget }) };
}

const governed = ({ view: { hostEndpoints, allInterfaces } }: ChainContext): readonly LocalHostEndpoint[] =>
  allInterfaces === undefined ? hostEndpoints : [...hostEndpoints, allInterfaces];

const always = (): boolean => true;

export function filterChains(context: ChainContext): Chain[] {
  const { cluster, config, view } = context;
  const { memo } = cluster;
  const { profile } = memo.renderers(config);
  const configKey = endpointConfigKey(config);
  return [
    ...staticFilterChains(config),
    ...view.workloads.flatMap((local) =>
      memo.endpointChains(local.endpoint, endpointKey(configKey, local), () => workloadChains(config, local)),
    ),
    ...workloadDispatchChains(
      config,
      view.workloads.map(({ endpoint }) => ({
        interfaceName: endpoint.interfaceName,
        because: [podCause(endpoint)],
      })),
    ),
    ...policyChains(context),
    ...view.profiles.flatMap(profile),
    ...governed(context).flatMap((endpoint) => hostFilterChains(config, hostChains(endpoint), endpoint.tiers)),
    ...hostDispatchChains(config, { ...hostDispatch(context, always), directions: 'to+from', forward: true }),
    cidrBlockChain(
      config,
      cluster.serviceCidrs.map(({ cidr }) => cidr),
    ),
  ];
}

export function mangleChains(context: ChainContext): Chain[] {
  const { cluster, config, view } = context;
  const { profile } = cluster.memo.renderers(config);
  const beforeNat = ({ tiers }: LocalHostEndpoint): boolean => hasTiers(tiers.preDnat);
  return [
    ...staticMangleChains(config),
    // Host endpoints' egress rules stand here too, so the profiles' do.
    ...view.profiles.flatMap((one) => profile(one).slice(1)),
    ...policyChains(context),
    ...governed(context).flatMap((endpoint) => [
      ...hostMangleEgressChains(config, hostChains(endpoint), endpoint.tiers.normal),
      ...(beforeNat(endpoint) ? hostMangleIngressChains(config, hostChains(endpoint), endpoint.tiers.preDnat) : []),
    ]),
    ...hostDispatchChains(config, { ...hostDispatch(context, beforeNat), directions: 'from', forward: false }),
    ...hostDispatchChains(config, { ...hostDispatch(context, always), directions: 'to', forward: false }),
    egressDscpChain(dscpSources(context, config.ipVersion)),
  ];
}

export function natChains({ cluster, config, view, floatingIps }: ChainContext): Chain[] {
  const outgoing = cluster.pools.filter((pool) => pool.natOutgoing && pool.cidr.version === config.ipVersion);
  const floating = view.workloads.flatMap(({ endpoint }) =>
    endpoint.floatingIps
      .filter(({ external }) => floatingIps && external.version === config.ipVersion)
      .map(({ external, internal }) => ({
        external: formatAddress(external),
        internal: formatAddress(internal),
        because: [podCause(endpoint)],
      })),
  );
  return [
    ...staticNatChains(config),
    natOutgoingChain(
      config,
      outgoing.map((pool) => poolCause(pool, 'natOutgoing')),
    ),
    ...floatingIpChains(floating),
  ];
}

export function rawChains(context: ChainContext): Chain[] {
  const { config, view } = context;
  const untracked = ({ tiers }: LocalHostEndpoint): boolean => hasTiers(tiers.untracked);
  const own = view.hostEndpoints.filter(untracked);
  return [
    ...staticRawChains(config),
    ...policyChains(context),
    ...own.flatMap((endpoint) => hostRawChains(config, hostChains(endpoint), endpoint.tiers.untracked)),
    // Policy without tracking is not for an endpoint of all interfaces.
    ...hostDispatchChains(config, { targets: targets(own), directions: 'to+from', forward: false }),
    rpfSkipChain(
      view.workloads.flatMap(({ endpoint }) =>
        endpoint.spoofedSources
          .filter(({ version }) => version === config.ipVersion)
          .map((source) => ({ interfaceName: endpoint.interfaceName, source, because: [podCause(endpoint)] })),
      ),
    ),
  ];
}
