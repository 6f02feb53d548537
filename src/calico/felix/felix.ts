/**
 * Felix on one host: from what the cluster holds to what the kernel shall hold, for IPv4. A pure function:
 * the same input gives the same state, whatever was there before.
 *
 *   resources ──> where each prefix is ──> routes, tunnel devices
 *       └──────> endpoints, profiles ────> chains, IP sets, sysctls
 */

import { RT_PROTOCOL } from '../../kernel/index.js';
import type { Mac } from '../../packet/index.js';
import { addressOf, type Address, hostCidr, sameAddress } from '../cidr.js';
import { compareText } from '../digest.js';
import { type CalicoNode, nodeCause, podCause, type WorkloadEndpoint } from '../model.js';
import { vtepMac } from '../names.js';
import { type Encapsulations, encapsulations, mtus } from './calc/encapsulation.js';
import type { FelixCluster, FelixHost } from './calc/input.js';
import { hostView } from './calc/host-view.js';
import { policyIpsets, staticIpsets } from './calc/ip-sets.js';
import { locatePrefixes, type PrefixLocation } from './calc/l3-routes.js';
import {
  ipipTunnelRoute,
  managerRoutes,
  ownRouteProtocol,
  type RouteManager,
  strongestRoutes,
  vxlanTunnelRoute,
} from './calc/route-managers.js';
import { rulesConfig } from './calc/rules-config.js';
import { renderTables } from './calc/tables.js';
import type {
  FelixDevices,
  FelixRoute,
  FelixState,
  FelixSysctl,
  IpipDevice,
  Mtus,
  Vtep,
  VxlanDevice,
} from './state.js';

const VXLAN_DEVICE = 'vxlan.calico';

const macOf = (node: CalicoNode): Mac => node.vxlanTunnelMac ?? vtepMac(node.name);

/** Other nodes that have both an address of their own and one for the tunnel. */
function vteps(cluster: FelixCluster, self: string): Vtep[] {
  return [...cluster.nodes.values()]
    .filter(({ name }) => name !== self)
    .flatMap((node) => {
      const { ipv4VxlanTunnelAddress: tunnelAddress, ipv4Address } = node;
      if (!tunnelAddress || !ipv4Address) return [];
      const because = [nodeCause(node.name, 'ipv4VXLANTunnelAddr')];
      return [{ node: node.name, tunnelAddress, hostAddress: addressOf(ipv4Address), mac: macOf(node), because }];
    })
    .sort((a, b) => compareText(a.node, b.node));
}

/** The interface that has an address. */
const interfaceOf = ({ interfaces }: FelixHost, address: Address | undefined): string | undefined =>
  address && interfaces.find(({ addresses }) => addresses.some((one) => sameAddress(one, address)))?.name;

function vxlanDevice(cluster: FelixCluster, host: FelixHost, on: Encapsulations, mtu: number): VxlanDevice | undefined {
  const node = cluster.nodes.get(host.node);
  const local = node?.ipv4Address && addressOf(node.ipv4Address);
  const parent = interfaceOf(host, local);
  if (!on.vxlan || !node?.ipv4VxlanTunnelAddress || !local || parent === undefined) return undefined;
  return {
    name: VXLAN_DEVICE,
    vni: host.config.vxlanVni,
    port: host.config.vxlanPort,
    mac: macOf(node),
    mtu,
    address: node.ipv4VxlanTunnelAddress,
    local,
    parent,
    vteps: vteps(cluster, host.node),
    because: [nodeCause(host.node, 'ipv4VXLANTunnelAddr'), ...on.because.vxlan],
  };
}

function ipipDevice(cluster: FelixCluster, host: FelixHost, on: Encapsulations, mtu: number): IpipDevice | undefined {
  const node = cluster.nodes.get(host.node);
  const address = node?.ipv4IpipTunnelAddress;
  // Without an uplink Felix does not begin with it.
  const uplink = interfaceOf(host, node?.ipv4Address && addressOf(node.ipv4Address));
  if (!on.ipip || !address || uplink === undefined) return undefined;
  return { name: 'tunl0', mtu, address, because: [nodeCause(host.node, 'ipv4IPIPTunnelAddr'), ...on.because.ipip] };
}

