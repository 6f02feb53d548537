/**
 * The routes of many daemons at rest, without their messages: what the sessions would have told each other in the
 * end, by the same filters, rules and decisions. Computed network by network when somebody asks, so that one
 * router of thousands costs what it needs and no more.
 *
 * For one network at one table: the tables that can have a say in it are found by following sessions backwards as
 * far as anything may come that way; then each decides, and those that hear it decide again, until nothing changes.
 */

import { hostKey, type IpAddr, type Net } from '../address.js';
import type { BgpConfig, KernelConfig } from '../config/types.js';
import { type HostEntry, resolveNextHop, type Resolution, UNRESOLVED } from '../rib/next-hop.js';
import type { Route } from '../rib/route.js';
import { sameRoute } from '../rib/same-route.js';
import { type Offer, offersOf, takeOffer, whyWithheld, type Withheld } from './exchange.js';
import { callingAddress, isFailure, type LinkAddresses, type LinkEnd, type LinkFailure, makeLink } from './link.js';
import { ConvergedNode } from './node.js';
import { inOrder } from './order.js';
import { pipesInto, withPiped } from './pipe-edge.js';
import { type Arrival, Edge, Place } from './place.js';
import { programmedBy } from './programmed.js';
import { Solving } from './solving.js';
import { configOf, type Speaker } from './speaker.js';

export interface ConvergedOptions {
  readonly speakers: Iterable<Speaker>;
  /** Whose an address is, for whoever asks; by the interfaces of all where it is left out. */
  readonly speakerAt?: (addr: IpAddr, from: Speaker) => Speaker | undefined;
  /** Why packets do not get there, in a daemon's words; undefined where they do. */
  readonly unreachable?: (from: Speaker, to: Speaker, addresses: LinkAddresses) => string | undefined;
}

/** A session as `show protocols` would have it. */
export interface ConvergedSession {
  readonly name: string;
  readonly remoteAddress: IpAddr;
  /** As it is written, or as it was made for a neighbour of a range. */
  readonly config: BgpConfig;
  readonly state: 'up' | 'start' | 'down';
  readonly bgpState: string;
  readonly reason: string;
  /** The router at the other end, where it is up. */
  readonly peer: string | undefined;
}

export interface ConvergedNet {
  readonly net: Net;
  /** The best first. */
  readonly routes: readonly Route[];
}

/** What a kernel protocol would program. */
export interface ConvergedKernel {
  readonly config: KernelConfig;
  readonly routes: readonly Route[];
}

/** Decisions for one network, a table, before it is found that they go round in circles. */
const ROUNDS_PER_PLACE = 60;

const sameRoutes = (a: readonly Route[], b: readonly Route[]): boolean =>
  a.length === b.length &&
  a.every((route, i) => {
    const other = b[i];
    return other !== undefined && route.pathId === other.pathId && sameRoute(route, other);
  });

const DEFAULT_TABLES = { ipv4: ['master', 'master4'], ipv6: ['master', 'master6'] } as const;

export class ConvergedNetwork {
  readonly #nodes = new Map<string, ConvergedNode>();
  readonly #options: ConvergedOptions;
  /** Those of each node, by its number. */
  readonly #places: Place[][] = [];
  readonly #links = new Map<ConvergedNode, readonly (LinkEnd | LinkFailure)[]>();
  /** What is being solved: a network, and those that its next hops need. */
  readonly #solving: Solving[] = [];
  readonly #unstable = new Map<Net['key'], Net>();
  #owners: Map<Net['key'], ConvergedNode> | undefined = undefined;

  constructor(options: ConvergedOptions) {
    this.#options = options;
    const context = {
      hostEntry: (node: ConvergedNode, table: string, addr: IpAddr) => this.#hostEntry(node, table, addr),
    };
    for (const speaker of options.speakers) {
      this.#nodes.set(speaker.name, new ConvergedNode(speaker, context, this.#nodes.size));
    }
    for (const node of this.#nodes.values()) if (node.ranges.length > 0) this.#callAll(node);
  }

  /** Everybody who has a session to it calls once, in the order of the speakers. */
  #callAll(called: ConvergedNode): void {
    const addresses = [...called.speaker.interfaces].flatMap((iface) => iface.addresses.map(({ ip }) => ip));
    for (const node of this.#nodes.values()) {
      if (node === called) continue;
      for (const address of addresses) {
        for (const peering of node.sessionsTo(address)) {
          const from = callingAddress(node, peering);
          if (from !== undefined) called.call(from);
        }
      }
    }
  }

  // What is asked.

