/** One table of one router: which sessions feed it, and what they offer. */

import { type IpAddr, maskIp, maxLength, type Net, netKey } from '../address.js';
import type { TableConfig } from '../config/types.js';
import type { NextHopFinder } from '../bgp/import.js';
import type { HostEntry, ResolveContext } from '../rib/next-hop.js';
import type { Route } from '../rib/route.js';
import { anyNeighbor, isOwnNextHop, type Offer, offersOf, type Sender } from './exchange.js';
import { Candidates } from './candidates.js';
import type { LinkEnd, LinkFamily } from './link.js';
import { inOrder } from './order.js';
import type { LocalNet } from './local.js';
import type { ConvergedNode } from './node.js';
import type { PipeEdge } from './pipe-edge.js';
import { SenderKeys } from './sender-keys.js';

/** What a router that passes nothing on tells of one of its networks. */
interface OwnOffers {
  readonly net: Net;
  readonly offers: readonly Offer[];
  /** No neighbour can change what is best there. */
  readonly isFixed: boolean;
}

type Told = readonly OwnOffers[];
/** What is told of final routes to a network, and by which protocols those came. */
interface Decision {
  readonly offers: readonly Offer[];
  readonly origins: readonly string[];
}
/** The decision about a network; undefined where its routes are not final. */
type Decided = (key: Net['key']) => Decision | undefined;
const NO_ROUTES: readonly Route[] = [];

/** Routes flow from one place to another by it. */
export class Edge {
  readonly from: Place;
  readonly #end: LinkEnd;
  readonly #sent: LinkFamily;
  readonly family: LinkFamily;
  #decided: Decided | undefined = undefined;

  constructor(from: Place, end: LinkEnd, families: { readonly sent: LinkFamily; readonly received: LinkFamily }) {
    this.from = from;
    this.#end = end;
    this.#sent = families.sent;
    this.family = families.received;
  }

  get receiver(): LinkEnd {
    return this.#end;
  }

