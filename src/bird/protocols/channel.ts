/**
 * What connects a protocol to a table (nest/proto.c: struct announce_hook, struct channel): routes go in through
 * the import filter, changes come out through the export filter, and both are counted.
 */

import type { Net } from '../address.js';
import type { ChannelConfig, RouteLimit } from '../config/types.js';
import type { Route } from '../rib/route.js';
import { sameRoute } from '../rib/same-route.js';
import type { AnnounceMode, NetChange, NetEntry, RouteSource, Table, TableListener } from '../rib/table.js';
import type { Router } from '../router.js';
import { ChannelExports, type Counting, type Exported, type ExportChange, type Feeding } from './channel-exports.js';
import { importRoute } from './import-route.js';
import { newStats } from './stats.js';

/** What a channel needs of the protocol that it belongs to. */
export interface ChannelOwner {
  readonly name: string;
  readonly mode: (channel: Channel) => AnnounceMode;
  /** import_control() of 1.6, preexport() of 2: the route with what the protocol adds, or undefined to refuse it. */
  readonly preexport: (channel: Channel, route: Route) => Route | undefined;
  /** rt_notify(). */
  readonly exported: (channel: Channel, net: Net, change: ExportChange) => void;
  /** Routes of that protocol keep krt_metric and krt_source, which others lose on import. */
  readonly keepsTemporary: boolean;
  /** Of 1.6: what goes is told of although it was never told (pipe_withdraw). */
  readonly withdrawsAll: boolean;
  /** Next hops that are merged at most. */
  readonly mergeLimit: number;
  readonly limitHit: (channel: Channel, limit: RouteLimit, which: LimitKind) => void;
}

export type LimitKind = 'receive' | 'import' | 'export';

interface Imported {
  readonly net: Net;
  readonly pathId: number;
  readonly origin: string;
}

export class Channel implements TableListener {
  readonly owner: ChannelOwner;
  readonly router: Router;
  readonly table: Table;
  config: ChannelConfig;
  stats = newStats();
  readonly #exports: ChannelExports;
  readonly #imported = new Map<string, Imported>();
  /** Routes of before a refresh that were not told again yet. */
  #stale: Set<string> | undefined = undefined;
  #importHit = false;
  #receiveHit = false;

  constructor(owner: ChannelOwner, router: Router, config: ChannelConfig) {
    this.owner = owner;
    this.router = router;
    this.config = config;
    this.table = router.table(config.table);
    this.#exports = new ChannelExports(this);
  }

  get mode(): AnnounceMode {
    return this.owner.mode(this);
  }

  // Import.

  /** rte_update(): `route` undefined withdraws it. Only pipes bring routes whose origin is another protocol. */
  import(net: Net, route: Route | undefined, pathId = 0, origin = this.owner.name): void {
    const imported: Imported = { net, pathId, origin };
    const key = `${net.key}|${pathId}|${origin}`;
    this.#stale?.delete(key);
    const { stats } = this;
    if (route === undefined) {
      stats.importWithdrawsReceived += 1;
      this.#withdraw(key, imported, 'withdraw');
      return;
    }
    stats.importUpdatesReceived += 1;
    const filtered = this.#filter(route);
    if (filtered === undefined) this.#withdraw(key, imported, 'drop');
    else this.#take(key, imported, filtered);
  }

