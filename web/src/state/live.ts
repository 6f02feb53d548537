/** What happens in one cluster, as its websocket tells: frames that the filter lets through, drops, events. */

import { signal } from '@preact/signals';
import type { EventMessage, StepMessage, StreamMessage } from '../../../src/server/stream/messages.js';
import { Frame, FrameLog } from './frames.js';
import { type ConnectionState, Stream } from './stream.js';

/** What the picture is told of. */
export interface Watcher {
  onFrames(frames: readonly Frame[]): void;
  onDrop(step: StepMessage): void;
  onReset(): void;
}

/** What the page is told of a cluster, and asked about it. */
export interface Told {
  /** Objects, pods or faults are no longer what was read. */
  readonly onChange: () => void;
  /** The clock is no longer what was read. */
  readonly onTime: () => void;
  /** It is that late at least. */
  readonly onSeen: (timeNs: number) => void;
  /** Whether the server has it: asked before a lost connection is taken up again. */
  readonly isThere: (cluster: string) => Promise<boolean>;
  readonly onGone: (cluster: string) => void;
}

export interface Follower {
  /** What the server still keeps comes first. */
  readonly history?: boolean;
  /** From now on nothing is lost: the server has understood, also when the connection was made anew. */
  readonly onBegin?: () => void;
  readonly onFrame: (frame: Frame) => void;
  /** So many were left out, since this reader is slow. */
  readonly onMissed: (count: number) => void;
  readonly onProblem: (words: string) => void;
}

const EVENTS_KEPT = 200;
/** Events after which the same machines, pods and faults are there. */
const OF_NO_OBJECT: ReadonlySet<string> = new Set([
  'clock',
  'rules-rewritten',
  'ipset-changed',
  'route-learned',
  'route-withdrawn',
]);

export class Live {
  readonly connection = signal<ConnectionState>('connecting');
  readonly log = new FrameLog((act) => requestAnimationFrame(act));
  readonly filter = signal('');
  readonly filterProblem = signal<string | undefined>(undefined);
  readonly paused = signal(false);
  /** The list shows its end, wherever that is. */
  readonly following = signal(true);
  /** Messages that the server left out since this reader is slow. */
  readonly missed = signal(0);
  readonly events = signal<readonly EventMessage[]>([]);
  /** What the last events were about; of undefined nobody knows what happened. */
  readonly subjects = signal<{ readonly changed: readonly string[] | undefined }>({ changed: undefined });
  readonly #onChange: () => void;
  readonly #onTime: () => void;
  readonly #onSeen: (timeNs: number) => void;
  readonly #isThere: (cluster: string) => Promise<boolean>;
  readonly #onGone: (cluster: string) => void;
  #stream: Stream | undefined;
  /** Subscriptions of frames: the one that is shown, and the last that was asked for. */
  #shown: string | undefined;
  #asked: string | undefined;
  #watcher: Watcher | undefined;

  constructor({ onChange, onTime, onSeen, isThere, onGone }: Told) {
    this.#onChange = onChange;
    this.#onTime = onTime;
    this.#onSeen = onSeen;
    this.#isThere = isThere;
    this.#onGone = onGone;
  }

  open(cluster: string, token: string | undefined): void {
    this.close();
    const onState = (state: ConnectionState): void => {
      this.connection.value = state;
    };
    const isThere = (): Promise<boolean> => this.#isThere(cluster);
    const onGone = (): void => this.#onGone(cluster);
    this.#stream = new Stream({ cluster, token, onState, isThere, onGone });
    this.#subscribeFrames(this.filter.value);
    this.#stream.subscribe('drops', {
      kinds: ['steps'],
      filter: 'drop',
      onBatch: ({ messages }) => {
        for (const message of messages) if (message.type === 'step') this.#watcher?.onDrop(message);
      },
    });
    this.#stream.subscribe('events', {
      kinds: ['events', 'traces'],
      onBatch: ({ messages }) => this.#happened(messages),
      // Of what happened before, since the last look, nobody tells.
      onSubscribed: () => {
        this.subjects.value = { changed: undefined };
        this.#onChange();
      },
    });
  }

  /** Ends listening, and forgets what was heard. */
  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
    this.connection.value = 'connecting';
    this.#shown = undefined;
    this.#asked = undefined;
    this.filterProblem.value = undefined;
    this.events.value = [];
    this.missed.value = 0;
    this.#reset();
  }

  watch(watcher: Watcher): void {
    this.#watcher = watcher;
  }

  /** Frames from now on are those that the filter lets through; one that is not understood changes nothing. */
  setFilter(filter: string): void {
    this.#subscribeFrames(filter.trim());
  }

  /** More of the stream, for as long as somebody looks: tcpdump, or a packet that is opened. Answers how to end it. */
  follow(filter: string, follower: Follower): () => void {
    const stream = this.#stream;
    const name = `follow-${crypto.randomUUID().slice(0, 8)}`;
    stream?.subscribe(name, {
      kinds: ['frames'],
      filter,
      history: follower.history === true,
      onBatch: ({ messages, missed }) => {
        if (missed > 0) follower.onMissed(missed);
        for (const message of messages)
          if (message.type === 'frame') follower.onFrame(new Frame(message, performance.now()));
      },
      ...(follower.onBegin === undefined ? {} : { onSubscribed: follower.onBegin }),
      onProblem: follower.onProblem,
    });
    return () => stream?.unsubscribe(name);
  }

  #reset(): void {
    this.log.clear();
    this.#watcher?.onReset();
  }

  /** Under a name of its own, which takes the place of the one before as soon as the server has understood it. */
  #subscribeFrames(filter: string): void {
    const stream = this.#stream;
    const name = `frames-${crypto.randomUUID().slice(0, 8)}`;
    if (this.#asked !== this.#shown && this.#asked !== undefined) stream?.unsubscribe(this.#asked);
    this.#asked = name;
    stream?.subscribe(name, {
      kinds: ['frames'],
      filter,
      history: true,
      onBatch: ({ messages, missed }, isOld) => {
        this.missed.value += missed;
        const last = messages.at(-1);
        if (last !== undefined) this.#onSeen(last.timeNs);
        if (this.paused.value) return;
        const frames = messages.filter((message) => message.type === 'frame');
        const added = this.log.add(frames, performance.now());
        this.#watcher?.onFrames(added.filter(({ message }) => !isOld(message.seq)));
      },
      onSubscribed: () => this.#show(name, filter),
      onProblem: (detail) => {
        this.filterProblem.value = detail;
        stream.unsubscribe(name);
        this.#asked = this.#shown;
      },
      onGap: (count) => {
        this.missed.value += count;
      },
      onEpoch: () => this.#reset(),
    });
  }

  #show(name: string, filter: string): void {
    this.filterProblem.value = undefined;
    if (name === this.#shown) return;
    if (this.#shown !== undefined) this.#stream?.unsubscribe(this.#shown);
    this.#shown = name;
    this.filter.value = filter;
    this.log.clear();
  }

  #happened(messages: readonly StreamMessage[]): void {
    // Whoever sent it, time went on meanwhile.
    if (messages.some(({ type }) => type === 'trace')) this.#onTime();
    const events = messages.filter((message) => message.type === 'event');
    if (events.length === 0) return;
    this.events.value = [...events.toReversed(), ...this.events.value].slice(0, EVENTS_KEPT);
    if (events.some(({ event }) => event === 'clock')) this.#onTime();
    const changes = events.filter(({ event }) => !OF_NO_OBJECT.has(event));
    if (changes.length === 0) return;
    this.subjects.value = { changed: changes.map(({ subject }) => subject) };
    this.#onChange();
  }
}
