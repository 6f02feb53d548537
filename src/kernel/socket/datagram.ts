/** What UDP and ping sockets share when they send (net/ipv4/ip_output.c:ip_make_skb()). */

import type { Ipv4Addr } from '../../packet/index.js';
import type { Errno } from '../errors.js';
import type { Flow4, RouteResult } from '../fib/types.js';
import type { Skb } from '../skb.js';
import type { Socket } from './socket.js';

/** Largest IPv4 datagram, less its header. */
export const IPV4_PAYLOAD_MAXIMUM = 65_535 - 20;

const MULTICAST_TTL = 1;

/** For one datagram only (IP_PKTINFO, IP_TTL and IP_TOS control messages). */
export interface DatagramOptions {
  readonly source?: Ipv4Addr;
  readonly ttl?: number;
  readonly tos?: number;
  /** IP_OPTIONS, as they are set: the sender is not in them yet. */
  readonly ipOptions?: Uint8Array;
}

export interface Datagram {
  readonly skb: Skb;
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly route: RouteResult;
  readonly identification: number | undefined;
  readonly options: DatagramOptions;
}

/** Of IPv4, in front of the transport's. */
export const headerLength = ({ ipOptions }: DatagramOptions): number => 20 + (((ipOptions?.length ?? 0) + 3) & ~3);

/** The route of a datagram; EACCES where it is a broadcast that the socket did not ask for. */
export function routeDatagram(socket: Socket, flow: Flow4, options: DatagramOptions): RouteResult | Errno {
  const source = options.source ?? flow.source;
  const tos = options.tos ?? socket.tos;
  const asked = source === flow.source && tos === (flow.tos ?? 0) ? flow : { ...flow, source, tos };
  const { netns } = socket;
  const route = netns.ipv4.route(asked);
  if (typeof route === 'string') {
    if (route === 'ENETUNREACH') netns.mib.IpOutNoRoutes += 1;
    return route;
  }
  return route.type === 'broadcast' && !socket.broadcast ? 'EACCES' : route;
}

/**
 * EMSGSIZE where a datagram of that size (IPv4 header included) may not leave at all: `do` and `probe` never fragment
 * (ip_sk_ignore_df()).
 */
export function sizeProblem(socket: Socket, size: number, route: RouteResult): Errno | undefined {
  if (size > 65_535) return 'EMSGSIZE';
  const { pathMtuDiscovery } = socket;
  if (pathMtuDiscovery === 'do' && size > route.mtu) return 'EMSGSIZE';
  if (pathMtuDiscovery === 'probe' && size > (route.dev?.mtu ?? route.mtu)) return 'EMSGSIZE';
  return undefined;
}

/** __ip_make_skb(): `want` sets DF on what fits, and lets the stack cut what does not. */
function dontFragment(socket: Socket, size: number, route: RouteResult): boolean {
  switch (socket.pathMtuDiscovery) {
    case 'do':
    case 'probe':
      return true;
    case 'want':
      return size <= route.mtu && !route.mtuLocked;
    case 'dont':
      return false;
  }
}

/** ip_send_skb(): the transport header is written; the rest is the stack's. */
export function sendDatagram(socket: Socket, datagram: Datagram): Errno | undefined {
  const { skb, route, options } = datagram;
  const { netns } = socket;
  // inet->mc_ttl: a multicast stays on its link unless it is told otherwise.
  const ttl = options.ttl ?? socket.ttl ?? (route.type === 'multicast' ? MULTICAST_TTL : undefined);
  skb.socket = socket;
  skb.mark = socket.mark;
  skb.parent = netns.sockets.cause;
  skb.transport = skb.data;
  return netns.ipv4.send(skb, {
    source: datagram.source,
    destination: datagram.destination,
    protocol: socket.protocol,
    tos: options.tos ?? socket.tos,
    dontFragment: dontFragment(socket, skb.length + headerLength(options), route),
    // ip_sk_ignore_df(): who does not insist gets an identification, and may be cut after netfilter made it longer
    ignoreDontFragment: socket.pathMtuDiscovery === 'want',
    mark: socket.mark,
    route,
    socket,
    told: true,
    ttl,
    identification: datagram.identification,
    appended: true,
    ownOptions: options.ipOptions,
  });
}
