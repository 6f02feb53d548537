/** Sockets of a session: how they are set up, and how a connection is opened (proto/bgp/bgp.c: bgp_connect()). */

import { type Errno, KernelError, type Netns, type TcpSocket } from '../../kernel/index.js';
import type { IpAddr } from '../address.js';
import type { BgpConfig } from '../config/types.js';
import { BGP_TOS } from './listeners.js';

/** Hops that packets may take: RFC 5082 where it is asked for. */
export function guardSocket(socket: TcpSocket, { multihop, ttlSecurity }: BgpConfig): void {
  const hops = multihop === 0 ? 1 : multihop;
  socket.ttl = ttlSecurity ? 255 : hops;
  socket.minTtl = ttlSecurity ? 256 - hops : 0;
}

export interface DialFrom {
  readonly netns: Netns;
  /** Of a directly connected neighbour. */
  readonly iface: string | undefined;
  readonly source: IpAddr | undefined;
}

/** A socket for a connection to the neighbour, not opened yet. */
export function makeSocket(config: BgpConfig, { netns, iface }: DialFrom): TcpSocket {
  const device = iface === undefined ? undefined : netns.devices.named(iface);
  const socket = netns.sockets.tcp({
    tos: BGP_TOS,
    noDelay: true,
    process: 'bird',
    ...(device === undefined ? {} : { device }),
  });
  guardSocket(socket, config);
  socket.md5Key = config.password;
  return socket;
}

/** What stands in the way at once: an error of the kernel's, or a text where the socket cannot even be bound. */
export function dial(
  socket: TcpSocket,
  config: BgpConfig,
  { source }: DialFrom,
): Errno | { readonly bind: string } | undefined {
  const { remoteAddress, remotePort } = config;
  if (typeof remoteAddress !== 'number') return 'EPROTONOSUPPORT';
  try {
    if (typeof source === 'number') socket.bind(source, 0);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { bind: error.message };
  }
  return socket.connect(remoteAddress, remotePort);
}
