/** DATA that waits to be sent, and DATA that waits to be acknowledged (net/sctp/outqueue.c, net/sctp/chunk.c). */

import { SCTP_DATA_FIRST, SCTP_DATA_LAST, type SctpChunkFields } from '../../../packet/index.js';
import { dataChunk } from './chunks.js';
import { tsnAfter, tsnPlus } from './tsn.js';

interface Piece {
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

interface InFlight {
  readonly tsn: number;
  readonly chunk: SctpChunkFields;
  readonly octets: number;
  readonly sentNs: number;
  /** A gap ack block has named it. */
  gapAcknowledged: boolean;
  transmissions: number;
}

export class SendQueue {
  readonly inFlight: InFlight[] = [];
  nextTsn = 0;
  /** Octets that the peer has room for. */
  peerWindow = 0;
  readonly #waiting: Piece[] = [];
  #sequence = 0;

  begin(initialTsn: number, peerWindow: number): void {
    this.nextTsn = initialTsn;
    this.peerWindow = peerWindow;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.inFlight.length === 0;
  }

  get octetsInFlight(): number {
    return this.inFlight.reduce((sum, { octets, gapAcknowledged }) => sum + (gapAcknowledged ? 0 : octets), 0);
  }

  /** Octets that were written and are not acknowledged. */
  get length(): number {
    return this.#waiting.reduce((sum, { payload }) => sum + payload.length, this.octetsInFlight);
  }

  /** sctp_datamsg_from_user(): a message, in as many pieces as `most` octets each make it. */
  write(message: Uint8Array, most: number): void {
    for (let at = 0; at < message.length; at += most) {
      const payload = message.subarray(at, at + most);
      const first = at === 0 ? SCTP_DATA_FIRST : 0;
      const last = at + most >= message.length ? SCTP_DATA_LAST : 0;
      this.#waiting.push({ flags: first | last, sequence: this.#sequence, payload });
    }
    this.#sequence = (this.#sequence + 1) & 0xffff;
  }

  /** The next piece, which now has a TSN, if the peer's window has room or nothing is on the way. */
  next(nowNs: number): SctpChunkFields | undefined {
    const [piece] = this.#waiting;
    if (piece === undefined) return undefined;
    const octets = piece.payload.length;
    if (octets > this.peerWindow && this.inFlight.length > 0) return undefined;
    this.#waiting.shift();
    const { flags, sequence, payload } = piece;
    const tsn = this.nextTsn;
    const chunk = dataChunk({ flags, tsn, stream: 0, sequence, protocol: 0, payload });
    this.nextTsn = tsnPlus(tsn, 1);
    this.peerWindow = Math.max(0, this.peerWindow - octets);
    this.inFlight.push({ tsn, chunk, octets, sentNs: nowNs, gapAcknowledged: false, transmissions: 1 });
    return chunk;
  }

  /** The size of the next piece, or undefined where none waits. */
  get nextLength(): number | undefined {
    return this.#waiting[0]?.payload.length;
  }

  /** sctp_outq_sack(): up to `cumulative`; the round-trip time of a chunk that was sent once, where one is measured. */
  acknowledge(cumulative: number, window: number, nowNs: number): number | undefined {
    let measured: number | undefined;
    const left = this.inFlight.findIndex(({ tsn }) => tsnAfter(tsn, cumulative));
    for (const { transmissions, sentNs } of this.inFlight.splice(0, left < 0 ? this.inFlight.length : left))
      if (transmissions === 1) measured ??= nowNs - sentNs;
    this.peerWindow = Math.max(0, window - this.octetsInFlight);
    return measured;
  }

  /** Chunks that gap ack blocks name; both ends included. */
  acknowledgeGap(first: number, last: number): void {
    for (const sent of this.inFlight)
      if (!tsnAfter(first, sent.tsn) && !tsnAfter(sent.tsn, last)) sent.gapAcknowledged = true;
  }

  /** As many of the oldest as fit, for the second time or later. */
  retransmit(room: number, sizeOf: (chunk: SctpChunkFields) => number): SctpChunkFields[] {
    const chunks: SctpChunkFields[] = [];
    let left = room;
    for (const sent of this.inFlight) {
      if (sent.gapAcknowledged) continue;
      const size = sizeOf(sent.chunk);
      if (size > left && chunks.length > 0) break;
      left -= size;
      sent.transmissions += 1;
      chunks.push(sent.chunk);
    }
    return chunks;
  }

  clear(): void {
    this.inFlight.length = 0;
    this.#waiting.length = 0;
  }
}
