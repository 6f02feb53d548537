/**
 * A routing table (nest/rt-table.c): the routes to every network, the best first, and whoever wants to hear of
 * changes. Next hops that are found by recursion are looked up again when what they lean on changes.
 */

import { type Family, type IpAddr, Net, maskIp, maxLength, netContainsIp } from '../address.js';
import type { TableConfig } from '../config/types.js';
import { isBetter, neighborAs, type Suppressed } from './decision.js';
import {
  applyHostEntry,
  type HostEntry,
  isOutdated,
  type ResolveContext,
  resolveNextHop,
  sameResolution,
  UNRESOLVED,
} from './next-hop.js';
import type { Route } from './route.js';
import { RouteSet } from './route-set.js';

/** The routes to one network; the first is the best, filtered ones are at the end of no order. */
export interface NetEntry {
  readonly net: Net;
  routes: Route[];
}

/** What happened to a network. Routes that were filtered count as none. */
export interface NetChange {
  readonly entry: NetEntry;
  readonly new: Route | undefined;
  readonly old: Route | undefined;
  readonly newBest: Route | undefined;
  readonly oldBest: Route | undefined;
}

/**
 * Which changes somebody hears of: of the best route, of any, of the first that a filter accepts, or of the best
 * and those that may be merged with it (RA_OPTIMAL, RA_ANY, RA_ACCEPTED, RA_MERGED).
 */
export type AnnounceMode = 'optimal' | 'any' | 'accepted' | 'merged';

export interface TableListener {
  readonly mode: AnnounceMode;
  changed(change: NetChange): void;
}

/** What a table needs of the daemon that it is part of. */
export interface TableContext extends ResolveContext {
  readonly nowNs: () => number;
  /** Runs it once what runs now has finished. */
  readonly defer: (action: () => void) => void;
}

const valid = (route: Route | undefined): Route | undefined => (route?.filtered === true ? undefined : route);

/** Tells the routes to one network apart (struct rte_src), and who brings them. */
export interface RouteSource {
  readonly origin: string;
  readonly pathId: number;
  readonly sender: string;
}

const sameSource = (route: Route, { origin, pathId }: RouteSource): boolean =>
  route.origin.name === origin && route.pathId === pathId;

export class Table {
  readonly name: string;
  readonly family: Family;
  readonly sorted: boolean;
  readonly #context: TableContext;
  readonly #nets = new Map<Net['key'], NetEntry>();
  readonly #listeners = new Set<TableListener>();
  readonly #hosts = new Map<Net['key'], HostEntry>();
  readonly #suppressed = new RouteSet();
  #hostsOutdated = false;
  /** A pipe tells the other table what has changed here. */
  pipeBusy = false;
  /** Networks by prefix length that have any: what the longest match walks. */
  readonly #lengths: number[];

  constructor(config: TableConfig, context: TableContext) {
    this.name = config.name;
    this.family = config.family;
    this.sorted = config.sorted;
    this.#context = context;
    this.#lengths = Array.from({ length: config.family === 'ipv4' ? 33 : 129 }, () => 0);
  }

  get size(): number {
    return this.#nets.size;
  }

  /** Networks in the order in which they came. */
  entries(): IterableIterator<NetEntry> {
    return this.#nets.values();
  }

  find(net: Net): NetEntry | undefined {
    return this.#nets.get(net.key);
  }

