/** UDP sockets (RFC 768; net/ipv4/udp.c, net/ipv4/datagram.c). */

import {
  encodeUdp,
  formatIpv4,
  INADDR_ANY,
  INADDR_LOOPBACK,
  IP_PROTOCOL,
  type Ipv4,
  type Ipv4Addr,
  pseudoHeaderSum,
  Udp,
  UDP_HEADER_LENGTH,
} from '../../packet/index.js';
import type { DropReason } from '../../trace/index.js';
import type { Errno } from '../errors.js';
import type { IcmpError } from '../ipv4/quoting-error.js';
import type { Mib } from '../mib.js';
import type { Skb } from '../skb.js';
import { type DatagramOptions, IPV4_PAYLOAD_MAXIMUM, routeDatagram, sendDatagram, sizeProblem } from './datagram.js';
import { classifyIcmp, type IcmpErrorReport, icmpReport, isFragmentationNeeded, quotedPacket } from './icmp-error.js';
import { Socket, type SocketEntry, type SocketOptions } from './socket.js';
import type { SocketNetns } from './stack.js';

/** Where a datagram came from and what it was addressed to. */
export interface UdpFrom {
  readonly source: Ipv4Addr;
  readonly port: number;
  readonly destination: Ipv4Addr;
  readonly ttl: number;
  /** Identity of the packet that brought it. */
  readonly skbId: number;
}

export type UdpHandler = (bytes: Uint8Array, from: UdpFrom) => void;

/** net.core.rmem_default. */
const RECEIVE_BUFFER = 212_992;
/** What a waiting datagram costs beside its octets: struct sk_buff and skb_shared_info (SKB_TRUESIZE()). */
const OVERHEAD = 576;

export class UdpSocket extends Socket {
  readonly protocol = IP_PROTOCOL.udp;
  /** Takes each datagram as it comes; without it they wait for `receive()`. */
  onMessage: UdpHandler | undefined = undefined;
  /** A connected socket's packet was refused. Without it the next `sendTo` answers with the error, once. */
  onError: ((errno: Errno) => void) | undefined = undefined;
  /** IP_RECVERR: every ICMP error about a packet of this socket, connected or not. */
  onIcmpError: ((report: IcmpErrorReport) => void) | undefined = undefined;
  readonly #receiveBuffer: number;
  readonly #queue: { readonly bytes: Uint8Array; readonly from: UdpFrom }[] = [];
  #queued = 0;
  #pendingError: Errno | undefined = undefined;
  #identification: number | undefined = undefined;
  #closed = false;

  constructor(netns: SocketNetns, options: SocketOptions = {}) {
    super(netns, options);
    this.#receiveBuffer = options.receiveBuffer ?? RECEIVE_BUFFER;
  }

  get entry(): SocketEntry {
    return this.entryAs('udp', this.remotePort === 0 ? 'UNCONN' : 'ESTAB', {
      receiveQueue: this.#queued,
      sendQueue: 0,
    });
  }

  /** bind(2); port 0 chooses one. @throws KernelError EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL */
  bind(address: Ipv4Addr, port: number): void {
    this.netns.sockets.bindUdp(this, address, port);
  }

  /** connect(2): fixes the far end and, where it is not bound, the source (__ip4_datagram_connect()). */
  connect(address: Ipv4Addr, port: number): Errno | undefined {
    const destination = address === INADDR_ANY ? INADDR_LOOPBACK : address;
    const route = this.routeToConnect(destination, port);
    if (typeof route === 'string') return route;
    if (route.type === 'broadcast' && !this.broadcast) return 'EACCES';
    if (this.localPort === 0) this.bind(this.localAddress, 0);
    this.netns.sockets.moveUdp(this, () => {
      if (this.localAddress === INADDR_ANY) this.localAddress = route.source;
      this.remoteAddress = destination;
      this.remotePort = port;
    });
    this.#identification = this.netns.emulation.random.u32() & 0xffff;
    return undefined;
  }

  /** send(2) on a connected socket. */
  send(bytes: Uint8Array): Errno | undefined {
    if (this.remotePort === 0) return 'ENOTCONN'; // Differs: EDESTADDRREQ
    return this.sendTo(bytes, this.remoteAddress, this.remotePort);
  }

  /** sendto(2). The answer is what the call would return; later trouble comes to `onError`. */
  sendTo(bytes: Uint8Array, address: Ipv4Addr, port: number, options: DatagramOptions = {}): Errno | undefined {
    const pending = this.takeError();
    if (pending !== undefined) return pending;
    if (port === 0) return 'EINVAL';
    if (bytes.length > IPV4_PAYLOAD_MAXIMUM - UDP_HEADER_LENGTH) return 'EMSGSIZE';
    const destination = address === INADDR_ANY ? INADDR_LOOPBACK : address;
    if (this.localPort === 0) this.bind(INADDR_ANY, 0);
    const route = routeDatagram(this, this.flowTo(destination, port), options);
    if (typeof route === 'string') return route;
    const problem = sizeProblem(this, bytes.length + UDP_HEADER_LENGTH + 20, route);
    if (problem !== undefined) return problem;

    const bound = options.source ?? this.localAddress;
    const source = bound === INADDR_ANY ? route.source : bound;
    const skb = this.#datagram(bytes, { source, destination, port });
    const identification = this.#nextIdentification();
    const refused = sendDatagram(this, { skb, source, destination, route, identification, options });
    if (refused === undefined) this.netns.mib.UdpOutDatagrams += 1;
    return refused;
  }

