/** `protocol direct`: networks that interfaces are in (nest/rt-dev.c). */

import { classifyIp, type Net } from '../address.js';
import type { DirectConfig, ProtocolConfig } from '../config/types.js';
import { type Iface, type IfaceAddress, patternsMatch } from '../interfaces.js';
import { makeRoute, type RouteOrigin, RTS } from '../rib/route.js';
import type { Router } from '../router.js';
import { Protocol, type ProtocolState } from './protocol.js';

export class DirectProtocol extends Protocol {
  #config: DirectConfig;
  readonly #origin: RouteOrigin;
  #stopListening: (() => void) | undefined = undefined;
  /** Networks that were told, by index of the interface. */
  readonly #told = new Map<string, { readonly net: Net; readonly index: number }>();

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

  #takes(iface: Iface): boolean {
    const { interfaces } = this.#config;
    const [first] = iface.addresses;
    return interfaces.length === 0 || interfaces.some((patterns) => patternsMatch(patterns, iface, first?.ip));
  }

  #sync(): void {
    if (this.state !== 'up') return;
    const wanted = new Map<string, { readonly net: Net; readonly iface: Iface }>();
    for (const iface of this.router.interfaces) {
      if (!iface.up || (this.#config.checkLink && !iface.linkUp) || !this.#takes(iface)) continue;
      for (const address of iface.addresses) {
        if (isTold(address)) wanted.set(`${address.net.key}|${iface.index}`, { net: address.net, iface });
      }
    }
    for (const [key, { net, index }] of this.#told) {
      if (wanted.has(key)) continue;
      this.#told.delete(key);
      this.#channelFor(net)?.import(net, undefined, index);
    }
    for (const [key, { net, iface }] of wanted) {
      if (this.#told.has(key)) continue;
      this.#told.set(key, { net, index: iface.index });
      this.#tell(net, iface);
    }
  }

  #channelFor(net: Net) {
    return this.channels.find((channel) => channel.table.family === net.family);
  }

  #tell(net: Net, iface: Iface): void {
    const channel = this.#channelFor(net);
    channel?.import(
      net,
      makeRoute({
        net,
        origin: this.#origin,
        pathId: iface.index,
        source: RTS.device,
        dest: 'device',
        iface: iface.name,
        preference: this.preferenceOf(channel),
      }),
      iface.index,
    );
  }

  reconfigure(config: ProtocolConfig): boolean {
    if (config.kind !== 'direct' || config.checkLink !== this.#config.checkLink) return false;
    if (JSON.stringify(config.interfaces) !== JSON.stringify(this.#config.interfaces)) return false;
    this.#config = config;
    return true;
  }
}

/** Loopback and link-local addresses are nobody's business, secondary ones have their primary's network. */
const isTold = ({ ip, secondary }: IfaceAddress): boolean => !secondary && classifyIp(ip) === 'host';
