/** DATA that came: what is complete, what is missing, what came twice (net/sctp/tsnmap.c, net/sctp/ulpqueue.c). */

import { concatBytes, SCTP_DATA_FIRST, SCTP_DATA_LAST } from '../../../packet/index.js';
import { tsnAfter, tsnPlus } from './tsn.js';

/** SCTP_TSN_MAP_SIZE. */
const FARTHEST = 4096;
/** SCTP_MAX_DUP_TSNS, SCTP_MAX_GABS. */
const MOST_DUPLICATES = 16;
const MOST_GAPS = 16;

export interface ReceivedChunk {
  readonly tsn: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

export class Received {
  /** The last TSN before the first that is missing. */
  cumulative: number;
  readonly #ahead = new Map<number, ReceivedChunk>();
  #duplicates: number[] = [];
  /** Fragments of a message whose last one is still to come. */
  #parts: Uint8Array[] = [];

  constructor(initialTsn: number) {
    this.cumulative = tsnPlus(initialTsn, -1);
  }

  get hasGap(): boolean {
    return this.#ahead.size > 0;
  }

  /** sctp_tsnmap_check(). */
  check(tsn: number): 'new' | 'duplicate' | 'too-far' {
    if (!tsnAfter(tsn, this.cumulative) || this.#ahead.has(tsn)) return 'duplicate';
    return tsnAfter(tsn, tsnPlus(this.cumulative, FARTHEST)) ? 'too-far' : 'new';
  }

  noteDuplicate(tsn: number): void {
    if (this.#duplicates.length < MOST_DUPLICATES) this.#duplicates.push(tsn);
  }

  takeDuplicates(): readonly number[] {
    const duplicates = this.#duplicates;
    this.#duplicates = [];
    return duplicates;
  }

  /**
   * A chunk that is new; the messages that it completes, oldest first.
   * Differs: messages of all streams and unordered ones are handed over in the order of their TSNs.
   */
  accept(chunk: ReceivedChunk): readonly Uint8Array[] {
    this.#ahead.set(chunk.tsn, chunk);
    const messages: Uint8Array[] = [];
    for (;;) {
      const next = this.#ahead.get(tsnPlus(this.cumulative, 1));
      if (next === undefined) return messages;
      this.cumulative = next.tsn;
      this.#ahead.delete(next.tsn);
      if ((next.flags & SCTP_DATA_FIRST) !== 0) this.#parts = [];
      this.#parts.push(next.payload);
      if ((next.flags & SCTP_DATA_LAST) !== 0) messages.push(concatBytes(this.#parts.splice(0)));
    }
  }

  /** Gap ack blocks: offsets from the cumulative TSN. */
  gaps(): readonly { readonly first: number; readonly last: number }[] {
    const offsets = [...this.#ahead.keys()].map((tsn) => (tsn - this.cumulative) >>> 0).sort((a, b) => a - b);
    const gaps: { first: number; last: number }[] = [];
    for (const offset of offsets) {
      const before = gaps.at(-1);
      if (before !== undefined && before.last + 1 === offset) before.last = offset;
      else gaps.push({ first: offset, last: offset });
    }
    return gaps.slice(0, MOST_GAPS);
  }
}