  /** net_route(): the longest match that has a usable route. */
  route(addr: IpAddr, length: number = maxLength(addr)): NetEntry | undefined {
    for (let bits = Math.min(length, this.#lengths.length - 1); bits >= 0; bits--) {
      if (this.#lengths[bits] === 0) continue;
      const entry = this.#nets.get(new Net(maskIp(addr, bits), bits).key);
      if (entry !== undefined && valid(entry.routes[0]) !== undefined) return entry;
    }
    return undefined;
  }

  addListener(listener: TableListener): void {
    this.#listeners.add(listener);
  }

  removeListener(listener: TableListener): void {
    this.#listeners.delete(listener);
  }

  /** rta_set_recursive_next_hop(): the entry of that address, made and resolved where there is none. */
  hostEntry(addr: IpAddr, link: IpAddr = addr): HostEntry {
    const key = new Net(addr, maxLength(addr)).key;
    const known = this.#hosts.get(key);
    if (known !== undefined) return known;
    const entry: HostEntry = { addr, link, resolution: UNRESOLVED, source: undefined };
    this.#hosts.set(key, entry);
    this.#resolve(entry);
    return entry;
  }

  /**
   * rte_recalculate(): the route of that source to that network is `route` now, or gone. Answers with what was
   * there before, and whether anything changed.
   */
  update(net: Net, route: Route | undefined, source: RouteSource): Update {
    const entry = this.#nets.get(net.key) ?? this.#create(net, route);
    if (entry === undefined) return { old: undefined, refused: false };
    const oldBest = entry.routes[0];
    const at = entry.routes.findIndex((each) => sameSource(each, source));
    const old = at < 0 ? undefined : entry.routes[at];
    if (old === undefined && route === undefined) return { old: undefined, refused: false };
    // What came by one way is not taken away by another.
    if (old !== undefined && old.sender !== source.sender) return { old: undefined, refused: true };
    const fresh = route && { ...route, modifiedNs: this.#context.nowNs() };
    if (at >= 0) entry.routes.splice(at, 1);
    if (fresh !== undefined) this.#insert(entry, fresh, { old, oldBest });
    else this.#removed(entry, old, oldBest);
    if (entry.routes.length === 0) this.#drop(entry);
    this.#announce({ entry, new: fresh, old, newBest: entry.routes[0], oldBest });
    return { old, refused: false };
  }

  #create(net: Net, route: Route | undefined): NetEntry | undefined {
    if (route === undefined) return undefined;
    const entry: NetEntry = { net, routes: [] };
    this.#nets.set(net.key, entry);
    this.#lengths[net.length] = (this.#lengths[net.length] ?? 0) + 1;
    return entry;
  }

  #drop(entry: NetEntry): void {
    this.#nets.delete(entry.net.key);
    this.#lengths[entry.net.length] = (this.#lengths[entry.net.length] ?? 1) - 1;
  }

  readonly #isSuppressed: Suppressed = (route) => this.#suppressed.has(route);

  #better(a: Route, b: Route | undefined): boolean {
    return isBetter(a, b, this.#isSuppressed);
  }

  #insert(
    entry: NetEntry,
    fresh: Route,
    before: { readonly old: Route | undefined; readonly oldBest: Route | undefined },
  ): void {
    const { routes } = entry;
    if (this.sorted) {
      const at = routes.findIndex((each) => this.#better(fresh, each));
      routes.splice(at < 0 ? routes.length : at, 0, fresh);
      return;
    }
    if (this.#regroup(entry, fresh, before.old)) {
      routes.unshift(fresh);
      this.#elect(entry);
    } else if (this.#better(fresh, before.oldBest)) routes.unshift(fresh);
    else if (before.old === before.oldBest) {
      routes.unshift(fresh);
      this.#elect(entry);
    } else routes.splice(1, 0, fresh);
  }

  #removed(entry: NetEntry, old: Route | undefined, oldBest: Route | undefined): void {
    if (this.sorted) return;
    if (this.#regroup(entry, undefined, old) || old === oldBest) this.#elect(entry);
  }

  /** Finds the best and puts it first; the others keep their order. */
  #elect(entry: NetEntry): void {
    const { routes } = entry;
    let best = 0;
    for (let i = 1; i < routes.length; i++) {
      const candidate = routes[i];
      if (candidate !== undefined && this.#better(candidate, routes[best])) best = i;
    }
    const [route] = routes.splice(best, 1);
    if (route !== undefined) routes.unshift(route);
  }

  /**
   * bgp_rte_recalculate(): with `deterministic med` only the best of each neighbouring AS takes part. True where
   * the choice among all must be made again.
   */
  #regroup(entry: NetEntry, fresh: Route | undefined, old: Route | undefined): boolean {
    const key = fresh ?? old;
    if (key?.origin.bgp?.options.deterministicMed !== true) return false;
    if (old !== undefined) this.#suppressed.delete(old);
    const group = (route: Route): boolean =>
      route.origin.bgp?.options.deterministicMed === true &&
      (fresh !== undefined && old !== undefined
        ? [fresh, old].some((each) => sameGroup(each, route))
        : sameGroup(key, route));
    const members = [...(fresh === undefined ? [] : [fresh]), ...entry.routes].filter(group);
    for (const member of members) this.#suppressed.delete(member);
    const heads: Route[] = [];
    for (const member of members) {
      const at = heads.findIndex((head) => sameGroup(head, member));
      const head = heads[at];
      if (head === undefined) heads.push(member);
      else if (isBetter(member, head)) heads[at] = member;
    }
    for (const member of members) if (!heads.includes(member)) this.#suppressed.add(member);
    return true;
  }

  #announce(change: NetChange): void {
    const valued: NetChange = {
      entry: change.entry,
      new: valid(change.new),
      old: valid(change.old),
      newBest: valid(change.newBest),
      oldBest: valid(change.oldBest),
    };
    if (valued.new === undefined && valued.old === undefined) return;
    const bestChanged = valued.newBest !== valued.oldBest;
    if (bestChanged) this.#outdateHosts(change.entry.net);
    for (const listener of this.#listeners) {
      if (listener.mode === 'optimal' ? bestChanged : true) listener.changed(valued);
    }
  }

