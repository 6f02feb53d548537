/** What the renderer of rules is told, out of Felix' parameters and the encapsulations in use. */

import { formatAddress } from '../../cidr.js';
import { type CalicoNode, nodeCause } from '../../model.js';
import { type FelixConfig, usesWireguard } from '../parameters.js';
import { allocateMarks, type RulesConfig, type Tunnel, type Wireguard } from '../rules/config.js';
import { ACCEPT, type Action, DROP, REJECT, RETURN } from '../rules/rule.js';
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

function wireguardOf({ wireguard, sourceOf }: FelixConfig, mark: number, version: 4 | 6): Wireguard {
  const { v4, v6 } = wireguard;
  const own = version === 4 ? v4 : v6;
  const because = sourceOf(version === 4 ? 'WireguardEnabled' : 'WireguardEnabledV6');
  return {
    mark,
    devices: [v4.device, v6.device],
    ...(own.enabled && { on: { port: own.port, device: own.device, because } }),
    encryptsHosts: wireguard.encryptsHosts && (v4.enabled || v6.enabled),
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
  const { wireguard: wireguardMark, ...marks } = allocateMarks(config.markMask, usesWireguard(config));
  return {
    ipVersion: version,
    workloadInterfacePrefixes: config.interfacePrefixes,
    marks,
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
    wireguard: wireguardOf(config, wireguardMark, version),
    ...(config.openStack && { openStack: config.openStack }),
    logPrefix: config.logPrefix,
    logRateLimit: config.logRateLimit,
    logRateLimitBurst: config.logRateLimitBurst,
    flowLogs: config.flowLogs,
    because: [nodeCause(node)],
    sourceOf: config.sourceOf,
  };
}
