/** What the protocols of one daemon share: time, interfaces, tables, filters' surroundings, the log. */

import type { Netns, RtnetlinkEvent, Timer } from '../kernel/index.js';
import { NS_PER_S } from '../kernel/index.js';
import type { IpAddr } from './address.js';
import type { BirdConfig } from './config/types.js';
import type { FilterEnvironment } from './filter/run.js';
import { type IfaceChange, Interfaces, readIface } from './interfaces.js';
import type { Route } from './rib/route.js';
import { Table, type TableContext } from './rib/table.js';

export interface RouterOptions {
  readonly netns: Netns;
  /** Lines that BIRD would log. */
  readonly log: (text: string) => void;
}

export class Router {
  readonly netns: Netns;
  readonly interfaces = new Interfaces();
  readonly tables = new Map<string, Table>();
  readonly environment: FilterEnvironment;
  readonly log: (text: string) => void;
  routerId = 0;
  config: BirdConfig;
  /** Started after a crash (`bird -R`): nothing is exported until neighbours have told all they know. */
  recovering = false;
  readonly #recoveryLocks = new Set<string>();
  #recoveryEnded: (() => void) | undefined = undefined;
  readonly #ifaceListeners = new Set<(changes: readonly IfaceChange[]) => void>();
  readonly #sourceIds = new Map<string, number>();
  readonly #timers = new Set<Timer>();
  readonly #subscriptions = new Set<() => void>();

  constructor(options: RouterOptions, config: BirdConfig) {
    this.netns = options.netns;
    this.log = options.log;
    this.config = config;
    this.environment = {
      dialect: config.dialect,
      neighbor: (addr) => this.#neighborFor(addr),
      ifindex: (name) => this.interfaces.named(name)?.index,
      log: (text) => this.log(text),
    };
    this.#addTables();
  }

  get nowNs(): number {
    return this.netns.emulation.clock.nowNs;
  }

  get isBird2(): boolean {
    return this.config.dialect === 'bird-2';
  }

  #neighborFor(addr: IpAddr): ReturnType<FilterEnvironment['neighbor']> {
    const neighbor = this.interfaces.neighbor(addr);
    if (neighbor === undefined) return undefined;
    return neighbor.self ? 'self' : { iface: neighbor.iface.name };
  }

  #addTables(): void {
    const context: TableContext = {
      dialect: this.config.dialect,
      isLocal: (addr, iface) => this.interfaces.isLocal(addr, iface),
      isPointToPoint: (iface) => {
        const found = this.interfaces.named(iface);
        return found?.pointToPoint === true || found?.loopback === true;
      },
      nowNs: () => this.nowNs,
      defer: (action) => this.defer(action),
    };
    for (const table of this.config.tables) {
      if (!this.tables.has(table.name)) this.tables.set(table.name, new Table(table, context));
    }
  }

  /** rt_commit(): tables that are new are made, those that are gone are forgotten. */
  reconfigure(config: BirdConfig): void {
    this.config = config;
    for (const name of this.tables.keys()) {
      if (!config.tables.some((table) => table.name === name)) this.tables.delete(name);
    }
    this.#addTables();
  }

  /** The table of that name; configurations name no other. */
  table(name: string): Table {
    const table = this.tables.get(name);
    if (table === undefined) throw new Error(`no table ${name}`);
    return table;
  }

  // Time.

  /** Runs once what runs now has finished (ev_schedule()). */
  defer(action: () => void): void {
    this.#schedule(0, action);
  }

  after(seconds: number, action: () => void): Timer {
    return this.#schedule(seconds * NS_PER_S, action);
  }

  #schedule(delayNs: number, action: () => void): Timer {
    const timer = this.netns.emulation.clock.schedule(delayNs, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
    return timer;
  }

  /**
   * tm_start() with RFC 4271's jitter: from three quarters of the time on, by whole seconds (bgp_start_timer()).
   */
  jittered(seconds: number): number {
    const spread = Math.floor(seconds / 4);
    return seconds - spread + (spread === 0 ? 0 : this.netns.emulation.random.below(spread + 1));
  }

  /** The daemon ends: nothing that it waited for happens any more, and it hears of nothing. */
  close(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const stop of this.#subscriptions) stop();
    this.#subscriptions.clear();
  }

  /** nl_open_async(): what the kernel tells, as it tells it. Answers with what ends it. */
  hear(listener: (event: RtnetlinkEvent) => void): () => void {
    const stop = this.netns.rtnetlink.subscribe(listener);
    this.#subscriptions.add(stop);
    return () => {
      stop();
      this.#subscriptions.delete(stop);
    };
  }

  // Interfaces.

  onInterfaces(listener: (changes: readonly IfaceChange[]) => void): () => void {
    this.#ifaceListeners.add(listener);
    return () => this.#ifaceListeners.delete(listener);
  }

  /** kif_scan(). */
  scanInterfaces(): void {
    this.#tellInterfaces(this.interfaces.scan(this.netns.devices));
  }

  /** nl_parse_link(), nl_parse_addr(): read now, acted upon once the kernel has finished what it does. */
  interfaceEvent(event: RtnetlinkEvent): void {
    if (event.kind === 'link-gone') {
      const { ifindex } = event.dev;
      this.defer(() => this.#tellInterfaces(this.interfaces.remove(ifindex)));
    } else if (event.kind === 'link' || event.kind === 'address') {
      const found = readIface(event.dev);
      this.defer(() => this.#tellInterfaces(this.interfaces.update(found)));
    }
  }

  #tellInterfaces(changes: readonly IfaceChange[]): void {
    if (changes.length === 0) return;
    for (const listener of this.#ifaceListeners) listener(changes);
  }

  // Add-path.

  /** The number by which a route's source is told to others (rte_src.global_id). */
  sourceId(route: Pick<Route, 'origin' | 'pathId'>): number {
    const key = `${route.origin.name}|${route.pathId}`;
    const known = this.#sourceIds.get(key);
    if (known !== undefined) return known;
    const id = this.#sourceIds.size + 1;
    this.#sourceIds.set(key, id);
    return id;
  }

  // Graceful restart of our own.

  lockRecovery(protocol: string): void {
    if (this.recovering) this.#recoveryLocks.add(protocol);
  }

  unlockRecovery(protocol: string): void {
    if (this.#recoveryLocks.delete(protocol) && this.#recoveryLocks.size === 0) this.endRecovery();
  }

  onRecoveryEnd(action: () => void): void {
    this.#recoveryEnded = action;
  }

  /** graceful_restart_done(). */
  endRecovery(): void {
    if (!this.recovering) return;
    this.recovering = false;
    this.#recoveryLocks.clear();
    this.log('Graceful restart done');
    this.#recoveryEnded?.();
  }
}
