/**
 * AF_PACKET sockets of the type SOCK_RAW (packet(7), net/packet/af_packet.c): whole frames of one EtherType, as they come
 * in by a device and before the protocol sees them; and frames that a process makes by itself.
 */

import { ETHERNET_HEADER_LENGTH } from '../../packet/index.js';
import type { TracedPacket } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Skb } from '../skb.js';

export interface FrameSocketOptions {
  readonly dev: Device;
  readonly etherType: number;
  readonly process: string;
  /** The frame's packet is for traces, and for what is sent because of it. */
  readonly onFrame: (frame: Uint8Array, packet: TracedPacket) => void;
}

export class FrameSocket {
  readonly dev: Device;
  readonly etherType: number;
  readonly process: string;
  readonly #onFrame: FrameSocketOptions['onFrame'];
  readonly #closed: (socket: FrameSocket) => void;

  constructor({ dev, etherType, process, onFrame }: FrameSocketOptions, closed: (socket: FrameSocket) => void) {
    this.dev = dev;
    this.etherType = etherType;
    this.process = process;
    this.#onFrame = onFrame;
    this.#closed = closed;
  }

  /** packet_rcv(). */
  take(skb: Skb): void {
    this.#onFrame(skb.slab.bytes.slice(skb.data, skb.tail), skb);
  }

  /** packet_snd(): the frame leaves as it is. `cause` is the packet that it answers, or 0. */
  send(frame: Uint8Array, cause = 0): void {
    const skb = this.dev.netns.emulation.skbFrom(frame);
    skb.parent = cause;
    skb.mac = skb.data;
    skb.network = skb.data + ETHERNET_HEADER_LENGTH;
    this.dev.transmit(skb);
  }

  close(): void {
    this.#closed(this);
  }
}

/** The frame sockets of a namespace (ptype_base, per device). */
export class FrameSockets {
  readonly #sockets = new Set<FrameSocket>();

  open(options: FrameSocketOptions): FrameSocket {
    const socket = new FrameSocket(options, (closed) => this.#sockets.delete(closed));
    this.#sockets.add(socket);
    return socket;
  }

  /** deliver_ptype_list_skb(): a frame for others is seen by a promiscuous device alone. */
  deliver(dev: Device, skb: Skb, etherType: number): void {
    if (this.#sockets.size === 0 || (skb.packetType === 'otherhost' && !dev.promisc)) return;
    for (const socket of this.#sockets) if (socket.dev === dev && socket.etherType === etherType) socket.take(skb);
  }
}
