/** An SCTP association as an application has it: a one-to-one socket (RFC 6458 §4; net/sctp/socket.c). */

import { INADDR_ANY, INADDR_LOOPBACK, IP_PROTOCOL, type Ipv4Addr, SCTP_CAUSE } from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import type { Errno } from '../../errors.js';
import type { IcmpError } from '../../ipv4/quoting-error.js';
import { Backlog } from '../backlog.js';
import { Socket, type SocketEntry, type SocketOptions } from '../socket.js';
import type { SocketNetns } from '../stack.js';
import { addressesFor, isUsable } from './addresses.js';
import { Association, type SctpState, type TimerKind } from './association.js';
import { abortChunk, parameter } from './chunks.js';
import { drawTag } from './establish.js';
import { timerExpired } from './expiry.js';
import { handleIcmp } from './icmp.js';
import { receivePacket } from './input.js';
import { flush, fragmentPoint, queueInit, startShutdown } from './output.js';
import type { SctpPacket } from './packet.js';
import { startTimer, stopAllTimers } from './timers.js';

/** net.core.wmem_default. */
const SEND_BUFFER = 212_992;

/**
 * Callbacks run when a packet or timer has been dealt with, never from inside a call of the application, and no more after
 * `close()` or `abort()`.
 */
export class SctpSocket extends Socket {
  readonly protocol = IP_PROTOCOL.sctp;
  readonly association: Association;
  /** The association is established. */
  onConnect: (() => void) | undefined = undefined;
  /** Takes each message when it is complete. */
  onMessage: ((bytes: Uint8Array) => void) | undefined = undefined;
  /** The peer shuts down: it sends no more, and takes no more. */
  onEnd: (() => void) | undefined = undefined;
  /** The association is gone: refused, aborted, timed out. */
  onError: ((errno: Errno) => void) | undefined = undefined;
  /** Both ends finished in order. */
  onClose: (() => void) | undefined = undefined;
  #used = false;
  #woken = false;
  readonly #backlog = new Backlog<SctpPacket>();

  constructor(netns: SocketNetns, options: SocketOptions = {}) {
    super(netns, options);
    this.association = new Association(this);
  }

  get state(): SctpState {
    return this.association.state;
  }

  get entry(): SocketEntry {
    return this.entryAs('sctp', this.state, {
      receiveQueue: this.association.unread,
      sendQueue: this.association.sending.length,
    });
  }

  /** bind(2); port 0 chooses one. @throws KernelError EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL */
  bind(address: Ipv4Addr, port: number): void {
    this.netns.sockets.sctp.bind(this, address, port);
  }

  /** __sctp_connect(): what connect(2) returns at once; the outcome comes to `onConnect` or `onError`. */
  connect(address: Ipv4Addr, port: number): Errno | undefined {
    if (this.#used) return 'EISCONN';
    const destination = address === INADDR_ANY ? INADDR_LOOPBACK : address;
    if (!isUsable(destination) || port === 0) return 'EINVAL';
    if (this.localPort === 0) this.bind(INADDR_ANY, 0);
    const asoc = this.association;
    asoc.localAddresses = addressesFor(this.netns, this.localAddress, destination);
    if (asoc.localAddresses.length === 0) return 'ENETUNREACH';
    // Without a route the INIT is dropped, and T1 goes on: it is heard of as any other silence.
    this.#used = true;
    this.remoteAddress = destination;
    this.remotePort = port;
    this.netns.sockets.sctp.insert(this);
    this.#locked(() => this.#associate());
    return undefined;
  }

  /** sctp_sf_do_prm_asoc(). */
  #associate(): void {
    const asoc = this.association;
    asoc.localTag = drawTag(this.netns);
    asoc.initialTsn = this.netns.emulation.random.u32();
    asoc.state = 'COOKIE_WAIT';
    queueInit(asoc);
    startTimer(asoc, 't1-init');
    flush(asoc);
    // inet_daddr is known from now on: identifications count.
    asoc.identification = 0;
  }

  /** sctp_sendmsg(): one message, on stream 0. */
  send(bytes: Uint8Array): Errno | undefined {
    const asoc = this.association;
    if (asoc.state === 'CLOSED' || asoc.state === 'COOKIE_WAIT' || asoc.state === 'COOKIE_ECHOED')
      return this.#used ? 'EAGAIN' : 'ENOTCONN'; // Differs: Linux queues what is sent before the association is there
    if (asoc.state !== 'ESTABLISHED') return 'EPIPE';
    if (bytes.length === 0) return 'EINVAL';
    if (bytes.length > SEND_BUFFER - asoc.sending.length) return 'EAGAIN';
    asoc.sending.write(bytes.slice(), fragmentPoint(asoc));
    this.#locked(() => flush(asoc));
    return undefined;
  }

