/** The face of sockets inside the kernel. */
export { FrameSocket, FrameSockets } from './frame-socket.js';
export type { IcmpErrorReport } from './icmp-error.js';
export { type EchoReply, PingSocket } from './ping-socket.js';
export { SctpSocket } from './sctp/sctp-socket.js';
export { type SocketEntry } from './socket.js';
export { SocketTable } from './socket-table.js';
export type { SocketNetns } from './stack.js';
export { TcpListener } from './tcp/tcp-listener.js';
export { type TcpSocketOptions, TcpSocket } from './tcp/tcp-socket.js';
export { type UdpFrom, UdpSocket } from './udp-socket.js';
