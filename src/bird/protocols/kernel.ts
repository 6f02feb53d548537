/**
 * `protocol kernel`: the best routes go into a routing table of the kernel as `proto bird`, and with `learn` the
 * routes of others come out of it (sysdep/unix/krt.c, sysdep/linux/netlink.c).
 */

import { type FibRoute, RT_PROTOCOL, SCOPE, type Timer } from '../../kernel/index.js';
import { isRoutable, Net } from '../address.js';
import type { KernelConfig, ProtocolConfig } from '../config/types.js';
import type { Attributes } from '../rib/attributes.js';
import { type Destination, isReachable, makeRoute, type Route, type RouteOrigin, RTS } from '../rib/route.js';
import type { AnnounceMode } from '../rib/table.js';
import type { Router } from '../router.js';
import type { Channel, Exported, ExportChange } from './channel.js';
import { type Programmer, sameInKernel } from './kernel-routes.js';
import { Protocol, type DownReason, type ProtocolState } from './protocol.js';

const RTS_REJECTED: Readonly<Record<string, Destination>> = {
  blackhole: 'blackhole',
  unreachable: 'unreachable',
  prohibit: 'prohibit',
};

/** A first scan comes so long after the start, unless the feed is done before. */
const FIRST_SCAN_S = 1;

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
  readonly #learned = new Map<Net['key'], Net>();

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
    for (const channel of this.channels) if (this.#config.mergePaths > 0) channel.mergeLimit = this.#config.mergePaths;
    this.#scheduleScan(FIRST_SCAN_S);
    return 'up';
  }

  protected end(_reason: DownReason): ProtocolState {
    this.#timer?.cancel();
    if (this.#initialized && !this.#config.persist) {
      for (const { route } of this.#installed.values()) this.#programmer.remove(route.net, this.#config);
    }
    this.#installed.clear();
    this.#learned.clear();
    this.#ready = false;
    this.#initialized = false;
    return 'down';
  }

  override get exportWaits(): boolean {
    return this.router.recovering && this.#config.gracefulRestart;
  }

  override mode(_channel: Channel): AnnounceMode {
    return this.#config.mergePaths > 0 ? 'merged' : 'optimal';
  }

  protected override exports(): boolean {
    return true;
  }

  /** krt_import_control(): not our own, and device routes only where they are asked for. */
  override preexport(_channel: Channel, route: Route): Route | undefined {
    if (route.origin.name === this.name) return undefined;
    if (!this.router.isBird2 && !this.#config.deviceRoutes) {
      if (route.dest === 'device' && route.source !== RTS.staticDevice) return undefined;
    }
    if (isReachable(route) && route.dest !== 'multipath' && route.iface === undefined) return undefined;
    return route;
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
    const ours = new Map<Net['key'], FibRoute[]>();
    const alien = new Map<Net['key'], Route>();
    for (const entry of this.#programmer.routes(this.#config)) this.#sort(entry, ours, alien);
    if (this.#config.learn) this.#learn(alien);
    if (!this.#ready) return;
    this.#prune(ours);
    this.#initialized = true;
  }

  /** nl_parse_route(): whose it is. */
  #sort(entry: FibRoute, ours: Map<Net['key'], FibRoute[]>, alien: Map<Net['key'], Route>): void {
    const { protocol, destination, tos } = entry;
    const net = new Net(destination.addr, destination.length);
    if (tos !== 0 || !isRoutable(net)) return;
    if (protocol === RT_PROTOCOL.unspec || protocol === RT_PROTOCOL.kernel || protocol === RT_PROTOCOL.redirect) return;
    if (protocol === RT_PROTOCOL.bird) {
      const known = ours.get(net.key);
      if (known === undefined) ours.set(net.key, [entry]);
      else known.push(entry);
      return;
    }
    const route = this.#learnedRoute(net, entry);
    if (route === undefined) return;
    // krt_learn_prune(): of several to one network that with the lowest metric.
    const best = alien.get(net.key);
    const metric = (each: Route): number => each.attributes.krtMetric ?? 0;
    if (best === undefined || metric(route) < metric(best)) alien.set(net.key, route);
  }

  #learnedRoute(net: Net, entry: FibRoute): Route | undefined {
    const { type, nextHops, scope, prefSrc, mtu, metric, protocol } = entry;
    const [hop] = nextHops;
    const defaultScope = type === 'unicast' && nextHops.length === 1 && hop?.via === undefined ? 'link' : 'global';
    const attributes: Attributes = {
      krtSource: protocol,
      krtMetric: metric,
      ...(prefSrc === undefined ? {} : { krtPrefsrc: prefSrc }),
      ...(scope === defaultScope ? {} : { krtScope: SCOPE[scope] }),
      ...(mtu === undefined ? {} : { krtMtu: mtu }),
    };
    const base = {
      net,
      origin: this.#origin,
      source: RTS.inherit,
      preference: this.preferenceOf(this.mainChannel),
      attributes,
    };
    const rejected = RTS_REJECTED[type];
    if (rejected !== undefined) return makeRoute({ ...base, dest: rejected });
    if (type !== 'unicast' || hop === undefined) return undefined;
    if (nextHops.length > 1) {
      const hops = nextHops.map(({ dev, via, weight, onlink }) => ({
        gateway: via,
        iface: dev?.name ?? '',
        weight,
        onlink,
      }));
      return makeRoute({ ...base, dest: 'multipath', hops });
    }
    const iface = hop.dev?.name;
    if (iface === undefined) return undefined;
    if (hop.via === undefined) return makeRoute({ ...base, dest: 'device', iface });
    return makeRoute({ ...base, dest: 'router', gateway: hop.via, iface, onlink: hop.onlink && this.router.isBird2 });
  }

  #learn(alien: ReadonlyMap<Net['key'], Route>): void {
    const channel = this.mainChannel;
    if (channel === undefined) return;
    for (const [key, net] of this.#learned) {
      if (alien.has(key)) continue;
      this.#learned.delete(key);
      channel.import(net, undefined);
    }
    for (const [key, route] of alien) {
      this.#learned.set(key, route.net);
      channel.import(route.net, route);
    }
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
    this.#learned.clear();
    this.#scheduleScan(0);
    return true;
  }
}
