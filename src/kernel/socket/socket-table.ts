/** The sockets of a namespace: who has which port, and to whom a packet that came in belongs. */

import { formatIpv4, Icmp, ICMP_TYPE, INADDR_ANY, IP_PROTOCOL, type Ipv4Addr, Tcp, Udp } from '../../packet/index.js';
import type { DropReason } from '../../trace/index.js';
import { type Errno, KernelError } from '../errors.js';
import type { ListenerState } from '../host-state.js';
import type { IcmpError } from '../ipv4/quoting-error.js';
import type { Skb } from '../skb.js';
import { ConnectionTable } from './connection-table.js';
import { quotedPacket } from './icmp-error.js';
import { listenerStates, type SctpListenRequest, type TcpListenRequest, type UdpListenRequest } from './listen.js';
import { PingSocket } from './ping-socket.js';
import { type Arrival, findPort, findUdpPort, PortTable } from './port-table.js';
import type { SctpListener } from './sctp/sctp-listener.js';
import { SctpTable } from './sctp/sctp-table.js';
import type { PacketSocket, Socket, SocketEntry, SocketOptions } from './socket.js';
import type { SocketNetns } from './stack.js';
import { sendReset } from './tcp/reply.js';
import { parseSegment, type Segment, traceDelivery } from './tcp/segment.js';
import { TcpListener } from './tcp/tcp-listener.js';
import type { TcpRequest } from './tcp/tcp-request.js';
import { type TcpSocketOptions, TcpSocket } from './tcp/tcp-socket.js';
import { tcpUse, type TcpUse } from './tcp/use.js';
import { deliverUdpLite } from './udp-lite.js';
import { parseDatagram, UdpSocket } from './udp-socket.js';

type ListenRequest = TcpListenRequest | UdpListenRequest | SctpListenRequest;

/** net.ipv4.ip_unprivileged_port_start. */
const UNPRIVILEGED_PORT_START = 1024;

export class SocketTable {
  readonly #netns: SocketNetns;
  /** Everybody with a local TCP port: listeners, connections, those in TIME_WAIT. */
  readonly #tcpPorts = new PortTable<TcpListener | TcpSocket>();
  readonly #listeners = new PortTable<TcpListener>();
  readonly #connections = new ConnectionTable();
  readonly #udp = new PortTable<UdpSocket>();
  readonly #ping = new PortTable<PingSocket>();
  #cause = 0;
  #secret: number | undefined = undefined;

  /** inet_ctl_sock_create(): the kernel's own, for ICMP and for what TCP and SCTP answer without a connection. */
  readonly control: PacketSocket;
  readonly sctp: SctpTable;

