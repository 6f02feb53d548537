/** The face of sockets inside the kernel. */
export type { DatagramOptions } from './datagram.js';
export { FrameSocket, FrameSockets, type FrameSocketOptions } from './frame-socket.js';
export type { IcmpErrorReport } from './icmp-error.js';
export type { SctpListenRequest, TcpListenRequest, UdpListenRequest } from './listen.js';
export { type EchoReply, type EchoRequest, PingSocket } from './ping-socket.js';
export type { SctpState } from './sctp/association.js';
export { SctpListener } from './sctp/sctp-listener.js';
export { SctpSocket } from './sctp/sctp-socket.js';
export { type PathMtuDiscovery, Socket, type SocketEntry, type SocketOptions } from './socket.js';
export { SocketTable } from './socket-table.js';
export type { SocketNetns } from './stack.js';
export type { TcpState } from './tcp/tcb.js';
export { TcpListener } from './tcp/tcp-listener.js';
export { type TcpSocketOptions, TcpSocket } from './tcp/tcp-socket.js';
export { type UdpFrom, type UdpHandler, UdpSocket } from './udp-socket.js';
