/** ICMP echo sockets (net/ipv4/ping.c): what ping and traceroute -I send and hear. */

import {
  bytesOf,
  encodeIcmp,
  formatIpv4,
  ICMP_HEADER_LENGTH,
  ICMP_TYPE,
  Icmp,
  icmpEcho,
  INADDR_ANY,
  INADDR_LOOPBACK,
  IP_PROTOCOL,
  IPV4_HEADER_LENGTH,
  type Ipv4Addr,
} from '../../packet/index.js';
import type { Errno } from '../errors.js';
import type { IcmpError } from '../ipv4/quoting-error.js';
import type { Skb } from '../skb.js';
import {
  type DatagramOptions,
  headerLength,
  IPV4_PAYLOAD_MAXIMUM,
  routeDatagram,
  sendDatagram,
  sizeProblem,
} from './datagram.js';
import { classifyIcmp, type IcmpErrorReport, icmpReport, quotedPacket } from './icmp-error.js';
import { Socket, type SocketEntry } from './socket.js';

export interface EchoRequest extends DatagramOptions {
  readonly destination: Ipv4Addr;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

export interface EchoReply {
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly sequence: number;
  readonly ttl: number;
  readonly payload: Uint8Array;
  /** Of its IPv4 header. */
  readonly ipOptions: Uint8Array;
  /** Identity of the packet that brought it. */
  readonly skbId: number;
}

export class PingSocket extends Socket {
  readonly protocol = IP_PROTOCOL.icmp;
  onReply: ((reply: EchoReply) => void) | undefined = undefined;
  /** Time exceeded, unreachable and the others, about a request of this socket. */
  onIcmpError: ((report: IcmpErrorReport) => void) | undefined = undefined;
  #closed = false;

  get entry(): SocketEntry {
    return this.entryAs('icmp', 'UNCONN');
  }

  /** The identifier of its echo messages. */
  get identifier(): number {
    return this.localPort;
  }

  /** Fixes source address and identifier; 0 chooses one. @throws KernelError EADDRINUSE, EADDRNOTAVAIL */
  bind(address: Ipv4Addr, identifier = 0): void {
    this.netns.sockets.bindPing(this, address, identifier);
  }

  /** ping_v4_sendmsg(). What the call returns at once; replies and ICMP errors come to the callbacks. */
  send(request: EchoRequest): Errno | undefined {
    const { payload, sequence } = request;
    if (payload.length > IPV4_PAYLOAD_MAXIMUM - ICMP_HEADER_LENGTH) return 'EMSGSIZE';
    const destination = request.destination === INADDR_ANY ? INADDR_LOOPBACK : request.destination;
    if (this.localPort === 0) this.bind(INADDR_ANY);
    const { sourcePort: _, ...flow } = this.flowTo(destination, 0);
    const route = routeDatagram(this, flow, request);
    if (typeof route === 'string') return route;
    const problem = sizeProblem(this, payload.length + ICMP_HEADER_LENGTH + headerLength(request), route);
    if (problem !== undefined) return problem;

    const { netns } = this;
    const length = ICMP_HEADER_LENGTH + payload.length;
    const skb = netns.emulation.allocSkb(length);
    skb.slab.bytes.set(payload, skb.data + ICMP_HEADER_LENGTH);
    skb.tail = skb.data + length;
    const rest = icmpEcho(this.identifier, sequence);
    encodeIcmp(skb.view, skb.data, { type: ICMP_TYPE.echoRequest, code: 0, rest, payloadLength: payload.length });
    if (netns.emulation.tracer !== undefined) {
      const note = `ICMP echo request ${sequence} to ${formatIpv4(destination)}`;
      netns.trace(skb, { kind: 'send', protocol: this.protocol, note });
    }
    netns.mib.countIcmpOut(ICMP_TYPE.echoRequest);
    const bound = request.source ?? this.localAddress;
    const source = bound === INADDR_ANY ? route.source : bound;
    return sendDatagram(this, { skb, source, destination, route, identification: undefined, options: request });
  }

  close(): void {
    this.#closed = true;
    this.netns.sockets.removePing(this);
  }

  destroy(): void {
    this.close();
  }

  #tell(what: () => void): void {
    this.netns.sockets.wake(() => {
      if (!this.#closed) what();
    });
  }

  /** ping_rcv(): an echo reply with our identifier. */
  take(skb: Skb, icmp: Icmp): void {
    const { netns } = this;
    if (netns.emulation.tracer !== undefined) {
      const note = `ICMP echo reply ${icmp.sequence}`;
      const { protocol, because } = this;
      netns.trace(skb, { kind: 'deliver', protocol, port: this.localPort, note, because });
    }
    const ip = skb.ipv4;
    const reply = {
      source: ip.source,
      destination: ip.destination,
      sequence: icmp.sequence,
      ttl: ip.ttl,
      payload: bytesOf(skb.view, icmp.payloadOffset, skb.tail).slice(),
      ipOptions: bytesOf(skb.view, ip.offset + IPV4_HEADER_LENGTH, ip.offset + ip.headerLength).slice(),
      skbId: skb.id,
    };
    this.#tell(() => this.onReply?.(reply));
  }

  /** ping_err(). */
  icmpError(error: IcmpError): void {
    const meaning = classifyIcmp(error.type, error.code);
    const packet = quotedPacket(error);
    if (packet === undefined) return;
    error.learn({ oif: this.device, mark: this.mark });
    if (meaning === undefined) return;
    const { sequence } = new Icmp(error.view, packet.transport);
    const report = { destination: packet.destination, port: 0, sequence };
    const told = icmpReport(error, meaning.errno, report);
    this.#tell(() => this.onIcmpError?.(told));
  }
}