/** To each address of an endpoint, through its own interface: Felix' or, where it keeps off routes, those that the CNI plugin has left. */
export function workloadRoutes({ config, endpoints }: Pick<FelixHost, 'config' | 'endpoints'>): FelixRoute[] {
  const { routeSyncDisabled, normalRoutePriority, deviceRouteProtocol } = config;
  const addresses = ({ networks, floatingIps }: WorkloadEndpoint): readonly Address[] => [
    ...networks.map(addressOf),
    ...(config.floatingIpsEnabled && !routeSyncDisabled ? floatingIps.map(({ external }) => external) : []),
  ];
  return endpoints
    .filter(({ active }) => active)
    .flatMap((endpoint) =>
      addresses(endpoint)
        .filter(({ version }) => version === 4)
        .map((address) => ({
          class: 'local-workload' as const,
          type: 'unicast' as const,
          destination: hostCidr(address),
          dev: endpoint.interfaceName,
          onlink: false,
          scope: 'link' as const,
          metric: routeSyncDisabled ? 0 : normalRoutePriority,
          protocol: routeSyncDisabled ? RT_PROTOCOL.boot : deviceRouteProtocol,
          because: [podCause(endpoint)],
        })),
    );
}

interface RouteContext {
  readonly cluster: FelixCluster;
  readonly host: FelixHost;
  readonly on: Encapsulations;
  readonly mtu: Mtus;
  readonly vxlan: VxlanDevice | undefined;
}

/** The managers that run: VXLAN's always programs its routes, the others' are BIRD's unless Felix is told to. */
function routeManagers({ cluster, host, on, mtu, vxlan }: RouteContext): RouteManager[] {
  const { deviceRouteProtocol, programClusterRoutes } = host.config;
  const node = cluster.nodes.get(host.node);
  const uplink = interfaceOf(host, node?.ipv4Address && addressOf(node.ipv4Address));
  const common = { node: host.node, deviceRouteProtocol };
  const tunnelAddresses = new Map(vxlan?.vteps.map(({ node: name, tunnelAddress }) => [name, tunnelAddress]));
  const vxlanRoute = vxlanTunnelRoute({ name: VXLAN_DEVICE, mtu: mtu.vxlan, protocol: deviceRouteProtocol }, (name) =>
    tunnelAddresses.get(name),
  );
  const ipipRoute = ipipTunnelRoute({ mtu: mtu.ipip, protocol: ownRouteProtocol(deviceRouteProtocol) });
  return [
    // Without an end of our own there is no device that a route could lead to.
    ...(on.vxlan
      ? [
          {
            ...common,
            poolType: 'vxlan',
            parentDevice: vxlan?.parent,
            tunnelRoute: vxlan ? vxlanRoute : () => undefined,
          } as const,
        ]
      : []),
    ...(on.ipip && programClusterRoutes
      ? [{ ...common, poolType: 'ipip', parentDevice: uplink, tunnelRoute: ipipRoute } as const]
      : []),
    ...(on.noEncapRoutes
      ? [{ ...common, poolType: 'no-encap', parentDevice: uplink, tunnelRoute: () => undefined } as const]
      : []),
  ];
}

/** All managers keep their dead ends in one and the same place, where the last of them has the say (route_mgr.go:updateRoutes()). */
function routesOfManagers(managers: readonly RouteManager[], locations: readonly PrefixLocation[]): FelixRoute[] {
  const last = managers.at(-1);
  return managers.flatMap((manager) =>
    managerRoutes(manager, locations).filter((route) => route.class !== 'block-drop' || manager === last),
  );
}

