/**
 * The websocket of one cluster: subscriptions that are taken up again where they were after the connection was lost,
 * with a pause that grows from one attempt to the next.
 */

import { Decoder } from 'cbor-x/decode-no-eval';
import type { BatchMessage, ControlMessage, StreamKind } from '../../../src/server/stream/messages.js';

export interface Wanted {
  readonly kinds: readonly StreamKind[];
  readonly filter?: string;
  /** What the server still keeps comes first. */
  readonly history?: boolean;
  /** `isOld`: it had happened before the server answered this subscription. */
  readonly onBatch: (batch: BatchMessage, isOld: (seq: number) => boolean) => void;
  /** The server did not understand the filter, or cannot serve it. */
  readonly onProblem?: (detail: string) => void;
  readonly onSubscribed?: () => void;
  /** So many messages had come and gone while the connection was lost. */
  readonly onGap?: (count: number) => void;
  /** Numbers begin anew: what was shown is of another run. */
  readonly onEpoch?: () => void;
}

interface Subscription {
  readonly wanted: Wanted;
  epoch: string | undefined;
  /** Number of the last message that came. */
  last: number;
  /** The last number when the server answered; undefined until it has, since the connection was made. */
  begins: number | undefined;
  /** Batches that came before the answer. */
  early: BatchMessage[];
}

export type ConnectionState = 'connecting' | 'open' | 'lost';

export interface Connected {
  readonly cluster: string;
  readonly token: string | undefined;
  readonly onState: (state: ConnectionState) => void;
  /** Whether the server has the cluster; throws where nobody answers. */
  readonly isThere: () => Promise<boolean>;
  /** The server is there, and the cluster is not. */
  readonly onGone: () => void;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
const UNKNOWN_EPOCH = 'unknown';
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false });

export class Stream {
  readonly #url: string;
  readonly #protocols: string[];
  readonly #onState: (state: ConnectionState) => void;
  readonly #isThere: () => Promise<boolean>;
  readonly #onGone: () => void;
  /** By the name that the server knows, which is never used again. */
  readonly #subscriptions = new Map<string, Subscription>();
  /** The page's name → the server's. */
  readonly #keys = new Map<string, string>();
  #count = 0;
  /** What was asked for when the connection was made, and has not been answered. */
  readonly #unanswered = new Set<string>();
  #socket: WebSocket | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor({ cluster, token, onState, isThere, onGone }: Connected) {
    const { protocol, host } = window.location;
    this.#url = `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/api/v1/clusters/${encodeURIComponent(cluster)}/stream`;
    this.#protocols = ['podwire.cbor', ...(token === undefined ? [] : [`bearer.${token}`])];
    this.#onState = onState;
    this.#isThere = isThere;
    this.#onGone = onGone;
    this.#open();
  }

  /** One of the same name takes the place of the one before, of which nothing more is heard. */
  subscribe(name: string, wanted: Wanted): void {
    this.unsubscribe(name);
    this.#count += 1;
    const key = `${name}.${this.#count}`;
    const subscription = { wanted, epoch: undefined, last: 0, begins: undefined, early: [] };
    this.#keys.set(name, key);
    this.#subscriptions.set(key, subscription);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#ask(key, subscription);
  }

  unsubscribe(name: string): void {
    const key = this.#keys.get(name);
    const found = key === undefined ? undefined : this.#subscriptions.get(key);
    if (key === undefined) return;
    this.#subscriptions.delete(key);
    this.#keys.delete(name);
    this.#answered(key);
    if (found?.begins !== undefined) this.#send({ op: 'unsubscribe', subscription: key });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #open(): void {
    this.#onState('connecting');
    const socket = new WebSocket(this.#url, this.#protocols);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => {
      this.#pauseMs = FIRST_PAUSE_MS;
      for (const [key, subscription] of this.#subscriptions) {
        this.#unanswered.add(key);
        this.#ask(key, subscription);
      }
    });
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => this.#heard(new Uint8Array(data)));
    socket.addEventListener('close', () => this.#lost());
    this.#socket = socket;
  }

  #lost(): void {
    if (this.#closed) return;
    this.#onState('lost');
    this.#unanswered.clear();
    for (const subscription of this.#subscriptions.values()) {
      subscription.begins = undefined;
      subscription.early = [];
    }
    this.#retryLater();
  }

  #retryLater(): void {
    this.#timer = setTimeout(() => void this.#retry(), this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  /** Asks first, since a websocket that is refused does not say why. */
  async #retry(): Promise<void> {
    const there = await this.#isThere().catch(() => undefined);
    if (this.#closed) return;
    if (there === undefined) this.#retryLater();
    else if (there) this.#open();
    else this.#onGone();
  }

  #send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #ask(subscription: string, { wanted, epoch, last }: Subscription): void {
    const { kinds, filter = '', history = false } = wanted;
    // Of an epoch that it does not know the server sends all that it keeps.
    const resume = epoch === undefined && !history ? {} : { resume: { epoch: epoch ?? UNKNOWN_EPOCH, seq: last } };
    this.#send({ op: 'subscribe', subscription, kinds, filter, ...resume });
  }

  #heard(bytes: Uint8Array): void {
    const message = decoder.decode(bytes) as BatchMessage | ControlMessage;
    if (message.type === 'batch') {
      const found = this.#subscriptions.get(message.subscription);
      if (found?.begins === undefined) found?.early.push(message);
      else this.#take(found, message, found.begins);
    } else if (message.type === 'subscribed') this.#subscribed(message);
    else if (message.type === 'error') this.#refused(message);
  }

  /** Open is where all that is wanted is heard. */
  #answered(key: string): void {
    if (this.#unanswered.delete(key) && this.#unanswered.size === 0) this.#onState('open');
  }

  #take(subscription: Subscription, batch: BatchMessage, begins: number): void {
    subscription.last = batch.last;
    subscription.wanted.onBatch(batch, (seq) => seq <= begins);
  }

  #subscribed({ subscription, epoch, last, gap }: Extract<ControlMessage, { type: 'subscribed' }>): void {
    const found = this.#subscriptions.get(subscription);
    if (found === undefined) {
      // Another has taken its place before the answer came.
      this.#send({ op: 'unsubscribe', subscription });
      return;
    }
    if (found.epoch !== undefined && found.epoch !== epoch) found.wanted.onEpoch?.();
    if (found.epoch !== epoch && found.wanted.history !== true) found.last = last;
    if (gap !== undefined && found.epoch === epoch) found.wanted.onGap?.(gap.to - gap.from + 1);
    found.epoch = epoch;
    found.begins = last;
    this.#answered(subscription);
    found.wanted.onSubscribed?.();
    for (const batch of found.early.splice(0)) this.#take(found, batch, last);
  }

  #refused({ about, problem }: Extract<ControlMessage, { type: 'error' }>): void {
    const found = about === undefined ? undefined : this.#subscriptions.get(about);
    const { detail } = problem as { detail?: string };
    if (about !== undefined) this.#answered(about);
    found?.wanted.onProblem?.(detail ?? JSON.stringify(problem));
  }
}
