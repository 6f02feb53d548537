/** What one end of a session tells the other, by the same filters and rules as daemons with messages. */

import { ipv4 } from '../../packet/index.js';
import { type IpAddr, ipEquals, type Net } from '../address.js';
import { finishExport2, mayExport, outgoingAttributes, prepareExport16 } from '../bgp/export.js';
import { acceptAttributes, type NextHopFinder, receivedRoute } from '../bgp/import.js';
import type { BgpSession } from '../bgp/session.js';
import { runFilter } from '../filter/filter.js';
import type { FilterChoice } from '../filter/syntax.js';
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

/** The route as the export filter is given it; undefined where the protocol itself does not tell it. */
function prepared({ session, family }: Sender, route: Route): Route | undefined {
  if (session.dialect === 'bird-1.6') return prepareExport16(session, route, family.options);
  return mayExport(session, route) ? route : undefined;
}

function attributesOf(sender: Sender, route: Route): Attributes | undefined {
  const { node, session, family } = sender;
  const { options: channel } = family;
  const given = prepared(sender, route);
  if (given === undefined) return undefined;
  const outcome = runFilter(family.channel.exportFilter, given, node.environment);
  if (outcome.verdict !== 'accept') return undefined;
  const { touched } = outcome;
  const finished =
    session.dialect === 'bird-1.6'
      ? outcome.route.attributes
      : finishExport2(session, outcome.route, { channel, touched });
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

interface Receiving {
  readonly family: LinkFamily;
  readonly find: NextHopFinder;
}

/** The route as the import filter is given it. */
function received({ session }: LinkEnd, offer: Offer, { family, find }: Receiving): Route | undefined {
  const accepted = acceptAttributes(session, offer.attributes);
  if (accepted === undefined) return undefined;
  const { channel, options } = family;
  const preference = channel.preference ?? PREFERENCES.bgp;
  const told = { preference, net: offer.net, pathId: offer.pathId, attributes: accepted };
  return receivedRoute(session, told, { channel: options, find });
}

/** Which filter keeps a route from the other end of a session, and the function of it that says so. */
export interface Withheld {
  readonly direction: 'export' | 'import';
  readonly filter: FilterChoice;
  readonly endedIn: string | undefined;
}

/** Undefined where it comes through, and where it is no filter that keeps it. */
export function whyWithheld(sender: Sender, receiver: LinkEnd, route: Route, of: Receiving): Withheld | undefined {
  const given = prepared(sender, route);
  if (given === undefined) return undefined;
  const { exportFilter } = sender.family.channel;
  const told = runFilter(exportFilter, given, sender.node.environment);
  if (told.verdict !== 'accept') return { direction: 'export', filter: exportFilter, endedIn: told.endedIn };
  const [offer] = offersOf(sender, [route]);
  const came = offer && received(receiver, offer, of);
  if (came === undefined) return undefined;
  const { importFilter } = of.family.channel;
  const taken = runFilter(importFilter, came, receiver.node.environment);
  return taken.verdict === 'accept' ? undefined : { direction: 'import', filter: importFilter, endedIn: taken.endedIn };
}

/** The route that an offer becomes in the other's table. */
export function takeOffer(receiver: LinkEnd, offer: Offer, of: Receiving): Route | undefined {
  const { channel } = of.family;
  const { environment } = receiver.node;
  const route = received(receiver, offer, of);
  return route && importRoute(route, { channel, environment, keepsTemporary: false }).route;
}
