/** A TCP connection as an application has it (RFC 9293 §3.9.1; net/ipv4/tcp.c). */

import { ICMP_TYPE, INADDR_ANY, INADDR_LOOPBACK, IP_PROTOCOL, type Ipv4Addr, Tcp } from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import type { Errno } from '../../errors.js';
import type { RouteResult } from '../../fib/types.js';
import type { IcmpError } from '../../ipv4/quoting-error.js';
import { Backlog } from '../backlog.js';
import { classifyIcmp, isFragmentationNeeded, quotedPacket } from '../icmp-error.js';
import { Socket, type SocketEntry, type SocketOptions } from '../socket.js';
import type { SocketNetns } from '../stack.js';
import { retransmitTooLong } from './ack.js';
import { type TimerKind, timerExpired } from './expiry.js';
import { advertisedMss, firstWindow, RECEIVE_WINDOW, timestampOffset } from './handshake.js';
import { receiveSegment } from './input.js';
import { checkSignature } from './md5.js';
import {
  pushPending,
  receiveWindow,
  refreshRoute,
  selectWindow,
  sendAck,
  sendActiveReset,
  sendSyn,
  timestampNow,
} from './output.js';
import type { Segment } from './segment.js';
import { advance, between } from './sequence.js';
import { Tcb, type TcpState } from './tcb.js';
import { receiveInTimeWait } from './time-wait.js';
import { stopAllTimers, waitForFin } from './timers.js';

/** net.ipv4.tcp_wmem[2]: what auto-tuning goes up to. */
const SEND_BUFFER = 4_194_304;

export interface TcpSocketOptions extends SocketOptions {
  /** TCP_NODELAY: small segments do not wait for acknowledgments. */
  readonly noDelay?: boolean;
}

/**
 * Callbacks run when a segment or timer has been dealt with, never from inside a call of the application (but for
 * `resume()`), and no more after `close()` or `abort()`.
 */
export class TcpSocket extends Socket {
  readonly protocol = IP_PROTOCOL.tcp;
  readonly noDelay: boolean;
  readonly sendBuffer: number;
  readonly tcb: Tcb;
  /** The handshake is complete. */
  onConnect: (() => void) | undefined = undefined;
  /** Takes octets as they come; without it, or while paused, they wait for `read()` and fill the window. */
  onData: ((bytes: Uint8Array) => void) | undefined = undefined;
  /** The peer sends no more, and all that it sent was read. */
  onEnd: (() => void) | undefined = undefined;
  /** The connection is gone: refused, reset, timed out, unreachable. */
  onError: ((errno: Errno) => void) | undefined = undefined;
  /** Both ends finished in order. */
  onClose: (() => void) | undefined = undefined;
  /** There is room in a send buffer that was full. */
  onWritable: (() => void) | undefined = undefined;
  /** IP_MINTTL: segments that have come further are dropped (RFC 5082). */
  minTtl = 0;
  /** TCP_MD5SIG: segments of both ends are signed with it, and others dropped (RFC 2385). Set before connecting. */
  md5Key: string | undefined = undefined;
  /** The port was chosen by connect(). */
  ephemeral = false;
  /** A write met a full send buffer. */
  sendBlocked = false;
  #paused = false;
  #endTold = false;
  /** It has been told that there is something to hear. */
  #woken = false;
  #used = false;
  readonly #backlog = new Backlog<Segment>();

  constructor(netns: SocketNetns, options: TcpSocketOptions = {}) {
    super(netns, options);
    this.noDelay = options.noDelay ?? false;
    this.sendBuffer = options.sendBuffer ?? SEND_BUFFER;
    this.tcb = new Tcb(this);
    this.tcb.receiveSpace = options.receiveBuffer ?? RECEIVE_WINDOW;
  }

  get state(): TcpState {
    return this.tcb.state;
  }

  /** Octets received in order and not read. */
  get unread(): number {
    return this.tcb.received.ready;
  }

  get entry(): SocketEntry {
    return this.entryAs('tcp', this.state, {
      receiveQueue: this.tcb.received.ready,
      sendQueue: this.tcb.sending.length,
    });
  }

  /** bind(2); port 0 chooses one. @throws KernelError EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL */
  bind(address: Ipv4Addr, port: number): void {
    this.netns.sockets.bindTcp(this, address, port);
  }

