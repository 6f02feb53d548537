/**
 * What becomes of a route that a neighbour told (proto/bgp/attrs.c: bgp_decode_attrs(); packets.c:
 * bgp_set_next_hop()). Pure, for messages and the converged computation alike.
 */

import { asPathCount } from '../../packet/index.js';
import { type IpAddr, isLinkLocalIp, isZeroIp, type Net } from '../address.js';
import type { BgpChannelConfig } from '../config/types.js';
import type { Neighbor } from '../interfaces.js';
import { type Attributes, withoutAttributes } from '../rib/attributes.js';
import { type HostEntry, type Resolution, toRouter } from '../rib/next-hop.js';
import { makeRoute, type Route, RTS } from '../rib/route.js';
import type { BgpSession } from './session.js';

/** Our AS in the path, our id as the originator, our cluster in the list: it came from here. */
function isLoop(session: BgpSession, attributes: Attributes): boolean {
  const { config, localId, rrClusterId } = session;
  const { asPath = [], originatorId, clusterList } = attributes;
  if (config.allowLocalAs >= 0 && asPathCount(asPath, config.localAs) > config.allowLocalAs) return true;
  if (originatorId !== undefined && originatorId >>> 0 === localId >>> 0) return true;
  return rrClusterId !== 0 && clusterList?.some((each) => each >>> 0 === rrClusterId) === true;
}

/** The attributes as they are kept, or undefined where the route is refused without a word. */
export function acceptAttributes(session: BgpSession, received: Attributes): Attributes | undefined {
  const { isInternal, config } = session;
  let attributes = received;
  if (!isInternal) {
    attributes = withoutAttributes(attributes, 'originatorId', 'clusterList');
    if (!config.allowLocalPref) attributes = withoutAttributes(attributes, 'localPref');
  }
  if (isLoop(session, attributes)) return undefined;
  const path = attributes.asPath ?? [];
  if (!config.allowAsSets && path.some(({ kind }) => kind === 'set' || kind === 'confed-set')) return undefined;
  if (config.enforceFirstAs && path[0]?.asns[0] !== session.remoteAs) return undefined;
  return attributes.localPref === undefined ? { ...attributes, localPref: config.defaultLocalPref } : attributes;
}

/** How next hops are found on this router. */
export interface NextHopFinder {
  readonly neighbor: (addr: IpAddr, iface?: string) => Neighbor | undefined;
  readonly hostEntry: (addr: IpAddr, link: IpAddr) => HostEntry;
}

interface NextHop {
  readonly next: Resolution;
  readonly hostEntry: HostEntry | undefined;
}

interface Told {
  readonly net: Net;
  readonly pathId: number;
  readonly attributes: Attributes;
  readonly preference: number;
}

const toldRoute = (session: BgpSession, told: Told, { next, hostEntry }: NextHop): Route =>
  makeRoute(
    {
      net: told.net,
      origin: session.origin,
      source: RTS.bgp,
      preference: told.preference,
      pathId: told.pathId,
      from: session.remoteAddress,
      hostEntry,
      attributes: told.attributes,
    },
    next,
  );

/** GW_DIRECT: the next hop is a neighbour; in 1.6 where it is none, the one who told. */
function direct(
  session: BgpSession,
  told: Told,
  of: { channel: BgpChannelConfig; find: NextHopFinder },
): Route | undefined {
  const { nextHop, linkLocalNextHop } = told.attributes;
  const { find, channel } = of;
  let found = nextHop === undefined || isZeroIp(nextHop) ? undefined : find.neighbor(nextHop);
  let gateway = nextHop;
  if (found === undefined && linkLocalNextHop !== undefined && (nextHop === undefined || isZeroIp(nextHop))) {
    found = find.neighbor(linkLocalNextHop, session.neighborIface);
    gateway = linkLocalNextHop;
  }
  if (found === undefined && session.dialect === 'bird-1.6') {
    gateway = session.remoteAddress;
    found = find.neighbor(gateway, session.neighborIface);
  }
  if (found === undefined || found.self || gateway === undefined) return undefined;
  const igpMetric = session.dialect === 'bird-2' ? channel.cost : 0;
  const next = toRouter(gateway, found.iface.name, false, igpMetric);
  return toldRoute(session, told, { next, hostEntry: undefined });
}

/** The route with its next hop, or undefined where that leads nowhere that may be. */
export function receivedRoute(
  session: BgpSession,
  told: Told,
  of: { readonly channel: BgpChannelConfig; readonly find: NextHopFinder },
): Route | undefined {
  if (of.channel.gateway === 'direct') return direct(session, told, of);
  const { nextHop, linkLocalNextHop } = told.attributes;
  if (nextHop === undefined || isZeroIp(nextHop) || isLinkLocalIp(nextHop)) return undefined;
  const entry = of.find.hostEntry(nextHop, linkLocalNextHop ?? nextHop);
  return toldRoute(session, told, { next: entry.resolution, hostEntry: entry });
}