  /** SO_ERROR: what an ICMP error has said, and it says so no more. */
  takeError(): Errno | undefined {
    const { softError } = this.association;
    this.association.softError = undefined;
    return softError;
  }

  /** close(2): ends in order in the background; an ABORT where messages were left unread. */
  close(): void {
    const asoc = this.association;
    if (asoc.orphaned) return;
    asoc.orphaned = true;
    if (asoc.unread > 0) this.#abort();
    else this.#shutDown();
    this.detached = true;
  }

  /** close(2) with SO_LINGER 0. */
  abort(): void {
    this.association.orphaned = true;
    this.#abort();
    this.detached = true;
  }

  destroy(): void {
    this.association.orphaned = true;
    this.forget();
  }

  /** sctp_sf_do_9_2_prm_shutdown(), sctp_sf_cookie_wait_prm_shutdown(). */
  #shutDown(): void {
    const asoc = this.association;
    switch (asoc.state) {
      case 'CLOSED':
      case 'COOKIE_WAIT':
      case 'COOKIE_ECHOED':
        this.forget();
        return;
      case 'ESTABLISHED':
        asoc.state = 'SHUTDOWN_PENDING';
        if (asoc.sending.isEmpty) startShutdown(asoc);
        this.#locked(() => flush(asoc));
        return;
      case 'SHUTDOWN_PENDING':
      case 'SHUTDOWN_SENT':
      case 'SHUTDOWN_RECEIVED':
      case 'SHUTDOWN_ACK_SENT':
    }
  }

  /** sctp_make_abort_user(). */
  #abort(): void {
    const asoc = this.association;
    if (asoc.state !== 'CLOSED') {
      asoc.outgoing.push(abortChunk('own', parameter(SCTP_CAUSE.userAbort, new Uint8Array())));
      this.#locked(() => flush(asoc));
    }
    this.forget();
  }

  // What follows is for the files of this folder.

  /** A system call has the socket. */
  #locked(call: () => void): void {
    this.#backlog.during(call, (packet) => {
      const dropped = this.receive(packet);
      if (dropped !== undefined) this.netns.drop(packet.skb, dropped);
    });
  }

  /** sctp_assoc_bh_rcv(). */
  receive(packet: SctpPacket): DropReason | undefined {
    if (this.#backlog.holds(packet)) return undefined;
    const dropped = receivePacket(this.association, packet);
    flush(this.association);
    this.tell();
    return dropped;
  }

  timerExpired(kind: TimerKind): void {
    timerExpired(this.association, kind);
    this.tell();
  }

  icmpError(error: IcmpError): void {
    handleIcmp(this.association, error);
    this.tell();
  }

  /** The association came to be by a listener: it may not be connected any more. */
  adopted(): void {
    this.#used = true;
  }

  /** SCTP_CMD_INIT_FAILED, SCTP_CMD_ASSOC_FAILED: it is over, and not in order. */
  fail(errno: Errno): void {
    this.forget();
    this.association.events.error = errno;
  }

  /** SCTP_CMD_DELETE_TCB: no timer, no place in the tables. */
  forget(): void {
    const asoc = this.association;
    stopAllTimers(asoc);
    asoc.state = 'CLOSED';
    asoc.sending.clear();
    asoc.outgoing.length = 0;
    this.netns.sockets.sctp.remove(this);
  }

  /** The application is told what happened, oldest first, once it runs. */
  tell(): void {
    if (this.#woken) return;
    this.#woken = true;
    this.netns.sockets.wake(() => {
      this.#woken = false;
      this.#tellAll();
    });
  }

  #tellAll(): void {
    const { events } = this.association;
    if (events.connected) this.#call(() => this.onConnect?.());
    events.connected = false;
    for (const message of this.onMessage === undefined ? [] : events.messages.splice(0)) {
      this.association.unread -= message.length;
      this.#call(() => this.onMessage?.(message));
    }
    if (events.ended) this.#call(() => this.onEnd?.());
    events.ended = false;
    const { error, closed } = events;
    events.error = undefined;
    events.closed = false;
    if (error !== undefined) this.#call(() => this.onError?.(error));
    if (closed) this.#call(() => this.onClose?.());
  }

  #call(callback: () => void): void {
    if (!this.association.orphaned) callback();
  }
}
