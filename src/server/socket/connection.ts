/** One websocket: what its client asks for, and what goes to it. */

import { type Static, Type } from 'typebox';
import { Ajv } from 'ajv';
import type { RawData, WebSocket } from 'ws';
import type { Metrics } from '../metrics.js';
import { Problem } from '../problem.js';
import { mistakesOf, problemBody, wordsOf } from '../problem-reply.js';
import { decodeCbor } from '../session/cbor.js';
import { type ControlMessage, STREAM_KINDS, type StreamKind } from '../stream/messages.js';
import { encode, type Format } from '../stream/encode.js';
import type { ClusterThread } from '../thread/cluster-thread.js';
import { Turns } from '../turns.js';

const MAX_SUBSCRIPTIONS = 16;
/** What a client asks for is done one after the other; beyond this it is not read on. */
const MAX_UNDER_WAY = 16;
/** A client that sends nonsense is let go. */
const MAX_MISTAKES = 16;
/** RFC 6455 §7.4.1. */
export const CLOSE = { goingAway: 1001, policyViolation: 1008, tryAgainLater: 1013 } as const;

const closed = { additionalProperties: false } as const;
const LONGEST_NAME = 64;
const Name = Type.String({ minLength: 1, maxLength: LONGEST_NAME });
const Subscribe = Type.Object(
  {
    op: Type.Literal('subscribe'),
    subscription: Name,
    kinds: Type.Array(Type.Unsafe<StreamKind>({ type: 'string', enum: STREAM_KINDS }), { minItems: 1, maxItems: 8 }),
    filter: Type.Optional(Type.String({ maxLength: 4096 })),
    dissection: Type.Optional(Type.Boolean()),
    resume: Type.Optional(
      Type.Object({ epoch: Type.String({ maxLength: 64 }), seq: Type.Integer({ minimum: 0 }) }, closed),
    ),
  },
  closed,
);
const Unsubscribe = Type.Object({ op: Type.Literal('unsubscribe'), subscription: Name }, closed);
const Dissect = Type.Object({ op: Type.Literal('dissect'), seq: Type.Integer({ minimum: 1 }) }, closed);

const ajv = new Ajv({ allErrors: true, strict: false, verbose: true });
const VALIDATE = {
  subscribe: ajv.compile<Static<typeof Subscribe>>(Subscribe),
  unsubscribe: ajv.compile<Static<typeof Unsubscribe>>(Unsubscribe),
  dissect: ajv.compile<Static<typeof Dissect>>(Dissect),
};
type Asked = Static<typeof Subscribe> | Static<typeof Unsubscribe> | Static<typeof Dissect>;

/** @throws Problem */
function validated(value: unknown): Asked {
  const op = typeof value === 'object' && value !== null && 'op' in value ? value.op : undefined;
  const validate =
    typeof op === 'string' && Object.hasOwn(VALIDATE, op) ? VALIDATE[op as keyof typeof VALIDATE] : undefined;
  if (validate === undefined) {
    const message = `op is one of ${Object.keys(VALIDATE).join(', ')}`;
    throw new Problem('bad-request', message, [{ message, field: '/op' }]);
  }
  if (validate(value)) return value;
  const mistakes = mistakesOf(validate.errors ?? []);
  throw new Problem('bad-request', wordsOf(mistakes), mistakes);
}

/** What a message is about, whatever else may be wrong with it. */
function aboutOf(message: unknown): Pick<Extract<ControlMessage, { type: 'error' }>, 'about' | 'seq'> {
  if (typeof message !== 'object' || message === null) return {};
  const { subscription, seq }: { readonly subscription?: unknown; readonly seq?: unknown } = message;
  if (typeof subscription === 'string' && subscription.length <= LONGEST_NAME) return { about: subscription };
  return typeof seq === 'number' ? { seq } : {};
}

const bytesOf = (data: RawData): Uint8Array =>
  Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? new Uint8Array(data) : data;

/** @throws Problem */
function parsed(data: RawData, isBinary: boolean): unknown {
  const bytes = bytesOf(data);
  try {
    return isBinary ? decodeCbor(bytes) : JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new Problem('bad-request', `the message is no ${isBinary ? 'CBOR' : 'JSON'}: ${words}`);
  }
}

interface Subscription {
  readonly asked: Static<typeof Subscribe>;
  /** Undefined while the thread starts anew. */
  reader: number | undefined;
}

export class Connection {
  readonly #socket: WebSocket;
  readonly #thread: ClusterThread;
  readonly #format: Format;
  readonly #metrics: Metrics;
  readonly #maxBytes: number;
  readonly #subscriptions = new Map<string, Subscription>();
  #mistakes = 0;
  #underWay = 0;
  /** What is asked for a subscription is done one after the other. */
  readonly #turns = new Turns();
  /** Octets of answers that the client's system has not taken. */
  #untaken = 0;

  constructor(
    socket: WebSocket,
    thread: ClusterThread,
    { format, metrics, maxBytes }: { readonly format: Format; readonly metrics: Metrics; readonly maxBytes: number },
  ) {
    this.#socket = socket;
    this.#thread = thread;
    this.#format = format;
    this.#metrics = metrics;
    this.#maxBytes = maxBytes;
  }

  get subscribed(): boolean {
    return this.#subscriptions.size > 0;
  }

  /** It gives way to others. */
  close(why: string): void {
    this.#socket.close(CLOSE.tryAgainLater, why);
  }

