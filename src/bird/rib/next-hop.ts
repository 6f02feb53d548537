/**
 * Next hops that are found by recursion (nest/rt-table.c: struct hostentry, rt_update_hostentry()): an address,
 * and where the table sends packets for it. A recursive route must not lean on another recursive one.
 */

import { compareIp, type IpAddr, ipEquals, isZeroIp } from '../address.js';
import type { Dialect } from '../config/keywords.js';
import { type Destination, IGP_METRIC_UNKNOWN, type Route, type RouteHop, RTS } from './route.js';

/** How an address is reached, as of now. */
export interface Resolution {
  readonly dest: Destination;
  readonly gateway: IpAddr | undefined;
  readonly iface: string | undefined;
  readonly onlink: boolean;
  readonly hops: readonly RouteHop[];
  readonly igpMetric: number;
}

export interface HostEntry {
  readonly addr: IpAddr;
  /** Of two IPv6 next hops, the one on the link. */
  readonly link: IpAddr;
  resolution: Resolution;
  /** The route that it was resolved by. */
  source: Route | undefined;
}

const NO_HOPS: readonly RouteHop[] = [];
const NO_METRIC = 0;

export const toRouter = (gateway: IpAddr, iface: string, onlink: boolean, igpMetric = NO_METRIC): Resolution => ({
  dest: 'router',
  gateway,
  iface,
  onlink,
  hops: NO_HOPS,
  igpMetric,
});

export const toDevice = (iface: string, onlink = false): Resolution => ({
  dest: 'device',
  gateway: undefined,
  iface,
  onlink,
  hops: NO_HOPS,
  igpMetric: NO_METRIC,
});

export const toSeveral = (hops: readonly RouteHop[]): Resolution => ({
  dest: 'multipath',
  gateway: undefined,
  iface: undefined,
  onlink: false,
  hops,
  igpMetric: NO_METRIC,
});

export const toNobody = (dest: 'blackhole' | 'unreachable' | 'prohibit'): Resolution => ({
  dest,
  gateway: undefined,
  iface: undefined,
  onlink: false,
  hops: NO_HOPS,
  igpMetric: NO_METRIC,
});

export const UNRESOLVED: Resolution = toNobody('unreachable');

const sameAddress = (a: IpAddr | undefined, b: IpAddr | undefined): boolean =>
  a === undefined || b === undefined ? a === b : ipEquals(a, b);

export const sameHops = (a: readonly RouteHop[], b: readonly RouteHop[]): boolean =>
  a === b ||
  (a.length === b.length &&
    a.every((hop, i) => {
      const other = b[i];
      return (
        other !== undefined &&
        hop.iface === other.iface &&
        hop.weight === other.weight &&
        sameAddress(hop.gateway, other.gateway)
      );
    }));

/** The indices of interfaces by their names. */
export type IfindexOf = (iface: string) => number | undefined;

/** nexthop_compare_node(), mpnh_compare_node(): the heaviest first, then by gateways, then by indices of interfaces. */
function compareHops(a: RouteHop, b: RouteHop, ifindex: IfindexOf): number {
  if (a.weight !== b.weight) return b.weight - a.weight;
  if (a.gateway === undefined || b.gateway === undefined) {
    if (a.gateway !== b.gateway) return a.gateway === undefined ? -1 : 1;
  } else {
    const order = compareIp(a.gateway, b.gateway);
    if (order !== 0) return order;
  }
  return (ifindex(a.iface) ?? 0) - (ifindex(b.iface) ?? 0);
}

/** Next hops in BIRD's order, each once (nexthop_insert(), mpnh_insert()). */
export const sortHops = (hops: readonly RouteHop[], ifindex: IfindexOf): readonly RouteHop[] =>
  hops
    .toSorted((a, b) => compareHops(a, b, ifindex))
    .filter((hop, i, sorted) => {
      const before = sorted[i - 1];
      return before === undefined || compareHops(before, hop, ifindex) !== 0;
    });

export const sameResolution = (a: Resolution, b: Resolution): boolean =>
  a.dest === b.dest &&
  a.iface === b.iface &&
  a.onlink === b.onlink &&
  a.igpMetric === b.igpMetric &&
  sameAddress(a.gateway, b.gateway) &&
  sameHops(a.hops, b.hops);

/** What resolving must know of the router. */
export interface ResolveContext {
  readonly dialect: Dialect;
  /** Whether an interface has that address itself. */
  readonly isLocal: (addr: IpAddr, iface: string) => boolean;
  /** Not a multiple access network: a device route needs no gateway. */
  readonly isPointToPoint: (iface: string) => boolean;
}

/** rt_get_igp_metric(). */
function igpMetric(route: Route, dialect: Dialect): number {
  const given = route.attributes.igpMetric;
  if (given !== undefined) return given;
  if (dialect === 'bird-2') return route.source === RTS.device ? 0 : IGP_METRIC_UNKNOWN;
  return route.dest === 'router' || route.dest === 'multipath' ? IGP_METRIC_UNKNOWN : 0;
}

function linkGateway(entry: HostEntry, iface: string, context: ResolveContext): IpAddr | undefined {
  if (context.dialect === 'bird-2' && context.isPointToPoint(iface)) return undefined;
  return isZeroIp(entry.link) ? entry.addr : entry.link;
}

function throughDevice(entry: HostEntry, route: Route, context: ResolveContext): Resolution {
  const iface = route.iface ?? '';
  if (context.isLocal(entry.addr, iface)) return UNRESOLVED;
  const gateway = linkGateway(entry, iface, context);
  return {
    dest: gateway === undefined ? 'device' : 'router',
    gateway,
    iface,
    onlink: false,
    hops: [],
    igpMetric: igpMetric(route, context.dialect),
  };
}

/** Where `routes`, the best of the longest match first, send packets for the entry's address. */
export function resolveNextHop(entry: HostEntry, routes: readonly Route[], context: ResolveContext): Resolution {
  const [best] = routes;
  if (best === undefined) return UNRESOLVED;
  const recursive =
    context.dialect === 'bird-1.6'
      ? best.hostEntry !== undefined
      : routes.some((route) => route.preference >= best.preference && route.hostEntry !== undefined);
  if (recursive) return UNRESOLVED;
  if (best.dest === 'device') return throughDevice(entry, best, context);
  return {
    dest: best.dest,
    gateway: best.gateway,
    iface: best.iface,
    onlink: best.onlink,
    hops: best.hops.map((hop) => ({ ...hop, gateway: hop.gateway ?? linkGateway(entry, hop.iface, context) })),
    igpMetric: igpMetric(best, context.dialect),
  };
}

/** rta_apply_hostentry(): the route as its next hop is resolved now. */
export const applyHostEntry = (route: Route, entry: HostEntry): Route => ({
  ...route,
  hostEntry: entry,
  dest: entry.resolution.dest,
  gateway: entry.resolution.gateway,
  iface: entry.resolution.iface,
  onlink: entry.resolution.onlink,
  hops: entry.resolution.hops,
  igpMetric: entry.resolution.igpMetric,
});

/** rta_next_hop_outdated(). */
export function isOutdated(route: Route): boolean {
  const { hostEntry } = route;
  if (hostEntry === undefined) return false;
  return !sameResolution(route, hostEntry.resolution);
}
