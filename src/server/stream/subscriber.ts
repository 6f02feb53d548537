/**
 * One subscription: what its filter lets through waits here until its reader has room. A reader has room for a few batches
 * that it has not taken yet; when more comes than it takes, every second message that waits is left out, so that
 * what remains is a sample of the whole time, and what was left out is counted.
 */

import { toHex } from '../../packet/index.js';
import type { Filter } from '../filter/parse.js';
import { encodeCbor } from '../session/cbor.js';
import type { BatchMessage, CountersMessage, StreamKind, StreamMessage } from './messages.js';
import { messageOf, type StreamRecord } from './record.js';

export interface SubscriberOptions {
  /** Chosen by the client, told back in every batch. */
  readonly name: string;
  readonly kinds: ReadonlySet<StreamKind>;
  readonly filter: Filter;
  readonly dissection: boolean;
  readonly format: 'cbor' | 'json';
  /** Takes one encoded batch. */
  readonly send: (
    bytes: Uint8Array<ArrayBuffer>,
    about: { readonly messages: number; readonly missed: number },
  ) => void;
}

/** Batches that a reader may not have taken yet. */
const CREDIT = 4;
const MOST_WAITING = 512;
const MOST_IN_BATCH = 256;
/** Octets of frames in one batch. */
const BATCH_BYTES = 192 * 1024;

const utf8 = new TextEncoder();

/** JSON has no byte strings. */
const jsonValue = (_key: string, value: unknown): unknown => (value instanceof Uint8Array ? toHex(value) : value);

export class Subscriber {
  readonly options: SubscriberOptions;
  #waiting: StreamRecord[] = [];
  #counters: CountersMessage | undefined = undefined;
  #credit = CREDIT;
  #missed = 0;
  #last = 0;

  constructor(options: SubscriberOptions, last: number) {
    this.options = options;
    this.#last = last;
  }

  /** Something has happened. */
  take(record: StreamRecord): void {
    this.#last = record.seq;
    const { kinds, filter } = this.options;
    if (!kinds.has(record.kind) || !filter(record.facts)) return;
    this.#waiting.push(record);
    if (this.#waiting.length > MOST_WAITING) this.#thin();
  }

  /** The newer of two takes the place of the older. */
  takeCounters(message: CountersMessage): void {
    if (this.options.kinds.has('counters')) this.#counters = message;
  }

  /** Traces and events are few, and each says what none of the others does. */
  #thin(): void {
    const before = this.#waiting.length;
    let odd = false;
    this.#waiting = this.#waiting.filter(({ kind }) => {
      if (kind === 'traces' || kind === 'events') return true;
      odd = !odd;
      return odd;
    });
    // Nothing but what is never left out: then the oldest are.
    if (this.#waiting.length === before) this.#waiting.splice(0, before >> 1);
    this.#missed += before - this.#waiting.length;
  }

  /** The reader has taken a batch. */
  acknowledge(): void {
    this.#credit = Math.min(CREDIT, this.#credit + 1);
  }

  get hasWork(): boolean {
    return this.#waiting.length > 0 || this.#counters !== undefined;
  }

  /** Sends what waits, as far as there is room. */
  flush(): void {
    while (this.#credit > 0 && this.hasWork) {
      const records = this.#nextRecords();
      const messages: StreamMessage[] = records.map((record) => messageOf(record, this.options));
      if (this.#counters !== undefined) messages.push(this.#counters);
      this.#counters = undefined;
      const missed = this.#missed;
      this.#missed = 0;
      const last = this.#waiting.length > 0 ? (records.at(-1)?.seq ?? this.#last) : this.#last;
      const batch: BatchMessage = { type: 'batch', subscription: this.options.name, missed, last, messages };
      this.#credit -= 1;
      this.options.send(encode(batch, this.options.format), { messages: messages.length, missed });
    }
  }

  #nextRecords(): StreamRecord[] {
    let size = 0;
    let count = 0;
    for (const { facts } of this.#waiting) {
      if (count >= MOST_IN_BATCH || (count > 0 && size + facts.bytes.length > BATCH_BYTES)) break;
      size += facts.bytes.length;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}

export const encode = (message: object, format: 'cbor' | 'json'): Uint8Array<ArrayBuffer> =>
  format === 'cbor' ? new Uint8Array(encodeCbor(message)) : utf8.encode(JSON.stringify(message, jsonValue));
