/**
 * What becomes of a route on its way to a neighbour (proto/bgp/attrs.c: bgp_import_control() of 1.6;
 * bgp_preexport() and bgp_update_attrs() of 2; bgp_update_next_hop_ip()). Pure: sessions with messages and the
 * converged computation both go through here.
 *
 * In 1.6 the attributes are made before the export filter runs, which sees and may change them; in 2 after it.
 */

import { type AsPath, asPathPrepend, type ExtendedCommunity, ipv4, WELL_KNOWN_COMMUNITY } from '../../packet/index.js';
import { compareWords } from '../filter/value.js';
import { type IpAddr, ipEquals, isLinkLocalIp, isZeroIp } from '../address.js';
import type { BgpChannelConfig, NextHopRule } from '../config/types.js';
import { type AttributeId, type Attributes, withoutAttributes } from '../rib/attributes.js';
import type { BgpOrigin, Route } from '../rib/route.js';
import type { BgpSession } from './session.js';

const ORIGIN_IGP = 0;
const ORIGIN_INCOMPLETE = 2;

const hasCommunity = ({ community }: Attributes, wanted: number): boolean =>
  community?.some((each) => each >>> 0 === wanted) === true;

/** Well-known communities (RFC 1997) that keep a route from that neighbour. */
function heldByCommunity(session: BgpSession, attributes: Attributes): boolean {
  if (attributes.community === undefined) return false;
  if (hasCommunity(attributes, WELL_KNOWN_COMMUNITY.noAdvertise)) return true;
  if (!session.isInternal) {
    if (hasCommunity(attributes, WELL_KNOWN_COMMUNITY.noExport)) return true;
    if (hasCommunity(attributes, WELL_KNOWN_COMMUNITY.noExportSubconfed)) return true;
  }
  return !session.peerLlgrAware && hasCommunity(attributes, WELL_KNOWN_COMMUNITY.llgrStale);
}

const clusterLoop = (session: BgpSession, { clusterList }: Attributes): boolean =>
  session.rrClusterId !== 0 && clusterList?.some((each) => each >>> 0 === session.rrClusterId) === true;

/** Whether a route of `source` may go to that neighbour at all; undefined for one that is not of BGP. */
export function mayExport(session: BgpSession, route: Route): boolean {
  const { origin, attributes } = route;
  if (origin.name === session.name) return false;
  const source = origin.bgp;
  if (source === undefined) return true;
  if (clusterLoop(session, attributes)) return false;
  if (session.config.interpretCommunities && heldByCommunity(session, attributes)) return false;
  const inside = session.isInternal && source.isInternal && session.config.localAs === source.localAs;
  return !inside || session.config.rrClient || source.rrClient;
}

// 1.6

const anyAddress = (like: IpAddr): IpAddr => (typeof like === 'number' ? ipv4(0) : [0, 0, 0, 0]);

/** bgp_create_attrs(): a route that was not of BGP before. */
function createAttributes(session: BgpSession, route: Route, channel: BgpChannelConfig): Attributes {
  const { config, isInternal } = session;
  const self = session.sourceAddress ?? anyAddress(route.net.addr);
  const { gateway, iface } = route;
  const usesSelf =
    channel.nextHopSelf !== 'off' ||
    route.dest !== 'router' ||
    gateway === undefined ||
    isLinkLocalIp(gateway) ||
    (!isInternal &&
      channel.nextHopKeep === 'off' &&
      (session.neighborIface === undefined || iface !== session.neighborIface));
  const asPath: AsPath = isInternal ? [] : [{ kind: 'sequence', asns: [config.localAs] }];
  const nextHop = usesSelf ? self : gateway;
  const ours: Attributes = { origin: ORIGIN_IGP, asPath, nextHop, localPref: config.defaultLocalPref };
  // Theirs before ours; a field comes first so that all have one shape.
  return { origin: ORIGIN_IGP, ...route.attributes, ...ours };
}

/** In one shape, whether they were there already or not: it begins with a field. */
const withReflection = (
  attributes: Attributes,
  ours: Required<Pick<Attributes, 'originatorId' | 'clusterList'>>,
): Attributes => ({ origin: ORIGIN_IGP, ...attributes, ...ours });

