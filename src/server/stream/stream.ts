/** Everything that happens in a cluster while somebody watches: numbered, kept for a while, given to subscribers. */

import { randomUUID } from 'node:crypto';
import type { Cluster } from '../../cluster/index.js';
import type { DissectedNode } from '../../packet/index.js';
import { formatCause, type Place, type Step, type TracedPacket, type Tracer } from '../../trace/index.js';
import { FrameFacts, type NameLookup, type Seen, type Told } from '../filter/facts.js';
import { Problem } from '../problem.js';
import type { RunTrace } from '../session/traces.js';
import { Counters } from './counters.js';
import { eventFacts, type StreamEvent } from './event-facts.js';
import type { StreamKind } from './messages.js';
import { dissectionOf, type StreamRecord } from './record.js';
import { Subscriber, type SubscriberOptions } from './subscriber.js';
import { traceFacts } from './trace-facts.js';

/** How long what happens is kept after the last reader has gone, for one that comes back. */
const LINGER_MS = 60_000;
const FLUSH_MS = 20;
const COUNTERS_MS = 1000;
/** Octets of frames that are kept. */
const KEPT_BYTES = 32 << 20;

export interface Subscribed {
  readonly epoch: string;
  readonly last: number;
  readonly gap?: { readonly from: number; readonly to: number };
}

export interface Resume {
  readonly epoch: string;
  readonly seq: number;
}

/** Objects of an event that are named; the others are in what a filter may ask. */
const LISTED = 8;

const NOTHING_TOLD: Told = {};

/** What became of the packet. */
function toldOf(step: Step): Told {
  if (step.kind === 'drop') return { dropReasons: [step.reason] };
  return step.kind === 'rule' ? { verdicts: [step.outcome] } : NOTHING_TOLD;
}

export class Stream implements Tracer {
  /** Numbers count within an epoch: a thread that starts anew has another. */
  readonly epoch = randomUUID();
  readonly #subscribers = new Map<number, Subscriber>();
  readonly #keepCount: number;
  #cluster: Cluster;
  #lookup: NameLookup;
  #counters: Counters;
  /** The last records, oldest first; `#dropped` were before them. */
  #kept: StreamRecord[] = [];
  #keptBytes = 0;
  #seq = 0;
  /** Kinds that are written down: those that anybody wants, or wanted a moment ago. */
  #kinds: ReadonlySet<StreamKind> = new Set();
  #linger: NodeJS.Timeout | undefined = undefined;
  #flush: NodeJS.Timeout | undefined = undefined;
  #sample: NodeJS.Timeout | undefined = undefined;

  constructor(cluster: Cluster, lookup: NameLookup, keep: number) {
    this.#cluster = cluster;
    this.#lookup = lookup;
    this.#keepCount = keep;
    this.#counters = new Counters(cluster);
  }