  /** Networks for which no rest was found: routes that displace each other for ever. */
  get unstable(): readonly Net[] {
    return [...this.#unstable.values()];
  }

  /** All routes of a router's table. */
  routes(name: string, table?: string): readonly ConvergedNet[] {
    const place = this.#placeOf(name, table);
    if (place === undefined) return [];
    const nets: ConvergedNet[] = [];
    for (const net of place.candidates()) {
      const routes = this.#solve(place, net);
      if (routes.length > 0) nets.push({ net, routes });
    }
    return nets;
  }

  /** The routes to the longest match of an address. */
  route(name: string, addr: IpAddr, table?: string): ConvergedNet | undefined {
    const place = this.#placeOf(name, table);
    if (place === undefined) return undefined;
    for (const net of place.covering(addr)) {
      const routes = this.#solve(place, net);
      if (routes[0]?.filtered === false) return { net, routes };
    }
    return undefined;
  }

  /** What each kernel protocol of a router programs. */
  kernels(name: string): readonly ConvergedKernel[] {
    const node = this.#node(name);
    const kernels: ConvergedKernel[] = [];
    for (const config of node.speaker.config.protocols) {
      if (config.kind !== 'kernel' || config.disabled) continue;
      const nets = this.routes(node.name, config.channels[0]?.table).map(({ routes }) => routes);
      kernels.push({ config, routes: programmedBy(node, config, nets) });
    }
    return kernels;
  }

  routerId(name: string): number {
    return this.#node(name).routerId;
  }

  /** The sessions of a router, in the order of its configuration. */
  sessions(name: string): readonly ConvergedSession[] {
    const node = this.#node(name);
    const links = this.#linksOf(node);
    return [...node.sessions()].map((peering, i): ConvergedSession => {
      const { name, remoteAddress } = peering;
      const config = configOf(peering);
      const link = links[i];
      if (link === undefined || isFailure(link)) {
        const { state = 'start', bgpState = 'Idle', reason = '' } = link ?? {};
        return { name, remoteAddress, config, state, bgpState, reason, peer: undefined };
      }
      const peer = link.other.node.name;
      return { name, remoteAddress, config, state: 'up', bgpState: 'Established', reason: '', peer };
    });
  }

  /** Which filter keeps the best route to a network, as one router has it, from another that has a session with it. */
  withheld(from: string, to: string, net: Net): Withheld | undefined {
    const node = this.#nodes.get(to);
    if (node === undefined) return undefined;
    for (const { name } of node.speaker.config.tables) {
      const place = this.#place(node, name);
      if (place === undefined) continue;
      for (const edge of this.#edges(place)) {
        if (edge.from.node.name !== from) continue;
        const [best] = this.#solve(edge.from, net);
        const { family, receiver, sender } = edge;
        const of = { family, find: place.finder(family.options.igpTable) };
        const found = best && whyWithheld(sender, receiver, best, of);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  // Who and where.

  #node(name: string): ConvergedNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new RangeError(`no speaker ${name}`);
    return node;
  }

  #placeOf(name: string, table: string | undefined): Place | undefined {
    const node = this.#node(name);
    const { tables } = node.speaker.config;
    const usual = tables.find((each) => DEFAULT_TABLES.ipv4.some((known) => known === each.name)) ?? tables[0];
    const found = table ?? usual?.name;
    return found === undefined ? undefined : this.#place(node, found);
  }

  #place(node: ConvergedNode, name: string): Place | undefined {
    const places = (this.#places[node.index] ??= []);
    const known = places.find(({ table }) => table.name === name);
    if (known !== undefined) return known;
    const table = node.speaker.config.tables.find((each) => each.name === name);
    if (table === undefined) return undefined;
    const place = new Place(node, table, {
      edges: (of) => this.#edges(of),
      pipes: (of) => pipesInto(of, (other) => this.#place(node, other)),
      hostEntry: (of, addr, link) => this.#hostEntry(node, of, addr, link),
    });
    places.push(place);
    return place;
  }

  #nodeAt(addr: IpAddr, from: ConvergedNode): ConvergedNode | undefined {
    const { speakerAt } = this.#options;
    if (speakerAt !== undefined) {
      const speaker = speakerAt(addr, from.speaker);
      return speaker && this.#nodes.get(speaker.name);
    }
    this.#owners ??= this.#makeOwners();
    return this.#owners.get(hostKey(addr));
  }

  #makeOwners(): Map<Net['key'], ConvergedNode> {
    const owners = new Map<Net['key'], ConvergedNode>();
    for (const node of this.#nodes.values()) {
      for (const iface of node.speaker.interfaces) {
        for (const { ip } of iface.addresses) owners.set(hostKey(ip), node);
      }
    }
    return owners;
  }

  #linksOf(node: ConvergedNode): readonly (LinkEnd | LinkFailure)[] {
    const known = this.#links.get(node);
    if (known !== undefined) return known;
    const { unreachable } = this.#options;
    const context = {
      nodeAt: (addr: IpAddr, from: ConvergedNode) => this.#nodeAt(addr, from),
      unreachable: (from: ConvergedNode, to: ConvergedNode, addresses: LinkAddresses) =>
        unreachable?.(from.speaker, to.speaker, addresses),
    };
    const links: (LinkEnd | LinkFailure)[] = [];
    for (const peering of node.sessions()) links.push(makeLink(node, peering, context));
    this.#links.set(node, links);
    return links;
  }