  /** Its answer is not waited for. */
  cut(): void {
    this.#socket.terminate();
  }

  /** From now on what the client says is done. */
  listen(): void {
    const socket = this.#socket;
    socket.on('message', (data: RawData, isBinary: boolean) => void this.#heard(data, isBinary));
    socket.on('close', () => this.#end());
  }

  /** Who asks and does not read is let go: what waits for it is bounded. */
  #send(message: ControlMessage): void {
    const bytes = encode(message, this.#format);
    if (this.#untaken > 0 && this.#untaken + bytes.length > this.#maxBytes) {
      this.#socket.terminate();
      return;
    }
    this.#untaken += bytes.length;
    this.#socket.send(bytes, { binary: this.#format === 'cbor' }, () => {
      this.#untaken -= bytes.length;
    });
  }

  /** Reads no faster than it answers. */
  async #heard(data: RawData, isBinary: boolean): Promise<void> {
    const socket = this.#socket;
    this.#underWay += 1;
    if (this.#underWay >= MAX_UNDER_WAY) socket.pause();
    await this.#said(data, isBinary);
    this.#underWay -= 1;
    if (socket.isPaused && this.#underWay < MAX_UNDER_WAY) socket.resume();
  }

  async #said(data: RawData, isBinary: boolean): Promise<void> {
    let about = {};
    try {
      const message = parsed(data, isBinary);
      about = aboutOf(message);
      await this.#do(validated(message));
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem('internal', String(error));
      this.#send({ type: 'error', problem: problemBody(problem), ...about });
      this.#mistakes += 1;
      if (this.#mistakes >= MAX_MISTAKES) this.#socket.close(CLOSE.policyViolation, 'too many mistakes');
    }
  }

  async #do(asked: Asked): Promise<void> {
    switch (asked.op) {
      case 'subscribe':
        await this.#turns.take(asked.subscription, () => this.#subscribe(asked));
        return;
      case 'unsubscribe':
        await this.#turns.take(asked.subscription, async () => this.#unsubscribe(asked.subscription));
        this.#send({ type: 'unsubscribed', subscription: asked.subscription });
        return;
      case 'dissect':
        this.#send({
          type: 'dissection',
          seq: asked.seq,
          dissection: await this.#thread.call('dissection', { seq: asked.seq }),
        });
    }
  }

  #unsubscribe(name: string): void {
    const found = this.#subscriptions.get(name);
    if (found === undefined) throw new Problem('not-found', `there is no subscription "${name}"`);
    this.#subscriptions.delete(name);
    if (found.reader !== undefined) this.#thread.removeReader(found.reader);
  }

  /** One of the same name takes the place of the one before, which goes on where this one is refused. */
  async #subscribe(asked: Static<typeof Subscribe>): Promise<void> {
    const name = asked.subscription;
    const before = this.#subscriptions.get(name);
    if (before === undefined && this.#subscriptions.size >= MAX_SUBSCRIPTIONS)
      throw new Problem('limit-reached', `a websocket has at most ${MAX_SUBSCRIPTIONS} subscriptions`);
    await this.#start({ asked, reader: undefined }, before);
  }

  async #start(subscription: Subscription, before?: Subscription): Promise<void> {
    const { subscription: name, kinds, filter = '', dissection = false, resume } = subscription.asked;
    const taken = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const count = new Int32Array(taken);
    const reader = this.#thread.addReader({
      onBatch: ({ bytes, messages, missed }) => {
        this.#metrics.streamed.inc({ kind: 'message' }, messages);
        this.#metrics.missed.inc(missed);
        // Sent, and taken by the client's system: only then there is room for another.
        this.#socket.send(bytes, { binary: this.#format === 'cbor' }, () => {
          Atomics.add(count, 0, 1);
          this.#thread.taken(reader);
        });
      },
      onEnd: (why) => void this.#restart(subscription, why),
    });
    // Batches may come before the answer to this.
    this.#subscriptions.set(name, subscription);
    subscription.reader = reader;
    const request = {
      reader,
      name,
      kinds,
      filter,
      dissection,
      format: this.#format,
      taken,
      ...(resume === undefined ? {} : { resume }),
      ...(before?.reader === undefined ? {} : { replaces: before.reader }),
    };
    try {
      const { epoch, last, gap } = await this.#thread.call('subscribe', request);
      if (before?.reader !== undefined) this.#thread.forgetReader(before.reader);
      this.#send({ type: 'subscribed', subscription: name, epoch, last, ...(gap === undefined ? {} : { gap }) });
    } catch (error) {
      this.#thread.removeReader(reader);
      if (this.#subscriptions.get(name) === subscription) {
        if (before === undefined) this.#subscriptions.delete(name);
        else this.#subscriptions.set(name, before);
      }
      throw error;
    }
  }

  /** The cluster has started anew: so do its subscriptions. */
  async #restart(subscription: Subscription, why: string): Promise<void> {
    subscription.reader = undefined;
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#send({ type: 'restarted', why });
    try {
      await this.#thread.ready;
      const { resume: _, ...asked } = subscription.asked;
      if (this.#socket.readyState === this.#socket.OPEN) await this.#start({ asked, reader: undefined });
    } catch {
      this.#socket.close(CLOSE.goingAway, 'the cluster is gone');
    }
  }

  #end(): void {
    for (const { reader } of this.#subscriptions.values()) if (reader !== undefined) this.#thread.removeReader(reader);
    this.#subscriptions.clear();
  }
}
