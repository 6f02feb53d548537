/**
 * `protocol pipe`: what changes in one table is told to the other (proto/pipe/pipe.c). A channel at either end, each with
 * the filter of the way out of its table: what a pipe exports leaves the first, what it imports leaves the peer table.
 */

import type { Net } from '../address.js';
import type { PipeConfig, ProtocolConfig } from '../config/types.js';
import { freshAfter } from '../filter/filter.js';
import { type Route, type RouteOrigin, RTS } from '../rib/route.js';
import type { AnnounceMode } from '../rib/table.js';
import type { Router } from '../router.js';
import type { Channel } from './channel.js';
import type { Exported, ExportChange } from './channel-exports.js';
import { Protocol, type ProtocolState } from './protocol.js';

/** A route as it comes out at the other end; in opaque mode it is the pipe's own. */
export function pipedRoute(
  route: Route,
  of: { readonly config: PipeConfig; readonly preference: number; readonly origin: RouteOrigin },
): Route {
  const piped = { ...route, sender: of.config.name, hostEntry: undefined };
  if (of.config.mode === 'transparent') return piped;
  return { ...piped, origin: of.origin, pathId: 0, preference: of.preference, source: RTS.pipe };
}

export class PipeProtocol extends Protocol {
  #config: PipeConfig;
  readonly #origin: RouteOrigin;
  override readonly withdrawsAll = true;

  constructor(router: Router, config: PipeConfig) {
    super(router, config);
    this.#config = config;
    this.#origin = { name: config.name, kind: 'pipe' };
  }

  override get info(): string {
    const [table, peer] = this.#config.channels.map((channel) => channel.table);
    if (this.router.isBird2) return `${table} <=> ${peer}`;
    return `${this.#config.mode === 'opaque' ? '->' : '=>'} ${peer}`;
  }

  protected begin(): ProtocolState {
    return 'up';
  }

  protected end(): ProtocolState {
    return 'down';
  }

  override mode(): AnnounceMode {
    return this.#config.mode === 'opaque' ? 'optimal' : 'any';
  }

  protected override exports(): boolean {
    return true;
  }

  /** Nothing goes back where it came from. */
  override preexport(_channel: Channel, route: Route): Route | undefined {
    return route.sender === this.name ? undefined : route;
  }

  /** pipe_rt_notify(). */
  override exported(channel: Channel, net: Net, { new: fresh, old }: ExportChange): void {
    const [table, peer] = this.channels;
    const other = channel === table ? peer : table;
    const source = fresh ?? old;
    if (other === undefined || source === undefined) return;
    if (other.table.pipeBusy) {
      this.router.log(`Pipe loop detected when sending ${net.toString()} to table ${other.table.name}`);
      return;
    }
    channel.table.pipeBusy = true;
    if (fresh !== undefined) this.#send(other, this.#piped(fresh));
    // Also of an opaque pipe a withdrawal has the source of the route that it was made of: nothing goes by it.
    else other.import(net, undefined, source.of.pathId, source.of.origin.name);
    channel.table.pipeBusy = false;
  }

  #send(other: Channel, route: Route): void {
    other.import(route.net, route, route.pathId, route.origin.name);
  }

  #piped({ route, of, touched, settings }: Exported): Route {
    const fresh = freshAfter(of, { settings, touched });
    const preference = this.preferenceOf(this.mainChannel);
    return pipedRoute({ ...route, fresh }, { config: this.#config, preference, origin: this.#origin });
  }

  /** pipe_reload_routes(): what one end imports is what the other exports. */
  override reloadImports(): boolean {
    this.feedAgain();
    return true;
  }

  reconfigure(config: ProtocolConfig): boolean {
    if (config.kind !== 'pipe' || config.mode !== this.#config.mode) return false;
    this.#config = config;
    return true;
  }
}
