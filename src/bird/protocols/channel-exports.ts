/** What goes out of a table by a channel: which routes, in which mode, under which limit (nest/rt-table.c: rt_notify_*()). */

import { type FilterOutcome, runFilter } from '../filter/filter.js';
import { isMergable } from '../rib/decision.js';
import type { Route } from '../rib/route.js';
import type { NetChange, NetEntry } from '../rib/table.js';
import type { Channel } from './channel.js';
import { exportMerged, type MergeLimits } from './merge.js';

/** A route as it was exported, with what the filter did to it. */
export interface Exported extends Omit<FilterOutcome, 'verdict'> {
  /** The table's route that it was made of. */
  readonly of: Route;
}

export interface ExportChange {
  readonly new: Exported | undefined;
  readonly old: Exported | undefined;
}

export type Counting = 'counted' | 'silent';

/** A table is told for the first time, or again. */
export type Feeding = 'initial' | 'again';

/** A network with the route that is told of, or was until now. */
interface Told {
  readonly entry: NetEntry;
  readonly key: string;
  readonly route: Route | undefined;
  readonly gone: boolean;
}

export class ChannelExports {
  readonly #channel: Channel;
  readonly routes = new Map<string, Exported>();
  /** Whether changes are exported. */
  flowing = false;
  limitHit = false;
  #feeding: Feeding | undefined = undefined;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  stop(): void {
    this.flowing = false;
    this.routes.clear();
    this.#channel.stats.exportedRoutes = 0;
  }

  feed(entries: Iterable<NetEntry>, which: Feeding): void {
    // 1.6 counts anew what it tells again.
    if (which === 'again' && !this.#isBird2) this.#channel.stats.exportedRoutes = 0;
    this.#feeding = which;
    for (const entry of entries) {
      const valid = entry.routes.filter(({ filtered }) => !filtered);
      if (this.#channel.mode === 'any') for (const route of valid) this.#exportOne(entry, route);
      else if (valid.length > 0) this.#exportBest(entry, valid[0]);
    }
    this.#feeding = undefined;
  }

  changed(change: NetChange): void {
    const { mode } = this.#channel;
    if (mode === 'any') this.#changedAny(change);
    else if (mode !== 'merged' || this.#changesMerged(change)) {
      this.#exportBest(change.entry, change.oldBest, this.#isGone(change));
    }
  }

  /** What counts as a withdrawal. */
  #isGone({ new: fresh, newBest, entry }: NetChange): boolean {
    if (this.#channel.mode !== 'accepted') return newBest === undefined;
    return this.#isBird2 ? entry.routes.length === 0 : fresh === undefined;
  }

  /** rt_notify_merged(): whether a change has to do with what is merged. */
  #changesMerged({ new: fresh, old, newBest, oldBest }: NetChange): boolean {
    if (newBest === undefined || newBest !== oldBest) return true;
    const takesPart = (route: Route | undefined): boolean =>
      route !== undefined && isMergable(newBest, route) && (this.#isBird2 || this.route(route, 'silent') !== undefined);
    return takesPart(fresh) || takesPart(old);
  }

  #changedAny({ entry, new: fresh, old }: NetChange): void {
    if (fresh !== undefined) this.#exportOne(entry, fresh);
    else if (old !== undefined) {
      this.#channel.stats.exportWithdrawsReceived += 1;
      this.#set({ entry, key: this.#keyOf(entry, old), route: old, gone: true }, undefined);
    }
  }

  has(entry: NetEntry, route: Route): boolean {
    return this.routes.get(this.#keyOf(entry, route))?.of === route;
  }

  get #isBird2(): boolean {
    return this.#channel.router.isBird2;
  }

  #keyOf(entry: NetEntry, route: Route): string {
    const { key } = entry.net;
    return this.#channel.mode === 'any' ? `${key}|${route.origin.name}|${route.pathId}` : String(key);
  }

  #exportOne(entry: NetEntry, route: Route): void {
    this.#channel.stats.exportUpdatesReceived += 1;
    const exported = route.filtered ? undefined : this.route(route, 'counted');
    this.#set({ entry, key: this.#keyOf(entry, route), route, gone: false }, exported);
  }

  #exportBest(entry: NetEntry, route: Route | undefined, gone = false): void {
    const { stats } = this.#channel;
    if (gone) stats.exportWithdrawsReceived += 1;
    else stats.exportUpdatesReceived += 1;
    this.#set({ entry, key: String(entry.net.key), route, gone }, this.of(entry, 'counted'));
  }

  get #mergeLimits(): MergeLimits {
    return { hops: this.#channel.owner.mergeLimit, ifindex: this.#channel.router.environment.ifindex };
  }

  /** What of an entry is exported, in the mode of the channel. */
  of(entry: NetEntry, counting: Counting): Exported | undefined {
    const [best] = entry.routes;
    if (best === undefined || best.filtered) return undefined;
    switch (this.#channel.mode) {
      case 'accepted':
        for (const route of entry.routes) {
          const exported = route.filtered ? undefined : this.route(route, counting);
          if (exported !== undefined) return exported;
        }
        return undefined;
      case 'merged':
        return exportMerged(entry.routes, this.#mergeLimits, (route, i) =>
          this.route(route, i === 0 ? counting : 'silent'),
        );
      case 'optimal':
      case 'any':
        return this.route(best, counting);
    }
  }

  /** export_filter(): what the protocol and then the filter make of it. */
  route(of: Route, counting: Counting): Exported | undefined {
    const { stats, owner, config, router } = this.#channel;
    const prepared = owner.preexport(this.#channel, of);
    if (prepared === undefined) {
      if (counting === 'counted') stats.exportUpdatesRejected += 1;
      return undefined;
    }
    const outcome = runFilter(config.exportFilter, prepared, router.environment);
    if (outcome.verdict === 'accept') return { of, ...outcome };
    if (counting === 'counted') stats.exportUpdatesFiltered += 1;
    return undefined;
  }

  #set(told: Told, fresh: Exported | undefined): void {
    const { key, entry } = told;
    const old = this.routes.get(key);
    if (fresh === undefined && old === undefined) return this.#withdrawUntold(told);
    const allowed = fresh === undefined ? undefined : this.#underLimit(fresh, old);
    const { stats, owner } = this.#channel;
    if (allowed !== undefined) {
      stats.exportUpdatesAccepted += 1;
      this.routes.set(key, allowed);
    } else {
      if (old === undefined) return;
      stats.exportWithdrawsAccepted += 1;
      this.routes.delete(key);
    }
    this.#count(allowed, old);
    owner.exported(this.#channel, entry.net, { new: allowed, old });
  }

  /** do_rt_notify() of 1.6 takes nothing away while a table is told, whatever was told before. */
  #count(fresh: Exported | undefined, old: Exported | undefined): void {
    const { stats } = this.#channel;
    if (this.#isBird2) stats.exportedRoutes = this.routes.size;
    else {
      if (fresh !== undefined) stats.exportedRoutes += 1;
      if (old !== undefined && this.#feeding === undefined) stats.exportedRoutes -= 1;
    }
  }

  /**
   * rt_notify_basic() of 1.6 does not know what it has told: where it tells a table again, whatever does not go out any
   * more is withdrawn, and to a pipe whatever goes.
   */
  #withdrawUntold({ route, gone, entry }: Told): void {
    const { owner, stats } = this.#channel;
    if (this.#isBird2 || route === undefined) return;
    const toPipe = gone && owner.withdrawsAll && route.sender !== owner.name;
    if (this.#feeding !== 'again' && !toPipe) return;
    stats.exportWithdrawsAccepted += 1;
    const old: Exported = { route, of: route, touched: [], settings: 0, copied: false };
    owner.exported(this.#channel, entry.net, { new: undefined, old });
  }

  #underLimit(fresh: Exported, old: Exported | undefined): Exported | undefined {
    const { config, stats } = this.#channel;
    const { exportLimit } = config;
    if (exportLimit === undefined || old !== undefined) return fresh;
    this.limitHit ||= this.#channel.reached(exportLimit, this.routes.size, 'export');
    if (!this.limitHit || exportLimit.action === 'warn') return fresh;
    stats.exportUpdatesRejected += 1;
    return undefined;
  }
}
