/**
 * What connects a protocol to a table (nest/proto.c: struct announce_hook, struct channel): routes go in through
 * the import filter, changes come out through the export filter, and both are counted.
 */

import type { Net } from '../address.js';
import type { ChannelConfig, RouteLimit } from '../config/types.js';
import { runFilter } from '../filter/filter.js';
import type { AttributeId } from '../rib/attributes.js';
import type { Route } from '../rib/route.js';
import { sameRoute } from '../rib/same-route.js';
import type { AnnounceMode, NetChange, NetEntry, Table, TableListener } from '../rib/table.js';
import type { Router } from '../router.js';
import { importRoute } from './import-route.js';
import { exportMerged, type MergeLimits } from './merge.js';
import { newStats } from './stats.js';

/** A route as it was exported. */
export interface Exported {
  readonly route: Route;
  /** Attributes that the export filter set. */
  readonly touched: ReadonlySet<AttributeId>;
  /** The table's route that it was made of. */
  readonly of: Route;
}

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
  readonly limitHit: (channel: Channel, limit: RouteLimit, which: LimitKind) => void;
}

export type LimitKind = 'receive' | 'import' | 'export';

export interface ExportChange {
  readonly new: Exported | undefined;
  readonly old: Exported | undefined;
}

/** Next hops that are merged at most, where the protocol sets no limit. */
const MERGE_LIMIT = 16;

interface Imported {
  readonly net: Net;
  readonly pathId: number;
}

export class Channel implements TableListener {
  readonly owner: ChannelOwner;
  readonly router: Router;
  readonly table: Table;
  config: ChannelConfig;
  stats = newStats();
  /** Whether exports flow. */
  exporting = false;
  mergeLimit = MERGE_LIMIT;
  readonly #imported = new Map<string, Imported>();
  readonly #exported = new Map<string, Exported>();
  /** Routes of before a refresh that were not told again yet. */
  #stale: Set<string> | undefined = undefined;
  #importHit = false;
  #receiveHit = false;
  #exportHit = false;

  constructor(owner: ChannelOwner, router: Router, config: ChannelConfig) {
    this.owner = owner;
    this.router = router;
    this.config = config;
    this.table = router.table(config.table);
  }

  get mode(): AnnounceMode {
    return this.owner.mode(this);
  }

  get exportedRoutes(): ReadonlyMap<string, Exported> {
    return this.#exported;
  }

  // Import.

  /** rte_update(): `route` undefined withdraws it. */
  import(net: Net, route: Route | undefined, pathId = 0): void {
    const key = `${net.key}|${pathId}`;
    this.#stale?.delete(key);
    const { stats } = this;
    if (route === undefined) {
      stats.importWithdrawsReceived += 1;
      this.#withdraw(key, { net, pathId }, 'withdraw');
      return;
    }
    stats.importUpdatesReceived += 1;
    const filtered = this.#filter(route);
    if (filtered === undefined) this.#withdraw(key, { net, pathId }, 'drop');
    else this.#take(key, filtered);
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

  #find(net: Net, pathId: number): Route | undefined {
    return this.table.find(net)?.routes.find((each) => each.origin.name === this.owner.name && each.pathId === pathId);
  }

  #take(key: string, route: Route): void {
    const { stats } = this;
    const { net, pathId } = route;
    const old = this.#find(net, pathId);
    if (old !== undefined && sameRoute(old, route)) {
      if (!route.filtered) stats.importUpdatesIgnored += 1;
      return;
    }
    const allowed = this.#underLimits(old, route);
    if (allowed === undefined) {
      if (old !== undefined) this.#withdraw(key, { net, pathId }, 'drop');
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
    this.#imported.set(key, { net, pathId });
    this.table.update(net, allowed, { origin: this.owner.name, pathId });
  }

