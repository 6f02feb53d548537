/**
 * Segments that answer without a connection: resets, and the acknowledgments of TIME_WAIT and of half-open connections
 * (net/ipv4/tcp_ipv4.c:tcp_v4_send_reset(), tcp_v4_send_ack(); ip_output.c:ip_send_unicast_reply()).
 * They carry DF, identification 0, and the type of service and the IPv4 options of what they answer.
 */

import { IP_PROTOCOL, TCP_ACK, TCP_RST, type TcpOptions } from '../../../packet/index.js';
import type { SocketNetns } from '../stack.js';
import type { Segment } from './segment.js';
import { transmitSegment } from './transmit.js';

/** INET_ECN_MASK: congestion is nobody's to repeat. */
const ECN_MASK = 3;

export interface Reply {
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  readonly options?: TcpOptions;
  readonly tos: number;
  /** SO_MARK of the socket that it is sent for. */
  readonly mark?: number;
  readonly note: string;
  /** Of a connection that checks no signatures any more. */
  readonly md5Key?: string | undefined;
}

export function sendReply(netns: SocketNetns, to: Segment, reply: Reply): void {
  netns.mib.TcpOutSegs += 1;
  const ipOptions = netns.ipv4.echoedOptions(to.skb);
  if (ipOptions === 'invalid') return;
  const reflected = netns.sysctl.values['ipv4.fwmark_reflect'] === 0 ? 0 : to.skb.mark;
  const mark = reflected === 0 ? (reply.mark ?? 0) : reflected;
  const addresses = {
    source: to.destination,
    destination: to.source,
    sourcePort: to.destinationPort,
    destinationPort: to.sourcePort,
  };
  const route = netns.ipv4.route({ ...addresses, tos: reply.tos, mark, protocol: IP_PROTOCOL.tcp });
  if (typeof route === 'string') return;
  transmitSegment(netns, {
    ...addresses,
    ...reply,
    tos: reply.tos & ~ECN_MASK,
    mark,
    route,
    ttl: undefined,
    dontFragment: true,
    socket: netns.sockets.control,
    appended: true,
    identification: undefined,
    ipOptions,
    md5Key: reply.md5Key ?? to.md5Key,
  });
}

/** RFC 9293 §3.10.7.1: a segment that belongs to nobody is refused, unless it is a refusal itself. */
export function sendReset(netns: SocketNetns, to: Segment): void {
  if (to.rst) return;
  // tcp_v4_send_reset(): a signed segment is answered by a signature or not at all.
  if (to.options.md5 !== undefined && to.md5Key === undefined) return;
  if (to.skb.route !== undefined && to.skb.route.type !== 'local') return;
  const { tos } = to.skb.ipv4;
  const note = 'nobody to take it';
  netns.mib.TcpOutRsts += 1;
  if (to.ack) {
    sendReply(netns, to, { sequence: to.acknowledgment, acknowledgment: 0, flags: TCP_RST, window: 0, tos, note });
  } else {
    sendReply(netns, to, { sequence: 0, acknowledgment: to.end, flags: TCP_RST | TCP_ACK, window: 0, tos, note });
  }
}
