/** `protocol static` (proto/static/static.c). */

import type { ProtocolConfig, StaticConfig } from '../config/types.js';
import type { RouteOrigin } from '../rib/route.js';
import type { Router } from '../router.js';
import { staticRoute, type StaticContext } from './local-routes.js';
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
    for (const route of this.#config.routes) channel.import(route.net, staticRoute(this.#config, route, context));
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