  get sender(): Sender {
    const { node, session } = this.#end.other;
    return { node, session, family: this.#sent };
  }

  /** Whether only the sender's best route goes. */
  get tellsBest(): boolean {
    return !this.#sent.addPathTx && !this.#sent.options.secondary;
  }

  /** What a router that passes nothing on tells by it, network by network. */
  get ownOffers(): Told {
    return this.from.toldBy(this.#end.other, this.#sent);
  }

  /** What is told by it where the routes are final: nobody hears of what it told itself. */
  decided(key: Net['key']): readonly Offer[] | undefined {
    this.#decided ??= this.from.decidedBy(this.#end.other, this.#sent);
    const decision = this.#decided(key);
    if (decision?.origins.includes(this.#end.other.peering.name) === true) {
      return offersOf(this.sender, this.from.solved.get(key) ?? NO_ROUTES);
    }
    return decision && this.withoutItself(decision.offers);
  }

  /** Of offers that are the same for many, those that this receiver is told. */
  withoutItself(offers: readonly Offer[]): readonly Offer[] {
    const { peering } = this.#end.other;
    return offers.some(({ attributes }) => isOwnNextHop(peering, attributes))
      ? offers.filter(({ attributes }) => !isOwnNextHop(peering, attributes))
      : offers;
  }
}

/** What was told last, and to whom: in a mesh the next who asks is like him. */
interface LastTold {
  readonly end: LinkEnd;
  readonly family: LinkFamily;
  readonly told: Told;
}

/** Of the same router, by what SenderKeys look at. */
const isAlike = (a: LinkEnd, b: LinkEnd): boolean =>
  a.config === b.config &&
  a.sourceAddress === b.sourceAddress &&
  a.neighborIface === b.neighborIface &&
  a.peerLlgrAware === b.peerLlgrAware;

/** A way by which a network may come. */
export interface Arrival {
  readonly edge: Edge;
  /** What it brings by itself; undefined where the other end may pass on what it was told. */
  readonly own: OwnOffers | undefined;
}

type Carried = [Arrival, ...Arrival[]];

interface Heard {
  /** From routers that may pass on what they were told: they may offer anything. */
  readonly transit: readonly Arrival[];
  /** From the others, by the networks that they offer; none is empty. */
  readonly carriers: ReadonlyMap<Net['key'], Carried>;
}

/** What places need of the network that they are part of. */
export interface PlaceContext {
  /** Edges into a table, of all its sessions that are up. */
  readonly edges: (place: Place) => readonly Edge[];
  /** Pipes into a table. */
  readonly pipes: (place: Place) => readonly PipeEdge[];
  /** How a table of the same router leads to an address. */
  readonly hostEntry: (table: string, addr: IpAddr, link: IpAddr) => HostEntry;
}

export class Place {
  readonly node: ConvergedNode;
  readonly table: TableConfig;
  readonly resolveContext: ResolveContext;
  /** Routes that are final, by network. */
  readonly solved = new Map<Net['key'], readonly Route[]>();
  readonly hosts = new Map<Net['key'], HostEntry>();
  readonly #context: PlaceContext;
  readonly #senderKeys = new SenderKeys();
  readonly #finders = new Map<string, NextHopFinder>();
  readonly #told = new Map<string, Told>();
  readonly #decided = new Map<string, Decided>();
  #heard: Heard | undefined = undefined;
  #pipes: readonly PipeEdge[] | undefined = undefined;
  #lastTold: LastTold | undefined = undefined;
  #foundWay: ReadonlySet<Place> | undefined = undefined;
  #foundKnown: Candidates | undefined = undefined;
  #lengths: readonly number[] | undefined = undefined;

  constructor(node: ConvergedNode, table: TableConfig, context: PlaceContext) {
    const { interfaces, config } = node.speaker;
    this.node = node;
    this.table = table;
    this.#context = context;
    this.resolveContext = {
      dialect: config.dialect,
      isLocal: (addr, iface) => interfaces.isLocal(addr, iface),
      isPointToPoint: (name) => {
        const iface = interfaces.named(name);
        return iface?.pointToPoint === true || iface?.loopback === true;
      },
    };
  }

  get localNets(): Iterable<LocalNet> {
    return this.node.local(this.table.name)?.values() ?? [];
  }

  /** What is there without neighbours, the best first. */
  localRoutes(key: Net['key']): readonly Route[] {
    const local = this.node.local(this.table.name)?.get(key);
    return local === undefined ? NO_ROUTES : inOrder(local.routes, this.table.sorted);
  }

  /** Whether no neighbour can change what is best. */
  isFixed(routes: readonly Route[]): boolean {
    const [best] = routes;
    return best !== undefined && !best.filtered && best.preference > this.node.highestPreference;
  }

  /** How next hops are found, in this table where no other one is for that. */
  finder(igpTable = this.table.name): NextHopFinder {
    const known = this.#finders.get(igpTable);
    if (known !== undefined) return known;
    const { interfaces } = this.node.speaker;
    const finder: NextHopFinder = {
      neighbor: (addr, iface) => interfaces.neighbor(addr, iface),
      hostEntry: (addr, link) => this.#context.hostEntry(igpTable, addr, link),
    };
    this.#finders.set(igpTable, finder);
    return finder;
  }

  /** What a router that passes nothing on tells by a session, made once for all sessions that are alike. */
  toldBy(end: LinkEnd, family: LinkFamily): Told {
    const last = this.#lastTold;
    if (last !== undefined && isAlike(last.end, end) && last.family === family) return last.told;
    const told = this.#toldBy(end, family);
    this.#lastTold = { end, family, told };
    return told;
  }

  #toldBy(end: LinkEnd, family: LinkFamily): Told {
    const key = this.#senderKeys.of(end, family);
    const known = this.#told.get(key);
    if (known !== undefined) return known;
    const sender: Sender = { node: this.node, session: anyNeighbor(end.session), family };
    const told: OwnOffers[] = [];
    for (const { net } of this.localNets) {
      const routes = this.localRoutes(net.key);
      const offers = offersOf(sender, routes);
      if (offers.length > 0) told.push({ net, offers, isFixed: this.isFixed(routes) });
    }
    this.#told.set(key, told);
    return told;
  }

  /** The same for a router that passes on: each network's offers are made when they are first asked for. */
  decidedBy(end: LinkEnd, family: LinkFamily): Decided {
    const sender = this.#senderKeys.of(end, family);
    const known = this.#decided.get(sender);
    if (known !== undefined) return known;
    const shared: Sender = { node: this.node, session: anyNeighbor(end.session), family };
    const decisions = new Map<Net['key'], Decision>();
    const decided: Decided = (key) => {
      const made = decisions.get(key);
      const routes = made === undefined ? this.solved.get(key) : undefined;
      if (routes === undefined) return made;
      const decision = { offers: offersOf(shared, routes), origins: routes.map(({ origin }) => origin.name) };
      decisions.set(key, decision);
      return decision;
    };
    this.#decided.set(sender, decided);
    return decided;
  }

  get pipes(): readonly PipeEdge[] {
    this.#pipes ??= this.#context.pipes(this);
    return this.#pipes;
  }

  /** What comes by sessions, found in one go through them: a router of a mesh has thousands. */
  get heard(): Heard {
    if (this.#heard !== undefined) return this.#heard;
    const transit: Arrival[] = [];
    const carriers = new Map<Net['key'], Carried>();
    for (const edge of this.#context.edges(this)) {
      if (edge.from.node.isTransit) {
        transit.push({ edge, own: undefined });
        continue;
      }
      for (const own of edge.ownOffers) {
        const { key } = own.net;
        const known = carriers.get(key);
        if (known === undefined) carriers.set(key, [{ edge, own }]);
        else known.push({ edge, own });
      }
    }
    this.#heard = { transit, carriers };
    return this.#heard;
  }

  /** Ways by which that network may come. */
  arrivals(key: Net['key']): readonly Arrival[] {
    const { transit, carriers } = this.heard;
    const carried = carriers.get(key);
    if (carried === undefined) return transit;
    return transit.length === 0 ? carried : [...carried, ...transit];
  }

  /** Networks that this place has itself, or hears of from others than transit. */
  *#near(): Iterable<Net> {
    const local = this.node.local(this.table.name);
    for (const { net } of this.localNets) yield net;
    for (const [{ own }] of this.heard.carriers.values()) if (own && local?.has(own.net.key) !== true) yield own.net;
  }

  /** This place, and all from which something may come here by transit or pipes. */
  get #way(): ReadonlySet<Place> {
    if (this.#foundWay !== undefined) return this.#foundWay;
    const way = new Set<Place>([this]);
    for (const place of way) {
      for (const { from } of [...place.heard.transit.map(({ edge }) => edge), ...place.pipes]) way.add(from);
    }
    this.#foundWay = way;
    return way;
  }

  /** What is near here and on the way here. */
  get #known(): Candidates {
    if (this.#foundKnown !== undefined) return this.#foundKnown;
    const way = this.#way;
    // Clients of reflectors have no way of their own: what the reflectors know is put together once for all of them.
    const shared = this.node.isTransit ? undefined : [...way].find((place) => this.#isLastOf(place));
    const near = new Map<Net['key'], Net>();
    for (const place of shared === undefined ? way : [this]) {
      for (const net of place.#near()) near.set(net.key, net);
    }
    this.#foundKnown = new Candidates(near, shared === undefined ? undefined : shared.#known);
    return this.#foundKnown;
  }

  /** Whether all that comes here has come to that place before, and nothing goes there from here. */
  #isLastOf(place: Place): boolean {
    return place.#way.size === this.#way.size - 1 && !place.#way.has(this);
  }

  /** Networks that may have a route here: its own, and all that any router on the way may tell. */
  candidates(): Iterable<Net> {
    return this.#way.size > 1 ? this.#known.values() : this.#near();
  }

  #candidate(key: Net['key']): Net | undefined {
    if (this.#way.size > 1) return this.#known.get(key);
    return this.heard.carriers.get(key)?.[0].own?.net ?? this.node.local(this.table.name)?.get(key)?.net;
  }

  /** Lengths that networks here have, the longest first. */
  #prefixLengths(): readonly number[] {
    if (this.#lengths !== undefined) return this.#lengths;
    const lengths = new Set<number>();
    for (const { length } of this.candidates()) lengths.add(length);
    this.#lengths = [...lengths].toSorted((a, b) => b - a);
    return this.#lengths;
  }

  /** Candidates that hold an address, the longest first. */
  covering(addr: IpAddr): readonly Net[] {
    const found: Net[] = [];
    for (const length of this.#prefixLengths()) {
      const net = length > maxLength(addr) ? undefined : this.#candidate(netKey(maskIp(addr, length), length));
      if (net !== undefined) found.push(net);
    }
    return found;
  }
}
