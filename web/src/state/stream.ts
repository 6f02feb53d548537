/**
 * The websocket of one cluster: subscriptions that are taken up again where they were after the connection was lost,
 * with a pause that grows from one attempt to the next.
 */

import { Decoder } from 'cbor-x/decode-no-eval';
import type { BatchMessage, ControlMessage, StreamKind } from '../../../src/server/stream/messages.js';

export interface Wanted {
  readonly kinds: readonly StreamKind[];
  readonly filter?: string;
  readonly onBatch: (batch: BatchMessage) => void;
  /** The server did not understand the filter, or cannot serve it. */
  readonly onProblem?: (detail: string) => void;
  readonly onSubscribed?: () => void;
  /** Numbers begin anew: what was shown is of another run. */
  readonly onEpoch?: () => void;
}

interface Subscription {
  readonly wanted: Wanted;
  epoch: string | undefined;
  last: number;
  /** The server has answered since the connection was made. */
  active: boolean;
}

export type ConnectionState = 'connecting' | 'open' | 'lost';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false });

export class Stream {
  readonly #url: string;
  readonly #protocols: string[];
  readonly #onState: (state: ConnectionState) => void;
  readonly #subscriptions = new Map<string, Subscription>();
  #socket: WebSocket | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(cluster: string, token: string | undefined, onState: (state: ConnectionState) => void) {
    const { protocol, host } = window.location;
    this.#url = `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/api/v1/clusters/${encodeURIComponent(cluster)}/stream`;
    this.#protocols = ['podwire.cbor', ...(token === undefined ? [] : [`bearer.${token}`])];
    this.#onState = onState;
    this.#open();
  }

  /** One of the same name takes the place of the one before. */
  subscribe(name: string, wanted: Wanted): void {
    const subscription = { wanted, epoch: undefined, last: 0, active: false };
    this.#subscriptions.set(name, subscription);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#ask(name, subscription);
  }

  unsubscribe(name: string): void {
    const found = this.#subscriptions.get(name);
    this.#subscriptions.delete(name);
    if (found?.active === true) this.#send({ op: 'unsubscribe', subscription: name });
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
      this.#onState('open');
      for (const [name, subscription] of this.#subscriptions) this.#ask(name, subscription);
    });
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => this.#heard(new Uint8Array(data)));
    socket.addEventListener('close', () => this.#lost());
    this.#socket = socket;
  }

  #lost(): void {
    if (this.#closed) return;
    this.#onState('lost');
    for (const subscription of this.#subscriptions.values()) subscription.active = false;
    this.#timer = setTimeout(() => this.#open(), this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  #send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #ask(subscription: string, { wanted, epoch, last }: Subscription): void {
    const { kinds, filter = '' } = wanted;
    const resume = epoch === undefined ? {} : { resume: { epoch, seq: last } };
    this.#send({ op: 'subscribe', subscription, kinds, filter, ...resume });
  }

  #heard(bytes: Uint8Array): void {
    const message = decoder.decode(bytes) as BatchMessage | ControlMessage;
    if (message.type === 'batch') {
      const found = this.#subscriptions.get(message.subscription);
      if (found === undefined) return;
      found.last = message.last;
      found.wanted.onBatch(message);
    } else if (message.type === 'subscribed') this.#subscribed(message);
    else if (message.type === 'error') this.#refused(message);
  }

  #subscribed({ subscription, epoch, last }: Extract<ControlMessage, { type: 'subscribed' }>): void {
    const found = this.#subscriptions.get(subscription);
    if (found === undefined) return;
    found.active = true;
    if (found.epoch !== undefined && found.epoch !== epoch) found.wanted.onEpoch?.();
    if (found.epoch !== epoch) found.last = last;
    found.epoch = epoch;
    found.wanted.onSubscribed?.();
  }

  #refused({ about, problem }: Extract<ControlMessage, { type: 'error' }>): void {
    const found = about === undefined ? undefined : this.#subscriptions.get(about);
    const { detail } = problem as { detail?: string };
    found?.wanted.onProblem?.(detail ?? JSON.stringify(problem));
  }
}
