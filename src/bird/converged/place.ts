/** One table of one router: which sessions feed it, and what they offer. */

import { maxLength, Net } from '../address.js';
import type { IpAddr } from '../address.js';
import type { TableConfig } from '../config/types.js';
import { filterSignature } from '../filter/signature.js';
import type { FilterChoice } from '../filter/syntax.js';
import type { ResolveContext } from '../rib/next-hop.js';
import type { HostEntry } from '../rib/next-hop.js';
import type { Route } from '../rib/route.js';
import { anyNeighbor, isOwnNextHop, type Offer, offersOf, type Sender } from './exchange.js';
import type { LinkEnd, LinkFamily } from './link.js';
import { inOrder } from './order.js';
import type { LocalNet } from './local.js';
import type { ConvergedNode } from './node.js';

/** Routes flow from one place to another by it. */
export interface Edge {
  readonly from: Place;
  readonly sender: Sender;
  readonly receiver: LinkEnd;
  readonly family: LinkFamily;
}

const NO_OFFERS: readonly Offer[] = [];
const FILTER_IDS = new WeakMap<object, string>();

/** Two filters that say the same have one key. */
function filterKey(filter: FilterChoice): string {
  if (typeof filter === 'string') return filter;
  const known = FILTER_IDS.get(filter);
  if (known !== undefined) return known;
  const key = filterSignature(filter);
  FILTER_IDS.set(filter, key);
  return key;
}

/** What of a session decides over what is told by it, but for the neighbour. */
function senderKey({ session, family }: Sender): string {
  const { config, sourceAddress, isInternal, rrClusterId, neighborIface, peerLlgrAware } = session;
  const { options } = family;
  return [
    filterKey(family.channel.exportFilter),
    family.channel.table,
    family.addPathTx,
    String(sourceAddress),
    neighborIface,
    isInternal,
    rrClusterId,
    peerLlgrAware,
    config.localAs,
    config.rrClient,
    config.rsClient,
    config.defaultLocalPref,
    config.allowLocalPref,
    config.interpretCommunities,
    options.nextHopSelf,
    options.nextHopKeep,
    String(options.nextHopAddress),
    options.secondary,
  ].join('|');
}

/** What places need of the network that they are part of. */
export interface PlaceContext {
  /** Edges into a table, of all its sessions that are up. */
  readonly edges: (place: Place) => readonly Edge[];
}

export class Place {
  readonly node: ConvergedNode;
  readonly table: TableConfig;
  readonly resolveContext: ResolveContext;
  /** Routes that are final, by network. */
  readonly solved = new Map<Net['key'], readonly Route[]>();
  readonly hosts = new Map<Net['key'], HostEntry>();
  readonly #context: PlaceContext;
  readonly #told = new Map<string, ReadonlyMap<Net['key'], readonly Offer[]>>();
  #transitEdges: readonly Edge[] | undefined = undefined;
  #carriers: ReadonlyMap<Net['key'], readonly Edge[]> | undefined = undefined;
  #candidates: ReadonlyMap<Net['key'], Net> | undefined = undefined;
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
    return local === undefined ? [] : inOrder(local.routes, this.table.sorted);
  }

  /** Whether no neighbour can change what is best. */
  isFixed(routes: readonly Route[]): boolean {
    const [best] = routes;
    return best !== undefined && !best.filtered && best.preference > this.node.highestPreference;
  }

  /** What a router that passes nothing on tells by a session, made once for all sessions that are alike. */
  told(edge: Edge, key: Net['key']): readonly Offer[] {
    const offers = this.toldBy(edge.sender).get(key);
    if (offers === undefined) return NO_OFFERS;
    const { session } = edge.sender;
    return offers.some(({ attributes }) => isOwnNextHop(session, attributes))
      ? offers.filter(({ attributes }) => !isOwnNextHop(session, attributes))
      : offers;
  }

  toldBy(sender: Sender): ReadonlyMap<Net['key'], readonly Offer[]> {
    const key = senderKey(sender);
    const known = this.#told.get(key);
    if (known !== undefined) return known;
    const shared = { ...sender, session: anyNeighbor(sender.session) };
    const told = new Map<Net['key'], readonly Offer[]>();
    for (const { net } of this.localNets) {
      const offers = offersOf(shared, this.localRoutes(net.key));
      if (offers.length > 0) told.set(net.key, offers);
    }
    this.#told.set(key, told);
    return told;
  }

  /** Edges from routers that may pass on what they were told: they may offer anything. */
  get transitEdges(): readonly Edge[] {
    this.#transitEdges ??= this.#context.edges(this).filter(({ from }) => from.node.isTransit);
    return this.#transitEdges;
  }

  /** Edges from the others, by the networks that they may offer. */
  get carriers(): ReadonlyMap<Net['key'], readonly Edge[]> {
    if (this.#carriers !== undefined) return this.#carriers;
    const carriers = new Map<Net['key'], Edge[]>();
    for (const edge of this.#context.edges(this)) {
      if (edge.from.node.isTransit) continue;
      for (const key of edge.from.toldBy(edge.sender).keys()) {
        const known = carriers.get(key);
        if (known === undefined) carriers.set(key, [edge]);
        else known.push(edge);
      }
    }
    this.#carriers = carriers;
    return carriers;
  }

  /** Edges by which that network may come. */
  edgesFor(key: Net['key']): readonly Edge[] {
    const carriers = this.carriers.get(key);
    return carriers === undefined ? this.transitEdges : [...carriers, ...this.transitEdges];
  }

  /** Networks that this place has itself, or hears of from others than transit. */
  *#near(): Iterable<Net> {
    for (const { net } of this.localNets) yield net;
    for (const [key, [edge]] of this.carriers) {
      const offer = edge?.from.toldBy(edge.sender).get(key)?.[0];
      if (offer !== undefined) yield offer.net;
    }
  }

  /** Networks that may have a route here: its own, and all that any router on the way may tell. */
  get candidates(): ReadonlyMap<Net['key'], Net> {
    if (this.#candidates !== undefined) return this.#candidates;
    const found = new Map<Net['key'], Net>();
    const seen = new Set<Place>([this]);
    for (const place of seen) {
      for (const net of place.#near()) found.set(net.key, net);
      for (const { from } of place.transitEdges) seen.add(from);
    }
    this.#candidates = found;
    return found;
  }

  /** Lengths that networks here have, the longest first. */
  #prefixLengths(): readonly number[] {
    if (this.#lengths !== undefined) return this.#lengths;
    const lengths = new Set<number>();
    for (const { length } of this.candidates.values()) lengths.add(length);
    this.#lengths = [...lengths].toSorted((a, b) => b - a);
    return this.#lengths;
  }

  /** Candidates that hold an address, the longest first. */
  *covering(addr: IpAddr): Iterable<Net> {
    for (const length of this.#prefixLengths()) {
      if (length > maxLength(addr)) continue;
      const net = this.candidates.get(Net.of(addr, length).key);
      if (net !== undefined) yield net;
    }
  }
}
