/**
 * One subscription: what its filter lets through waits here until its reader has room. A reader has room for a few batches
 * that it has not taken yet. When more comes than it takes, every second message that waits is left out and from then
 * on every second that comes, then every fourth and so on, so that what remains is an even sample of the whole time;
 * what was left out is counted.
 */

import type { Filter } from '../filter/parse.js';
import { encode, encodeBatch, encodeRecord, type Format } from './encode.js';
import type { CountedInterface, CounterSample } from './counters.js';
import type { CountersMessage, StreamKind } from './messages.js';
import type { StreamRecord } from './record.js';

export interface SubscriberOptions {
  /** Chosen by the client, told back in every batch. */
  readonly name: string;
  readonly kinds: ReadonlySet<StreamKind>;
  readonly filter: Filter;
  readonly dissection: boolean;
  readonly format: Format;
  /** Counts the batches that the reader has taken: shared with its thread, so that it can be read while this one computes. */
  readonly taken: Int32Array;
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

/** Traces and events are few, and each says what none of the others does. */
const isRare = ({ kind }: StreamRecord): boolean => kind === 'traces' || kind === 'events';

export class Subscriber {
  readonly options: SubscriberOptions;
  #waiting: StreamRecord[] = [];
  /** The last of each interface, and when that was. */
  #counters = new Map<string, CountedInterface>();
  #countedNs = 0;
  #sent = 0;
  #missed = 0;
  #last = 0;
  /** One of so many is kept. */
  #stride = 1;
  #passed = 0;

  constructor(options: SubscriberOptions, last: number) {
    this.options = options;
    this.#last = last;
  }

  /** Something has happened. */
  take(record: StreamRecord): void {
    this.#last = record.seq;
    const { kinds, filter } = this.options;
    if (!kinds.has(record.kind) || !filter(record.facts)) return;
    if (!isRare(record)) {
      this.#passed += 1;
      if (this.#passed % this.#stride !== 0) {
        this.#missed += 1;
        return;
      }
    }
    this.#waiting.push(record);
    if (this.#waiting.length < MOST_IN_BATCH) return;
    // While the emulation computes no timer runs.
    this.flush();
    if (this.#waiting.length > MOST_WAITING) this.#thin();
  }

  /** Of an interface the newer takes the place of the older. */
  takeCounters({ timeNs, interfaces }: CounterSample): void {
    const { kinds, filter } = this.options;
    if (!kinds.has('counters')) return;
    this.#countedNs = timeNs;
    for (const one of interfaces)
      if (filter(one.facts)) this.#counters.set(`${one.counters.place} ${one.counters.interface}`, one);
  }

  /** Undefined where none has changed. */
  #takeCounted(): CountersMessage | undefined {
    if (this.#counters.size === 0) return undefined;
    const interfaces = [...this.#counters.values()].map(({ counters }) => counters);
    this.#counters.clear();
    return { type: 'counters', timeNs: this.#countedNs, interfaces };
  }

  #thin(): void {
    const before = this.#waiting.length;
    this.#stride *= 2;
    let odd = false;
    this.#waiting = this.#waiting.filter((record) => {
      if (isRare(record)) return true;
      odd = !odd;
      return odd;
    });
    // Nothing but what is never left out: then the oldest are.
    if (this.#waiting.length === before) this.#waiting.splice(0, before >> 1);
    this.#missed += before - this.#waiting.length;
  }

  /** Batches for which the reader has room. */
  get #credit(): number {
    return CREDIT - (this.#sent - Atomics.load(this.options.taken, 0));
  }

  get hasWork(): boolean {
    return this.#waiting.length > 0 || this.#counters.size > 0;
  }

  /** Sends what waits, as far as there is room. */
  flush(): void {
    while (this.#credit > 0 && this.hasWork) {
      const records = this.#nextRecords();
      const { name, format } = this.options;
      const messages: Uint8Array[] = records.map((record) => encodeRecord(record, this.options));
      const counted = this.#takeCounted();
      if (counted !== undefined) messages.push(encode(counted, format));
      const missed = this.#missed;
      this.#missed = 0;
      const last = this.#waiting.length > 0 ? (records.at(-1)?.seq ?? this.#last) : this.#last;
      const head = { type: 'batch', subscription: name, missed, last } as const;
      this.#sent += 1;
      this.options.send(encodeBatch(head, messages, format), { messages: messages.length, missed });
    }
    if (this.#waiting.length === 0) this.#stride = 1;
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
