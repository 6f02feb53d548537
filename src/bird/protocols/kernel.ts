/**
 * `protocol kernel`: the best routes go into a routing table of the kernel as `proto bird`, and with `learn` the
 * routes of others come out of it (sysdep/unix/krt.c, sysdep/linux/netlink.c).
 */

import type { FibRoute, RtnetlinkEvent, Timer } from '../../kernel/index.js';
import { Net } from '../address.js';
import type { Dialect } from '../config/keywords.js';
import type { KernelConfig, ProtocolConfig } from '../config/types.js';
import { isReachable, type Route, type RouteOrigin, RTS } from '../rib/route.js';
import type { AnnounceMode } from '../rib/table.js';
import type { Router } from '../router.js';
import type { Channel } from './channel.js';
import type { Exported, ExportChange } from './channel-exports.js';
import { type Inherited, InheritedRoutes } from './inherited-routes.js';
import { type Programmer, sameInKernel } from './kernel-routes.js';
import { kernelOwner, type LearnContext, learnedRoute, learnedRoutes } from './local-routes.js';
import { Protocol, type DownReason, type ProtocolState } from './protocol.js';

/** A first scan comes so long after the start, unless the feed is done before. */
const FIRST_SCAN_S = 1;

/** krt_import_control(), krt_capable(): not its own, and in 1.6 device routes only where they are asked for. */
export function kernelExport(config: KernelConfig, route: Route, dialect: Dialect): Route | undefined {
  if (route.origin.name === config.name) return undefined;
  const device = route.dest === 'device' && route.source !== RTS.staticDevice;
  if (dialect === 'bird-1.6' && device && !config.deviceRoutes) return undefined;
  if (isReachable(route) && route.dest !== 'multipath' && route.iface === undefined) return undefined;
  return route;
}

export class KernelProtocol extends Protocol {
  #config: KernelConfig;
  readonly #origin: RouteOrigin;
  readonly #programmer: Programmer;
  override readonly keepsTemporary = true;
  #timer: Timer | undefined = undefined;
  /** The feed is done: what should be installed is known. */
  #ready = false;
  /** The kernel was seen once: from then on changes are programmed at once. */
  #initialized = false;
  readonly #installed = new Map<Net['key'], Exported>();
  /** Networks that the kernel refused, shown by an exclamation mark. */
  readonly #failed = new Set<Net['key']>();
  readonly #inherited = new InheritedRoutes();
  #stopListening: readonly (() => void)[] = [];

  constructor(router: Router, config: KernelConfig, programmer: Programmer) {
    super(router, config);
    this.#config = config;
    this.#origin = { name: config.name, kind: 'kernel' };
    this.#programmer = programmer;
  }

  hasFailed(net: Net): boolean {
    return this.#failed.has(net.key);
  }

