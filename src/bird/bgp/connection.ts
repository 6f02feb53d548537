/**
 * One TCP connection of a session with its part of the state machine (RFC 4271 §8; proto/bgp/bgp.c: struct bgp_conn,
 * packets.c: bgp_rx(), bgp_fire_tx()). What messages mean is the session's matter.
 */

import {
  BGP_MAX_EXTENDED_MESSAGE_LENGTH,
  BGP_MAX_MESSAGE_LENGTH,
  type BgpFrame,
  type BgpProblem,
  concatBytes,
  encodeBgpKeepalive,
  encodeBgpNotification,
  isBgpProblem,
  nextBgpFrame,
} from '../../packet/index.js';
import type { Errno, TcpSocket, Timer } from '../../kernel/index.js';
import type { BgpConfig } from '../config/types.js';
import type { Router } from '../router.js';
import { NO_CAPABILITIES, type PeerCapabilities } from './capabilities.js';

/** In the order in which BIRD ranks them: `show protocols` prints the higher of two connections. */
export const CONNECTION_STATES = [
  'Idle',
  'Connect',
  'Active',
  'OpenSent',
  'OpenConfirm',
  'Established',
  'Close',
] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

export type Direction = 'outgoing' | 'incoming';

/** What is to be sent, most urgent first. */
type Urgent = 'notification' | 'keepalive' | 'open' | 'refresh' | 'begin-refresh' | 'update';

export interface ConnectionOwner {
  readonly router: Router;
  /** A whole message came. */
  readonly received: (connection: BgpConnection, frame: BgpFrame) => void;
  /** A header that cannot be. */
  readonly malformed: (connection: BgpConnection, problem: BgpProblem) => void;
  /** The socket failed, or the other end closed it (undefined). */
  readonly lost: (connection: BgpConnection, errno: Errno | undefined) => void;
  readonly holdExpired: (connection: BgpConnection) => void;
  readonly connectExpired: (connection: BgpConnection) => void;
  /** The connection is idle now; it was in that state before. */
  readonly idle: (connection: BgpConnection, before: ConnectionState) => void;
  readonly makeOpen: (connection: BgpConnection) => Uint8Array;
  readonly makeRefresh: (which: 'refresh' | 'begin-refresh') => Uint8Array;
  /** The next UPDATE, End-of-RIB or end of a refresh; undefined where there is none. */
  readonly nextUpdate: () => Uint8Array | undefined;
}

/**
 * UPDATEs wait so long: what comes from many neighbours at once goes on together, as a daemon's loop reads all its
 * sockets before it writes.
 */
const UPDATE_DELAY_S = 0.001;
/** Octets that one write takes, about. */
const WRITE_SIZE = 16_384;

/** bgp_rx_open() of 2: as large a part of the agreed hold time as it was of our own, a second at least. */
function scaledKeepalive({ keepaliveTime, holdTime: own }: BgpConfig, holdTime: number): number {
  const seconds = keepaliveTime === 0 ? holdTime / 3 : (keepaliveTime * holdTime) / own;
  return holdTime === 0 ? 0 : Math.max(1, Math.floor(seconds));
}

export class BgpConnection {
  readonly owner: ConnectionOwner;
  readonly direction: Direction;
  state: ConnectionState = 'Idle';
  socket: TcpSocket | undefined = undefined;
  peer: PeerCapabilities = NO_CAPABILITIES;
  /** The AS of the neighbour's OPEN. */
  receivedAs = 0;
  /** Agreed. */
  holdTime = 0;
  keepaliveTime = 0;
  extendedMessages = false;
  /** The OPEN went without capabilities. */
  withoutCapabilities = false;
  #connectTimer: Timer | undefined = undefined;
  #holdTimer: Timer | undefined = undefined;
  #keepaliveTimer: Timer | undefined = undefined;
  #input: Uint8Array = new Uint8Array();
  readonly #output: Uint8Array[] = [];
  readonly #pending = new Set<Urgent>();
  #notification: Uint8Array | undefined = undefined;
  /** Seconds after which it was to send, where it is about to. */
  #kicked: number | undefined = undefined;