  // Recursive next hops.

  #resolve(entry: HostEntry): boolean {
    const found = this.route(entry.addr);
    const source = found?.routes[0];
    if (source === entry.source && source !== undefined) return false;
    const resolution = resolveNextHop(entry, found?.routes ?? [], this.#context);
    entry.source = source;
    if (sameResolution(entry.resolution, resolution)) return false;
    entry.resolution = resolution;
    return true;
  }

  /** rt_notify_hostcache(): something that next hops may lean on has changed. */
  #outdateHosts(net: Net): void {
    if (this.#hostsOutdated) return;
    for (const host of this.#hosts.values()) {
      if (!netContainsIp(net, host.addr)) continue;
      this.#hostsOutdated = true;
      this.#context.defer(() => this.#updateHosts());
      return;
    }
  }

  /** rt_update_hostcache(), rt_next_hop_update(). */
  #updateHosts(): void {
    this.#hostsOutdated = false;
    let changed = false;
    for (const host of this.#hosts.values()) if (this.#resolve(host)) changed = true;
    if (!changed) return;
    for (const entry of this.#nets.values()) this.#updateNextHops(entry);
  }

  #updateNextHops(entry: NetEntry): void {
    const oldBest = entry.routes[0];
    const outdated = entry.routes.filter(isOutdated);
    if (outdated.length === 0) return;
    const renewed = new Map<Route, Route>();
    entry.routes = entry.routes.map((route) => {
      if (route.hostEntry === undefined || !isOutdated(route)) return route;
      const fresh = applyHostEntry(route, route.hostEntry);
      renewed.set(route, fresh);
      this.#suppressed.replace(route, fresh);
      return fresh;
    });
    for (const fresh of renewed.values()) this.#regroup(entry, undefined, fresh);
    this.#elect(entry);
    this.#announceRenewed(entry, renewed, oldBest);
  }

  #announceRenewed(entry: NetEntry, renewed: ReadonlyMap<Route, Route>, oldBest: Route | undefined): void {
    const newBest = entry.routes[0];
    const bestChanged = newBest !== oldBest;
    if (bestChanged) this.#outdateHosts(entry.net);
    for (const listener of this.#listeners) {
      if (listener.mode === 'any') {
        for (const [old, fresh] of renewed) listener.changed({ entry, new: fresh, old, newBest, oldBest });
      } else if (bestChanged || listener.mode !== 'optimal') {
        listener.changed({ entry, new: newBest, old: oldBest, newBest: valid(newBest), oldBest: valid(oldBest) });
      }
    }
  }
}

export interface Update {
  readonly old: Route | undefined;
  /** Another protocol has brought the route of that source. */
  readonly refused: boolean;
}

const sameGroup = (a: Route, b: Route): boolean => a.preference === b.preference && neighborAs(a) === neighborAs(b);
