/**
 * Packets that no association has asked for (RFC 9260 §8.4; net/sctp/input.c:sctp_rcv_ootb(),
 * net/sctp/sm_statefuns.c:sctp_sf_ootb(), sctp_sf_tabort_8_4_8(), sctp_sf_shut_8_4_5()).
 */

import {
  IP_PROTOCOL,
  SCTP_CAUSE,
  SCTP_CHUNK,
  SCTP_CHUNK_HEADER_LENGTH,
  type SctpChunkFields,
  sctpParameters,
} from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import type { SocketNetns } from '../stack.js';
import { abortChunk, shutdownCompleteChunk } from './chunks.js';
import type { SctpPacket } from './packet.js';
import { transmitPacket } from './transmit.js';

/** sctp_rcv_ootb(): what is not to be answered whoever it is for. */
export function isDiscarded(packet: SctpPacket): boolean {
  return packet.chunks.some(
    (chunk, i) =>
      packet.isWhole(chunk) &&
      (chunk.type === SCTP_CHUNK.abort ||
        chunk.type === SCTP_CHUNK.shutdownComplete ||
        (chunk.type === SCTP_CHUNK.init && i > 0)),
  );
}

/** sctp_ootb_pkt_new(): from the address that was asked, whatever route leads back. */
export function answer(
  netns: SocketNetns,
  to: SctpPacket,
  reply: { readonly chunks: readonly SctpChunkFields[]; readonly verificationTag: number; readonly note: string },
): void {
  const addresses = {
    source: to.destination,
    destination: to.source,
    sourcePort: to.destinationPort,
    destinationPort: to.sourcePort,
  };
  const route = netns.ipv4.route({ ...addresses, tos: 0, mark: 0, protocol: IP_PROTOCOL.sctp });
  if (typeof route === 'string') return;
  transmitPacket(netns, { ...addresses, ...reply, route, tos: 0, mark: 0, socket: netns.sockets.control });
}

/** The tag that its sender goes by, where it says so; else its own words back, and the T bit. */
export function answerWithAbort(netns: SocketNetns, to: SctpPacket, causes?: Uint8Array): void {
  const [first] = to.chunks;
  const isInit = first?.type === SCTP_CHUNK.init && first.length >= 8;
  const verificationTag = isInit ? to.view.getUint32(first.offset + SCTP_CHUNK_HEADER_LENGTH) : to.verificationTag;
  const chunks = [abortChunk(isInit ? 'own' : 'reflected', causes)];
  answer(netns, to, { chunks, verificationTag, note: 'nobody to take it' });
}

const isStaleCookie = (packet: SctpPacket, at: number, length: number): boolean =>
  [...sctpParameters(packet.view, at + SCTP_CHUNK_HEADER_LENGTH, at + length)].some(
    ({ type }) => type === SCTP_CAUSE.staleCookie,
  );

/** sctp_sf_ootb(). */
export function outOfTheBlue(netns: SocketNetns, packet: SctpPacket): DropReason {
  if (packet.chunks.some((chunk) => !packet.isWhole(chunk)) || packet.has(SCTP_CHUNK.abort)) return 'not-specified';
  if (packet.has(SCTP_CHUNK.shutdownAck)) {
    const { verificationTag } = packet;
    const chunks = [shutdownCompleteChunk('reflected')];
    answer(netns, packet, { chunks, verificationTag, note: 'nobody to take it' });
    return 'no-socket';
  }
  const late = packet.chunks.some(
    ({ type, offset, length }) =>
      type === SCTP_CHUNK.cookieAck || (type === SCTP_CHUNK.error && isStaleCookie(packet, offset, length)),
  );
  if (!late) answerWithAbort(netns, packet);
  return 'no-socket';
}

/** What the kernel's own socket, which has all ports that nobody has, does with a packet (net->sctp.ctl_sock). */
export function refuse(netns: SocketNetns, packet: SctpPacket): DropReason {
  const [first] = packet.chunks;
  if (first === undefined || isDiscarded(packet)) return 'not-specified';
  switch (first.type) {
    case SCTP_CHUNK.init:
      if (!packet.single || !packet.isWhole(first, 20)) return 'not-specified';
      answerWithAbort(netns, packet);
      return 'no-socket';
    case SCTP_CHUNK.cookieEcho:
      answerWithAbort(netns, packet);
      return 'no-socket';
    case SCTP_CHUNK.cookieAck:
      return 'no-socket';
    default:
      return outOfTheBlue(netns, packet);
  }
}