/** The clusters that a reflected route goes through (RFC 4456 §8). */
function reflected16(session: BgpSession, attributes: Attributes, source: BgpOrigin): Attributes {
  const entering = source.rrClient ? source.rrClusterId : session.rrClusterId;
  let clusterList = [entering, ...(attributes.clusterList ?? [])];
  // Two clients of different clusters.
  if (source.rrClient && session.config.rrClient && source.rrClusterId !== session.rrClusterId) {
    // As in BIRD the second prepends to what was there before, not to what the first made.
    clusterList = [session.rrClusterId, ...(attributes.clusterList ?? [])];
  }
  const originatorId = attributes.originatorId ?? source.remoteId;
  return withReflection(attributes, { originatorId, clusterList });
}

/** bgp_update_attrs() of 1.6: a route of BGP goes on. */
function updateAttributes(
  session: BgpSession,
  route: Route,
  of: { readonly channel: BgpChannelConfig; readonly source: BgpOrigin },
): Attributes {
  const { config, isInternal } = session;
  const { channel, source } = of;
  let { attributes } = route;
  if (!isInternal && !config.rsClient) {
    attributes = { ...attributes, asPath: asPathPrepend(attributes.asPath ?? [], config.localAs) };
    if (attributes.med !== undefined) attributes = { ...attributes, med: 0 };
  }
  const { nextHop } = attributes;
  const keeps =
    nextHop !== undefined &&
    channel.nextHopSelf === 'off' &&
    (channel.nextHopKeep !== 'off' ||
      (isInternal && !isZeroIp(nextHop)) ||
      (session.neighborIface !== undefined && route.iface === session.neighborIface));
  if (!keeps) {
    const self = session.sourceAddress ?? anyAddress(route.net.addr);
    attributes = { ...withoutAttributes(attributes, 'linkLocalNextHop'), nextHop: self };
  }
  const reflects = source.isInternal && isInternal && source.localAs === config.localAs;
  return reflects ? reflected16(session, attributes, source) : attributes;
}

/** import_control() of 1.6: the route as the export filter sees it, or undefined. */
export function prepareExport16(session: BgpSession, route: Route, channel: BgpChannelConfig): Route | undefined {
  if (!mayExport(session, route)) return undefined;
  const source = route.origin.bgp;
  const attributes =
    source === undefined
      ? createAttributes(session, route, channel)
      : updateAttributes(session, route, { channel, source });
  return { ...route, attributes };
}

// 2

const ruleHolds = (rule: NextHopRule, source: BgpOrigin | undefined): boolean =>
  rule === 'on' ||
  (rule === 'ibgp' && source?.isInternal === true) ||
  (rule === 'ebgp' && source?.isInternal === false);

/** bgp_use_next_hop(). */
function usesNextHop(session: BgpSession, route: Route, of: Export2): boolean {
  const { channel } = of;
  const source = route.origin.bgp;
  const { nextHop } = route.attributes;
  if (nextHop === undefined) return false;
  if (ruleHolds(channel.nextHopSelf, source)) return false;
  if (ruleHolds(channel.nextHopKeep, source) || isFresh('nextHop', route, of)) return true;
  if ((typeof nextHop === 'number') !== (typeof route.net.addr === 'number')) return false;
  if (session.isInternal && !isZeroIp(nextHop)) return true;
  return session.neighborIface !== undefined && session.neighborIface === source?.neighborIface;
}

/** bgp_use_gateway(). */
function usesGateway(session: BgpSession, route: Route, { channel }: Export2): boolean {
  const { gateway, dest } = route;
  if (ruleHolds(channel.nextHopSelf, route.origin.bgp)) return false;
  if (dest !== 'router' || gateway === undefined || isLinkLocalIp(gateway)) return false;
  if (session.isInternal) return true;
  return session.neighborIface !== undefined && session.neighborIface === route.iface;
}

/** Whether the export filter set it, or what counts as that. */
const isFresh = (id: AttributeId, { fresh }: Route, { touched }: Export2): boolean =>
  touched.includes(id) || fresh === id;

export interface Export2 {
  readonly channel: BgpChannelConfig;
  /** What the export filter set (EAF_FRESH). */
  readonly touched: readonly AttributeId[];
}

function reflected2(session: BgpSession, attributes: Attributes, source: BgpOrigin): Attributes {
  let clusterList = [...(attributes.clusterList ?? [])];
  if (source.rrClusterId !== 0) clusterList = [source.rrClusterId, ...clusterList];
  if (session.rrClusterId !== 0 && source.rrClusterId !== session.rrClusterId) {
    clusterList = [session.rrClusterId, ...clusterList];
  }
  const originatorId = attributes.originatorId ?? source.remoteId;
  return withReflection(attributes, { originatorId, clusterList });
}

