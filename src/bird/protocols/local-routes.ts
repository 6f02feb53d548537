/** Routes that no neighbour told: of interfaces, of the configuration, of the kernel. Pure, for daemons and the converged computation. */

import { RT_PROTOCOL, type Scope, SCOPE } from '../../kernel/index.js';
import type { Ipv4Addr, Ipv4Prefix } from '../../packet/index.js';
import type { RouteType } from '../../trace/index.js';
import { classifyIp, type IpAddr, isRoutable, Net } from '../address.js';
import type { Dialect } from '../config/keywords.js';
import type { DirectConfig, StaticConfig, StaticRoute } from '../config/types.js';
import { applyCommands } from '../filter/filter.js';
import type { FilterEnvironment } from '../filter/run.js';
import { type Iface, type IfaceAddress, type Interfaces, patternsMatch } from '../interfaces.js';
import type { Attributes } from '../rib/attributes.js';
import {
  applyHostEntry,
  type HostEntry,
  sortHops,
  toDevice,
  toNobody,
  toRouter,
  toSeveral,
  UNRESOLVED,
} from '../rib/next-hop.js';
import { makeRoute, type Route, type RouteHop, type RouteOrigin, type RouteSource, RTS } from '../rib/route.js';

export interface LocalContext {
  readonly origin: RouteOrigin;
  readonly preference: number;
}

// Direct

/** Loopback and link-local addresses are nobody's business, secondary ones have their primary's network. */
const isTold = ({ ip, secondary }: IfaceAddress): boolean => !secondary && classifyIp(ip) === 'host';

function takesInterface({ interfaces, checkLink }: DirectConfig, iface: Iface): boolean {
  if (!iface.up || (checkLink && !iface.linkUp)) return false;
  const [first] = iface.addresses;
  return interfaces.length === 0 || interfaces.some((patterns) => patternsMatch(patterns, iface, first?.ip));
}

/** A route a network of an interface; its path identifier is the interface's index (nest/rt-dev.c). */
export function directRoutes(config: DirectConfig, interfaces: Iterable<Iface>, context: LocalContext): Route[] {
  const { origin, preference } = context;
  const routes: Route[] = [];
  for (const iface of interfaces) {
    if (!takesInterface(config, iface)) continue;
    for (const address of iface.addresses) {
      if (!isTold(address)) continue;
      const { name, index } = iface;
      const { net } = address;
      routes.push(makeRoute({ net, origin, preference, source: RTS.device, pathId: index }, toDevice(name)));
    }
  }
  return routes;
}

// Static

export const staticOrigin = (name: string, dialect: Dialect): RouteOrigin => ({
  name,
  kind: 'static',
  comparesMetric: dialect === 'bird-2',
});

export interface StaticContext extends LocalContext {
  readonly interfaces: Interfaces;
  readonly environment: FilterEnvironment;
  readonly hostEntry: (addr: IpAddr) => HostEntry;
}

/**
 * The interface behind which a next hop is now, one of our own addresses included (static_decide()); undefined where it
 * is not to be reached.
 */
export function reach(
  config: StaticConfig,
  { interfaces }: Pick<StaticContext, 'interfaces'>,
  hop: Omit<RouteHop, 'weight' | 'iface'> & { iface: string | undefined },
): string | undefined {
  const { gateway, iface, onlink } = hop;
  const neighbor = gateway === undefined ? undefined : interfaces.neighbor(gateway, iface);
  const named = iface === undefined ? undefined : interfaces.named(iface);
  const found = neighbor?.iface ?? (gateway === undefined || onlink ? named : undefined);
  return found?.up !== true || (config.checkLink && !found.linkUp) ? undefined : found.name;
}

function multipath(
  config: StaticConfig,
  base: RouteSource,
  of: { context: StaticContext; hops: Extract<StaticRoute['target'], { kind: 'multipath' }>['hops'] },
): Route | undefined {
  const { context } = of;
  const reached: RouteHop[] = [];
  for (const hop of of.hops) {
    const iface = reach(config, context, hop);
    if (iface !== undefined) reached.push({ ...hop, iface });
  }
  const hops = sortHops(reached, context.environment.ifindex);
  const [first] = hops;
  if (first === undefined) return undefined;
  if (hops.length > 1) return makeRoute(base, toSeveral(hops));
  const { gateway, iface, onlink } = first;
  return makeRoute(base, gateway === undefined ? toDevice(iface, onlink) : toRouter(gateway, iface, onlink));
}

function staticTarget(config: StaticConfig, { net, target }: StaticRoute, context: StaticContext): Route | undefined {
  const { origin, preference } = context;
  const base: RouteSource = { net, origin, preference, source: RTS.static };
  switch (target.kind) {
    case 'blackhole':
    case 'unreachable':
    case 'prohibit':
      return makeRoute(base, toNobody(target.kind));
    case 'device': {
      const iface = reach(config, context, { gateway: undefined, iface: target.iface, onlink: false });
      const source = context.environment.dialect === 'bird-2' ? RTS.static : RTS.staticDevice;
      return iface === undefined ? undefined : makeRoute({ ...base, source }, toDevice(iface));
    }
    case 'recursive':
      return applyHostEntry(makeRoute(base, UNRESOLVED), context.hostEntry(target.gateway));
    case 'via': {
      const { gateway, onlink } = target;
      const iface = reach(config, context, target);
      return iface === undefined ? undefined : makeRoute(base, toRouter(gateway, iface, onlink));
    }
    case 'multipath':
      return multipath(config, base, { context, hops: target.hops });
  }
}