  /**
   * `id` is the caller's own. What has been kept since `resume` comes first. The reader that this one `replaces` gets what
   * waits for it, and no more: what comes next comes once. @throws Problem, and then nothing has changed
   */
  subscribe(
    id: number,
    options: SubscriberOptions,
    { resume, replaces }: { readonly resume?: Resume | undefined; readonly replaces?: number | undefined } = {},
  ): Subscribed {
    const known = resume !== undefined && resume.epoch === this.epoch;
    if (known && resume.seq > this.#seq) {
      const message = `nothing has the number ${resume.seq} yet: the newest of this epoch is ${this.#seq}`;
      throw new Problem('bad-request', message, [{ message, field: '/resume/seq' }]);
    }
    if (replaces !== undefined) {
      this.#subscribers.get(replaces)?.flush();
      this.#subscribers.delete(replaces);
    }
    const subscriber = new Subscriber(options, this.#seq);
    this.#subscribers.set(id, subscriber);
    this.#listen();
    if (resume === undefined) return { epoch: this.epoch, last: this.#seq };
    // Of another epoch nothing is known: everything that is kept comes.
    const after = known ? resume.seq : 0;
    const first = this.#kept[0]?.seq ?? this.#seq + 1;
    for (const record of this.#kept) if (record.seq > after) subscriber.take(record);
    this.#wake();
    const gap = after + 1 < first ? { from: after + 1, to: first - 1 } : undefined;
    return { epoch: this.epoch, last: this.#seq, ...(gap === undefined ? {} : { gap }) };
  }

  unsubscribe(id: number): void {
    this.#subscribers.delete(id);
    this.#listen();
  }

  /** A reader has room again. */
  hasRoom(): void {
    this.#wake();
  }

  /** Listens for what is wanted; goes on for a while after the last has gone. */
  #listen(): void {
    clearTimeout(this.#linger);
    if (this.#subscribers.size > 0) {
      this.#kinds = new Set([...this.#subscribers.values()].flatMap(({ options }) => [...options.kinds]));
    } else this.#linger = setTimeout(() => this.#forget(), LINGER_MS).unref();
    const listens = this.#kinds.has('frames') || this.#kinds.has('steps');
    this.#cluster.emulation.watcher = listens ? this : undefined;
    const counts = this.#subscribers.size > 0 && this.#kinds.has('counters');
    if (counts) this.#sample ??= setInterval(() => this.#sampleCounters(), COUNTERS_MS).unref();
    else {
      clearInterval(this.#sample);
      this.#sample = undefined;
    }
  }

  #forget(): void {
    this.#kinds = new Set();
    this.#kept = [];
    this.#keptBytes = 0;
    this.#cluster.emulation.watcher = undefined;
  }

  /** Tracer: a step of a packet. */
  step(place: Place, packet: TracedPacket, step: Step): void {
    const isFrame = step.kind === 'receive' || step.kind === 'transmit';
    if (!this.#kinds.has(isFrame ? 'frames' : 'steps')) return;
    const { id, parent, hasLinkHeader } = packet;
    const seen: Seen = {
      timeNs: this.#cluster.emulation.clock.nowNs,
      place: this.#cluster.nameOf(place),
      host: place.host,
      netns: place.netns,
      step: step.kind,
      ...(isFrame ? { interface: step.dev, direction: step.kind === 'receive' ? 'in' : 'out' } : {}),
    };
    const facts = new FrameFacts(copyOf(packet), hasLinkHeader, { seen, lookup: this.#lookup, told: toldOf(step) });
    if (isFrame) this.#add({ kind: 'frames', ...this.#newRecord(facts), packet: id, parent });
    else this.#add({ kind: 'steps', ...this.#newRecord(facts), packet: id, parent, step });
  }

  /** A trace has ended. */
  traced({ summary, traces }: RunTrace): void {
    if (!this.#kinds.has('traces')) return;
    const { id, from, to, protocol, verdict, explanation } = summary;
    const port = to.port === undefined ? '' : `:${to.port}`;
    this.#add({
      kind: 'traces',
      ...this.#newRecord(traceFacts(summary, traces, this.#lookup)),
      trace: { id, from: from.label, to: `${to.label}${port}`, protocol, verdict, explanation },
    });
  }

  event(happened: StreamEvent): void {
    if (!this.#kinds.has('events')) return;
    const { event, subject, detail, because = [] } = happened;
    this.#add({
      kind: 'events',
      ...this.#newRecord(eventFacts(this.#cluster.emulation.clock.nowNs, happened, this.#lookup)),
      event,
      subject,
      ...(detail === undefined ? {} : { detail }),
      ...(because.length === 0 ? {} : { because: because.slice(0, LISTED).map(formatCause) }),
    });
  }

  /** Field by field, of a frame that is still kept. @throws Problem */
  dissection(seq: number): DissectedNode {
    const found = this.#kept.find((record) => record.seq === seq);
    if (found?.kind !== 'frames') throw new Problem('not-found', `no frame ${seq} is kept any more`);
    return dissectionOf(found.facts);
  }

  #newRecord(facts: FrameFacts): Pick<StreamRecord, 'seq' | 'facts' | 'encoded'> {
    this.#seq += 1;
    return { seq: this.#seq, facts, encoded: new Map() };
  }

  #add(record: StreamRecord): void {
    this.#kept.push(record);
    this.#keptBytes += record.facts.bytes.length;
    if (this.#kept.length > 2 * this.#keepCount || this.#keptBytes > 2 * KEPT_BYTES) this.#shorten();
    for (const subscriber of this.#subscribers.values()) subscriber.take(record);
    this.#wake();
  }

  /** Cut now and then, not with every record. */
  #shorten(): void {
    let bytes = 0;
    let from = this.#kept.length;
    while (from > 0 && this.#kept.length - from < this.#keepCount && bytes < KEPT_BYTES) {
      from -= 1;
      bytes += this.#kept[from]?.facts.bytes.length ?? 0;
    }
    this.#kept = this.#kept.slice(from);
    this.#keptBytes = bytes;
  }

  /** Batches go a moment after the first message of theirs. */
  #wake(): void {
    if (this.#subscribers.size === 0 || this.#flush !== undefined) return;
    this.#flush = setTimeout(() => {
      this.#flush = undefined;
      for (const subscriber of this.#subscribers.values()) subscriber.flush();
    }, FLUSH_MS);
  }

  #sampleCounters(): void {
    const sample = this.#counters.sample();
    if (sample === undefined) return;
    for (const subscriber of this.#subscribers.values()) subscriber.takeCounters(sample);
    this.#wake();
  }

  /** Addresses have other names from now on. */
  rename(lookup: NameLookup): void {
    this.#lookup = lookup;
  }

  /** Goes on in a cluster that was built anew. */
  carryTo(cluster: Cluster, lookup: NameLookup): void {
    this.#cluster.emulation.watcher = undefined;
    this.#cluster = cluster;
    this.#lookup = lookup;
    this.#counters = new Counters(cluster);
    this.#listen();
  }
}

/** From the link-layer or network header on, as in a recording. */
function copyOf({ view, data, tail, network, hasLinkHeader }: TracedPacket): Uint8Array {
  const start = hasLinkHeader || network < 0 ? data : network;
  return new Uint8Array(view.buffer, view.byteOffset + start, Math.max(0, tail - start)).slice();
}
