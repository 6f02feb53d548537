/**
 * `protocol bgp`: a session with one neighbour (proto/bgp/bgp.c), RFC 4271's state machine as BIRD runs it: one
 * connection that we begin, one that the neighbour begins, and delays after errors.
 */

import {
  BGP_ERROR,
  type BgpFrame,
  type BgpOpen,
  type BgpProblem,
  bgpErrorText,
  bgpProblem,
  encodeBgpOpen,
  encodeRouteRefresh,
  encodeShutdownMessage,
  ROUTE_REFRESH,
} from '../../packet/index.js';
import { type Errno, NS_PER_S, type TcpSocket, type Timer } from '../../kernel/index.js';
import { formatIp, type IpAddr, ipEquals, type Net } from '../address.js';
import { bgpFamily, gracefulFamily, makeOpen } from '../bgp/capabilities.js';
import { BgpConnection, type ConnectionOwner, type ConnectionState } from '../bgp/connection.js';
import { dial, type DialFrom, guardSocket, makeSocket } from '../bgp/dial.js';
import { ErrorHistory } from '../bgp/error-history.js';
import { formatLastError, type LastError } from '../bgp/error-text.js';
import { prepareExport16, mayExport } from '../bgp/export.js';
import { ChannelFeed } from '../bgp/feed.js';
import type { NextHopFinder } from '../bgp/import.js';
import type { BgpListeners } from '../bgp/listeners.js';
import { NeighborRestart } from '../bgp/neighbor-restart.js';
import { receiveMessage } from '../bgp/receive.js';
import { sameSession } from '../bgp/same-session.js';
import { bgpOrigin, type BgpSession, channelOptions, clusterIdOf, isInternal } from '../bgp/session.js';
import type { BgpConfig, ProtocolConfig } from '../config/types.js';
import type { Neighbor } from '../interfaces.js';
import type { Route } from '../rib/route.js';
import type { AnnounceMode } from '../rib/table.js';
import type { Router } from '../router.js';
import type { Channel, ExportChange } from './channel.js';
import { type DownReason, Protocol, type ProtocolState } from './protocol.js';

/** BSS_*: how far the start is. */
type StartState = 'prepare' | 'delay' | 'connect';

/** Subcodes of Cease (RFC 4486) by the reason. */
const CEASE: Readonly<Record<DownReason, number>> = {
  remove: 3,
  disable: 3,
  restart: 6,
  'command-disable': 2,
  shutdown: 2,
  'command-restart': 4,
  'import-limit': 1,
  'export-limit': 2,
};

export class BgpProtocol extends Protocol implements ConnectionOwner {
  override config: BgpConfig;
  readonly outgoing: BgpConnection;
  readonly incoming: BgpConnection;
  readonly #listeners: BgpListeners;
  #releaseListener: (() => void) | undefined = undefined;
  #startState: StartState = 'prepare';
  #startupTimer: Timer | undefined = undefined;
  #stopListening: (() => void) | undefined = undefined;
  readonly errors = new ErrorHistory();
  /** The connection that is established. */
  connection: BgpConnection | undefined = undefined;
  withoutCapabilities = false;
  feeds: readonly ChannelFeed[] = [];
  localId = 0;
  remoteId = 0;
  as4Session = true;
  sourceAddress: IpAddr | undefined = undefined;
  #neighbor: Neighbor | undefined = undefined;
  #session: BgpSession | undefined = undefined;
  readonly restart: NeighborRestart;
  gracefulReady = false;

  constructor(router: Router, config: BgpConfig, listeners: BgpListeners) {
    super(router, config);
    this.config = config;
    this.#listeners = listeners;
    this.restart = new NeighborRestart(router);
    this.outgoing = new BgpConnection(this, 'outgoing');
    this.incoming = new BgpConnection(this, 'incoming');
    this.feeds = this.channels.map((channel) => new ChannelFeed(channel));
  }

  // What others ask.

  get isInternal(): boolean {
    return isInternal(this.config);
  }

  /** Facts of the session as export and import want them. */
  get session(): BgpSession {
    this.#session ??= this.#makeSession();
    return this.#session;
  }