/** Undefined while its next hop is not to be reached (proto/static/static.c). */
export function staticRoute(config: StaticConfig, route: StaticRoute, context: StaticContext): Route | undefined {
  const made = staticTarget(config, route, context);
  if (made === undefined || route.commands.length === 0) return made;
  return applyCommands(route.commands, made, context.environment);
}

// Kernel

/** A route of the kernel's table, as far as it matters here; the kernel's own are of this shape. */
export interface KernelRoute {
  readonly destination: Ipv4Prefix;
  readonly type: RouteType;
  readonly tos: number;
  readonly metric: number;
  readonly scope: Scope;
  readonly protocol: number;
  readonly prefSrc: Ipv4Addr | undefined;
  readonly mtu: number | undefined;
  readonly nextHops: readonly KernelHop[];
}

export interface KernelHop {
  readonly dev: { readonly name: string } | undefined;
  readonly via: Ipv4Addr | undefined;
  readonly weight: number;
  readonly onlink: boolean;
  /** RTNH_F_DEAD. */
  readonly dead?: boolean;
}

export type KernelOwner = 'ours' | 'alien' | 'ignored';

/** nl_parse_route(): whose a route of the kernel is. */
export function kernelOwner({ destination, protocol, tos }: KernelRoute): KernelOwner {
  if (tos !== 0 || !isRoutable(new Net(destination.addr, destination.length))) return 'ignored';
  if (protocol === RT_PROTOCOL.unspec || protocol === RT_PROTOCOL.kernel || protocol === RT_PROTOCOL.redirect) {
    return 'ignored';
  }
  return protocol === RT_PROTOCOL.bird ? 'ours' : 'alien';
}

const REJECTED: Readonly<Record<string, Parameters<typeof toNobody>[0]>> = {
  blackhole: 'blackhole',
  unreachable: 'unreachable',
  prohibit: 'prohibit',
};

function kernelAttributes(entry: KernelRoute, dialect: Dialect): Attributes {
  const { type, nextHops, scope, prefSrc, mtu, metric, protocol } = entry;
  const device = type === 'unicast' && nextHops.length === 1 && nextHops[0]?.via === undefined;
  // For 1.6 a route of a device has its scope by nature.
  const byNature = device && dialect === 'bird-1.6' ? 'link' : 'global';
  return {
    krtSource: protocol,
    krtMetric: metric,
    ...(prefSrc === undefined ? {} : { krtPrefsrc: prefSrc }),
    ...(scope === byNature ? {} : { krtScope: SCOPE[scope] }),
    ...(mtu === undefined ? {} : { krtMtu: mtu }),
  };
}

export interface LearnContext extends LocalContext {
  readonly dialect: Dialect;
  readonly interfaces: Interfaces;
}

/** A next hop as it is learned; undefined for one that is no neighbour ("strange next-hop") or is ours. */
function learnedHop(
  { dev, via, weight, onlink }: KernelHop,
  { interfaces, dialect }: LearnContext,
): RouteHop | undefined {
  if (dev === undefined) return undefined;
  const neighbor = via === undefined ? undefined : interfaces.neighbor(via, dev.name);
  const strange = via !== undefined && (neighbor === undefined ? !onlink : neighbor.self);
  return strange ? undefined : { gateway: via, iface: dev.name, weight, onlink: onlink && dialect === 'bird-2' };
}

function learnedHops(hops: readonly KernelHop[], context: LearnContext): readonly RouteHop[] | undefined {
  const learned = hops.filter(({ dead }) => dead !== true).map((hop) => learnedHop(hop, context));
  const known = learned.filter((hop) => hop !== undefined);
  return known.length === 0 || known.length < learned.length ? undefined : known;
}

/** nl_parse_route(): a route of somebody else as it is learned; undefined for what has no place in BIRD's tables. */
export function learnedRoute(entry: KernelRoute, context: LearnContext): Route | undefined {
  const { type, nextHops, destination } = entry;
  const { origin, preference, dialect } = context;
  const net = new Net(destination.addr, destination.length);
  const attributes = kernelAttributes(entry, dialect);
  const base: RouteSource = { net, origin, preference, source: RTS.inherit, attributes };
  const rejected = REJECTED[type];
  if (rejected !== undefined) return makeRoute(base, toNobody(rejected));
  const hops = type === 'unicast' ? learnedHops(nextHops, context) : undefined;
  const [first] = hops ?? [];
  if (hops === undefined || first === undefined) return undefined;
  if (nextHops.length > 1) return makeRoute(base, toSeveral(hops));
  const { gateway, iface, onlink } = first;
  return makeRoute(base, gateway === undefined ? toDevice(iface) : toRouter(gateway, iface, onlink));
}

/** Those of others among the kernel's routes, as far as they are learned. */
export function* learnedRoutes(entries: Iterable<KernelRoute>, context: LearnContext): Generator<Route, void> {
  for (const entry of entries) {
    const route = kernelOwner(entry) === 'alien' ? learnedRoute(entry, context) : undefined;
    if (route !== undefined) yield route;
  }
}