  #edges(place: Place): readonly Edge[] {
    const edges: Edge[] = [];
    for (const link of this.#linksOf(place.node)) {
      if (isFailure(link)) continue;
      for (const family of link.families) {
        const sent = link.other.families.find((each) => each.family === family.family);
        if (family.channel.table !== place.table.name || sent === undefined) continue;
        const from = this.#place(link.other.node, sent.channel.table);
        if (from !== undefined) edges.push(new Edge(from, link, { sent, received: family }));
      }
    }
    return edges;
  }

  // Rest.

  /** The routes of a place to a network, as they are in the end. */
  #solve(place: Place, net: Net): readonly Route[] {
    const { key } = net;
    const known = place.solved.get(key);
    if (known !== undefined) return known;
    const already = this.#solvingOf(key);
    if (already !== undefined) return already.routes(place) ?? place.localRoutes(key);
    const solving = new Solving(net, place);
    this.#solving.push(solving);
    this.#gather(solving);
    if (solving.isAlone) solving.set(place, this.#evaluate(place, solving));
    else this.#settle(solving);
    this.#solving.pop();
    return solving.finish();
  }

  #solvingOf(key: Net['key']): Solving | undefined {
    return this.#solving.find(({ net }) => net.key === key);
  }

  /** Places whose decision is needed for this one and not known yet, each after those that it needs. */
  #gather(solving: Solving): void {
    const { key } = solving.net;
    const pending: Place[] = [solving.asked];
    const needs = (member: Place, from: Place): void => {
      if (!from.solved.has(key) && solving.hears(member, from)) pending.push(from);
    };
    for (const member of pending) {
      for (const arrival of member.arrivals(key)) if (this.#decides(arrival)) needs(member, arrival.edge.from);
      for (const { from } of member.pipes) needs(member, from);
    }
  }

  /** Whether what comes depends on more than the other's own routes. */
  #decides({ edge, own }: Arrival): boolean {
    return own === undefined || (edge.tellsBest && !own.isFixed);
  }

  #settle(solving: Solving): void {
    const { net } = solving;
    const queue = new Set(solving.members().toReversed());
    let left = ROUNDS_PER_PLACE * queue.size;
    for (const place of queue) {
      queue.delete(place);
      if (left-- === 0) {
        this.#unstable.set(net.key, net);
        return;
      }
      const before = solving.routes(place) ?? [];
      const after = this.#evaluate(place, solving);
      if (sameRoutes(before, after)) continue;
      solving.set(place, after);
      for (const hearer of solving.hearersOf(place)) queue.add(hearer);
    }
  }

  #evaluate(place: Place, solving: Solving): readonly Route[] {
    const { key } = solving.net;
    const found = [...place.localRoutes(key)];
    for (const arrival of place.arrivals(key)) {
      const { edge } = arrival;
      const find = place.finder(edge.family.options.igpTable);
      for (const offer of this.#offers(arrival, solving)) {
        const route = takeOffer(edge.receiver, offer, { family: edge.family, find });
        if (route !== undefined) found.push(route);
      }
    }
    // Without room for more, since it is kept.
    const piped = withPiped(found.slice(), place.pipes, (from) => from.solved.get(key) ?? solving.routes(from) ?? []);
    return inOrder(piped, place.table.sorted);
  }

  #offers(arrival: Arrival, solving: Solving): readonly Offer[] {
    const { edge, own } = arrival;
    if (own !== undefined && !this.#decides(arrival)) return edge.withoutItself(own.offers);
    return edge.decided(solving.net.key) ?? offersOf(edge.sender, solving.routes(edge.from) ?? []);
  }

  // Next hops.

  #hostEntry(node: ConvergedNode, table: string, addr: IpAddr, link = addr): HostEntry {
    const place = this.#place(node, table);
    const key = hostKey(addr);
    const known = place?.hosts.get(key);
    if (known !== undefined) return known;
    const entry: HostEntry = { addr, link, resolution: UNRESOLVED, source: undefined };
    if (place === undefined) return entry;
    entry.resolution = this.#resolve(place, entry);
    place.hosts.set(key, entry);
    return entry;
  }

  #resolve(place: Place, entry: HostEntry): Resolution {
    for (const net of place.covering(entry.addr)) {
      const local = place.localRoutes(net.key);
      if (!place.isFixed(local) && this.#solvingOf(net.key) !== undefined && local.length === 0) {
        // A route to that network is what asks: it is there, and leads by a next hop of its own.
        return UNRESOLVED;
      }
      const routes = place.isFixed(local) ? local : this.#solve(place, net);
      if (routes[0]?.filtered === false) return resolveNextHop(entry, routes, place.resolveContext);
    }
    return UNRESOLVED;
  }
}
