/**
 * What all protocols have (nest/proto.c): a state, channels, and what happens to their routes when the state
 * changes. Concrete protocols say how they start and stop, and what they make of routes.
 */

import type { Net } from '../address.js';
import type { ProtocolConfig, RouteLimit } from '../config/types.js';
import { inFibOrder } from '../rib/fib-order.js';
import type { Route } from '../rib/route.js';
import type { AnnounceMode } from '../rib/table.js';
import type { Router } from '../router.js';
import { Channel, type ChannelOwner, type LimitKind } from './channel.js';
import type { ExportChange } from './channel-exports.js';

export type ProtocolState = 'down' | 'start' | 'up' | 'stop';

/** Why a protocol goes down: what BGP tells its neighbour by it. */
export type DownReason =
  | 'remove'
  | 'disable'
  | 'restart'
  | 'command-disable'
  | 'command-restart'
  | 'shutdown'
  | 'graceful-restart'
  | 'import-limit'
  | 'export-limit'
  | 'export-limit-restart';

/** How the kinds are called in listings. */
export const KIND_NAMES = {
  device: 'Device',
  bfd: 'BFD',
  direct: 'Direct',
  kernel: 'Kernel',
  static: 'Static',
  pipe: 'Pipe',
  bgp: 'BGP',
  'bgp-range': 'BGP',
} as const;

/** DEF_PREF_*. */
export const PREFERENCES = {
  device: 240,
  bfd: 0,
  direct: 240,
  kernel: 10,
  static: 200,
  pipe: 70,
  bgp: 100,
  'bgp-range': 100,
} as const;

export abstract class Protocol implements ChannelOwner {
  readonly router: Router;
  config: ProtocolConfig;
  #channels: Channel[];
  #state: ProtocolState = 'down';
  /** Channels whose table is to be told as it is. */
  readonly #feeding = new Set<Channel>();
  /** Switched off by configuration, by command, or by itself. */
  disabled: boolean;
  stateChangedNs: number;
  /** What an administrator said, or a neighbour's (RFC 8203). */
  message: string | undefined = undefined;
  readonly keepsTemporary: boolean = false;
  readonly withdrawsAll: boolean = false;
  /** Not there any more in the newest configuration: it goes when it is down. */
  #onDown: (() => void) | undefined = undefined;

  constructor(router: Router, config: ProtocolConfig) {
    this.router = router;
    this.config = config;
    this.disabled = config.disabled;
    this.stateChangedNs = router.nowNs;
    this.#channels = config.channels.map((channel) => new Channel(this, router, channel));
  }

  get name(): string {
    return this.config.name;
  }

  get kind(): ProtocolConfig['kind'] {
    return this.config.kind;
  }

  get channels(): readonly Channel[] {
    return this.#channels;
  }

  get state(): ProtocolState {
    return this.#state;
  }