function pathOf2(session: BgpSession, route: Route, of: Export2): Attributes {
  const { config, isInternal } = session;
  const { attributes } = route;
  const path = attributes.asPath ?? [];
  if (isInternal || config.rsClient) return { ...attributes, asPath: path };
  const next = { ...attributes, asPath: asPathPrepend(path, config.localAs) };
  // RFC 4271 §5.1.4: what a neighbouring AS said is not for another, unless the filter set it.
  return isFresh('med', route, of) ? next : withoutAttributes(next, 'med');
}

/** bgp_update_attrs() of 2, after the export filter. */
export function finishExport2(session: BgpSession, route: Route, of: Export2): Attributes {
  const source = route.origin.bgp;
  let attributes = pathOf2(session, route, of);
  if (attributes.origin === undefined) {
    attributes = { ...attributes, origin: source === undefined ? ORIGIN_IGP : ORIGIN_INCOMPLETE };
  }
  if (!usesNextHop(session, route, of)) {
    const own = of.channel.nextHopAddress ?? session.sourceAddress ?? anyAddress(route.net.addr);
    const nextHop = usesGateway(session, route, of) && route.gateway !== undefined ? route.gateway : own;
    attributes = { ...withoutAttributes(attributes, 'linkLocalNextHop'), nextHop };
  }
  if (session.isInternal && attributes.localPref === undefined) {
    attributes = { ...attributes, localPref: session.config.defaultLocalPref };
  }
  const reflects =
    source !== undefined && source.isInternal && session.isInternal && source.localAs === session.config.localAs;
  return reflects ? reflected2(session, attributes, source) : attributes;
}

// Both

const sortWords = (list: readonly number[]): readonly number[] => list.map((each) => each >>> 0).sort((a, b) => a - b);

/** Bit 6 of the type: it does not leave the AS (RFC 4360 §2). */
const isTransitive = ([high]: ExtendedCommunity): boolean => (high & 0x4000_0000) === 0;

/** What of the attributes is sent, and in which form; undefined where the next hop forbids it (bgp_get_bucket()). */
export function outgoingAttributes(session: BgpSession, attributes: Attributes): Attributes | undefined {
  const { isInternal, config, remoteAddress } = session;
  const { nextHop, community, clusterList, extendedCommunity, largeCommunity, unknown, originatorId, localPref } =
    attributes;
  if (nextHop === undefined || isZeroIp(nextHop) || ipEquals(nextHop, remoteAddress)) return undefined;
  const extended = extendedCommunity?.filter((each) => isInternal || isTransitive(each)).sort(compareWords);
  // 1.6 takes the cluster list for a set and sorts it, too.
  const clusters = clusterList && (session.dialect === 'bird-1.6' ? sortWords(clusterList) : clusterList);
  const transitive = unknown?.filter(({ flags }) => (flags & 0x40) !== 0);
  return {
    origin: attributes.origin ?? ORIGIN_INCOMPLETE,
    asPath: attributes.asPath ?? [],
    nextHop,
    ...(attributes.linkLocalNextHop === undefined ? {} : { linkLocalNextHop: attributes.linkLocalNextHop }),
    ...(attributes.med === undefined ? {} : { med: attributes.med }),
    ...(localPref !== undefined && (isInternal || config.allowLocalPref) ? { localPref } : {}),
    ...(attributes.atomicAggregate === undefined ? {} : { atomicAggregate: true }),
    ...(attributes.aggregator === undefined ? {} : { aggregator: attributes.aggregator }),
    ...(community === undefined || community.length === 0 ? {} : { community: sortWords(community) }),
    ...(originatorId !== undefined && isInternal ? { originatorId } : {}),
    ...(clusters !== undefined && clusters.length > 0 && isInternal ? { clusterList: clusters } : {}),
    ...(extended === undefined || extended.length === 0 ? {} : { extendedCommunity: extended }),
    ...(largeCommunity === undefined || largeCommunity.length === 0
      ? {}
      : { largeCommunity: largeCommunity.toSorted(compareWords) }),
    ...(transitive === undefined || transitive.length === 0 ? {} : { unknown: transitive }),
  };
}
