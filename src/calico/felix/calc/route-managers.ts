/**
 * Routes of one encapsulation, out of where the prefixes are; felix/dataplane/linux/route_mgr.go,
 * vxlan_mgr.go, ipip_mgr.go, noencap_mgr.go.
 */

import { type Address, formatCidr, isHostCidr, networkOf } from '../../cidr.js';
import { type FelixRoute, ROUTE_CLASSES, type RouteClass } from '../state.js';
import type { PrefixLocation } from './l3-routes.js';
import type { PoolType } from './route-sources.js';

/** Protocol of routes that Felix must be able to tell from others', where none is configured. */
const FELIX_PROTOCOL = 80;
const BOOT_PROTOCOL = 3;

/** DeviceRouteProtocol for these too, unless it is the default, which any tool may write. */
export const ownRouteProtocol = (deviceRouteProtocol: number): number =>
  deviceRouteProtocol === BOOT_PROTOCOL ? FELIX_PROTOCOL : deviceRouteProtocol;

export interface RouteManager {
  readonly poolType: Exclude<PoolType, 'none'>;
  readonly node: string;
  /** The uplink, where it is known: without it nothing goes unencapsulated. */
  readonly parentDevice: string | undefined;
  readonly deviceRouteProtocol: number;
  /** The route into the tunnel, or undefined where the other end is not known. */
  readonly tunnelRoute: (location: PrefixLocation) => FelixRoute | undefined;
}

const SAME_SUBNET_CLASS: Readonly<Record<RouteManager['poolType'], RouteClass>> = {
  vxlan: 'vxlan-same-subnet',
  ipip: 'ipip-same-subnet',
  'no-encap': 'no-encap',
};

/** A tunnel address with a block of its own, or outside of its node's blocks: no block route leads there. */
const needsTunnelAddressRoute = ({ remoteTunnel, remoteWorkload, borrowed }: PrefixLocation): boolean =>
  remoteTunnel && (remoteWorkload || borrowed);

/** /32 blocks have none: it would stand in the way of their only address. */
const isLocalBlock = ({ localWorkload, liveEndpoint, cidr }: PrefixLocation): boolean =>
  localWorkload && !liveEndpoint && !isHostCidr(cidr);

function direct(manager: RouteManager, location: PrefixLocation): FelixRoute | undefined {
  const { parentDevice, poolType, deviceRouteProtocol } = manager;
  if (parentDevice === undefined || location.nodeAddress === undefined) return undefined;
  if (poolType !== 'no-encap' && !location.sameSubnet) return undefined;
  return {
    class: SAME_SUBNET_CLASS[poolType],
    type: 'unicast',
    destination: networkOf(location.cidr),
    dev: parentDevice,
    via: location.nodeAddress,
    onlink: true,
    scope: 'global',
    metric: 0,
    protocol: ownRouteProtocol(deviceRouteProtocol),
    because: location.because,
  };
}

const blackhole = ({ deviceRouteProtocol }: RouteManager, { cidr, because }: PrefixLocation): FelixRoute => ({
  class: 'block-drop',
  type: 'blackhole',
  destination: networkOf(cidr),
  onlink: false,
  scope: 'global',
  metric: 0,
  protocol: ownRouteProtocol(deviceRouteProtocol),
  because,
});

/** Routes to other nodes' prefixes, and a dead end for what is left of our own blocks. */
export function managerRoutes(manager: RouteManager, locations: readonly PrefixLocation[]): FelixRoute[] {
  return locations
    .filter((location) => location.poolType === manager.poolType)
    .flatMap((location) => {
      if (isLocalBlock(location)) return [blackhole(manager, location)];
      // An address that this node has borrowed is its own business, whosever the block is.
      if (location.node === manager.node) return [];
      if (!location.remoteWorkload && !needsTunnelAddressRoute(location)) return [];
      return direct(manager, location) ?? manager.tunnelRoute(location) ?? [];
    });
}

/** The route into vxlan.calico: by the other node's tunnel address, or straight where it is that address. */
export const vxlanTunnelRoute =
  (device: { name: string; mtu: number; protocol: number }, tunnelAddress: (node: string) => Address | undefined) =>
  (location: PrefixLocation): FelixRoute | undefined => {
    const common = {
      class: 'vxlan-tunnel',
      type: 'unicast',
      destination: networkOf(location.cidr),
      dev: device.name,
      metric: 0,
      protocol: device.protocol,
      mtu: device.mtu,
      because: location.because,
    } as const;
    if (needsTunnelAddressRoute(location)) return { onlink: false, scope: 'link', ...common };
    const via = tunnelAddress(location.node);
    return via && { via, onlink: true, scope: 'global', ...common };
  };

/** The route into tunl0, which takes the outer address from the next hop. */
export const ipipTunnelRoute =
  (device: { mtu: number; protocol: number }) =>
  (location: PrefixLocation): FelixRoute | undefined => {
    if (location.nodeAddress === undefined) return undefined;
    return {
      class: 'ipip-tunnel',
      type: 'unicast',
      destination: networkOf(location.cidr),
      dev: 'tunl0',
      via: location.nodeAddress,
      onlink: true,
      scope: 'global',
      metric: 0,
      protocol: device.protocol,
      mtu: device.mtu,
      because: location.because,
    };
  };

/** One route for each destination and metric: the strongest class's. */
export function strongestRoutes(routes: readonly FelixRoute[]): FelixRoute[] {
  const best = new Map<string, FelixRoute>();
  for (const route of routes) {
    const key = `${formatCidr(route.destination)} ${route.metric}`;
    const other = best.get(key);
    if (other === undefined || ROUTE_CLASSES.indexOf(route.class) < ROUTE_CLASSES.indexOf(other.class))
      best.set(key, route);
  }
  return [...best.values()];
}