  /** The route after the import filter; undefined where it is dropped. */
  #filter(route: Route): Route | undefined {
    const { stats, router, owner } = this;
    const { environment } = router;
    const { keepsTemporary } = owner;
    const outcome = importRoute(route, { channel: this.config, environment, keepsTemporary });
    if (outcome.verdict === 'invalid') {
      stats.importUpdatesInvalid += 1;
      router.log(`Ignoring bogus route ${route.net.toString()} received via ${owner.name}`);
    } else if (outcome.verdict === 'filtered') stats.importUpdatesFiltered += 1;
    return outcome.route;
  }

  #find({ net, pathId, origin }: Imported): Route | undefined {
    return this.table.find(net)?.routes.find((each) => each.origin.name === origin && each.pathId === pathId);
  }

  #sourceOf({ origin, pathId }: Imported): RouteSource {
    return { origin, pathId, sender: this.owner.name };
  }

  #take(key: string, imported: Imported, route: Route): void {
    const { stats } = this;
    const { net } = imported;
    const old = this.#find(imported);
    if (old !== undefined && old.sender !== this.owner.name) {
      this.router.log(`Pipe collision detected when sending ${net.toString()} to table ${this.table.name}`);
      return;
    }
    if (old !== undefined && sameRoute(old, route)) {
      if (!route.filtered) stats.importUpdatesIgnored += 1;
      return;
    }
    const allowed = this.#underLimits(old, route);
    if (allowed === undefined) {
      if (old !== undefined) this.#withdraw(key, imported, 'drop');
      return;
    }
    if (allowed.filtered) {
      stats.filteredRoutes += 1;
      // For whoever had the route before, or never had it, it is gone.
      if (old !== undefined && !old.filtered) stats.importWithdrawsAccepted += 1;
      else stats.importWithdrawsIgnored += 1;
    } else {
      stats.importUpdatesAccepted += 1;
      stats.importedRoutes += 1;
    }
    this.#forget(old);
    this.#imported.set(key, imported);
    this.table.update(net, allowed, this.#sourceOf(imported));
  }

  #forget(old: Route | undefined): void {
    if (old === undefined) return;
    if (old.filtered) this.stats.filteredRoutes -= 1;
    else this.stats.importedRoutes -= 1;
  }

  #withdraw(key: string, imported: Imported, why: 'withdraw' | 'drop'): void {
    this.#imported.delete(key);
    const { old, refused } = this.table.update(imported.net, undefined, this.#sourceOf(imported));
    this.#forget(old);
    if (old !== undefined && !old.filtered) this.stats.importWithdrawsAccepted += 1;
    else if (!refused && (why === 'withdraw' || old !== undefined || !this.router.isBird2)) {
      this.stats.importWithdrawsIgnored += 1;
    }
  }

  /** Limits of what is received and imported: undefined refuses the route. */
  #underLimits(old: Route | undefined, route: Route): Route | undefined {
    const { receiveLimit, importLimit } = this.config;
    const { stats } = this;
    if (receiveLimit !== undefined && old === undefined) {
      this.#receiveHit ||= this.reached(receiveLimit, stats.importedRoutes + stats.filteredRoutes, 'receive');
      if (this.#receiveHit && receiveLimit.action !== 'warn') {
        stats.importUpdatesIgnored += 1;
        return undefined;
      }
    }
    const grows = !route.filtered && (old === undefined || old.filtered);
    if (importLimit === undefined || !grows) return route;
    this.#importHit ||= this.reached(importLimit, stats.importedRoutes, 'import');
    if (!this.#importHit || importLimit.action === 'warn') return route;
    stats.importUpdatesIgnored += 1;
    return this.config.keepFiltered ? { ...route, filtered: true } : undefined;
  }

  /** proto_notify_limit(): whether a limit is reached by what there is already. */
  reached(limit: RouteLimit, count: number, which: LimitKind): boolean {
    if (count < limit.limit) return false;
    this.router.log(`Protocol ${this.owner.name} hits route ${which} limit (${limit.limit}), action: ${limit.action}`);
    if (limit.action !== 'block' && limit.action !== 'warn') this.owner.limitHit(this, limit, which);
    return true;
  }

  /** Whether a limit was met, for listings. */
  limitState(which: LimitKind): boolean {
    return { receive: this.#receiveHit, import: this.#importHit, export: this.#exports.limitHit }[which];
  }

  /** The protocol begins: what was counted is of another life. */
  resetStats(): void {
    this.stats = newStats();
  }

  /** channel_verify_limits(): what is there may be too much for limits that are others now. */
  verifyLimits(): void {
    const { receiveLimit, importLimit, exportLimit } = this.config;
    const { importedRoutes, filteredRoutes, exportedRoutes } = this.stats;
    const exceeded = (limit: RouteLimit | undefined, count: number, which: LimitKind): boolean =>
      limit !== undefined && count > limit.limit && this.reached(limit, count, which);
    this.#receiveHit ||= exceeded(receiveLimit, importedRoutes + filteredRoutes, 'receive');
    this.#importHit ||= exceeded(importLimit, importedRoutes, 'import');
    this.#exports.limitHit ||= exceeded(exportLimit, exportedRoutes, 'export');
  }

  /** The limits are others now, or the protocol is up again. */
  forgetLimits(): void {
    this.#importHit = false;
    this.#receiveHit = false;
    this.#exports.limitHit = false;
  }

  /** rt_refresh_begin(): what is not told again before the end goes. */
  refreshBegin(): void {
    this.#stale = new Set(this.#imported.keys());
  }

  get refreshing(): boolean {
    return this.#stale !== undefined;
  }

  /** rt_refresh_end(). */
  refreshEnd(): void {
    const stale = this.#stale;
    this.#stale = undefined;
    for (const key of stale ?? []) {
      const imported = this.#imported.get(key);
      if (imported !== undefined) this.#withdraw(key, imported, 'drop');
    }
  }

  /** The protocol went down: its routes go. */
  flush(): void {
    this.#stale = undefined;
    for (const [key, imported] of this.#imported) this.#withdraw(key, imported, 'drop');
  }

  /** Runs the import filter again over what is there, as it came in (only of protocols that keep it). */
  get importedNets(): Iterable<Imported> {
    return this.#imported.values();
  }

  // Export.

  get exporting(): boolean {
    return this.#exports.flowing;
  }

  get exportedRoutes(): ReadonlyMap<string, Exported> {
    return this.#exports.routes;
  }

  /** Changes are exported from now on. */
  startExport(): void {
    if (this.exporting) return;
    this.#exports.flowing = true;
    this.table.addListener(this);
  }

  stopExport(): void {
    this.table.removeListener(this);
    this.#exports.stop();
  }

  /** rt_feed_baby(): everything is exported, or exported again. */
  feed(entries: Iterable<NetEntry>, which: Feeding): void {
    this.#exports.feed(entries, which);
  }

  changed(change: NetChange): void {
    if (this.exporting) this.#exports.changed(change);
  }

  /** Whether that very route is told. */
  hasExported(entry: NetEntry, route: Route): boolean {
    return this.#exports.has(entry, route);
  }

  /** What of an entry is exported, in the mode of this channel. */
  exportOf(entry: NetEntry, counting: Counting): Exported | undefined {
    return this.#exports.of(entry, counting);
  }

  /** export_filter(): what the protocol and then the filter make of it. */
  exportRoute(of: Route, counting: Counting): Exported | undefined {
    return this.#exports.route(of, counting);
  }

  /** How many of ours are the best of their network: of 1.6 also where pipes have brought them. */
  get preferredRoutes(): number {
    const { isBird2, tables } = this.router;
    let count = 0;
    for (const table of isBird2 ? [this.table] : tables.values()) {
      for (const { routes } of table.entries()) if (this.#isOurs(routes[0])) count += 1;
    }
    return count;
  }

  #isOurs(best: Route | undefined): boolean {
    if (best === undefined || best.filtered || best.origin.name !== this.owner.name) return false;
    return !this.router.isBird2 || best.sender === this.owner.name;
  }
}
