/** What one end of a session tells the other, by the same filters and rules as daemons with messages. */

import { ipv4 } from '../../packet/index.js';
import { type IpAddr, ipEquals, type Net } from '../address.js';
import { finishExport2, mayExport, outgoingAttributes, prepareExport16 } from '../bgp/export.js';
import { acceptAttributes, type NextHopFinder, receivedRoute } from '../bgp/import.js';
import type { BgpSession } from '../bgp/session.js';
import { runFilter } from '../filter/filter.js';
import { importRoute } from '../protocols/import-route.js';
import { PREFERENCES } from '../protocols/protocol.js';
import type { Attributes } from '../rib/attributes.js';
import type { Route } from '../rib/route.js';
import type { LinkEnd, LinkFamily } from './link.js';
import type { ConvergedNode } from './node.js';

/** A route as it is told. */
export interface Offer {
  readonly net: Net;
  readonly pathId: number;
  readonly attributes: Attributes;
}

/** One end's direction of an address family. */
export interface Sender {
  readonly node: ConvergedNode;
  readonly session: BgpSession;
  readonly family: LinkFamily;
}

function attributesOf({ node, session, family }: Sender, route: Route): Attributes | undefined {
  const { options: channel } = family;
  const old = session.dialect === 'bird-1.6';
  const prepared = old ? prepareExport16(session, route, channel) : mayExport(session, route) ? route : undefined;
  if (prepared === undefined) return undefined;
  const outcome = runFilter(family.channel.exportFilter, prepared, node.environment);
  if (outcome.verdict !== 'accept') return undefined;
  const { touched } = outcome;
  const finished = old ? outcome.route.attributes : finishExport2(session, outcome.route, { channel, touched });
  return outgoingAttributes(session, finished);
}

/** What is told of the routes to one network, the best first. */
export function offersOf(sender: Sender, routes: readonly Route[]): readonly Offer[] {
  const { family, node } = sender;
  const offers: Offer[] = [];
  const [best] = routes;
  if (best === undefined || best.filtered) return offers;
  for (const route of routes) {
    const attributes = route.filtered ? undefined : attributesOf(sender, route);
    if (attributes !== undefined) {
      offers.push({ net: route.net, pathId: family.addPathTx ? node.sourceId(route) : 0, attributes });
    }
    if (family.addPathTx) continue;
    // `secondary`: the first that may go; else the best or none.
    if (!family.options.secondary || attributes !== undefined) break;
  }
  return offers;
}

/** A session without its neighbour, so that what it tells can be shared by all that are alike. */
export const anyNeighbor = (session: BgpSession): BgpSession => {
  const remoteAddress: IpAddr = typeof session.remoteAddress === 'number' ? ipv4(0) : [0, 0, 0, 0];
  return { ...session, name: '', remoteAddress };
};

/** Nobody is told that it is the next hop itself. */
export const isOwnNextHop = ({ remoteAddress }: Pick<BgpSession, 'remoteAddress'>, { nextHop }: Attributes): boolean =>
  nextHop !== undefined && ipEquals(nextHop, remoteAddress);

/** The route that an offer becomes in the other's table. */
export function takeOffer(
  { node, session }: LinkEnd,
  offer: Offer,
  of: { readonly family: LinkFamily; readonly find: NextHopFinder },
): Route | undefined {
  const accepted = acceptAttributes(session, offer.attributes);
  if (accepted === undefined) return undefined;
  const { channel, options } = of.family;
  const told = { ...offer, attributes: accepted, preference: channel.preference ?? PREFERENCES.bgp };
  const route = receivedRoute(session, told, { channel: options, find: of.find });
  return route && importRoute(route, { channel, environment: node.environment, keepsTemporary: false }).route;
}