function routes(context: RouteContext): FelixRoute[] {
  const { cluster, host } = context;
  if (host.config.routeSyncDisabled) return [];
  const managers = routeManagers(context);
  const locations: readonly PrefixLocation[] =
    managers.length === 0 ? [] : locatePrefixes(cluster.sourcesOf(host.config.routeSource), host, 4);
  const source = host.config.deviceRouteSourceAddress;
  return strongestRoutes([...workloadRoutes(host), ...routesOfManagers(managers, locations)]).map((route) =>
    source && route.type === 'unicast' ? { ...route, source } : route,
  );
}

/** Of a workload's interface: the host answers for all addresses there, and lets nobody spoof. */
function endpointSysctls(endpoint: WorkloadEndpoint): FelixSysctl[] {
  const name = endpoint.interfaceName;
  const because = [podCause(endpoint)];
  return [
    { path: `net.ipv6.conf.${name}.accept_ra`, value: '0', because },
    { path: `net.ipv4.conf.${name}.route_localnet`, value: '1', because },
    { path: `net.ipv4.neigh.${name}.proxy_delay`, value: '0', because },
    { path: `net.ipv4.conf.${name}.proxy_arp`, value: '1', because },
    { path: `net.ipv4.conf.${name}.forwarding`, value: '1', because },
    // Whoever may use others' addresses would fail the check.
    { path: `net.ipv4.conf.${name}.rp_filter`, value: endpoint.spoofedSources.length > 0 ? '0' : '1', because },
  ];
}

function hostSysctls({ node, config }: FelixHost): FelixSysctl[] {
  const because = [nodeCause(node)];
  return [
    ...(config.ipForwarding ? [{ path: 'net.ipv4.ip_forward', value: '1', because }] : []),
    { path: 'net.netfilter.nf_conntrack_acct', value: '1', because },
  ];
}

/** felix/calc/validation_filter.go: an endpoint that asks for what is not allowed is none. */
const validEndpoints = ({ config, endpoints }: FelixHost): readonly WorkloadEndpoint[] =>
  config.sourceSpoofing ? endpoints : endpoints.filter(({ spoofedSources }) => spoofedSources.length === 0);

function devices(cluster: FelixCluster, host: FelixHost, on: Encapsulations): FelixDevices {
  const mtu = mtus(host.interfaces, host.config, on);
  const vxlan = vxlanDevice(cluster, host, on, mtu.vxlan);
  const ipip = ipipDevice(cluster, host, on, mtu.ipip);
  return {
    ...(vxlan && { vxlan }),
    ...(ipip && { ipip }),
    ipipUnused: on.ipip || host.config.ipipEnabled !== undefined ? 'left alone' : 'unused',
    mtu,
  };
}

/** The part of `computeFelix` that other parts wait for. */
export const computeFelixDevices = (cluster: FelixCluster, host: FelixHost): FelixDevices =>
  devices(cluster, host, encapsulations(cluster.pools, host.config));

/** Everything that Felix wants on one host. */
export function computeFelix(cluster: FelixCluster, given: FelixHost): FelixState {
  const host = { ...given, endpoints: validEndpoints(given) };
  const on = encapsulations(cluster.pools, host.config);
  const links = devices(cluster, host, on);
  const { mtu, vxlan } = links;
  const view = hostView(cluster, host);
  const config = rulesConfig(cluster, host, on, 4);
  const sets = {
    cluster,
    host,
    version: 4,
    encapsulations: on,
    vteps: vxlan?.vteps ?? vteps(cluster, host.node),
    view,
  } as const;
  return {
    node: host.node,
    tables: renderTables({ cluster, config, view, node: host.node, floatingIps: host.config.floatingIpsEnabled }),
    insertMode: host.config.chainInsertMode,
    ipsets: [...staticIpsets(sets), ...policyIpsets(sets)],
    routes: routes({ cluster, host, on, mtu, vxlan }),
    ...links,
    sysctls: [...hostSysctls(host), ...host.endpoints.filter(({ active }) => active).flatMap(endpointSysctls)],
    files: { '/var/lib/calico/mtu': `${mtu.pod}` },
  };
}