  #makeSession(): BgpSession {
    const { config, localId, remoteId } = this;
    const rrClusterId = clusterIdOf(config, localId);
    const neighborIface = this.#neighbor?.iface.name;
    return {
      name: config.name,
      dialect: this.router.config.dialect,
      config,
      isInternal: this.isInternal,
      localId,
      rrClusterId,
      sourceAddress: this.sourceAddress,
      neighborIface,
      peerLlgrAware: this.connection?.peer.longLivedAware ?? false,
      origin: bgpOrigin(config, { remoteId, rrClusterId, neighborIface }),
    };
  }

  nextHops(channel: Channel): NextHopFinder {
    const { igpTable } = channelOptions(channel.config);
    const table = igpTable === undefined ? channel.table : this.router.table(igpTable);
    return {
      neighbor: (addr, iface) => this.router.interfaces.neighbor(addr, iface),
      hostEntry: (addr, link) => table.hostEntry(addr, link),
    };
  }

  get startState(): StartState {
    return this.#startState;
  }

  /** Seconds until an error is forgiven; undefined where nothing waits. */
  get errorWaitLeft(): number | undefined {
    const timer = this.#startupTimer;
    return timer?.pending === true ? (timer.dueNs - this.router.nowNs) / NS_PER_S : undefined;
  }

  /** bgp_state_dsc(). */
  get bgpState(): string {
    if (this.state === 'down') return 'Down';
    const higher = this.outgoing.rank > this.incoming.rank ? this.outgoing : this.incoming;
    if (higher.state === 'Idle' && this.#startState === 'connect' && this.config.passive) return 'Passive';
    return higher.state;
  }

  /** Why the session is not up, in BIRD's words; empty where nothing failed. */
  get reason(): string {
    return formatLastError(this.errors.last);
  }

  override get info(): string {
    return this.state === 'down' ? this.reason : `${this.bgpState.padEnd(14)}${this.reason}`;
  }

  // Start and stop.

  protected begin(): ProtocolState {
    const { config, router } = this;
    this.#startState = 'prepare';
    this.localId = config.routerId ?? router.routerId;
    this.remoteId = 0;
    this.sourceAddress = config.localAddress;
    this.#neighbor = undefined;
    this.#session = undefined;
    this.gracefulReady = false;
    if (config.gracefulRestart !== 'off') router.lockRecovery(this.name);
    if (config.multihop > 0) this.#initiate();
    else {
      this.#stopListening = router.onInterfaces(() => this.#checkNeighbor());
      this.#checkNeighbor();
    }
    return 'start';
  }

  /** bgp_neigh_notify(): a session without multihop needs a directly connected neighbour. */
  #checkNeighbor(): void {
    if (this.state === 'down' || this.state === 'stop') return;
    const { remoteAddress, iface, checkLink } = this.config;
    const neighbor = this.router.interfaces.neighbor(remoteAddress, iface);
    const waits = this.#startState === 'prepare';
    if (neighbor === undefined || neighbor.self) {
      if (!waits) this.#neighborGone('neighbor-lost');
    } else if (checkLink && !neighbor.iface.linkUp) {
      if (!waits) this.#neighborGone('link-down');
    } else if (waits) {
      this.#neighbor = neighbor;
      this.sourceAddress ??= neighbor.address.ip;
      this.#initiate();
    }
  }

  #neighborGone(error: 'neighbor-lost' | 'link-down'): void {
    this.storeError(undefined, { kind: 'misc', error });
    if (error === 'link-down' && this.state === 'up') this.delayStartup();
    this.stop(undefined);
  }

  #initiate(): void {
    const { router, config } = this;
    const own = router.isBird2;
    const address = own ? (config.strictBind ? config.localAddress : undefined) : router.config.listenBgpAddress;
    const port = own ? config.localPort : router.config.listenBgpPort;
    this.#releaseListener = this.#listeners.acquire(address, port, (socket) => this.#accept(socket));
    if (this.#releaseListener === undefined) {
      this.disabled = true;
      this.storeError(undefined, { kind: 'misc', error: 'no-socket' });
      this.router.defer(() => this.setState('down'));
      return;
    }
    if (this.errors.startupDelay === 0) return this.#startup();
    this.#startState = 'delay';
    router.log(`${this.name}: Startup delayed by ${this.errors.startupDelay} seconds due to errors`);
    this.#startupTimer = router.after(router.jittered(this.errors.startupDelay), () => this.#startup());
  }

  #startup(): void {
    this.#startState = 'connect';
    if (!this.config.passive) this.#activate();
  }

  protected end(reason: DownReason): ProtocolState {
    const limited = reason === 'import-limit' || reason === 'export-limit';
    this.storeError(undefined, { kind: limited ? 'automatic' : 'manual' });
    this.errors.startupDelay = 0;
    const said = reason === 'command-disable' || reason === 'command-restart' || reason === 'shutdown';
    const data = said && this.message !== undefined ? encodeShutdownMessage(this.message) : undefined;
    this.stop(bgpProblem(BGP_ERROR.cease, CEASE[reason], data));
    return this.state;
  }

  /** bgp_stop(): both connections end, and then the protocol. */
  stop(cease: BgpProblem | undefined): void {
    if (this.state === 'down' || this.state === 'stop') return;
    this.setState('stop');
    for (const connection of [this.outgoing, this.incoming]) {
      switch (connection.state) {
        case 'Connect':
        case 'Active':
          connection.enterIdle();
          break;
        case 'OpenSent':
        case 'OpenConfirm':
        case 'Established':
          this.fail(connection, cease ?? bgpProblem(BGP_ERROR.cease, 0));
          break;
        case 'Idle':
        case 'Close':
          break;
      }
    }
    this.router.defer(() => this.#decide());
  }

  /** bgp_decision(). */
  #decide(): void {
    const { outgoing, incoming } = this;
    if (this.state === 'start' && this.#startState === 'connect') {
      if (outgoing.state === 'Idle' && incoming.state !== 'OpenConfirm' && !this.config.passive) this.#activate();
    }
    if (this.state !== 'stop' || outgoing.state !== 'Idle' || incoming.state !== 'Idle') return;
    this.#startupTimer?.cancel();
    this.#stopListening?.();
    this.#releaseListener?.();
    this.#releaseListener = undefined;
    this.restart.end();
    this.router.unlockRecovery(this.name);
    this.setState('down');
  }

  protected override get restartsByItself(): boolean {
    return true;
  }

  delayStartup(): void {
    const { config, errors, router } = this;
    errors.delay(config, router.nowNs);
    if (config.disableAfterError) this.disabled = true;
  }

  /** bgp_store_error(): the first reason for going down counts. */
  storeError(connection: BgpConnection | undefined, error: LastError): void {
    if (this.state === 'up' && connection !== undefined && connection !== this.connection) return;
    if (this.state === 'stop') return;
    this.errors.last = error;
  }

  /** bgp_error(): the neighbour is told what is wrong. */
  fail(connection: BgpConnection, problem: BgpProblem): void {
    if (connection.state === 'Close' || connection.state === 'Idle') return;
    const { code, subcode } = problem;
    if (code !== BGP_ERROR.cease) this.router.log(`${this.name}: Error: ${bgpErrorText(code, subcode)}`);
    this.storeError(connection, { kind: 'sent', code, subcode });
    const wasEstablished = connection.state === 'Established';
    connection.notify(problem);
    if (wasEstablished) this.leftEstablished();
    if (code === BGP_ERROR.cease) return;
    this.delayStartup();
    this.stop(undefined);
  }

  // Connections.

  #activate(): void {
    const { outgoing, config } = this;
    outgoing.state = 'Active';
    outgoing.startConnectTimer(Math.max(1, config.connectDelayTime));
  }

  connectExpired(connection: BgpConnection): void {
    if (this.state !== 'start') return connection.enterIdle();
    connection.close();
    this.#connect();
  }

  #connect(): void {
    const { outgoing, config, router } = this;
    const from: DialFrom = { netns: router.netns, iface: this.#neighbor?.iface.name, source: this.sourceAddress };
    outgoing.state = 'Connect';
    const socket = makeSocket(config, from);
    socket.onConnect = () => {
      if (outgoing.socket === socket && outgoing.state === 'Connect') outgoing.sendOpen(config.startupHoldTime);
    };
    outgoing.attach(socket);
    outgoing.withoutCapabilities = this.withoutCapabilities;
    const failed = dial(socket, config, from);
    if (failed === undefined) return outgoing.startConnectTimer(config.connectRetryTime);
    if (typeof failed === 'string') return this.#failedToConnect(failed);
    router.log(`${this.name}: Socket error: bind: ${failed.bind}`);
    this.#failedToConnect(undefined);
  }

  /** What fails at once is known once what runs now has finished, as a select loop would tell. */
  #failedToConnect(errno: Errno | undefined): void {
    this.router.defer(() => {
      if (this.outgoing.state === 'Connect') this.lost(this.outgoing, errno);
    });
  }

  /** bgp_incoming_connection(). */
  #accept(socket: TcpSocket): boolean {
    const { config, incoming } = this;
    if (!ipEquals(config.remoteAddress, socket.remoteAddress)) return false;
    if (config.strictBind && config.localAddress !== undefined && !ipEquals(config.localAddress, socket.localAddress)) {
      return false;
    }
    let accepts =
      (this.state === 'start' || this.state === 'up') &&
      this.#startState === 'connect' &&
      incoming.socket === undefined;
    if (this.connection?.state === 'Established' && this.gracefulReady) {
      // The neighbour is back before its old connection was found to be dead.
      this.storeError(undefined, { kind: 'misc', error: 'graceful-restart' });
      this.#neighborRestarts();
      this.connection?.enterIdle();
      if (incoming.socket !== undefined) incoming.close();
      accepts = true;
    }
    this.router.log(
      `${this.name}: Incoming connection from ${formatIp(socket.remoteAddress)} (port ${socket.remotePort}) ${accepts ? 'accepted' : 'rejected'}`,
    );
    if (!accepts) {
      socket.close();
      return true;
    }
    guardSocket(socket, config);
    incoming.attach(socket);
    incoming.withoutCapabilities = this.withoutCapabilities;
    incoming.sendOpen(config.startupHoldTime);
    return true;
  }

  /** bgp_sock_err(). */
  lost(connection: BgpConnection, errno: Errno | undefined): void {
    this.storeError(connection, { kind: 'socket', errno });
    if (connection.state === 'Established' && this.gracefulReady) this.#neighborRestarts();
    connection.enterIdle();
  }

  holdExpired(connection: BgpConnection): void {
    if (connection.state === 'Close') connection.enterIdle();
    else this.fail(connection, bgpProblem(BGP_ERROR.holdTimerExpired, 0));
  }

  idle(_connection: BgpConnection, before: ConnectionState): void {
    this.router.defer(() => this.#decide());
    if (before === 'Established') this.leftEstablished();
  }

  received(connection: BgpConnection, frame: BgpFrame): void {
    receiveMessage(this, connection, frame);
  }

  malformed(connection: BgpConnection, problem: BgpProblem): void {
    this.fail(connection, problem);
  }

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

  // The session.

  /** What both OPENs together mean; a problem where there is nothing to talk about. */
  agree(connection: BgpConnection, open: BgpOpen): BgpProblem | undefined {
    const { config, router } = this;
    const { peer } = connection;
    for (const feed of this.feeds) feed.agree(peer, config, router.config.dialect);
    if (router.isBird2 && !this.feeds.some(({ active }) => active)) return bgpProblem(BGP_ERROR.openMessage, 7);
    connection.agree(config, open.holdTime);
    this.remoteId = open.identifier >>> 0;
    this.as4Session = config.as4 && peer.as4 !== undefined;
    for (const feed of this.feeds) feed.queue.extendedMessages = connection.extendedMessages;
    const able = this.channels.some((channel) => gracefulFamily(peer, channel.table.family) !== undefined);
    this.gracefulReady = config.gracefulRestart !== 'off' && able;
    this.#session = undefined;
    return undefined;
  }

  /** bgp_conn_enter_established_state(). */
  established(connection: BgpConnection): void {
    this.sourceAddress ??= connection.socket?.localAddress;
    this.connection = connection;
    this.#session = undefined;
    this.errors.last = { kind: 'none' };
    const { peer } = connection;
    for (const feed of this.feeds) feed.queue.clear();
    if (this.router.recovering && !(peer.gracefulAware && !peer.restarting)) this.router.unlockRecovery(this.name);
    this.restart.back(this.feeds, peer);
    for (const feed of this.feeds) feed.loadState = peer.gracefulAware ? 'loading' : 'none';
    connection.state = 'Established';
    this.setState('up');
  }

  /** bgp_conn_leave_established_state(). */
  leftEstablished(): void {
    this.connection = undefined;
    for (const feed of this.feeds) feed.reset();
    if (this.state === 'up') this.stop(undefined);
  }

  override get exportWaits(): boolean {
    return this.router.recovering && this.config.gracefulRestart === 'on';
  }

  #neighborRestarts(): void {
    const peer = this.connection?.peer;
    this.setState('start');
    this.restart.begin(this.feeds, peer, () => {
      this.router.log(`${this.name}: Neighbor graceful restart timeout`);
      this.stop(undefined);
    });
  }

  /** bgp_rx_end_mark(). */
  endOfRib(feed: ChannelFeed): void {
    if (feed.loadState === 'loading') feed.loadState = 'none';
    this.router.unlockRecovery(this.name);
    this.restart.told(this.feeds, feed);
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

  reconfigure(config: ProtocolConfig): boolean {
    if (config.kind !== 'bgp') return false;
    if ((config.routerId ?? this.router.routerId) !== this.localId && this.state !== 'down') return false;
    const same = sameSession(this.config, config);
    if (!same) return false;
    this.config = config;
    this.#session = undefined;
    return true;
  }

  /** The process is killed: sockets close, nobody is told anything. */
  abandon(): void {
    this.outgoing.abandon();
    this.incoming.abandon();
  }
}