  protected begin(): ProtocolState {
    if (this.#config.learn) this.#listen();
    this.#scheduleScan(FIRST_SCAN_S);
    return 'up';
  }

  protected end(reason: DownReason): ProtocolState {
    this.#timer?.cancel();
    if (this.#initialized && !this.#config.persist && reason !== 'graceful-restart') {
      for (const { route } of this.#installed.values()) this.#programmer.remove(route.net, this.#config);
    }
    for (const stop of this.#stopListening) stop();
    this.#installed.clear();
    this.#inherited.clear();
    this.#ready = false;
    this.#initialized = false;
    return 'down';
  }

  override get exportWaits(): boolean {
    return this.router.recovering && this.#config.gracefulRestart;
  }

  override get mergeLimit(): number {
    return this.#config.mergePaths;
  }

  override mode(_channel: Channel): AnnounceMode {
    return this.#config.mergePaths > 0 ? 'merged' : 'optimal';
  }

  protected override exports(): boolean {
    return true;
  }

  override preexport(_channel: Channel, route: Route): Route | undefined {
    return kernelExport(this.#config, route, this.router.config.dialect);
  }

  protected override feedEnd(): void {
    this.#ready = true;
    this.#scheduleScan(0);
  }

  /** krt_rt_notify(). */
  override exported(_channel: Channel, net: Net, { new: fresh, old }: ExportChange): void {
    if (fresh === undefined) this.#installed.delete(net.key);
    else this.#installed.set(net.key, fresh);
    if (!this.#initialized) return;
    if (old !== undefined) this.#programmer.remove(net, this.#config);
    if (fresh !== undefined) this.#program(net, fresh.route);
  }

  #program(net: Net, route: Route): void {
    const error = this.#programmer.add(route, this.#config);
    if (error === undefined) this.#failed.delete(net.key);
    else {
      this.#failed.add(net.key);
      this.router.log(`Netlink: ${error}`);
    }
  }

  // Scanning.

  #scheduleScan(seconds: number): void {
    this.#timer?.cancel();
    this.#timer = this.router.after(seconds, () => {
      this.scan();
      if (this.#config.scanTime > 0) this.#scheduleScan(this.#config.scanTime);
    });
  }

  /** krt_scan(): reads the kernel's table, learns what others have there, and puts right what is ours. */
  scan(): void {
    if (this.state !== 'up') return;
    this.router.scanInterfaces();
    const entries = this.#programmer.routes(this.#config);
    if (this.#config.learn) this.#learn(this.#inherited.scan(learnedRoutes(entries, this.#learnContext)));
    const ours = new Map<Net['key'], FibRoute[]>();
    for (const entry of entries) {
      if (kernelOwner(entry) !== 'ours') continue;
      const { key } = new Net(entry.destination.addr, entry.destination.length);
      ours.set(key, [...(ours.get(key) ?? []), entry]);
    }
    if (!this.#ready) return;
    this.#prune(ours);
    this.#initialized = true;
  }

  #listen(): void {
    this.#stopListening = [
      this.router.hear((event) => this.#hear(event)),
      // krt_if_notify(): the kernel says nothing of the routes that go with an interface.
      this.router.onInterfaces((changes) => {
        if (changes.some(({ before, after }) => before?.up === true && after?.up !== true)) this.#scheduleScan(0);
      }),
    ];
  }

  get #learnContext(): LearnContext {
    const { interfaces, config } = this.router;
    const preference = this.preferenceOf(this.mainChannel);
    return { origin: this.#origin, preference, dialect: config.dialect, interfaces };
  }

  #learn(changes: Iterable<Inherited>): void {
    for (const { net, route } of changes) this.mainChannel?.import(net, route);
  }

  /** krt_got_route_async(): routes of others, in this table. What becomes of our own, a scan will see. */
  #hear(event: RtnetlinkEvent): void {
    if (event.kind !== 'route' && event.kind !== 'route-gone') return;
    const { kind, route: entry } = event;
    if (entry.table !== this.#config.kernelTable || kernelOwner(entry) !== 'alien') return;
    this.router.defer(() => {
      const route = this.state === 'up' ? learnedRoute(entry, this.#learnContext) : undefined;
      if (route !== undefined) this.#learn(this.#inherited.hear(route, kind));
    });
  }

  /** krt_prune(): what is there and should not be goes, what should be and is not comes. */
  #prune(ours: ReadonlyMap<Net['key'], readonly FibRoute[]>): void {
    for (const [key, entries] of ours) {
      const wanted = this.#installed.get(key);
      const same =
        wanted !== undefined &&
        !this.#failed.has(key) &&
        entries.some((entry) => sameInKernel(entry, wanted.route, this.router));
      if (same) continue;
      for (const entry of entries) this.#programmer.removeEntry(entry);
      if (wanted !== undefined) this.#program(wanted.route.net, wanted.route);
    }
    for (const [key, { route }] of this.#installed) if (!ours.has(key)) this.#program(route.net, route);
  }

  reconfigure(config: ProtocolConfig): boolean {
    if (config.kind !== 'kernel') return false;
    const before = this.#config;
    const same =
      before.scanTime === config.scanTime &&
      before.learn === config.learn &&
      before.deviceRoutes === config.deviceRoutes &&
      before.mergePaths === config.mergePaths &&
      before.kernelTable === config.kernelTable &&
      before.metric === config.metric;
    if (same) this.#config = config;
    return same;
  }

  override reloadImports(): boolean {
    this.#learn(this.#inherited.all());
    this.#scheduleScan(0);
    return true;
  }
}
