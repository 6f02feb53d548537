/** All chains of one address family, by table, and which of them get programmed. */

import type { Cause } from '../../../trace/index.js';
import { formatAddress } from '../../cidr.js';
import { compareText } from '../../digest.js';
import { type CalicoNode, nodeCause, podCause, poolCause, type Profile, type WorkloadEndpoint } from '../../model.js';
import type { FelixConfig } from '../parameters.js';
import { CHAIN } from '../rules/chain-names.js';
import { allocateMarks, type RulesConfig, type Tunnel } from '../rules/config.js';
import { hostDispatchChains, workloadDispatchChains } from '../rules/dispatch.js';
import { workloadEndpointChains } from '../rules/endpoint.js';
import { chainText, rulesText } from '../rules/iptables-text.js';
import { profileChains } from '../rules/profile.js';
import { ACCEPT, type Action, type Chain, DROP, jump, REJECT, RETURN, type Rule } from '../rules/rule.js';
import { cidrBlockChain, forwardAppendRules, staticFilterChains } from '../rules/static-filter.js';
import { staticMangleChains } from '../rules/static-mangle.js';
import { natOutgoingChain, staticNatChains } from '../rules/static-nat.js';
import { staticRawChains } from '../rules/static-raw.js';
import type { CalicoTableName, FelixTable } from '../state.js';
import type { Encapsulations } from './encapsulation.js';
import type { FelixCluster, FelixHost } from './input.js';

const ACTIONS: Readonly<Record<'ACCEPT' | 'RETURN' | 'DROP' | 'REJECT', Action>> = { ACCEPT, RETURN, DROP, REJECT };

function tunnels(on: Encapsulations, node: CalicoNode | undefined, version: 4 | 6): { vxlan?: Tunnel; ipip?: Tunnel } {
  const address = version === 4 ? node?.ipv4VxlanTunnelAddress : node?.ipv6VxlanTunnelAddress;
  const vxlan: Tunnel = {
    device: version === 4 ? 'vxlan.calico' : 'vxlan-v6.calico',
    addressed: address !== undefined,
    because: version === 4 ? on.because.vxlan : on.because.vxlanV6,
  };
  const ipip: Tunnel = {
    device: 'tunl0',
    addressed: node?.ipv4IpipTunnelAddress !== undefined,
    because: on.because.ipip,
  };
  return { ...((version === 4 ? on.vxlan : on.vxlanV6) && { vxlan }), ...(version === 4 && on.ipip && { ipip }) };
}

function natOutgoing(config: FelixConfig): RulesConfig['natOutgoing'] {
  const { natOutgoingAddress: address, natPortRange: ports } = config;
  return {
    ...(address && { address: formatAddress(address) }),
    ...(ports && { ports }),
    outInterface: config.natOutgoingInterfaceFilter,
    excludeHosts: config.natOutgoingExclusions === 'IPPoolsAndHostIPs',
  };
}

const CIDR_BLOCK: Readonly<Record<FelixConfig['serviceLoopPrevention'], { cidrBlock?: Action }>> = {
  Drop: { cidrBlock: DROP },
  Reject: { cidrBlock: REJECT },
  Disabled: {},
};

export function rulesConfig(
  cluster: FelixCluster,
  { node, config }: FelixHost,
  on: Encapsulations,
  version: 4 | 6,
): RulesConfig {
  return {
    ipVersion: version,
    workloadInterfacePrefixes: config.interfacePrefixes,
    marks: allocateMarks(config.markMask),
    filterAllow: ACTIONS[config.filterAllowAction],
    mangleAllow: ACTIONS[config.mangleAllowAction],
    filterDeny: ACTIONS[config.filterDenyAction],
    endpointToHost: ACTIONS[config.defaultEndpointToHostAction],
    ...CIDR_BLOCK[config.serviceLoopPrevention],
    ...tunnels(on, cluster.nodes.get(node), version),
    vxlanPort: config.vxlanPort,
    allowVxlanFromWorkloads: config.allowVxlanPacketsFromWorkloads,
    allowIpipFromWorkloads: config.allowIpipPacketsFromWorkloads,
    checkConntrackInvalid: !config.disableConntrackInvalidCheck,
    failsafeInbound: config.failsafeInbound,
    failsafeOutbound: config.failsafeOutbound,
    natOutgoing: natOutgoing(config),
    wireguard: { mark: 0, devices: config.wireguardDevices },
    logPrefix: config.logPrefix,
    because: [nodeCause(node)],
    sourceOf: config.sourceOf,
  };
}

/** Profiles that some endpoint here has, sorted. */
function activeProfiles(cluster: FelixCluster, endpoints: readonly WorkloadEndpoint[]): Profile[] {
  const names = new Set(endpoints.flatMap(({ profiles }) => profiles));
  return [...names].sort(compareText).flatMap((name) => cluster.profiles.get(name) ?? []);
}

const profileCauses = (cluster: FelixCluster, name: string): readonly Cause[] =>
  cluster.profiles.get(name)?.because ?? [];

function endpointChains(cluster: FelixCluster, config: RulesConfig, endpoints: readonly WorkloadEndpoint[]): Chain[] {
  const chains = endpoints.flatMap((endpoint) =>
    workloadEndpointChains(config, {
      interfaceName: endpoint.interfaceName,
      adminUp: endpoint.active,
      ingressTiers: [],
      egressTiers: [],
      profiles: endpoint.profiles.map((name) => ({ name, because: profileCauses(cluster, name) })),
      because: [podCause(endpoint)],
    }),
  );
  const targets = endpoints.map((endpoint) => ({
    interfaceName: endpoint.interfaceName,
    because: [podCause(endpoint)],
  }));
  return [...chains, ...workloadDispatchChains(config, targets)];
}

