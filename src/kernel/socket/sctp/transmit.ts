/** Writes an SCTP packet and hands it to IPv4 (net/sctp/output.c:sctp_packet_transmit(), protocol.c:sctp_v4_xmit()). */

import {
  encodeSctp,
  encodeSctpChunk,
  formatIpv4,
  IP_PROTOCOL,
  type Ipv4Addr,
  Sctp,
  SCTP_CHUNK_HEADER_LENGTH,
  SCTP_HEADER_LENGTH,
  type SctpChunkFields,
  sctpPadded,
} from '../../../packet/index.js';
import type { Errno } from '../../errors.js';
import type { RouteResult } from '../../fib/types.js';
import type { PacketSocket } from '../socket.js';
import type { SocketNetns } from '../stack.js';
import { describeChunks } from './packet.js';

/** sctp_v4_ecn_capable(): every packet says ECT(0). */
const ECN_CAPABLE = 2;

export interface OutgoingPacket {
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly verificationTag: number;
  readonly chunks: readonly SctpChunkFields[];
  /** Undefined where there is none: the packet is built, and dropped. */
  readonly route: RouteResult | undefined;
  readonly tos: number;
  readonly ttl?: number | undefined;
  readonly mark: number;
  readonly socket: PacketSocket | undefined;
  /** Undefined where the stack chooses, which with DF is 0. */
  readonly identification?: number | undefined;
  /** Larger than the path has turned out to carry: IPv4 may cut it (sctp_packet.ipfragok). */
  readonly mayFragment?: boolean;
  /** Said in the trace behind the chunks. */
  readonly note?: string | undefined;
}

/** Octets of a chunk in a packet. */
export const chunkSize = ({ value }: SctpChunkFields): number => sctpPadded(SCTP_CHUNK_HEADER_LENGTH + value.length);

export function transmitPacket(netns: SocketNetns, out: OutgoingPacket): Errno | undefined {
  const length = out.chunks.reduce((sum, chunk) => sum + chunkSize(chunk), SCTP_HEADER_LENGTH);
  const skb = netns.emulation.allocSkb(length);
  encodeSctp(skb.view, skb.data, out);
  let at = skb.data + SCTP_HEADER_LENGTH;
  for (const chunk of out.chunks) at += encodeSctpChunk(skb.view, at, chunk);
  skb.tail = at;
  skb.transport = skb.data;
  skb.socket = out.socket;
  skb.mark = out.mark;
  skb.parent = netns.sockets.cause;
  new Sctp(skb.view, skb.data).fillChecksum(skb.tail);
  if (netns.emulation.tracer !== undefined) {
    const note = out.note === undefined ? '' : ` (${out.note})`;
    const to = `${formatIpv4(out.destination)}:${out.destinationPort}`;
    const what = `SCTP ${describeChunks(out.chunks)} to ${to}${note}`;
    netns.trace(skb, { kind: 'send', protocol: IP_PROTOCOL.sctp, note: what });
  }
  if (out.route === undefined) {
    netns.drop(skb, 'ip-outnoroutes');
    return 'EHOSTUNREACH';
  }
  return netns.ipv4.send(skb, {
    source: out.source,
    destination: out.destination,
    protocol: IP_PROTOCOL.sctp,
    tos: out.tos | ECN_CAPABLE,
    dontFragment: out.mayFragment !== true,
    mark: out.mark,
    route: out.route,
    ...(out.ttl === undefined ? {} : { ttl: out.ttl }),
    socket: out.socket,
    told: true,
    ...(out.identification === undefined ? {} : { identification: out.identification }),
  });
}
