/** A listening SCTP socket: it answers INITs, remembers nothing of them, and lets cookies become associations. */

import { INADDR_ANY, IP_PROTOCOL, SCTP_CHUNK, type SctpChunk, viewOf } from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import { NS_PER_US } from '../../clock.js';
import { Socket, type SocketEntry, type SocketOptions } from '../socket.js';
import type { SocketNetns } from '../stack.js';
import { addressesFor } from './addresses.js';
import { RECEIVE_WINDOW } from './association.js';
import { INIT_LENGTH, plainChunk, staleCookieChunk } from './chunks.js';
import { type Cookie, initBytes, unpackCookie } from './cookie.js';
import { adoptCookie, makeInitAck } from './establish.js';
import { readInit } from './init.js';
import { answer, answerWithAbort, isDiscarded, outOfTheBlue } from './out-of-the-blue.js';
import type { SctpPacket } from './packet.js';
import { SctpSocket } from './sctp-socket.js';
import { transmitPacket } from './transmit.js';

/** net.core.somaxconn. */
const BACKLOG = 4_096;
/** SCTP_SECRET_SIZE. */
const KEY_LENGTH = 32;

export class SctpListener extends Socket {
  readonly protocol = IP_PROTOCOL.sctp;
  /** accept(2): called with each association when its cookie has come, before any message. */
  onConnection: (connection: SctpSocket) => void;
  readonly #options: SocketOptions;
  /** Drawn when the first INIT comes. */
  #key: Uint8Array | undefined = undefined;

  constructor(netns: SocketNetns, options: SocketOptions, onConnection: (connection: SctpSocket) => void) {
    super(netns, options);
    this.#options = options;
    this.onConnection = onConnection;
  }

  override get listening(): boolean {
    return true;
  }

  get entry(): SocketEntry {
    return this.entryAs('sctp', 'LISTEN', { receiveQueue: 0, sendQueue: BACKLOG });
  }

  /** Associations that it made live on. */
  close(): void {
    this.netns.sockets.sctp.removeListener(this);
  }

  destroy(): void {
    this.close();
  }

  /** It remembers nothing that an error could be about. */
  icmpError(): void {}

  // What follows is for the files of this folder.

  get #secret(): Uint8Array {
    if (this.#key === undefined) {
      this.#key = new Uint8Array(KEY_LENGTH);
      const view = viewOf(this.#key);
      for (let at = 0; at < KEY_LENGTH; at += 4) view.setUint32(at, this.netns.emulation.random.u32());
    }
    return this.#key;
  }

  /** sctp_endpoint_bh_rcv(): a packet of no association. */
  receive(packet: SctpPacket): DropReason | undefined {
    const [first] = packet.chunks;
    if (first === undefined || isDiscarded(packet) || !packet.isWhole(first)) return 'not-specified';
    switch (first.type) {
      case SCTP_CHUNK.init:
        return this.#answerInit(packet, first);
      case SCTP_CHUNK.cookieEcho:
        return this.#takeCookie(packet, first);
      case SCTP_CHUNK.initAck:
      case SCTP_CHUNK.cookieAck:
        return 'not-specified';
      default:
        return outOfTheBlue(this.netns, packet);
    }
  }

  /** sctp_sf_do_5_1B_init(). */
  #answerInit(packet: SctpPacket, chunk: SctpChunk): DropReason | undefined {
    const { netns } = this;
    if (!packet.single || !packet.isWhole(chunk, INIT_LENGTH)) return 'not-specified';
    if (packet.verificationTag !== 0) {
      answerWithAbort(netns, packet);
      return 'not-specified';
    }
    const init = readInit(packet.view, chunk.offset, chunk.length);
    if ('causes' in init) {
      answerWithAbort(netns, packet, init.causes);
      return 'not-specified';
    }
    const addresses = addressesFor(netns, this.localAddress, packet.source);
    const route = netns.ipv4.route(this.flowTo(packet.source, packet.sourcePort));
    if (typeof route === 'string') return 'ip-outnoroutes';
    const reply = makeInitAck({
      netns,
      key: this.#secret,
      init,
      chunk: initBytes(packet.view, chunk),
      remoteAddress: packet.source,
      remotePort: packet.sourcePort,
      localPort: packet.destinationPort,
      addresses,
      window: RECEIVE_WINDOW,
    });
    transmitPacket(netns, {
      source: this.localAddress === INADDR_ANY ? route.source : this.localAddress,
      destination: packet.source,
      sourcePort: packet.destinationPort,
      destinationPort: packet.sourcePort,
      verificationTag: init.tag,
      chunks: [reply],
      route,
      tos: this.tos,
      ttl: this.ttl,
      mark: this.mark,
      socket: this,
    });
    return undefined;
  }

  /** sctp_sf_do_5_1D_ce(): the association comes to be, and takes what else is in the packet. */
  #takeCookie(packet: SctpPacket, chunk: SctpChunk): DropReason | undefined {
    const { netns } = this;
    const cookie = unpackCookie(this.#secret, packet.valueOf(chunk));
    if (cookie === undefined || cookie.localTag !== packet.verificationTag) return 'not-specified';
    if (cookie.remotePort !== packet.sourcePort || cookie.localPort !== packet.destinationPort) return 'not-specified';
    const late = netns.emulation.clock.nowNs - cookie.expiresNs;
    if (late > 0) {
      const chunks = [staleCookieChunk(Math.floor(late / NS_PER_US))];
      answer(netns, packet, { chunks, verificationTag: cookie.remoteTag, note: 'its cookie has expired' });
      return 'not-specified';
    }
    this.#establish(packet, cookie);
    return undefined;
  }

  #establish(packet: SctpPacket, cookie: Cookie): void {
    const { netns } = this;
    const child = new SctpSocket(netns, this.#options);
    const asoc = child.association;
    child.localAddress = this.localAddress;
    child.localPort = packet.destinationPort;
    child.remoteAddress = cookie.remoteAddress;
    child.remotePort = packet.sourcePort;
    asoc.localAddresses = cookie.addresses.length > 0 ? cookie.addresses : [packet.destination];
    adoptCookie(asoc, cookie);
    child.adopted();
    asoc.state = 'ESTABLISHED';
    netns.sockets.sctp.insert(child);
    asoc.outgoing.push(plainChunk(SCTP_CHUNK.cookieAck));
    netns.sockets.wake(() => {
      // sctp_copy_sock(): the socket that accept(2) makes counts its packets from anywhere.
      asoc.identification = netns.emulation.random.below(0x10000);
      this.onConnection(child);
    });
    child.receive(packet.rest);
  }
}