  /** The state as `show protocols` names it. */
  get stateName(): string {
    if (this.#state !== 'up') return this.#state;
    return this.exportWaits ? 'wait' : 'up';
  }

  /** Held back while we recover from a restart of our own. */
  get exportWaits(): boolean {
    return false;
  }

  /** The last column of `show protocols`. */
  get info(): string {
    return '';
  }

  preferenceOf(channel: Channel | undefined): number {
    return channel?.config.preference ?? PREFERENCES[this.kind];
  }

  // What concrete protocols do.

  /** Begins; answers with the state that it is in then. */
  protected abstract begin(): ProtocolState;
  /** Ends; answers `down`, or `stop` where that takes time. */
  protected abstract end(reason: DownReason): ProtocolState;

  /** Whether it goes on with that configuration; false restarts it. Filters and limits are seen to by the caller. */
  abstract reconfigure(config: ProtocolConfig): boolean;

  mode(_channel: Channel): AnnounceMode {
    return 'optimal';
  }

  /** Only the kernel's merges. */
  get mergeLimit(): number {
    return 0;
  }

  /** Most protocols are only told. */
  preexport(_channel: Channel, _route: Route): Route | undefined {
    return undefined;
  }

  exported(_channel: Channel, _net: Net, _change: ExportChange): void {}

  limitHit(_channel: Channel, limit: RouteLimit, which: LimitKind): void {
    this.router.defer(() => {
      if (this.#state === 'down') return;
      const ofExport = limit.action === 'restart' ? 'export-limit-restart' : 'export-limit';
      const reason = which === 'export' ? ofExport : 'import-limit';
      if (limit.action === 'disable') this.disabled = true;
      this.shutdown(reason);
      if (limit.action === 'restart') this.whenDown(() => this.start());
    });
  }

  /** Asks for routes again; false where that cannot be: in 1.6 only the kernel's and neighbours' can. */
  reloadImports(): boolean {
    return this.router.isBird2;
  }

  // State.

  start(): void {
    if (this.state !== 'down' || this.disabled) return;
    for (const channel of this.#channels) channel.resetStats();
    this.setState('start');
    const state = this.begin();
    // It may have gone further by itself.
    if (state !== 'start' && this.stateName === 'start') this.setState(state);
  }

  shutdown(reason: DownReason): void {
    if (this.#state === 'down' || this.#state === 'stop') return;
    const state = this.end(reason);
    if (state === 'down' || state === 'stop') this.setState(state);
  }

  /** Runs once it is down: at once where it is. */
  whenDown(action: () => void): void {
    if (this.#state === 'down') action();
    else this.#onDown = action;
  }

  /** proto_notify_state(). */
  protected setState(state: ProtocolState): void {
    const before = this.#state;
    if (before === state) return;
    this.#state = state;
    this.stateChangedNs = this.router.nowNs;
    if (before === 'up') {
      for (const channel of this.#channels) channel.stopExport();
      this.#feeding.clear();
    }
    if (state === 'up') {
      for (const channel of this.#channels) channel.forgetLimits();
      this.openExport();
    }
    if (state === 'stop' || state === 'down') for (const channel of this.#channels) channel.flush();
    if (state !== 'down') return;
    const next = this.#onDown;
    this.#onDown = undefined;
    if (next !== undefined) this.router.defer(next);
    else if (this.restartsByItself && !this.disabled) this.router.defer(() => this.start());
  }

  /** A protocol that fell is taken up again (proto_rethink_goal()). */
  protected get restartsByItself(): boolean {
    return false;
  }

  /** channel_start_export(): every change from now on, and soon the tables as they are. */
  openExport(): void {
    if (this.#state !== 'up' || this.exportWaits) return;
    for (const channel of this.#inFeedOrder) {
      if (channel.exporting || !this.exports(channel)) continue;
      channel.startExport();
      this.#scheduleFeed(channel, 'initial');
    }
  }

  /** channel_request_feeding(): of one, or of all. */
  feedAgain(only?: Channel): void {
    for (const channel of this.#inFeedOrder) {
      if (channel.exporting && (only ?? channel) === channel) this.#scheduleFeed(channel, 'again');
    }
  }

  /** 1.6 has the newest announce hook first (add_announce_hook()). */
  get #inFeedOrder(): readonly Channel[] {
    return this.router.isBird2 ? this.#channels : this.#channels.toReversed();
  }

  /** channel_schedule_feed(): asked for twice, it is fed once. */
  #scheduleFeed(channel: Channel, which: 'initial' | 'again'): void {
    if (this.#feeding.has(channel)) return;
    this.#feeding.add(channel);
    this.router.defer(() => {
      if (!this.#feeding.delete(channel) || !channel.exporting) return;
      this.feedBegin(channel, which);
      channel.feed(inFibOrder(channel.table.entries(), this.router.config.dialect), which);
      this.feedEnd(channel);
    });
  }

  /** Whether that channel is told of routes at all. */
  protected exports(_channel: Channel): boolean {
    return false;
  }

  protected feedBegin(_channel: Channel, _which: 'initial' | 'again'): void {}
  protected feedEnd(_channel: Channel): void {}

  /** The one channel of protocols that have one. */
  get mainChannel(): Channel | undefined {
    return this.#channels[0];
  }

  /** For a protocol whose channels change with its configuration: only while it is down. */
  protected replaceChannels(config: ProtocolConfig): void {
    this.#channels = config.channels.map((channel) => new Channel(this, this.router, channel));
  }
}
