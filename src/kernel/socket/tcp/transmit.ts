/** One segment onto the wire: header, options, data, checksum, and then it is IPv4's. */

import {
  encodeTcp,
  formatIpv4,
  IP_PROTOCOL,
  type Ipv4Addr,
  pseudoHeaderSum,
  Tcp,
  type TcpOptions,
  tcpHeaderLength,
} from '../../../packet/index.js';
import type { Errno } from '../../errors.js';
import type { RouteResult } from '../../fib/types.js';
import type { EchoedOptions } from '../../ipv4/options.js';
import type { Skb } from '../../skb.js';
import type { PacketSocket } from '../socket.js';
import type { SocketNetns } from '../stack.js';
import { signSegment, UNSIGNED } from './md5.js';
import { describeSegment } from './segment.js';

export interface OutgoingSegment {
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  /** As on the wire: scaled down already. */
  readonly window: number;
  readonly options?: TcpOptions;
  readonly payload?: Uint8Array | undefined;
  /** Undefined where there is none: the segment is built, and dropped. */
  readonly route: RouteResult | undefined;
  readonly tos: number;
  readonly ttl: number | undefined;
  readonly mark: number;
  readonly dontFragment: boolean;
  readonly socket: PacketSocket | undefined;
  /** Undefined where the stack chooses, which with DF is 0. */
  readonly identification: number | undefined;
  /** IPv4 options: those of the peer's SYN, or of the segment that is answered. */
  readonly ipOptions?: EchoedOptions | undefined;
  /** Made by ip_append_data(), as what is answered without a socket is (ip_send_unicast_reply()). */
  readonly appended?: boolean;
  /** Said in the trace behind the flags. */
  readonly note?: string | undefined;
  /** Signs the segment (RFC 2385). */
  readonly md5Key?: string | undefined;
}

function buildSegment(netns: SocketNetns, out: OutgoingSegment): Skb {
  const { payload, md5Key } = out;
  const options = md5Key === undefined ? out.options : { ...UNSIGNED, ...out.options };
  const headerLength = tcpHeaderLength(options);
  const length = headerLength + (payload?.length ?? 0);
  const skb = netns.emulation.allocSkb(length);
  encodeTcp(skb.view, skb.data, options === undefined ? out : { ...out, options });
  if (payload !== undefined) skb.slab.bytes.set(payload, skb.data + headerLength);
  skb.tail = skb.data + length;
  skb.transport = skb.data;
  skb.socket = out.socket;
  skb.mark = out.mark;
  skb.parent = netns.sockets.cause;
  if (md5Key !== undefined) signSegment(skb, { ...out, headerLength }, md5Key);
  const pseudo = pseudoHeaderSum(out.source, out.destination, IP_PROTOCOL.tcp, length);
  new Tcp(skb.view, skb.data).fillChecksum(pseudo, skb.tail);
  return skb;
}

/** __tcp_transmit_skb(). */
export function transmitSegment(netns: SocketNetns, out: OutgoingSegment): Errno | undefined {
  const skb = buildSegment(netns, out);
  if (netns.emulation.tracer !== undefined) {
    const what = describeSegment(out.flags, out.payload?.length ?? 0);
    const to = `${formatIpv4(out.destination)}:${out.destinationPort}`;
    const note = out.note === undefined ? `TCP ${what} to ${to}` : `TCP ${what} to ${to} (${out.note})`;
    netns.trace(skb, { kind: 'send', protocol: IP_PROTOCOL.tcp, note });
  }
  if (out.route === undefined) {
    netns.mib.IpOutNoRoutes += 1;
    netns.drop(skb, 'ip-outnoroutes');
    return 'EHOSTUNREACH';
  }
  out.ipOptions?.stamp(out.source);
  return netns.ipv4.send(skb, {
    source: out.source,
    destination: out.destination,
    protocol: IP_PROTOCOL.tcp,
    tos: out.tos,
    dontFragment: out.dontFragment,
    mark: out.mark,
    route: out.route,
    ...(out.ttl === undefined ? {} : { ttl: out.ttl }),
    socket: out.socket,
    told: true,
    options: out.ipOptions?.octets,
    appended: out.appended === true,
    ...(out.identification === undefined ? {} : { identification: out.identification }),
  });
}
