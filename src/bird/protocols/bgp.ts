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
} from '../../packet/index.js';
import { type Errno, NS_PER_S, type TcpSocket, type Timer } from '../../kernel/index.js';
import { formatIp, ipEquals } from '../address.js';
import { gracefulFamily } from '../bgp/capabilities.js';
import { ceaseFor } from '../bgp/cease.js';
import { BgpConnection, type ConnectionOwner, type ConnectionState } from '../bgp/connection.js';
import { dial, type DialFrom, guardSocket, makeSocket } from '../bgp/dial.js';
import { ErrorHistory } from '../bgp/error-history.js';
import { formatLastError, type LastError } from '../bgp/error-text.js';
import type { ChannelFeed } from '../bgp/feed.js';
import { type BgpListeners, listenAt, neighborOf } from '../bgp/listeners.js';
import { NeighborRestart } from '../bgp/neighbor-restart.js';
import { receiveMessage } from '../bgp/receive.js';
import { sameSession } from '../bgp/same-session.js';
import type { BgpConfig, ProtocolConfig } from '../config/types.js';
import type { Router } from '../router.js';
import { BgpRoutes } from './bgp-routes.js';
import type { DownReason, ProtocolState } from './protocol.js';

/** BSS_*: how far the start is. */
type StartState = 'prepare' | 'delay' | 'connect';

export class BgpProtocol extends BgpRoutes implements ConnectionOwner {
  readonly outgoing: BgpConnection;
  readonly incoming: BgpConnection;
  readonly #listeners: BgpListeners;
  #releaseListener: (() => void) | undefined = undefined;
  #startState: StartState = 'prepare';
  #startupTimer: Timer | undefined = undefined;
  #stopListening: (() => void) | undefined = undefined;
  readonly errors = new ErrorHistory();
  withoutCapabilities = false;
  readonly restart: NeighborRestart;
  gracefulReady = false;

  constructor(router: Router, config: BgpConfig, listeners: BgpListeners) {
    super(router, config);
    this.#listeners = listeners;
    this.restart = new NeighborRestart(router);
    this.outgoing = new BgpConnection(this, 'outgoing');
    this.incoming = new BgpConnection(this, 'incoming');
  }

  // What others ask.

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
    this.forgetNeighbor();
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
      this.neighbor = neighbor;
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
    const at = listenAt(router.config, config);
    this.#releaseListener = this.#listeners.acquire(at, neighborOf(config), (socket) => this.accept(socket));
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
    const limited = reason === 'import-limit' || reason === 'export-limit' || reason === 'export-limit-restart';
    this.storeError(undefined, { kind: limited ? 'automatic' : 'manual' });
    if (limited && !this.disabled) this.delayStartup();
    else this.errors.startupDelay = 0;
    this.stop(ceaseFor(reason, this.message, this.config.gracefulRestart));
    return this.state;
  }

  /** bgp_stop(): both connections end, and then the protocol. */
  stop(cease: BgpProblem | 'silent' | undefined): void {
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
          if (cease === 'silent') connection.enterIdle();
          else this.fail(connection, cease ?? bgpProblem(BGP_ERROR.cease, 0));
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
    const from: DialFrom = { netns: router.netns, iface: this.neighbor?.iface.name, source: this.sourceAddress };
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

  /** bgp_incoming_connection(); false where it is another neighbour's. */
  accept(socket: TcpSocket): boolean {
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

  // The session.

  /** What both OPENs together mean; a problem where there is nothing to talk about. */
  agree(connection: BgpConnection, open: BgpOpen): BgpProblem | undefined {
    const { config, router } = this;
    const { peer } = connection;
    for (const feed of this.feeds) feed.agree(peer, config, router.config.dialect);
    if (router.isBird2 && config.capabilities && !this.feeds.some(({ active }) => active))
      return bgpProblem(BGP_ERROR.openMessage, 7);
    connection.agree(config, open.holdTime);
    this.remoteId = open.identifier >>> 0;
    this.as4Session = config.as4 && peer.as4 !== undefined;
    for (const feed of this.feeds) feed.queue.extendedMessages = connection.extendedMessages;
    const able = this.channels.some((channel) => gracefulFamily(peer, channel.table.family) !== undefined);
    this.gracefulReady = config.gracefulRestart !== 'off' && able;
    this.forgetSession();
    return undefined;
  }

  /** bgp_conn_enter_established_state(). */
  established(connection: BgpConnection): void {
    this.sourceAddress ??= connection.socket?.localAddress;
    this.remoteAs ||= connection.receivedAs;
    this.connection = connection;
    this.forgetSession();
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

  reconfigure(config: ProtocolConfig): boolean {
    if (config.kind !== 'bgp') return false;
    if ((config.routerId ?? this.router.routerId) !== this.localId && this.state !== 'down') return false;
    const same = sameSession(this.config, config);
    if (!same) return false;
    this.config = config;
    this.forgetSession();
    return true;
  }

  /** The process is killed: sockets close, nobody is told anything. */
  abandon(): void {
    this.outgoing.abandon();
    this.incoming.abandon();
  }
}