  /** recvfrom(2) where no `onMessage` takes datagrams as they come. */
  receive(): { readonly bytes: Uint8Array; readonly from: UdpFrom } | undefined {
    const first = this.#queue.shift();
    if (first === undefined) return undefined;
    this.#queued -= first.bytes.length + OVERHEAD;
    this.netns.mib.UdpInDatagrams += 1;
    return first;
  }

  /** SO_ERROR: the error that waits, and it waits no more. */
  takeError(): Errno | undefined {
    const errno = this.#pendingError;
    this.#pendingError = undefined;
    return errno;
  }

  close(): void {
    this.#closed = true;
    this.netns.sockets.removeUdp(this);
    this.#queue.length = 0;
    this.#queued = 0;
  }

  destroy(): void {
    this.close();
  }

  /** udp_queue_rcv_skb(): a datagram for this socket. */
  take(skb: Skb, ip: Ipv4, udp: Udp): DropReason | undefined {
    const size = udp.end - udp.payloadOffset + OVERHEAD;
    const { netns } = this;
    if (this.onMessage === undefined && this.#queued + size > this.#receiveBuffer) {
      netns.mib.UdpRcvbufErrors += 1;
      netns.mib.UdpInErrors += 1;
      return 'socket-rcvbuff';
    }
    if (netns.emulation.tracer !== undefined) {
      netns.trace(skb, {
        kind: 'deliver',
        protocol: this.protocol,
        port: this.localPort,
        note: this.process ?? 'UDP socket',
        because: this.because,
      });
    }
    const bytes = skb.slab.bytes.slice(udp.payloadOffset, udp.end);
    const from = {
      source: ip.source,
      port: udp.sourcePort,
      destination: ip.destination,
      ttl: ip.ttl,
      skbId: skb.id,
    };
    if (this.onMessage === undefined) {
      this.#queue.push({ bytes, from });
      this.#queued += size;
    } else {
      this.#tell(() => {
        netns.mib.UdpInDatagrams += 1;
        this.onMessage?.(bytes, from);
      });
    }
    return undefined;
  }

  /** __udp4_lib_err(): hard errors reach connected sockets, all of them one that asked for IP_RECVERR. */
  icmpError(error: IcmpError): void {
    const meaning = classifyIcmp(error.type, error.code);
    const packet = quotedPacket(error);
    if (packet === undefined) return;
    error.learn({ oif: this.device, mark: this.mark });
    if (meaning === undefined) return;
    const tooBig = isFragmentationNeeded(error);
    if (tooBig && this.pathMtuDiscovery === 'dont') return;
    const fatal = meaning.fatal || tooBig;
    const port = new Udp(error.view, packet.transport).destinationPort;
    const report = { destination: packet.destination, port, sequence: 0 };
    const told = icmpReport(error, meaning.errno, report);
    this.#tell(() => this.onIcmpError?.(told));
    if (!fatal || this.remotePort === 0) return;
    if (this.onError === undefined) this.#pendingError = meaning.errno;
    else this.#tell(() => this.onError?.(meaning.errno));
  }

  #tell(what: () => void): void {
    this.netns.sockets.wake(() => {
      if (!this.#closed) what();
    });
  }

  #datagram(bytes: Uint8Array, to: { source: Ipv4Addr; destination: Ipv4Addr; port: number }): Skb {
    const { netns } = this;
    const length = UDP_HEADER_LENGTH + bytes.length;
    const skb = netns.emulation.allocSkb(length);
    encodeUdp(skb.view, skb.data, {
      sourcePort: this.localPort,
      destinationPort: to.port,
      payloadLength: bytes.length,
    });
    skb.slab.bytes.set(bytes, skb.data + UDP_HEADER_LENGTH);
    skb.tail = skb.data + length;
    new Udp(skb.view, skb.data).fillChecksum(pseudoHeaderSum(to.source, to.destination, this.protocol, length));
    if (netns.emulation.tracer !== undefined) {
      const note = `UDP ${bytes.length} octets to ${formatIpv4(to.destination)}:${to.port}`;
      netns.trace(skb, { kind: 'send', protocol: this.protocol, note });
    }
    return skb;
  }

  /** include/net/ip.h:ip_select_ident_segs(): a connected socket counts for itself. */
  #nextIdentification(): number | undefined {
    if (this.#identification === undefined) return undefined;
    this.#identification = (this.#identification + 1) & 0xffff;
    return this.#identification;
  }
}

/** udp_rcv() up to the socket: lengths and checksum. `data` stands at the UDP header. */
export function parseDatagram(skb: Skb, ip: Ipv4, mib: Mib): Udp | DropReason {
  const udp = Udp.parse(skb.view, skb.data, skb.tail);
  if (udp === undefined) {
    mib.UdpInErrors += 1;
    return 'pkt-too-small';
  }
  const pseudo = pseudoHeaderSum(ip.source, ip.destination, IP_PROTOCOL.udp, udp.length);
  if (udp.checksumValid(pseudo)) return udp;
  mib.UdpInCsumErrors += 1;
  mib.UdpInErrors += 1;
  return 'udp-csum';
}
