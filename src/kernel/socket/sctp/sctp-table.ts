/** The SCTP sockets of a namespace: ports, listeners, associations (net/sctp/input.c, net/sctp/socket.c). */

import {
  IP_PROTOCOL,
  type Ipv4Addr,
  ipv4,
  Sctp,
  SCTP_CHUNK,
  SCTP_CHUNK_HEADER_LENGTH,
  SCTP_PARAMETER,
  sctpParameters,
} from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import type { IcmpError } from '../../ipv4/quoting-error.js';
import type { Skb } from '../../skb.js';
import type { SctpListenRequest } from '../listen.js';
import { type Arrival, findUdpPort, PortTable } from '../port-table.js';
import type { SocketEntry, SocketOptions } from '../socket.js';
import type { SocketNetns } from '../stack.js';
import { isUsable } from './addresses.js';
import { INIT_LENGTH } from './chunks.js';
import { refuse } from './out-of-the-blue.js';
import { describeChunks, parsePacket, type SctpPacket } from './packet.js';
import { SctpListener } from './sctp-listener.js';
import { SctpSocket } from './sctp-socket.js';

/** inet_bind() for any socket: takes the port that `choose` gives, or throws. */
export type Bind = (
  socket: SctpListener | SctpSocket,
  at: { readonly address: Ipv4Addr; readonly port: number },
  choose: () => number | undefined,
) => void;

export class SctpTable {
  readonly #netns: SocketNetns;
  readonly #bind: Bind;
  /** Everybody with a local port. */
  readonly #ports = new PortTable<SctpListener | SctpSocket>();
  readonly #listeners = new PortTable<SctpListener>();
  /** Associations, by local port. */
  readonly #associations = new Map<number, SctpSocket[]>();

  constructor(netns: SocketNetns, bind: Bind) {
    this.#netns = netns;
    this.#bind = bind;
  }

  *[Symbol.iterator](): IterableIterator<SctpListener | SctpSocket> {
    yield* this.#listeners;
    for (const sockets of this.#associations.values()) yield* sockets;
  }

  get listeners(): Iterable<SctpListener> {
    return this.#listeners;
  }

  /** socket(2): the first one has the kernel load the module, on the whole machine. */
  open(options?: SocketOptions): SctpSocket {
    this.#netns.host.loadModule('sctp');
    return new SctpSocket(this.#netns, options);
  }

  listen(request: SctpListenRequest): SctpListener {
    this.#netns.host.loadModule('sctp');
    const listener = new SctpListener(this.#netns, { reuseAddress: true, ...request }, request.onConnection);
    this.bind(listener, request.address, request.port);
    this.#listeners.insert(listener);
    return listener;
  }

  /** sctp_get_port_local(). */
  bind(socket: SctpListener | SctpSocket, address: Ipv4Addr, port: number): void {
    const { sysctl, emulation } = this.#netns;
    const free = (candidate: number): boolean => this.#ports.mayBind(socket, address, candidate);
    // One that the kernel chooses is nobody else's at all.
    const unused = (candidate: number): boolean => this.#ports.at(candidate).length === 0;
    this.#bind(socket, { address, port }, () => {
      if (port !== 0) return free(port) ? port : undefined;
      return findUdpPort(sysctl.localPortRange, emulation.random, unused);
    });
    this.#ports.insert(socket);
  }

  insert(socket: SctpSocket): void {
    if (!this.#ports.at(socket.localPort).includes(socket)) this.#ports.insert(socket);
    const there = this.#associations.get(socket.localPort);
    if (there === undefined) this.#associations.set(socket.localPort, [socket]);
    else there.push(socket);
  }

  remove(socket: SctpSocket): void {
    this.#ports.remove(socket);
    const left = (this.#associations.get(socket.localPort) ?? []).filter((other) => other !== socket);
    if (left.length === 0) this.#associations.delete(socket.localPort);
    else this.#associations.set(socket.localPort, left);
  }

  removeListener(listener: SctpListener): void {
    this.#ports.remove(listener);
    this.#listeners.remove(listener);
  }

  /** sctp_rcv(). `data` stands at the common header. */
  deliver(skb: Skb): DropReason | undefined {
    const packet = parsePacket(skb);
    if (typeof packet === 'string') return packet;
    if (!isUsable(packet.source) || !isUsable(packet.destination)) return 'not-specified';
    const type = skb.route?.type;
    if (type === 'broadcast' || type === 'multicast') return 'not-specified';
    // nf_reset_ct(): what is answered from here on belongs to no connection yet.
    skb.resetConntrack();
    const arrival: Arrival = {
      localAddress: packet.destination,
      localPort: packet.destinationPort,
      remoteAddress: packet.source,
      remotePort: packet.sourcePort,
      ifindex: skb.inetIif,
    };
    const association = this.#find(arrival) ?? this.#findHarder(packet, arrival);
    const taker = association ?? this.#listeners.lookup(arrival);
    if (taker === undefined) return refuse(this.#netns, packet);
    if (this.#netns.emulation.tracer !== undefined) this.#trace(packet, taker);
    return taker.receive(packet);
  }

  /** sctp_err_lookup(). */
  icmpError(error: IcmpError, quoted: { source: Ipv4Addr; destination: Ipv4Addr; transport: number }): void {
    const { sourcePort, destinationPort } = new Sctp(error.view, quoted.transport);
    const socket = this.#find({
      localAddress: quoted.source,
      localPort: sourcePort,
      remoteAddress: quoted.destination,
      remotePort: destinationPort,
    });
    if (socket === undefined) this.#netns.mib.IcmpInErrors += 1;
    else socket.icmpError(error);
  }

  /** __sctp_lookup_association(): from and to any of the addresses that its ends have. */
  #find(arrival: Omit<Arrival, 'ifindex'>): SctpSocket | undefined {
    return this.#associations.get(arrival.localPort)?.find((socket) => {
      const { localAddresses, remoteAddresses } = socket.association;
      return (
        socket.remotePort === arrival.remotePort &&
        (socket.remoteAddress === arrival.remoteAddress || remoteAddresses.includes(arrival.remoteAddress)) &&
        localAddresses.includes(arrival.localAddress)
      );
    });
  }

  /** __sctp_rcv_init_lookup(): an INIT or INIT ACK from elsewhere may list the address that we know. */
  #findHarder(packet: SctpPacket, arrival: Arrival): SctpSocket | undefined {
    const [first] = packet.chunks;
    if (first === undefined || !packet.isWhole(first, INIT_LENGTH)) return undefined;
    if (first.type !== SCTP_CHUNK.init && first.type !== SCTP_CHUNK.initAck) return undefined;
    for (const { type, offset, length } of sctpParameters(
      packet.view,
      first.offset + INIT_LENGTH,
      first.offset + first.length,
    )) {
      if (type !== SCTP_PARAMETER.ipv4Address || length !== 8) continue;
      const remoteAddress = ipv4(packet.view.getInt32(offset + SCTP_CHUNK_HEADER_LENGTH));
      const found = this.#find({ ...arrival, remoteAddress });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #trace(packet: SctpPacket, { entry }: { readonly entry: SocketEntry }): void {
    const who = entry.process === undefined ? entry.state : `${entry.process}, ${entry.state}`;
    this.#netns.trace(packet.skb, {
      kind: 'deliver',
      protocol: IP_PROTOCOL.sctp,
      port: entry.localPort,
      note: `SCTP ${describeChunks(packet.chunks)} (${who})`,
      because: entry.because,
    });
  }
}
