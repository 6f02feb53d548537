/** `protocol static` (proto/static/static.c). */

import type { ProtocolConfig, StaticConfig } from '../config/types.js';
import type { Net } from '../address.js';
import type { Route, RouteOrigin } from '../rib/route.js';
import { sameRoute } from '../rib/same-route.js';
import type { Router } from '../router.js';
import type { Channel } from './channel.js';
import { staticOrigin, staticRoute, type StaticContext } from './local-routes.js';
import { Protocol, type ProtocolState } from './protocol.js';

export class StaticProtocol extends Protocol {
  #config: StaticConfig;
  readonly #origin: RouteOrigin;
  #stopListening: (() => void) | undefined = undefined;
  /** Routes as they were told: what has not changed is not told again. */
  readonly #told = new Map<Net['key'], Route>();

  constructor(router: Router, config: StaticConfig) {
    super(router, config);
    this.#config = config;
    this.#origin = staticOrigin(config.name, router.config.dialect);
  }

  protected begin(): ProtocolState {
    this.#stopListening = this.router.onInterfaces(() => this.#sync());
    this.setState('up');
    this.#sync();
    return 'up';
  }

  protected end(): ProtocolState {
    this.#stopListening?.();
    this.#told.clear();
    return 'down';
  }

  #sync(): void {
    const channel = this.mainChannel;
    if (this.state !== 'up' || channel === undefined) return;
    const { router } = this;
    const igpTable = router.table(this.#config.igpTable ?? channel.config.table);
    const context: StaticContext = {
      origin: this.#origin,
      preference: this.preferenceOf(channel),
      interfaces: router.interfaces,
      environment: router.environment,
      hostEntry: (addr) => igpTable.hostEntry(addr),
    };
    for (const route of this.#config.routes)
      this.#announce(channel, route.net, staticRoute(this.#config, route, context));
  }

  /** static_announce_rte(). */
  #announce(channel: Channel, net: Net, route: Route | undefined): void {
    const told = this.#told.get(net.key);
    if (route === undefined ? told === undefined : told !== undefined && sameRoute(told, route)) return;
    if (route === undefined) this.#told.delete(net.key);
    else this.#told.set(net.key, route);
    channel.import(net, route);
  }

  reconfigure(config: ProtocolConfig): boolean {
    if (config.kind !== 'static' || config.igpTable !== this.#config.igpTable) return false;
    const before = this.#config;
    this.#config = config;
    const kept = new Set(config.routes.map(({ net }) => net.key));
    const channel = this.mainChannel;
    for (const { net } of before.routes) {
      if (channel !== undefined && !kept.has(net.key)) this.#announce(channel, net, undefined);
    }
    this.#sync();
    return true;
  }

  override reloadImports(): boolean {
    if (!this.router.isBird2) return false;
    for (const route of this.#told.values()) this.mainChannel?.import(route.net, route);
    return true;
  }
}
