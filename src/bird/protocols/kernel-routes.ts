/** Routes as netlink has them (sysdep/linux/netlink.c: nl_send_route(), krt_same_dest()). */

import {
  type Device,
  type FibRoute,
  type Netns,
  NetlinkError,
  type NextHopSpec,
  RT_PROTOCOL,
  type RouteSpec,
  SCOPE,
} from '../../kernel/index.js';
import type { Cause } from '../../trace/index.js';
import { ipEquals, type IpAddr, type Net } from '../address.js';
import type { KernelConfig } from '../config/types.js';
import type { Route } from '../rib/route.js';
import type { Router } from '../router.js';

/** What programs a kernel: the virtual one, or whoever wants to see what would be programmed. */
export interface Programmer {
  /** Routes of the table that the protocol is about. */
  readonly routes: (config: KernelConfig) => readonly FibRoute[];
  /** Why it was refused, in words; undefined where it was not. */
  readonly add: (route: Route, config: KernelConfig) => string | undefined;
  readonly remove: (net: Net, config: KernelConfig) => void;
  readonly removeEntry: (entry: FibRoute) => void;
}

const ipv4Of = (addr: IpAddr | undefined) => (typeof addr === 'number' ? addr : undefined);

/** Next hops as programmed: with krt_tunnel by the tunnel's device to the BGP next hop, on link. */
function kernelHops(route: Route, deviceNamed: (name: string) => Device | undefined): readonly NextHopSpec[] {
  const { attributes } = route;
  const device = (name: string | undefined): Device | undefined => (name === undefined ? undefined : deviceNamed(name));
  switch (route.dest) {
    case 'router': {
      const tunnel = attributes.krtTunnel === undefined ? undefined : deviceNamed(attributes.krtTunnel);
      const via = ipv4Of(attributes.nextHop);
      if (tunnel !== undefined && via !== undefined) return [{ dev: tunnel, via, onlink: true }];
      return [{ dev: device(route.iface), via: ipv4Of(route.gateway), onlink: route.onlink }];
    }
    case 'device':
      return [{ dev: device(route.iface) }];
    case 'multipath':
      return route.hops.map(({ gateway, iface, weight, onlink }) => ({
        dev: device(iface),
        via: ipv4Of(gateway),
        weight,
        onlink,
      }));
    case 'blackhole':
    case 'unreachable':
    case 'prohibit':
      return [];
  }
}

const TYPES = {
  router: 'unicast',
  device: 'unicast',
  multipath: 'unicast',
  blackhole: 'blackhole',
  unreachable: 'unreachable',
  prohibit: 'prohibit',
} as const;

/** Of several next hops the first decides, with whatever the others are. */
const isDirect = ({ dest, hops: [first] }: Route): boolean =>
  dest === 'device' || (dest === 'multipath' && first?.gateway === undefined);

const SCOPE_NAMES = Object.entries(SCOPE) as [keyof typeof SCOPE, number][];

/** The netlink request for a route; undefined for a network that the kernel has no tables for. */
export function routeSpec(
  route: Route,
  config: KernelConfig,
  of: { readonly deviceNamed: (name: string) => Device | undefined; readonly because?: readonly Cause[] | undefined },
): RouteSpec | undefined {
  const { net, attributes, dest } = route;
  if (typeof net.addr !== 'number') return undefined;
  const scope = SCOPE_NAMES.find(([, number]) => number === attributes.krtScope)?.[0];
  return {
    destination: { addr: net.addr, length: net.length },
    type: TYPES[dest],
    table: config.kernelTable,
    protocol: RT_PROTOCOL.bird,
    metric: config.metric === 0 ? (attributes.krtMetric ?? 0) : config.metric,
    scope: scope ?? (isDirect(route) ? 'link' : 'global'),
    prefSrc: ipv4Of(attributes.krtPrefsrc),
    mtu: attributes.krtMtu,
    nextHops: kernelHops(route, of.deviceNamed),
    because: of.because,
  };
}

/** Programs the tables of a namespace. */
export function netnsProgrammer(netns: Netns, because: (route: Route) => readonly Cause[]): Programmer {
  const deviceNamed = (name: string): Device | undefined => netns.devices.named(name);
  const attempt = (action: () => void): string | undefined => {
    try {
      action();
      return undefined;
    } catch (error) {
      if (error instanceof NetlinkError) return error.message;
      throw error;
    }
  };
  return {
    routes: ({ kernelTable }) => netns.fib.routes(kernelTable),
    add: (route, config) => {
      const spec = routeSpec(route, config, { deviceNamed, because: because(route) });
      return spec === undefined ? undefined : attempt(() => netns.fib.addRoute(spec));
    },
    remove: ({ addr, length }, { kernelTable, metric }) => {
      if (typeof addr !== 'number') return;
      const destination = { addr, length };
      const asked = metric === 0 ? undefined : metric;
      attempt(() =>
        netns.fib.deleteRoute({ destination, table: kernelTable, protocol: RT_PROTOCOL.bird, metric: asked }),
      );
    },
    removeEntry: ({ destination, table, protocol, metric }) => {
      attempt(() => netns.fib.deleteRoute({ destination, table, protocol, metric: metric === 0 ? undefined : metric }));
    },
  };
}

/** Whether the kernel's route is what is wanted, as far as BIRD looks: the destination, not the metric. */
export function sameInKernel(entry: FibRoute, wanted: Route, { netns }: Router): boolean {
  if (entry.type !== TYPES[wanted.dest]) return false;
  const hops = kernelHops(wanted, (name) => netns.devices.named(name));
  const sameAddress = (a: IpAddr | undefined, b: IpAddr | undefined): boolean =>
    a === undefined || b === undefined ? a === b : ipEquals(a, b);
  return (
    entry.nextHops.length === hops.length &&
    entry.nextHops.every((hop, i) => hop.dev === hops[i]?.dev && sameAddress(hop.via, hops[i]?.via))
  );
}
