/** An SCTP packet that came in, its chunks found once (net/sctp/input.c:sctp_rcv(), net/sctp/inqueue.c:sctp_inq_pop()). */

import {
  bytesOf,
  type Ipv4Addr,
  Sctp,
  SCTP_CHUNK,
  SCTP_CHUNK_HEADER_LENGTH,
  SCTP_HEADER_LENGTH,
  type SctpChunk,
  sctpPadded,
} from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import type { Skb } from '../../skb.js';

export class SctpPacket {
  readonly skb: Skb;
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly verificationTag: number;
  readonly chunks: readonly SctpChunk[];
  readonly end: number;

  constructor(skb: Skb, sctp: Sctp, chunks: readonly SctpChunk[]) {
    const ip = skb.ipv4;
    this.skb = skb;
    this.source = ip.source;
    this.destination = ip.destination;
    this.sourcePort = sctp.sourcePort;
    this.destinationPort = sctp.destinationPort;
    this.verificationTag = sctp.verificationTag;
    this.end = skb.tail;
    this.chunks = chunks;
  }

  /** The same packet without its first chunk. */
  get rest(): SctpPacket {
    return new SctpPacket(this.skb, new Sctp(this.view, this.skb.data), this.chunks.slice(1));
  }

  get view(): DataView {
    return this.skb.view;
  }

  /** A chunk that is the packet's only one. */
  get single(): boolean {
    return this.chunks.length === 1;
  }

  /** Neither its length nor its padding leaves the packet, and it has that many octets. */
  isWhole({ offset, length, malformed }: SctpChunk, atLeast: number = SCTP_CHUNK_HEADER_LENGTH): boolean {
    return !malformed && length >= atLeast && offset + sctpPadded(length) <= this.end;
  }

  /** Octets behind a chunk's header, copied: a packet's slab is not ours to keep. */
  valueOf({ offset, length }: SctpChunk): Uint8Array {
    return bytesOf(this.view, offset + SCTP_CHUNK_HEADER_LENGTH, offset + length).slice();
  }

  has(type: number): boolean {
    return this.chunks.some((chunk) => chunk.type === type);
  }
}

/** sctp_rcv() up to the association: length and checksum. `data` stands at the common header. */
export function parsePacket(skb: Skb): SctpPacket | DropReason {
  if (skb.length < SCTP_HEADER_LENGTH + SCTP_CHUNK_HEADER_LENGTH) return 'pkt-too-small';
  const sctp = new Sctp(skb.view, skb.data);
  if (!sctp.checksumValid(skb.tail)) return 'not-specified';
  return new SctpPacket(skb, sctp, [...sctp.chunks(skb.tail)]);
}

const NAMES: Readonly<Record<number, string>> = {
  [SCTP_CHUNK.data]: 'DATA',
  [SCTP_CHUNK.init]: 'INIT',
  [SCTP_CHUNK.initAck]: 'INIT ACK',
  [SCTP_CHUNK.sack]: 'SACK',
  [SCTP_CHUNK.heartbeat]: 'HEARTBEAT',
  [SCTP_CHUNK.heartbeatAck]: 'HEARTBEAT ACK',
  [SCTP_CHUNK.abort]: 'ABORT',
  [SCTP_CHUNK.shutdown]: 'SHUTDOWN',
  [SCTP_CHUNK.shutdownAck]: 'SHUTDOWN ACK',
  [SCTP_CHUNK.error]: 'ERROR',
  [SCTP_CHUNK.cookieEcho]: 'COOKIE ECHO',
  [SCTP_CHUNK.cookieAck]: 'COOKIE ACK',
  [SCTP_CHUNK.shutdownComplete]: 'SHUTDOWN COMPLETE',
};

/** `COOKIE ECHO, DATA`. */
export const describeChunks = (chunks: readonly { readonly type: number }[]): string =>
  chunks.map(({ type }) => NAMES[type] ?? `chunk ${type}`).join(', ');