  constructor(netns: SocketNetns) {
    this.#netns = netns;
    this.sctp = new SctpTable(netns, (socket, at, choose) => this.#bind(socket, at, choose));
    this.control = { netns, uid: undefined, gid: undefined, mark: 0, device: undefined };
  }

  /** Identity of the packet that is being delivered, or 0: whatever is sent now is sent because of it. */
  get cause(): number {
    return this.#cause;
  }

  /** Tells an application something: it runs as a process does, and what it sends is because of the present packet. */
  wake(application: () => void): void {
    const cause = this.#cause;
    this.#netns.emulation.wake(() => {
      const before = this.#cause;
      this.#cause = cause;
      application();
      this.#cause = before;
    });
  }

  /** Drawn when it is first needed, so that a namespace without connections draws nothing. */
  get secret(): number {
    this.#secret ??= this.#netns.emulation.random.u32();
    return this.#secret;
  }

  // Applications

  tcp(options?: TcpSocketOptions): TcpSocket {
    return new TcpSocket(this.#netns, options);
  }

  udp(options?: SocketOptions): UdpSocket {
    return new UdpSocket(this.#netns, options);
  }

  ping(options?: SocketOptions): PingSocket {
    return new PingSocket(this.#netns, options);
  }

  /**
   * Listens, as a server does: SO_REUSEADDR unless told otherwise; `because` says why, and traces repeat it.
   * @throws KernelError EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL
   */
  listen(request: TcpListenRequest): TcpListener;
  listen(request: UdpListenRequest): UdpSocket;
  listen(request: SctpListenRequest): SctpListener;
  listen(request: ListenRequest): TcpListener | UdpSocket | SctpListener;
  listen(request: ListenRequest): TcpListener | UdpSocket | SctpListener {
    if (request.protocol === 'sctp') return this.sctp.listen(request);
    if (request.protocol === 'udp') {
      const socket = this.udp(request);
      socket.bind(request.address, request.port);
      socket.onMessage = request.onMessage;
      return socket;
    }
    const listener = new TcpListener(this.#netns, { reuseAddress: true, ...request }, request.onConnection);
    this.bindTcp(listener, request.address, request.port);
    this.#listeners.insert(listener);
    return listener;
  }

  /** All sockets, as `ss -a` lists them: TCP, UDP, ICMP, then SCTP. */
  entries(): SocketEntry[] {
    const all: { readonly entry: SocketEntry }[] = [
      ...this.#listeners,
      ...this.#connections,
      ...this.#udp,
      ...this.#ping,
      ...this.sctp,
    ];
    return all.map(({ entry }) => entry);
  }

  /** Of TCP, what /proc/net/sockstat and CurrEstab of /proc/net/snmp count. */
  tcpUse(): TcpUse {
    return tcpUse(this.#listeners, this.#connections);
  }

  /** What listens, as programmed state: by protocol, port and address. */
  listeners(): ListenerState[] {
    return listenerStates({ tcp: this.#listeners, udp: this.#udp, sctp: this.sctp.listeners });
  }

  /** The namespace goes: all sockets with it, without a word to anybody. */
  destroy(): void {
    const all = [...this.#listeners, ...this.#connections, ...this.#udp, ...this.#ping, ...this.sctp];
    for (const socket of all) socket.destroy();
  }

  // Packets

  /**
   * A packet for this host. `data` stands at the transport header, `network` at the IPv4 header. The answer is why it
   * was not taken: `no-socket` for UDP is what the caller answers with port unreachable; TCP resets and SCTP aborts by itself.
   */
  deliver(skb: Skb, protocol: number): DropReason | undefined {
    const before = this.#cause;
    this.#cause = skb.id;
    const reason = this.#dispatch(skb, protocol);
    this.#cause = before;
    return reason;
  }

  /** An ICMP error whose quoted packet may be of one of our sockets. */
  icmpError(error: IcmpError): void {
    const packet = quotedPacket(error);
    if (packet === undefined) return;
    const { view } = error;
    const before = this.#cause;
    this.#cause = error.skb.id;
    const addresses = { localAddress: packet.source, remoteAddress: packet.destination, ifindex: error.skb.iif };
    if (packet.protocol === IP_PROTOCOL.tcp) {
      const { sourcePort, destinationPort } = new Tcp(view, packet.transport);
      this.#tellOf(
        error,
        this.#connections.lookup({ ...addresses, localPort: sourcePort, remotePort: destinationPort }),
      );
    } else if (packet.protocol === IP_PROTOCOL.udp) {
      const { sourcePort, destinationPort } = new Udp(view, packet.transport);
      this.#tellOf(error, this.#udp.lookup({ ...addresses, localPort: sourcePort, remotePort: destinationPort }));
    } else if (packet.protocol === IP_PROTOCOL.icmp) {
      const { type, identifier } = new Icmp(view, packet.transport);
      if (type === ICMP_TYPE.echoRequest) {
        this.#ping.lookup({ ...addresses, localPort: identifier, remotePort: 0 })?.icmpError(error);
      }
    } else if (packet.protocol === IP_PROTOCOL.udplite) this.#tellOf(error, undefined);
    else if (packet.protocol === IP_PROTOCOL.sctp && this.#netns.host.hasModule('sctp'))
      this.sctp.icmpError(error, packet);
    this.#cause = before;
  }

  /** tcp_v4_err(), __udp4_lib_err(): an error about nobody's packet is one itself. */
  #tellOf(error: IcmpError, socket: { icmpError(error: IcmpError): void } | undefined): void {
    if (socket === undefined) this.#netns.mib.IcmpInErrors += 1;
    else socket.icmpError(error);
  }

  #dispatch(skb: Skb, protocol: number): DropReason | undefined {
    switch (protocol) {
      case IP_PROTOCOL.tcp:
        return this.#deliverTcp(skb);
      case IP_PROTOCOL.udp:
        return this.#deliverUdp(skb);
      case IP_PROTOCOL.udplite:
        return deliverUdpLite(skb, this.#netns.mib);
      case IP_PROTOCOL.icmp:
        return this.#deliverEcho(skb);
      case IP_PROTOCOL.sctp:
        return this.sctp.deliver(skb);
      default:
        return 'ip-noproto';
    }
  }

  /** tcp_v4_rcv(). */
  #deliverTcp(skb: Skb): DropReason | undefined {
    const { mib } = this.#netns;
    mib.TcpInSegs += 1;
    const segment = parseSegment(skb, mib);
    if (typeof segment === 'string') return segment;
    const arrival = segment.arrival;
    const tracing = this.#netns.emulation.tracer !== undefined;
    const connection = this.#connections.lookup(arrival);
    if (connection !== undefined) {
      if (tracing) traceDelivery(this.#netns, segment, connection.entry);
      return connection.receive(segment);
    }
    const listener = this.#listeners.lookup(arrival);
    if (listener !== undefined) {
      if (tracing) traceDelivery(this.#netns, segment, listener.entry);
      return listener.receive(segment);
    }
    sendReset(this.#netns, segment);
    return 'no-socket';
  }

  /** __udp4_lib_rcv(). */
  #deliverUdp(skb: Skb): DropReason | undefined {
    const ip = skb.ipv4;
    const { mib } = this.#netns;
    const udp = parseDatagram(skb, ip, mib);
    if (typeof udp === 'string') return udp;
    const arrival: Arrival = {
      localAddress: ip.destination,
      localPort: udp.destinationPort,
      remoteAddress: ip.source,
      remotePort: udp.sourcePort,
      ifindex: skb.inetIif,
    };
    const type = skb.route?.type;
    if (type === 'broadcast' || type === 'multicast') {
      const sockets = this.#udp.lookupAll(arrival);
      for (const socket of sockets) socket.take(skb, ip, udp);
      if (sockets.length > 0) return undefined;
      mib.UdpIgnoredMulti += 1;
      return 'no-socket';
    }
    const socket = this.#udp.lookup(arrival);
    if (socket !== undefined) return socket.take(skb, ip, udp);
    mib.UdpNoPorts += 1;
    return 'no-socket';
  }

  /** ping_rcv(). The checksum was seen to by icmp_rcv(). */
  #deliverEcho(skb: Skb): DropReason | undefined {
    const icmp = Icmp.parse(skb.view, skb.data, skb.tail);
    if (icmp === undefined) return 'pkt-too-small';
    if (icmp.type !== ICMP_TYPE.echoReply) return 'no-socket';
    const { source, destination } = skb.ipv4;
    const socket = this.#ping.lookup({
      localAddress: destination,
      localPort: icmp.identifier,
      remoteAddress: source,
      remotePort: 0,
      ifindex: skb.inetIif,
    });
    if (socket === undefined) return 'no-socket';
    socket.take(skb, icmp);
    return undefined;
  }

  // What follows is for the sockets of this folder.

  /** inet_bind(), inet_csk_get_port(). */
  bindTcp(socket: TcpListener | TcpSocket, address: Ipv4Addr, port: number): void {
    const free = (candidate: number): boolean => this.#tcpPorts.mayBind(socket, address, candidate);
    const { sysctl, emulation } = this.#netns;
    this.#bind(socket, { address, port }, () =>
      port === 0 ? findPort(sysctl.localPortRange, emulation.random, 'other', free) : free(port) ? port : undefined,
    );
    this.#tcpPorts.insert(socket);
  }

  /** udp_lib_get_port(). */
  bindUdp(socket: UdpSocket, address: Ipv4Addr, port: number): void {
    const free = (candidate: number): boolean => this.#udp.mayBind(socket, address, candidate);
    const { sysctl, emulation } = this.#netns;
    this.#bind(socket, { address, port }, () =>
      port === 0 ? findUdpPort(sysctl.localPortRange, emulation.random, free) : free(port) ? port : undefined,
    );
    this.#udp.insert(socket);
  }

  /** ping_get_port(): identifiers are ports of their own kind. */
  bindPing(socket: PingSocket, address: Ipv4Addr, port: number): void {
    const free = (candidate: number): boolean => this.#ping.mayBind(socket, address, candidate);
    const any = { first: 1, last: 65_535 };
    const { random } = this.#netns.emulation;
    this.#bind(socket, { address, port }, () =>
      port === 0 ? findUdpPort(any, random, free) : free(port) ? port : undefined,
    );
    this.#ping.insert(socket);
  }

  /** A UDP socket's addresses change under `change`; where it is found must change with them. */
  moveUdp(socket: UdpSocket, change: () => void): void {
    this.#udp.remove(socket);
    change();
    this.#udp.insert(socket);
  }

  /** inet_hash_connect(): a local port with which the four numbers are nobody else's. */
  connectTcp(socket: TcpSocket, to: { source: Ipv4Addr; destination: Ipv4Addr; port: number }): Errno | undefined {
    const tuple = { localAddress: to.source, remoteAddress: to.destination, remotePort: to.port };
    const unique = (localPort: number): boolean => this.#connections.lookup({ localPort, ...tuple }) === undefined;
    const bound = socket.localPort !== 0;
    if (bound && !unique(socket.localPort)) return 'EADDRNOTAVAIL';
    const { sysctl, emulation } = this.#netns;
    const port = bound
      ? socket.localPort
      : findPort(sysctl.localPortRange, emulation.random, 'same', (candidate) => {
          const there = this.#tcpPorts.at(candidate);
          return there.every((other) => other instanceof TcpSocket && other.ephemeral) && unique(candidate);
        });
    if (port === undefined) return 'EADDRNOTAVAIL';
    socket.ephemeral = !bound;
    if (socket.localAddress === INADDR_ANY) socket.localAddress = to.source;
    socket.localPort = port;
    socket.remoteAddress = to.destination;
    socket.remotePort = to.port;
    if (!bound) this.#tcpPorts.insert(socket);
    this.#connections.insert(socket);
    return undefined;
  }

  insertRequest(request: TcpRequest): void {
    this.#connections.insert(request);
  }

  removeRequest(request: TcpRequest): void {
    this.#connections.remove(request);
  }

  insertConnection(socket: TcpSocket): void {
    this.#tcpPorts.insert(socket);
    this.#connections.insert(socket);
  }

  removeTcp(socket: TcpSocket): void {
    this.#tcpPorts.remove(socket);
    this.#connections.remove(socket);
  }

  removeListener(listener: TcpListener): void {
    this.#tcpPorts.remove(listener);
    this.#listeners.remove(listener);
  }

  removeUdp(socket: UdpSocket): void {
    this.#udp.remove(socket);
  }

  removePing(socket: PingSocket): void {
    this.#ping.remove(socket);
  }

  /** TCP_TW_SYN: a listener takes over from a connection in TIME_WAIT, which is forgotten. */
  reopen(old: TcpSocket, segment: Segment, iss: number): { taken: boolean; reason: DropReason | undefined } {
    const listener = this.#listeners.lookup(segment.arrival);
    if (listener === undefined) return { taken: false, reason: undefined };
    old.forget();
    return { taken: true, reason: listener.receive(segment, iss) };
  }

  #checkBind(socket: Socket, address: Ipv4Addr, port: number): void {
    const what = `bind ${formatIpv4(address)}:${port}`;
    if (!Number.isInteger(port) || port < 0 || port > 65_535 || socket.localPort !== 0) {
      throw new KernelError('EINVAL', what);
    }
    const type = this.#netns.fib.addressType(address);
    const ours = address === INADDR_ANY || type === 'local' || type === 'broadcast' || type === 'multicast';
    if (!ours && this.#netns.sysctl.values['ipv4.ip_nonlocal_bind'] === 0) throw new KernelError('EADDRNOTAVAIL', what);
    const start = Number(this.#netns.sysctl.get('net.ipv4.ip_unprivileged_port_start') ?? UNPRIVILEGED_PORT_START);
    const privileged = port !== 0 && port < start && socket.protocol !== IP_PROTOCOL.icmp;
    if (privileged && socket.uid !== 0) throw new KernelError('EACCES', what);
  }

  #bind(
    socket: Socket,
    { address, port }: { readonly address: Ipv4Addr; readonly port: number },
    choose: () => number | undefined,
  ): void {
    this.#checkBind(socket, address, port);
    const chosen = choose();
    if (chosen === undefined) throw new KernelError('EADDRINUSE', `bind ${formatIpv4(address)}:${port}`);
    socket.localAddress = address;
    socket.localPort = chosen;
  }
}