  constructor(owner: ConnectionOwner, direction: Direction) {
    this.owner = owner;
    this.direction = direction;
  }

  get rank(): number {
    return CONNECTION_STATES.indexOf(this.state);
  }

  // Timers, in seconds that are left: for listings.

  #left(timer: Timer | undefined): number {
    return timer?.pending === true ? Math.max(0, (timer.dueNs - this.owner.router.nowNs) / 1e9) : 0;
  }

  get connectLeft(): number | undefined {
    return this.#connectTimer?.pending === true ? this.#left(this.#connectTimer) : undefined;
  }

  get holdLeft(): number {
    return this.#left(this.#holdTimer);
  }

  get keepaliveLeft(): number {
    return this.#left(this.#keepaliveTimer);
  }

  startConnectTimer(seconds: number): void {
    this.#connectTimer?.cancel();
    const { router } = this.owner;
    this.#connectTimer =
      seconds === 0 ? undefined : router.after(router.jittered(seconds), () => this.owner.connectExpired(this));
  }

  startHoldTimer(seconds: number): void {
    this.#holdTimer?.cancel();
    const { router } = this.owner;
    this.#holdTimer =
      seconds === 0 ? undefined : router.after(router.jittered(seconds), () => this.owner.holdExpired(this));
  }

  #startKeepaliveTimer(): void {
    this.#keepaliveTimer?.cancel();
    const { router } = this.owner;
    const seconds = this.keepaliveTime;
    this.#keepaliveTimer =
      seconds === 0 ? undefined : router.after(router.jittered(seconds), () => this.schedule('keepalive'));
  }

  // The socket.

  attach(socket: TcpSocket): void {
    this.socket = socket;
    socket.onData = (bytes) => this.#receive(socket, bytes);
    socket.onError = (errno) => this.#lost(socket, errno);
    socket.onEnd = () => this.#lost(socket, undefined);
    socket.onWritable = () => this.#write();
  }

  #lost(socket: TcpSocket, errno: Errno | undefined): void {
    if (this.socket !== socket || this.state === 'Close') return;
    this.owner.lost(this, errno);
  }

  /** bgp_send_open(). */
  sendOpen(holdTime: number): void {
    this.peer = NO_CAPABILITIES;
    this.#connectTimer?.cancel();
    this.state = 'OpenSent';
    this.startHoldTimer(holdTime);
    // By the loop's next turn (ev_schedule()): whoever closes what it has just accepted has done so before.
    this.schedule('open');
  }

  #receive(socket: TcpSocket, bytes: Uint8Array): void {
    this.#input = this.#input.length === 0 ? bytes.slice() : concatBytes([this.#input, bytes]);
    const limit = this.extendedMessages ? BGP_MAX_EXTENDED_MESSAGE_LENGTH : BGP_MAX_MESSAGE_LENGTH;
    let at = 0;
    while (this.socket === socket && this.state !== 'Close') {
      const frame = nextBgpFrame(this.#input, at, limit);
      if (frame === undefined) break;
      if (isBgpProblem(frame)) {
        this.owner.malformed(this, frame);
        break;
      }
      at += frame.bytes.length;
      this.owner.received(this, frame);
    }
    this.#input = at === 0 ? this.#input : this.#input.slice(at);
  }

  /** Times and sizes that both ends can do with. */
  agree(config: BgpConfig, theirHoldTime: number): void {
    this.holdTime = Math.min(theirHoldTime, config.holdTime);
    this.keepaliveTime = this.owner.router.isBird2
      ? scaledKeepalive(config, this.holdTime)
      : config.keepaliveTime || Math.floor(this.holdTime / 3);
    this.extendedMessages = config.extendedMessages && this.peer.extendedMessages;
  }

  // Sending.

  schedule(what: Urgent): void {
    if (this.socket === undefined) return;
    this.#pending.add(what);
    this.#kick(what === 'update' ? UPDATE_DELAY_S : 0);
  }

  /** Sends in a moment; what is urgent does not wait for what is not. */
  #kick(seconds: number): void {
    const { router } = this.owner;
    if (this.#kicked !== undefined && (seconds > 0 || this.#kicked === 0)) return;
    this.#kicked = seconds;
    router.after(seconds, () => {
      this.#kicked = undefined;
      this.#fire();
    });
  }

  /** bgp_fire_tx(): one message after the other, until nothing is to be said or the socket is full. */
  #fire(): void {
    while (this.socket !== undefined && this.#output.length === 0) {
      const { messages, last } = this.#gather();
      if (messages.length === 0) return;
      this.#output.push(concatBytes(messages));
      this.#write();
      if (last) return this.enterIdle();
    }
  }

  /** As many messages as one write takes. */
  #gather(): { readonly messages: Uint8Array[]; readonly last: boolean } {
    const messages: Uint8Array[] = [];
    for (let length = 0; length < WRITE_SIZE; ) {
      const next = this.#next();
      if (next === undefined) break;
      messages.push(next.bytes);
      if (next.last === true) return { messages, last: true };
      length += next.bytes.length;
    }
    return { messages, last: false };
  }

  #next(): { readonly bytes: Uint8Array; readonly last?: boolean } | undefined {
    const pending = this.#pending;
    if (this.#notification !== undefined) {
      const bytes = this.#notification;
      this.#notification = undefined;
      pending.clear();
      return { bytes, last: true };
    }
    // Before anything else is said: a KEEPALIVE that is due by then must not overtake it.
    if (pending.delete('open')) return { bytes: this.owner.makeOpen(this) };
    if (pending.delete('keepalive')) {
      this.#startKeepaliveTimer();
      return { bytes: encodeBgpKeepalive() };
    }
    if (pending.delete('refresh')) return { bytes: this.owner.makeRefresh('refresh') };
    if (pending.delete('begin-refresh')) return { bytes: this.owner.makeRefresh('begin-refresh') };
    if (!pending.has('update')) return undefined;
    const bytes = this.owner.nextUpdate();
    if (bytes === undefined) {
      pending.delete('update');
      return undefined;
    }
    return { bytes };
  }

  #write(): void {
    const { socket } = this;
    for (;;) {
      const [first] = this.#output;
      if (first === undefined || socket === undefined || this.socket !== socket) break;
      const taken = socket.send(first);
      if (typeof taken !== 'number') return;
      if (taken < first.length) {
        this.#output[0] = first.subarray(taken);
        return;
      }
      this.#output.shift();
    }
    if (this.#pending.size > 0) this.#kick(0);
  }

  /** bgp_conn_enter_close_state(): the NOTIFICATION goes, and then the connection. */
  notify(problem: BgpProblem): void {
    this.#notification = encodeBgpNotification(problem);
    this.enterClose();
    this.schedule('notification');
  }

  /** Nothing more is heard; the connection goes once what is to be sent is sent. */
  enterClose(): void {
    this.state = 'Close';
    this.#keepaliveTimer?.cancel();
    if (this.socket !== undefined) this.socket.onData = () => undefined;
    this.startHoldTimer(10);
  }

  /** The other end said goodbye: the connection goes once what runs now has finished. */
  closeSoon(): void {
    this.enterClose();
    this.owner.router.defer(() => {
      if (this.state === 'Close') this.enterIdle();
    });
  }

  /** bgp_close_conn(): the socket and all timers. */
  close(): void {
    for (const timer of [this.#connectTimer, this.#holdTimer, this.#keepaliveTimer]) timer?.cancel();
    const { socket } = this;
    this.socket = undefined;
    this.#pending.clear();
    this.#output.length = 0;
    this.#input = new Uint8Array();
    this.#notification = undefined;
    socket?.close();
  }

  enterIdle(): void {
    const before = this.state;
    this.close();
    this.state = 'Idle';
    this.owner.idle(this, before);
  }

  /** The daemon dies without a word: the kernel closes what it had open. */
  abandon(): void {
    for (const timer of [this.#connectTimer, this.#holdTimer, this.#keepaliveTimer]) timer?.cancel();
    this.socket?.close();
    this.socket = undefined;
  }
}
