/** What a program asks for that wants to be reached: the one call behind every server of the emulation. */

import type { Ipv4Addr } from '../../packet/index.js';
import type { ListenerState } from '../host-state.js';
import type { SctpSocket } from './sctp/sctp-socket.js';
import type { Socket, SocketOptions } from './socket.js';
import type { TcpSocketOptions, TcpSocket } from './tcp/tcp-socket.js';
import type { UdpHandler } from './udp-socket.js';

export interface TcpListenRequest extends TcpSocketOptions {
  readonly protocol: 'tcp';
  readonly address: Ipv4Addr;
  readonly port: number;
  /** Called with each connection when its handshake is complete, before any octet of it. */
  readonly onConnection: (connection: TcpSocket) => void;
}

export interface UdpListenRequest extends SocketOptions {
  readonly protocol: 'udp';
  readonly address: Ipv4Addr;
  readonly port: number;
  readonly onMessage: UdpHandler;
}

export interface SctpListenRequest extends SocketOptions {
  readonly protocol: 'sctp';
  readonly address: Ipv4Addr;
  readonly port: number;
  /** Called with each association when its cookie has come, before any message. */
  readonly onConnection: (connection: SctpSocket) => void;
}

const stateOf = (protocol: ListenerState['protocol'], socket: Socket): ListenerState => ({
  protocol,
  address: socket.localAddress,
  port: socket.localPort,
  process: socket.process ?? '',
  because: socket.because,
});

/** By protocol, port and address. */
export function listenerStates(sockets: {
  readonly tcp: Iterable<Socket>;
  /** Those that are connected too. */
  readonly udp: Iterable<Socket>;
  readonly sctp: Iterable<Socket>;
}): ListenerState[] {
  const states = [
    ...[...sockets.tcp].map((socket) => stateOf('tcp', socket)),
    ...[...sockets.udp].filter(({ remotePort }) => remotePort === 0).map((socket) => stateOf('udp', socket)),
    ...[...sockets.sctp].map((socket) => stateOf('sctp', socket)),
  ];
  const key = ({ protocol, port, address }: ListenerState): string =>
    `${protocol} ${String(port).padStart(5)} ${address}`;
  return states.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
