/** `protocol static` (proto/static/static.c). */

import type { IpAddr } from '../address.js';
import type { ProtocolConfig, StaticConfig, StaticRoute } from '../config/types.js';
import { applyCommands } from '../filter/filter.js';
import { applyHostEntry } from '../rib/next-hop.js';
import { makeRoute, type Route, type RouteFields, type RouteHop, type RouteOrigin, RTS } from '../rib/route.js';
import type { Router } from '../router.js';
import { Protocol, type ProtocolState } from './protocol.js';

export class StaticProtocol extends Protocol {
  #config: StaticConfig;
  readonly #origin: RouteOrigin;
  #stopListening: (() => void) | undefined = undefined;

  constructor(router: Router, config: StaticConfig) {
    super(router, config);
    this.#config = config;
    this.#origin = { name: config.name, kind: 'static' };
  }

  protected begin(): ProtocolState {
    this.#stopListening = this.router.onInterfaces(() => this.#sync());
    this.router.defer(() => this.#sync());
    return 'up';
  }

  protected end(): ProtocolState {
    this.#stopListening?.();
    return 'down';
  }

  #sync(): void {
    if (this.state !== 'up') return;
    const channel = this.mainChannel;
    if (channel === undefined) return;
    for (const route of this.#config.routes) channel.import(route.net, this.#make(route));
  }

  /** Undefined while its next hop is not to be reached. */
  #make(route: StaticRoute): Route | undefined {
    const made = this.#target(route);
    if (made === undefined || route.commands.length === 0) return made;
    return applyCommands(route.commands, made, this.router.environment);
  }

  #target({ net, target }: StaticRoute): Route | undefined {
    const base = { net, origin: this.#origin, source: RTS.static, preference: this.preferenceOf(this.mainChannel) };
    switch (target.kind) {
      case 'blackhole':
      case 'unreachable':
      case 'prohibit':
        return makeRoute({ ...base, dest: target.kind });
      case 'device': {
        const iface = this.router.interfaces.named(target.iface);
        if (iface?.up !== true || (this.#config.checkLink && !iface.linkUp)) return undefined;
        const source = this.router.isBird2 ? RTS.static : RTS.staticDevice;
        return makeRoute({ ...base, source, dest: 'device', iface: iface.name });
      }
      case 'recursive':
        return this.#recursive(base, target.gateway);
      case 'via':
        return this.#via(base, target);
      case 'multipath':
        return this.#multipath(base, target.hops);
    }
  }

  #recursive(base: Omit<RouteFields, 'dest'>, gateway: IpAddr): Route {
    const table = this.router.table(this.#config.igpTable ?? this.mainChannel?.config.table ?? '');
    return applyHostEntry(makeRoute({ ...base, dest: 'unreachable' }), table.hostEntry(gateway));
  }

  #reach(gateway: IpAddr, iface: string | undefined, onlink: boolean): string | undefined {
    const { interfaces } = this.router;
    const neighbor = interfaces.neighbor(gateway, iface);
    const found = neighbor?.iface ?? (onlink && iface !== undefined ? interfaces.named(iface) : undefined);
    if (found?.up !== true || (this.#config.checkLink && !found.linkUp)) return undefined;
    return neighbor?.self === true ? undefined : found.name;
  }

  #via(
    base: Omit<RouteFields, 'dest'>,
    { gateway, iface, onlink }: { gateway: IpAddr; iface: string | undefined; onlink: boolean },
  ): Route | undefined {
    const found = this.#reach(gateway, iface, onlink);
    return found === undefined ? undefined : makeRoute({ ...base, dest: 'router', gateway, iface: found, onlink });
  }

  #multipath(
    base: Omit<RouteFields, 'dest'>,
    hops: readonly { gateway: IpAddr | undefined; iface: string | undefined; weight: number; onlink: boolean }[],
  ): Route | undefined {
    const reached: RouteHop[] = [];
    for (const { gateway, iface, weight, onlink } of hops) {
      const found =
        gateway === undefined ? this.router.interfaces.named(iface ?? '')?.name : this.#reach(gateway, iface, onlink);
      if (found !== undefined) reached.push({ gateway, iface: found, weight, onlink });
    }
    const [first] = reached;
    if (first === undefined) return undefined;
    if (reached.length === 1) {
      const dest = first.gateway === undefined ? 'device' : 'router';
      return makeRoute({ ...base, dest, gateway: first.gateway, iface: first.iface, onlink: first.onlink });
    }
    return makeRoute({ ...base, dest: 'multipath', hops: reached });
  }

  reconfigure(config: ProtocolConfig): boolean {
    if (config.kind !== 'static' || config.igpTable !== this.#config.igpTable) return false;
    const before = this.#config;
    this.#config = config;
    const kept = new Set(config.routes.map(({ net }) => net.key));
    for (const { net } of before.routes) if (!kept.has(net.key)) this.mainChannel?.import(net, undefined);
    this.#sync();
    return true;
  }

  override reloadImports(): boolean {
    this.#sync();
    return true;
  }
}