  /** tcp_v4_connect(): what connect(2) returns at once; the outcome comes to `onConnect` or `onError`. */
  connect(address: Ipv4Addr, port: number): Errno | undefined {
    if (this.#used) return 'EISCONN';
    const destination = address === INADDR_ANY ? INADDR_LOOPBACK : address;
    const { mib } = this.netns;
    const route = this.routeToConnect(destination, port);
    if (typeof route === 'string') return route;
    if (route.type === 'broadcast' || route.type === 'multicast') return 'ENETUNREACH';
    const refused = this.netns.sockets.connectTcp(this, { source: route.source, destination, port });
    if (refused !== undefined) return refused;
    // ip_route_newports(): rules may ask for the port that it has now.
    const way = this.netns.ipv4.route(this.flowTo(destination, port));
    if (typeof way === 'string') {
      this.forget();
      return way;
    }
    this.#used = true;
    this.#locked(() => {
      this.#open(way);
      mib.TcpActiveOpens += 1;
    });
    return undefined;
  }

  /** write(2): how many octets were taken, or why none. */
  send(bytes: Uint8Array): number | Errno {
    const { tcb } = this;
    if (tcb.state === 'CLOSED') return this.#used ? 'EPIPE' : 'ENOTCONN';
    if (tcb.finQueued || tcb.state === 'TIME_WAIT') return 'EPIPE';
    const room = this.sendBuffer - tcb.sending.length;
    this.sendBlocked = room < bytes.length;
    if (room <= 0 && bytes.length > 0) return 'EAGAIN';
    const taken = bytes.subarray(0, room);
    tcb.sending.write(taken);
    this.#locked(() => pushPending(tcb));
    return taken.length;
  }

  /** read(2): at most `limit` octets that wait. The window opens again as they go (tcp_cleanup_rbuf()). */
  read(limit: number = Number.POSITIVE_INFINITY): Uint8Array {
    const { tcb } = this;
    const bytes = tcb.received.read(limit);
    const open = tcb.state === 'ESTABLISHED' || tcb.state === 'FIN_WAIT1' || tcb.state === 'FIN_WAIT2';
    if (bytes.length === 0 || !open) return bytes;
    const now = receiveWindow(tcb);
    if (2 * now > tcb.windowClamp) return bytes;
    const then = selectWindow(tcb);
    if (then > 0 && then >= 2 * now) sendAck(tcb, 'window update');
    return bytes;
  }

  /** Octets wait from now on. */
  pause(): void {
    this.#paused = true;
  }

  /** Hands over what waits, and what comes. */
  resume(): void {
    this.#paused = false;
    this.#tellAll();
  }

  /** shutdown(SHUT_WR): sends FIN after what was written; goes on reading. */
  end(): void {
    const { tcb } = this;
    if (tcb.finQueued || tcb.state === 'CLOSED' || tcb.state === 'TIME_WAIT') return;
    if (tcb.state === 'ESTABLISHED') tcb.state = 'FIN_WAIT1';
    else if (tcb.state === 'CLOSE_WAIT') tcb.state = 'LAST_ACK';
    tcb.finQueued = true;
    this.#locked(() => pushPending(tcb));
  }

  /** close(2): ends in order in the background; a reset where octets were left unread (RFC 2525 §2.17). */
  close(): void {
    const { tcb } = this;
    if (tcb.orphaned) return;
    tcb.orphaned = true;
    this.#farewell();
    this.detached = true;
  }

  /** What tcp_close() sends before the socket is an orphan. */
  #farewell(): void {
    const { tcb } = this;
    if (tcb.state === 'TIME_WAIT') return;
    if (tcb.state === 'CLOSED' || tcb.state === 'SYN_SENT') {
      this.forget();
      return;
    }
    if (tcb.received.ready > 0) {
      this.netns.mib.TcpExtTCPAbortOnClose += 1;
      sendActiveReset(tcb);
      this.forget();
      return;
    }
    this.end();
    if (tcb.state === 'FIN_WAIT2') waitForFin(tcb);
  }

  /** close(2) with SO_LINGER 0: a reset, and nothing is remembered. */
  abort(): void {
    const { tcb } = this;
    tcb.orphaned = true;
    if (tcb.state === 'TIME_WAIT') return;
    const known =
      tcb.state !== 'CLOSED' && tcb.state !== 'SYN_SENT' && tcb.state !== 'CLOSING' && tcb.state !== 'LAST_ACK';
    if (known) sendActiveReset(tcb);
    if (tcb.state !== 'CLOSED') this.netns.mib.TcpExtTCPAbortOnData += 1;
    this.forget();
  }

  destroy(): void {
    this.tcb.orphaned = true;
    this.forget();
  }

  // What follows is for the files of this folder.

  /** A system call has the socket. */
  #locked(call: () => void): void {
    this.#backlog.during(call, (segment) => this.#receiveLate(segment));
  }

  #receiveLate(segment: Segment): void {
    const dropped = this.receive(segment);
    if (dropped !== undefined) this.netns.drop(segment.skb, dropped);
  }

  /** A segment of this connection. */
  receive(segment: Segment): DropReason | undefined {
    if (this.#backlog.holds(segment)) return undefined;
    if (segment.skb.ipv4.ttl < this.minTtl) {
      this.netns.mib.TcpExtTCPMinTTLDrop += 1;
      return 'tcp-minttl';
    }
    const dropped = this.handle(segment);
    this.flush();
    return dropped;
  }

  /** The same, and the application is told later. */
  handle(segment: Segment): DropReason | undefined {
    const { tcb } = this;
    if (tcb.state === 'TIME_WAIT') return receiveInTimeWait(tcb, segment);
    return checkSignature(segment, this.md5Key, this.netns.mib) ?? receiveSegment(tcb, segment);
  }

  timerExpired(kind: TimerKind): void {
    timerExpired(this.tcb, kind);
    this.flush();
  }

  /** The connection came to be by a listener: it may not be connected any more. */
  adopted(): void {
    this.#used = true;
  }

  /** tcp_v4_err(). */
  icmpError(error: IcmpError): void {
    const { tcb } = this;
    const packet = quotedPacket(error);
    if (packet === undefined || tcb.state === 'CLOSED' || tcb.state === 'TIME_WAIT') return;
    const { sequence } = new Tcp(error.view, packet.transport);
    if (!between(sequence, tcb.sndUna, tcb.sndNxt)) {
      this.netns.mib.TcpExtOutOfWindowIcmps += 1;
      return;
    }
    error.learn({ oif: this.device, mark: this.mark });
    if (isFragmentationNeeded(error)) {
      this.#pathMtuChanged();
      return;
    }
    if (error.type === ICMP_TYPE.redirect) refreshRoute(tcb);
    const meaning = classifyIcmp(error.type, error.code);
    if (meaning === undefined) return;
    if (tcb.state === 'SYN_SENT' || tcb.state === 'SYN_RECV') this.fail(meaning.errno);
    else tcb.softError = meaning.errno; // once connected, only time tells
    this.flush();
  }

  /** tcp_v4_mtu_reduced(), once the FIB has learned the path MTU. */
  #pathMtuChanged(): void {
    const { tcb } = this;
    if (this.pathMtuDiscovery === 'dont') return;
    const before = tcb.route?.mtu ?? 0;
    const route = refreshRoute(tcb);
    if (route === undefined || route.mtu >= before) return;
    retransmitTooLong(tcb);
  }

  /** tcp_done_with_error(): it is over, and not in order. */
  fail(errno: Errno): void {
    const { state } = this;
    if (state === 'SYN_SENT' || state === 'SYN_RECV') this.netns.mib.TcpAttemptFails += 1;
    this.forget();
    this.tcb.events.error = errno;
  }

  /** tcp_done(): no timer, no place in the tables. */
  forget(): void {
    const { tcb } = this;
    stopAllTimers(tcb);
    if (tcb.state === 'ESTABLISHED' || tcb.state === 'CLOSE_WAIT') this.netns.mib.TcpEstabResets += 1;
    tcb.state = 'CLOSED';
    tcb.sending.clear();
    tcb.received.forget();
    this.netns.sockets.removeTcp(this);
  }

  /** The application is told what happened, oldest first, once it runs. */
  flush(): void {
    if (this.#woken) return;
    this.#woken = true;
    this.netns.sockets.wake(() => {
      this.#woken = false;
      this.#tellAll();
    });
  }

  #tellAll(): void {
    const { events } = this.tcb;
    this.#tell(events.connected, () => this.onConnect?.());
    events.connected = false;
    this.#hand();
    this.#tell(events.writable, () => this.onWritable?.());
    events.writable = false;
    const { error } = events;
    events.error = undefined;
    if (error !== undefined) this.#tell(true, () => this.onError?.(error));
    if (!events.closed || !this.#endTold) return;
    events.closed = false;
    this.#tell(true, () => this.onClose?.());
  }

  #tell(happened: boolean, callback: () => void): void {
    if (happened && !this.tcb.orphaned) callback();
  }

  /** Octets, then the end. A handler may pause, write, or close. */
  #hand(): void {
    const { tcb } = this;
    while (this.onData !== undefined && !this.#paused && tcb.received.ready > 0 && !tcb.orphaned) {
      this.onData(this.read());
    }
    if (tcb.orphaned || !tcb.peerFinished || tcb.received.ready > 0 || this.#endTold) return;
    this.#endTold = true;
    this.onEnd?.();
  }

  /** tcp_connect(): numbers, windows, and the SYN. */
  #open(route: RouteResult): void {
    const { tcb, netns } = this;
    const { random } = netns.emulation;
    tcb.iss = random.u32();
    tcb.sndUna = tcb.iss;
    tcb.sndNxt = tcb.iss;
    tcb.smallEnd = tcb.iss;
    tcb.sending.begin(advance(tcb.iss, 1));
    tcb.route = route;
    tcb.identification = random.below(0x10000);
    tcb.advertisedMss = advertisedMss(route);
    tcb.mssClamp = tcb.advertisedMss;
    const scaling = netns.sysctl.values['ipv4.tcp_window_scaling'] === 0 ? 'unscaled' : 'scaled';
    const first = firstWindow(tcb.receiveSpace, tcb.advertisedMss, scaling);
    tcb.rcvWnd = first.window;
    tcb.windowClamp = first.clamp;
    tcb.receiveScale = first.scale;
    tcb.timestampOffset = timestampOffset(netns.sockets.secret, this.localAddress, this.remoteAddress);
    tcb.synTimestamp = timestampNow(tcb);
    tcb.state = 'SYN_SENT';
    sendSyn(tcb);
  }
}
