/** What was written and is not acknowledged yet: the octets, and the segments that carry some of them. */

import { advance, after, before, distance } from './sequence.js';

/** A segment in flight (an skb of tcp_rtx_queue). */
export interface SentSegment {
  readonly sequence: number;
  /** Behind its last octet, SYN and FIN counted. */
  readonly end: number;
  readonly syn: boolean;
  readonly fin: boolean;
  /** Of the last transmission. */
  sentNs: number;
  transmissions: number;
  sacked: boolean;
  /** Taken as lost: to be sent again before anything new. */
  lost: boolean;
}

export class SendQueue {
  #chunks: Uint8Array[] = [];
  /** Octets of the first chunk that are acknowledged. */
  #skip = 0;
  /** Sequence number of the first octet held. */
  #start = 0;
  #length = 0;
  /** Oldest first. */
  readonly inFlight: SentSegment[] = [];

  begin(sequence: number): void {
    this.#start = sequence;
  }

  get length(): number {
    return this.#length;
  }

  /** Behind the last octet written (write_seq), FIN not counted. */
  get end(): number {
    return advance(this.#start, this.#length);
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes.slice());
    this.#length += bytes.length;
  }

  /** Copies `length` octets from `sequence` on; all of them are here. */
  copy(sequence: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    let from = distance(this.#start, sequence) + this.#skip;
    let done = 0;
    for (const chunk of this.#chunks) {
      if (done === length) break;
      if (from >= chunk.length) {
        from -= chunk.length;
        continue;
      }
      const part = chunk.subarray(from, from + length - done);
      out.set(part, done);
      done += part.length;
      from = 0;
    }
    return out;
  }

  /** Everything before `sequence` has arrived. The segments that it took out of flight, oldest first. */
  acknowledge(sequence: number): SentSegment[] {
    this.#discard(Math.min(Math.max(distance(this.#start, sequence), 0), this.#length));
    const { inFlight } = this;
    let count = 0;
    for (const sent of inFlight) {
      if (after(sent.end, sequence)) break;
      count += 1;
    }
    const gone = inFlight.splice(0, count);
    const head = inFlight[0];
    if (head !== undefined && before(head.sequence, sequence)) inFlight[0] = { ...head, sequence, syn: false };
    return gone;
  }

  /** tcp_fragment(): a segment that became too long leaves as two. The first of them. */
  split(sent: SentSegment, length: number): SentSegment {
    const at = this.inFlight.indexOf(sent);
    const middle = advance(sent.sequence, length + (sent.syn ? 1 : 0));
    const first = { ...sent, end: middle, fin: false };
    this.inFlight.splice(at, 1, first, { ...sent, sequence: middle, syn: false });
    return first;
  }

  clear(): void {
    this.#chunks = [];
    this.#length = 0;
    this.inFlight.length = 0;
  }

  #discard(octets: number): void {
    this.#start = advance(this.#start, octets);
    this.#length -= octets;
    let left = octets + this.#skip;
    let chunks = 0;
    for (const chunk of this.#chunks) {
      if (left < chunk.length) break;
      left -= chunk.length;
      chunks += 1;
    }
    this.#chunks.splice(0, chunks);
    this.#skip = left;
  }
}