const empty = (name: string): Chain => ({ name, rules: [] });
const NO_HOST_ENDPOINTS = { targets: [], directions: 'to+from' } as const;

function filterChains(cluster: FelixCluster, config: RulesConfig, endpoints: readonly WorkloadEndpoint[]): Chain[] {
  return [
    ...staticFilterChains(config),
    ...endpointChains(cluster, config, endpoints),
    ...activeProfiles(cluster, endpoints).flatMap((profile) => profileChains(config, profile)),
    ...hostDispatchChains(config, { ...NO_HOST_ENDPOINTS, forward: true }),
    cidrBlockChain(
      config,
      cluster.serviceCidrs.map(({ cidr }) => cidr),
    ),
  ];
}

function mangleChains(cluster: FelixCluster, config: RulesConfig, endpoints: readonly WorkloadEndpoint[]): Chain[] {
  // Host endpoints' egress rules stand here too, so the profiles' do.
  const outbound = activeProfiles(cluster, endpoints).flatMap((profile) => profileChains(config, profile).slice(1));
  return [
    ...staticMangleChains(config),
    ...outbound,
    ...hostDispatchChains(config, { ...NO_HOST_ENDPOINTS, forward: false }),
    empty(CHAIN.egressDscp),
  ];
}

function natChains(cluster: FelixCluster, config: RulesConfig): Chain[] {
  const outgoing = cluster.pools.filter((pool) => pool.natOutgoing && pool.cidr.version === config.ipVersion);
  return [
    ...staticNatChains(config),
    natOutgoingChain(
      config,
      outgoing.map((pool) => poolCause(pool, 'natOutgoing')),
    ),
    empty(CHAIN.floatingIpDnat),
    empty(CHAIN.floatingIpSnat),
  ];
}

const rawChains = (config: RulesConfig): Chain[] => [
  ...staticRawChains(config),
  ...hostDispatchChains(config, { ...NO_HOST_ENDPOINTS, forward: false }),
  empty(CHAIN.rpfSkip),
];

interface Hook {
  readonly chain: string;
  readonly inserts: readonly Rule[];
  readonly appends: readonly Rule[];
}

/** Where the kernel's own chains enter Calico's. NAT on the way out comes after kube-proxy's. */
function hooks(config: RulesConfig): Record<CalicoTableName, readonly Hook[]> {
  const enter = (target: string): Rule[] => [
    { match: [], action: jump(target), comments: [], because: config.because },
  ];
  const insert = (chain: string, target: string, appends: readonly Rule[] = []): Hook => ({
    chain,
    inserts: enter(target),
    appends,
  });
  return {
    raw: [insert('PREROUTING', CHAIN.prerouting), insert('OUTPUT', CHAIN.output)],
    mangle: [insert('PREROUTING', CHAIN.prerouting), insert('POSTROUTING', CHAIN.postrouting)],
    nat: [
      insert('PREROUTING', CHAIN.prerouting),
      insert('OUTPUT', CHAIN.output),
      { chain: 'POSTROUTING', inserts: [], appends: enter(CHAIN.postrouting) },
    ],
    filter: [
      insert('INPUT', CHAIN.input),
      insert('FORWARD', CHAIN.forward, forwardAppendRules(config)),
      insert('OUTPUT', CHAIN.output),
    ],
  };
}

const targetsOf = (rules: readonly Rule[]): string[] =>
  rules.flatMap(({ action }) => (action?.kind === 'jump' || action?.kind === 'goto' ? [action.chain] : []));

/** Chains that a packet can get to. */
function reachable(chains: readonly Chain[], entries: readonly Hook[]): Set<string> {
  const byName = new Map(chains.map((chain) => [chain.name, chain]));
  const seen = new Set<string>();
  const todo = entries.flatMap(({ inserts, appends }) => targetsOf([...inserts, ...appends]));
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    todo.push(...targetsOf(byName.get(name)?.rules ?? []));
  }
  return seen;
}

function table(chains: readonly Chain[], entries: readonly Hook[]): FelixTable {
  const programmed = reachable(chains, entries);
  const sorted = chains.toSorted((a, b) => compareText(a.name, b.name));
  return {
    chains: sorted.filter(({ name }) => programmed.has(name)).map(chainText),
    unreferenced: sorted.filter(({ name }) => !programmed.has(name)).map(chainText),
    kernelChains: entries.map(({ chain, inserts, appends }) => ({
      chain,
      inserts: rulesText(inserts, chain),
      appends: rulesText(appends, `${chain}*appends*`),
    })),
  };
}

export function renderTables(
  cluster: FelixCluster,
  config: RulesConfig,
  endpoints: readonly WorkloadEndpoint[],
): Record<CalicoTableName, FelixTable> {
  const entries = hooks(config);
  return {
    raw: table(rawChains(config), entries.raw),
    mangle: table(mangleChains(cluster, config, endpoints), entries.mangle),
    nat: table(natChains(cluster, config), entries.nat),
    filter: table(filterChains(cluster, config, endpoints), entries.filter),
  };
}
