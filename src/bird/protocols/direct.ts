/** `protocol direct`: networks that interfaces are in (nest/rt-dev.c). */

import type { DirectConfig, ProtocolConfig } from '../config/types.js';
import type { Route, RouteOrigin } from '../rib/route.js';
import type { Router } from '../router.js';
import type { Channel } from './channel.js';
import { directRoutes } from './local-routes.js';
import { Protocol, type ProtocolState } from './protocol.js';

export class DirectProtocol extends Protocol {
  #config: DirectConfig;
  readonly #origin: RouteOrigin;
  #stopListening: (() => void) | undefined = undefined;
  /** What was told, by network and index of the interface. */
  readonly #told = new Map<string, Route>();

  constructor(router: Router, config: DirectConfig) {
    super(router, config);
    this.#config = config;
    this.#origin = { name: config.name, kind: 'direct' };
  }

  protected begin(): ProtocolState {
    this.#stopListening = this.router.onInterfaces(() => this.#sync());
    this.router.defer(() => this.#sync());
    return 'up';
  }

  protected end(): ProtocolState {
    this.#stopListening?.();
    this.#told.clear();
    return 'down';
  }

  #sync(): void {
    if (this.state === 'up') for (const channel of this.channels) this.#syncChannel(channel);
  }

  #syncChannel(channel: Channel): void {
    const { family } = channel.table;
    const context = { origin: this.#origin, preference: this.preferenceOf(channel) };
    const all = directRoutes(this.#config, this.router.interfaces, context);
    const wanted = new Map(
      all.filter(({ net }) => net.family === family).map((route) => [`${route.net.key}|${route.pathId}`, route]),
    );
    for (const [key, { net, pathId }] of this.#told) {
      if (wanted.has(key) || net.family !== family) continue;
      this.#told.delete(key);
      channel.import(net, undefined, pathId);
    }
    for (const [key, route] of wanted) {
      if (this.#told.has(key)) continue;
      this.#told.set(key, route);
      channel.import(route.net, route, route.pathId);
    }
  }

  reconfigure(config: ProtocolConfig): boolean {
    if (config.kind !== 'direct' || config.checkLink !== this.#config.checkLink) return false;
    if (JSON.stringify(config.interfaces) !== JSON.stringify(this.#config.interfaces)) return false;
    this.#config = config;
    return true;
  }

  override reloadImports(): boolean {
    if (!this.router.isBird2) return false;
    this.#told.clear();
    this.#sync();
    return true;
  }
}
