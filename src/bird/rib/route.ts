/** A route as tables hold it (nest/route.h: struct rte with its rta). Immutable: a change is a new one. */

import type { IpAddr, Net } from '../address.js';
import type { Dialect } from '../config/keywords.js';
import type { AttributeId, Attributes } from './attributes.js';
import type { HostEntry, Resolution } from './next-hop.js';

/** Where packets go. `router` and `device` are one in BIRD 2: unicast, with or without a gateway. */
export type Destination = 'router' | 'device' | 'blackhole' | 'unreachable' | 'prohibit' | 'multipath';

export interface RouteHop {
  readonly gateway: IpAddr | undefined;
  readonly iface: string;
  /** 1 to 256. */
  readonly weight: number;
  readonly onlink: boolean;
}

/** What decisions must know of the protocol that a route comes from (struct rte_src with its proto). */
export interface RouteOrigin {
  readonly name: string;
  readonly kind: 'static' | 'direct' | 'kernel' | 'bgp' | 'device' | 'pipe';
  /** Of BIRD 2's static protocol: igp_metric decides (static_rte_better()). */
  readonly comparesMetric?: boolean;
  /** Set for BGP: what the decision process compares of sessions. */
  readonly bgp?: BgpOrigin;
}

/** The session that a route came by (proto/bgp/bgp.h: struct bgp_proto). */
export interface BgpOrigin {
  readonly dialect: Dialect;
  readonly remoteAs: number;
  readonly localAs: number;
  readonly isInternal: boolean;
  /** The neighbour's router id. */
  readonly remoteId: number;
  readonly remoteAddress: IpAddr;
  readonly rrClient: boolean;
  readonly rrClusterId: number;
  readonly options: BgpDecisionOptions;
  /** Interface of a directly connected neighbour. */
  readonly neighborIface: string | undefined;
}

export interface BgpDecisionOptions {
  readonly defaultLocalPref: number;
  readonly defaultMed: number;
  readonly comparePathLengths: boolean;
  readonly medMetric: boolean;
  readonly igpMetric: boolean;
  readonly preferOlder: boolean;
  readonly deterministicMed: boolean;
}

export interface Route {
  readonly net: Net;
  readonly origin: RouteOrigin;
  /** The protocol that brought it into the table: its own, or a pipe. */
  readonly sender: string;
  /** Tells routes of one protocol to one network apart: a received path identifier, or an interface's index. */
  readonly pathId: number;
  readonly preference: number;
  /** An index of `SOURCES`. */
  readonly source: number;
  /** An index of `SCOPES`. */
  readonly scope: number;
  readonly cast: number;
  readonly dest: Destination;
  /** The next hop of a `router`; of a `device` without gateway. */
  readonly gateway: IpAddr | undefined;
  readonly iface: string | undefined;
  readonly onlink: boolean;
  readonly hops: readonly RouteHop[];
  /** Who told us. */
  readonly from: IpAddr | undefined;
  /** Set where the next hop is found by recursion. */
  readonly hostEntry: HostEntry | undefined;
  readonly igpMetric: number;
  readonly attributes: Attributes;
  /** Of BIRD 2: an attribute that counts as set by the export filter (EAF_FRESH), see freshAfter(). */
  readonly fresh: AttributeId | undefined;
  /** Refused by the import filter and kept to be shown (`import keep filtered`). */
  readonly filtered: boolean;
  /** When it last changed. */
  readonly modifiedNs: number;
}

/** An index of `SOURCES`. */
export const RTS = { static: 1, inherit: 2, device: 3, staticDevice: 4, bgp: 11, pipe: 12 } as const;
const SCOPE_UNIVERSE = 4;

/** IGP_METRIC_UNKNOWN. */
export const IGP_METRIC_UNKNOWN = 0x8000_0000;

/** What is known of a route besides the way that it leads. */
export interface RouteSource {
  readonly net: Net;
  readonly origin: RouteOrigin;
  readonly source: number;
  readonly preference: number;
  readonly pathId?: number;
  readonly from?: IpAddr;
  readonly hostEntry?: HostEntry | undefined;
  readonly attributes?: Attributes;
}

const NO_ATTRIBUTES: Attributes = {};

/** All fields, in one order, so that every route has one shape: a node of thousands makes one for each of the others. */
export const makeRoute = (of: RouteSource, way: Resolution): Route => ({
  net: of.net,
  origin: of.origin,
  sender: of.origin.name,
  pathId: of.pathId ?? 0,
  preference: of.preference,
  source: of.source,
  scope: SCOPE_UNIVERSE,
  cast: 0,
  dest: way.dest,
  gateway: way.gateway,
  iface: way.iface,
  onlink: way.onlink,
  hops: way.hops,
  from: of.from,
  hostEntry: of.hostEntry,
  igpMetric: way.igpMetric,
  attributes: of.attributes ?? NO_ATTRIBUTES,
  fresh: undefined,
  filtered: false,
  modifiedNs: 0,
});

/** rte_resolvable(): in 2 a next hop by a route that drops on purpose is resolved. */
export const isResolvable = (route: Pick<Route, 'dest'>, dialect: Dialect): boolean =>
  dialect === 'bird-2' ? route.dest !== 'unreachable' : isReachable(route);

/** rte_is_reachable(). */
export const isReachable = ({ dest }: Pick<Route, 'dest'>): boolean =>
  dest === 'router' || dest === 'device' || dest === 'multipath';
