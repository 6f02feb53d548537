/**
 * What a BGP session has to do with routes (proto/bgp/bgp.c, attrs.c): the facts that export and import go by, what is
 * told by which channel, and when it is told again. How the session comes about is the state machine's.
 */

import { encodeBgpOpen, encodeRouteRefresh, ROUTE_REFRESH } from '../../packet/index.js';
import type { IpAddr, Net } from '../address.js';
import { bgpFamily, makeOpen } from '../bgp/capabilities.js';
import type { BgpConnection } from '../bgp/connection.js';
import { prepareExport16, mayExport } from '../bgp/export.js';
import { ChannelFeed } from '../bgp/feed.js';
import type { NextHopFinder } from '../bgp/import.js';
import { bgpOrigin, type BgpSession, channelOptions, clusterIdOf, isInternal } from '../bgp/session.js';
import type { BgpConfig } from '../config/types.js';
import type { Neighbor } from '../interfaces.js';
import type { Route, RouteOrigin } from '../rib/route.js';
import type { AnnounceMode } from '../rib/table.js';
import type { Router } from '../router.js';
import type { Channel } from './channel.js';
import type { ExportChange } from './channel-exports.js';
import { Protocol } from './protocol.js';

export abstract class BgpRoutes extends Protocol {
  override config: BgpConfig;
  /** The connection that is established. */
  connection: BgpConnection | undefined = undefined;
  readonly feeds: readonly ChannelFeed[];
  localId = 0;
  remoteId = 0;
  /** As configured; where any external one will do it is known once the session is established. */
  remoteAs = 0;
  as4Session = true;
  sourceAddress: IpAddr | undefined = undefined;
  /** Where the session is with a directly connected one. */
  protected neighbor: Neighbor | undefined = undefined;
  #session: BgpSession | undefined = undefined;
  #origin: RouteOrigin | undefined = undefined;

  constructor(router: Router, config: BgpConfig) {
    super(router, config);
    this.config = config;
    this.remoteAs = config.remoteAs;
    this.feeds = this.channels.map((channel) => new ChannelFeed(channel));
  }

  // Facts.

  get isInternal(): boolean {
    return isInternal(this.config);
  }

  /** Facts of the session as export and import want them. */
  get session(): BgpSession {
    this.#session ??= this.#makeSession();
    return this.#session;
  }

  #makeSession(): BgpSession {
    const { config, localId, remoteId, remoteAs } = this;
    const rrClusterId = clusterIdOf(config, localId);
    const neighborIface = this.neighbor?.iface.name;
    const { dialect } = this.router.config;
    const { name, remoteAddress } = config;
    return {
      name,
      dialect,
      config,
      remoteAddress,
      isInternal: this.isInternal,
      remoteAs,
      localId,
      rrClusterId,
      sourceAddress: this.sourceAddress,
      neighborIface,
      peerLlgrAware: this.connection?.peer.longLivedAware ?? false,
      origin: this.#originAs(
        bgpOrigin(config, { name, dialect, remoteAs, remoteId, remoteAddress, rrClusterId, neighborIface }),
      ),
    };
  }

  /** One object as long as it says the same: a route that comes again from it is no other (struct rte_src). */
  #originAs(origin: RouteOrigin): RouteOrigin {
    if (this.#origin === undefined || JSON.stringify(this.#origin) !== JSON.stringify(origin)) this.#origin = origin;
    return this.#origin;
  }

  nextHops(channel: Channel): NextHopFinder {
    const { igpTable } = channelOptions(channel.config);
    const table = igpTable === undefined ? channel.table : this.router.table(igpTable);
    return {
      neighbor: (addr, iface) => this.router.interfaces.neighbor(addr, iface),
      hostEntry: (addr, link) => table.hostEntry(addr, link),
    };
  }

  /** A fact of it has changed. */
  protected forgetSession(): void {
    this.#session = undefined;
  }

  /** Before a start: of the neighbour is known what is configured. */
  protected forgetNeighbor(): void {
    this.remoteId = 0;
    this.remoteAs = this.config.remoteAs;
    this.sourceAddress = this.config.localAddress;
    this.neighbor = undefined;
    this.forgetSession();
  }

  // What is sent.

  makeOpen(connection: BgpConnection): Uint8Array {
    return encodeBgpOpen(
      makeOpen(this.config, {
        dialect: this.router.config.dialect,
        localId: this.localId,
        recovering: this.router.recovering,
        withoutCapabilities: connection.withoutCapabilities,
      }),
    );
  }

  makeRefresh(which: 'refresh' | 'begin-refresh'): Uint8Array {
    const family = bgpFamily(this.channels[0]?.table.family ?? 'ipv4');
    const subtype = which === 'refresh' ? ROUTE_REFRESH.request : ROUTE_REFRESH.begin;
    return encodeRouteRefresh({ family, subtype });
  }

  nextUpdate(): Uint8Array | undefined {
    for (const feed of this.feeds) {
      const message = feed.active ? feed.next() : undefined;
      if (message !== undefined) return message;
    }
    return undefined;
  }

  // Routes.

  #feedOf(channel: Channel): ChannelFeed | undefined {
    return this.feeds.find((feed) => feed.channel === channel);
  }

  override mode(channel: Channel): AnnounceMode {
    if (this.#feedOf(channel)?.addPathTx === true) return 'any';
    return channelOptions(channel.config).secondary ? 'accepted' : 'optimal';
  }

  protected override exports(channel: Channel): boolean {
    return this.#feedOf(channel)?.active === true;
  }

  override preexport(channel: Channel, route: Route): Route | undefined {
    if (this.session.dialect === 'bird-2') return mayExport(this.session, route) ? route : undefined;
    return prepareExport16(this.session, route, channelOptions(channel.config));
  }

  override exported(channel: Channel, net: Net, change: ExportChange): void {
    this.#feedOf(channel)?.push(this.session, net, change);
    this.connection?.schedule('update');
  }

  protected override feedBegin(channel: Channel, which: 'initial' | 'again'): void {
    const feed = this.#feedOf(channel);
    if (feed === undefined) return;
    if (which === 'initial') {
      if (this.config.gracefulRestart !== 'off') feed.feedState = 'loading';
      return;
    }
    if (!this.config.routeRefresh || this.connection?.peer.enhancedRefresh !== true) return;
    if (feed.feedState === 'loading' || feed.feedState === 'loaded') return;
    feed.feedState = 'refreshing';
    this.connection.schedule('begin-refresh');
  }

  protected override feedEnd(channel: Channel): void {
    const feed = this.#feedOf(channel);
    if (feed === undefined || this.connection === undefined) return;
    if (feed.feedState === 'loading') feed.feedState = 'loaded';
    else if (feed.feedState === 'refreshing') feed.feedState = 'refreshed';
    this.connection.schedule('update');
  }

  override reloadImports(): boolean {
    if (this.connection?.peer.routeRefresh !== true) return this.state !== 'up';
    this.connection.schedule('refresh');
    return true;
  }
}