  #forget(old: Route | undefined): void {
    if (old === undefined) return;
    if (old.filtered) this.stats.filteredRoutes -= 1;
    else this.stats.importedRoutes -= 1;
  }

  #withdraw(key: string, { net, pathId }: Imported, why: 'withdraw' | 'drop'): void {
    this.#imported.delete(key);
    const { old } = this.table.update(net, undefined, { origin: this.owner.name, pathId });
    this.#forget(old);
    if (old !== undefined && !old.filtered) this.stats.importWithdrawsAccepted += 1;
    else if (why === 'withdraw' || old !== undefined) this.stats.importWithdrawsIgnored += 1;
  }

  /** Limits of what is received and imported: undefined refuses the route. */
  #underLimits(old: Route | undefined, route: Route): Route | undefined {
    const { receiveLimit, importLimit } = this.config;
    const { stats } = this;
    if (receiveLimit !== undefined && old === undefined) {
      this.#receiveHit ||= this.#reached(receiveLimit, stats.importedRoutes + stats.filteredRoutes, 'receive');
      if (this.#receiveHit && receiveLimit.action === 'block') {
        stats.importUpdatesIgnored += 1;
        return undefined;
      }
    }
    const grows = !route.filtered && (old === undefined || old.filtered);
    if (importLimit === undefined || !grows) return route;
    this.#importHit ||= this.#reached(importLimit, stats.importedRoutes, 'import');
    if (!this.#importHit || importLimit.action !== 'block') return route;
    stats.importUpdatesIgnored += 1;
    return this.config.keepFiltered ? { ...route, filtered: true } : undefined;
  }

  #reached(limit: RouteLimit, count: number, which: LimitKind): boolean {
    if (count < limit.limit) return false;
    this.router.log(`Protocol ${this.owner.name} hits route ${which} limit (${limit.limit}), action: ${limit.action}`);
    if (limit.action !== 'block' && limit.action !== 'warn') this.owner.limitHit(this, limit, which);
    return true;
  }

  /** Whether a limit was met, for listings. */
  limitState(which: LimitKind): boolean {
    return { receive: this.#receiveHit, import: this.#importHit, export: this.#exportHit }[which];
  }

  /** The protocol begins: what was counted is of another life. */
  resetStats(): void {
    this.stats = newStats();
  }

  /** The limits are others now. */
  forgetLimits(): void {
    this.#importHit = false;
    this.#receiveHit = false;
    this.#exportHit = false;
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
    this.#importHit = false;
    this.#receiveHit = false;
  }

  /** Runs the import filter again over what is there, as it came in (only of protocols that keep it). */
  get importedNets(): Iterable<Imported> {
    return this.#imported.values();
  }

  // Export.

  /** Exports flow from now on, the whole table first, in the order in which BIRD walks it. */
  startExport(entries: Iterable<NetEntry>): void {
    if (this.exporting) return;
    this.exporting = true;
    this.table.addListener(this);
    this.feed(entries);
  }

  stopExport(): void {
    this.exporting = false;
    this.table.removeListener(this);
    this.#exported.clear();
    this.stats.exportedRoutes = 0;
    this.#exportHit = false;
  }

  /** rt_feed_baby(): everything is exported, or exported again. */
  feed(entries: Iterable<NetEntry>): void {
    for (const entry of entries) {
      const best = entry.routes[0];
      if (best === undefined) continue;
      if (this.mode === 'any') for (const route of entry.routes) this.#exportOne(entry, route);
      else this.#exportBest(entry);
    }
  }

  changed(change: NetChange): void {
    if (!this.exporting) return;
    if (this.mode === 'any') this.#changedAny(change);
    else this.#exportBest(change.entry, change.new === undefined);
  }

  #changedAny({ entry, new: fresh, old }: NetChange): void {
    if (fresh !== undefined) this.#exportOne(entry, fresh);
    else if (old !== undefined) {
      this.stats.exportWithdrawsReceived += 1;
      this.#setExported(entry, this.#keyOf(entry, old), undefined);
    }
  }

  #keyOf(entry: NetEntry, route: Route): string {
    return this.mode === 'any' ? `${entry.net.key}|${route.origin.name}|${route.pathId}` : String(entry.net.key);
  }

  #exportOne(entry: NetEntry, route: Route): void {
    this.stats.exportUpdatesReceived += 1;
    const exported = route.filtered ? undefined : this.exportRoute(route, 'counted');
    this.#setExported(entry, this.#keyOf(entry, route), exported);
  }

  #exportBest(entry: NetEntry, withdrawal = false): void {
    if (withdrawal) this.stats.exportWithdrawsReceived += 1;
    else this.stats.exportUpdatesReceived += 1;
    this.#setExported(entry, String(entry.net.key), this.exportOf(entry, 'counted'));
  }

  get #mergeLimits(): MergeLimits {
    return { hops: this.mergeLimit, ifindex: this.router.environment.ifindex };
  }

  /** What of an entry is exported, in the mode of this channel. */
  exportOf(entry: NetEntry, counting: 'counted' | 'silent'): Exported | undefined {
    const [best] = entry.routes;
    if (best === undefined || best.filtered) return undefined;
    switch (this.mode) {
      case 'accepted':
        for (const route of entry.routes) {
          const exported = route.filtered ? undefined : this.exportRoute(route, counting);
          if (exported !== undefined) return exported;
        }
        return undefined;
      case 'merged':
        return exportMerged(entry.routes, this.#mergeLimits, (route, i) =>
          this.exportRoute(route, i === 0 ? counting : 'silent'),
        );
      case 'optimal':
      case 'any':
        return this.exportRoute(best, counting);
    }
  }

  /** export_filter(): what the protocol and then the filter make of it. */
  exportRoute(of: Route, counting: 'counted' | 'silent'): Exported | undefined {
    const { stats } = this;
    const prepared = this.owner.preexport(this, of);
    if (prepared === undefined) {
      if (counting === 'counted') stats.exportUpdatesRejected += 1;
      return undefined;
    }
    const outcome = runFilter(this.config.exportFilter, prepared, this.router.environment);
    if (outcome.verdict === 'accept') return { route: outcome.route, touched: outcome.touched, of };
    if (counting === 'counted') stats.exportUpdatesFiltered += 1;
    return undefined;
  }

  #setExported(entry: NetEntry, key: string, fresh: Exported | undefined): void {
    const old = this.#exported.get(key);
    if (fresh === undefined && old === undefined) return;
    const allowed = fresh === undefined ? undefined : this.#underExportLimit(fresh, old);
    const { stats } = this;
    if (allowed !== undefined) {
      stats.exportUpdatesAccepted += 1;
      this.#exported.set(key, allowed);
    } else {
      if (old === undefined) return;
      stats.exportWithdrawsAccepted += 1;
      this.#exported.delete(key);
    }
    stats.exportedRoutes = this.#exported.size;
    this.owner.exported(this, entry.net, { new: allowed, old });
  }

  #underExportLimit(fresh: Exported, old: Exported | undefined): Exported | undefined {
    const { exportLimit } = this.config;
    if (exportLimit === undefined || old !== undefined) return fresh;
    this.#exportHit ||= this.#reached(exportLimit, this.#exported.size, 'export');
    if (!this.#exportHit || exportLimit.action !== 'block') return fresh;
    this.stats.exportUpdatesRejected += 1;
    return undefined;
  }

  /** How many of ours are the best of their network. */
  get preferredRoutes(): number {
    let count = 0;
    for (const { net } of this.#imported.values()) {
      const best = this.table.find(net)?.routes[0];
      if (best !== undefined && !best.filtered && best.origin.name === this.owner.name) count += 1;
    }
    return count;
  }
}
