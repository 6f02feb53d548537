/** A cluster as the server sees it: calls with a deadline into its thread, which is started anew where it has to be. */

import { Worker } from 'node:worker_threads';
import type { Limits } from '../options.js';
import { Problem } from '../problem.js';
import type { Args, Method, Result } from '../session/methods.js';
import type { Origin } from '../session/opening.js';
import type { Left } from '../session/session.js';
import {
  type Answer,
  type Batch,
  type Call,
  type Change,
  isChange,
  isRehearsal,
  type Taken,
  type ThreadData,
} from './messages.js';

export type ThreadState = 'loading' | 'ready' | 'failed' | 'closed';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (problem: Problem) => void;
  readonly timer: NodeJS.Timeout;
  readonly call: Call;
}

/** Who takes batches of the stream. */
export interface StreamReader {
  readonly onBatch: (batch: Batch) => void;
  /** The thread has ended; where it starts again, the reader has to subscribe anew. */
  readonly onEnd: (why: string) => void;
}

export interface ThreadOptions {
  readonly name: string | undefined;
  readonly origin: Origin;
  readonly limits: Limits;
  readonly workerUrl: URL;
  /** Told of every end that nobody asked for. */
  readonly onRestart: (why: string) => void;
}

/** After so many changes they are put together in a snapshot. */
const CHANGES_KEPT = 50;
/** A thread that ends more often than this is not started again. */
const MOST_RESTARTS = 3;
const RESTART_WINDOW_MS = 60_000;

/** What reads or builds a whole cluster takes as long as loading it. */
const LONG: ReadonlySet<Method> = new Set<Method>(['snapshot', 'whatIf', 'runExpected']);

const outOfMemory = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';

export class ClusterThread {
  readonly #options: ThreadOptions;
  #origin: Origin;
  #changes: Change[] = [];
  /** Where the cluster was last, for a thread that starts anew. */
  #left: Left | undefined = undefined;
  #worker: Worker | undefined = undefined;
  #state: ThreadState = 'loading';
  #failure = '';
  #nextCall = 1;
  readonly #waiting = new Map<number, Waiting>();
  #ready: Promise<string>;
  readonly #restarts: number[] = [];
  #lastEnd: string | undefined = undefined;
  #compacting = false;
  #nextReader = 1;
  readonly #readers = new Map<number, StreamReader>();

  constructor(options: ThreadOptions) {
    this.#options = options;
    this.#origin = options.origin;
    this.#ready = this.#start();
    // Whoever asks is told; nobody may be asking yet.
    this.#ready.catch(() => undefined);
  }

  get state(): ThreadState {
    return this.#state;
  }

  /** Why it was last started anew. */
  get restarted(): string | undefined {
    return this.#lastEnd;
  }

  /** The name of the cluster, once it is loaded. @throws Problem where it cannot be */
  get ready(): Promise<string> {
    return this.#ready;
  }

  #start(): Promise<string> {
    this.#state = 'loading';
    const { limits, name, workerUrl } = this.#options;
    const data: ThreadData = { origin: this.#origin, name, limits, changes: this.#changes, left: this.#left };
    const worker = new Worker(workerUrl, {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: limits.memoryMiB },
      // Its standard output is nobody's, and what its parent was started with is not for it.
      stdout: true,
      execArgv: [],
    });
    this.#worker = worker;
    return new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        refuse(new Problem('timeout', `loading took longer than ${limits.loadMs / 1000} s`));
      }, limits.loadMs);
      const refuse = (problem: Problem): void => {
        clearTimeout(timer);
        if (this.#worker !== worker || this.#state !== 'loading') return;
        this.#fail(problem.message);
        reject(problem);
      };
      worker.on('message', (answer: Answer) => {
        if (answer.kind === 'ready') {
          clearTimeout(timer);
          this.#state = 'ready';
          resolve(answer.name);
        } else if (answer.kind === 'refused') refuse(Problem.from(answer.problem));
        else if (answer.kind === 'left') this.#left = answer.left;
        else if (answer.kind === 'changed') this.#changes.push(answer.change);
        else if (answer.kind === 'batch') this.#readers.get(answer.batch.reader)?.onBatch(answer.batch);
        else this.#answered(answer);
      });
      worker.on('error', (error) => {
        const why = outOfMemory(error) ? `it needs more than ${limits.memoryMiB} MiB` : error.message;
        if (this.#state === 'loading') refuse(new Problem(outOfMemory(error) ? 'limit-reached' : 'internal', why));
        else this.#ended(worker, why);
      });
      worker.on('exit', () => {
        if (this.#state === 'loading') refuse(new Problem('unavailable', 'the cluster was closed while it was loaded'));
        else this.#ended(worker, 'its thread has ended');
      });
    });
  }

  #answered(answer: Extract<Answer, { kind: 'result' | 'problem' }>): void {
    if (answer.left !== undefined) this.#left = answer.left;
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    clearTimeout(waiting.timer);
    if (answer.kind === 'problem') {
      waiting.reject(Problem.from(answer.problem));
      return;
    }
    const { method, args } = waiting.call;
    if (isChange(method) && !isRehearsal(args)) {
      this.#changes.push({ method, args } as Change);
      void this.#compact();
    }
    waiting.resolve(answer.result);
  }

  /** Many changes are one snapshot: starting anew must not take for ever. */
  async #compact(): Promise<void> {
    if (this.#changes.length < CHANGES_KEPT || this.#compacting) return;
    this.#compacting = true;
    const { length } = this.#changes;
    try {
      const { bytes } = await this.call('snapshot', undefined);
      this.#origin = { kind: 'snapshot', bytes, own: true };
      this.#changes = this.#changes.slice(length);
    } catch {
      // The changes are still there; the next one tries again.
    } finally {
      this.#compacting = false;
    }
  }

  /** Ends the thread and starts it again from its objects. Whoever waits is told why. */
  #ended(worker: Worker, why: string, of?: number): void {
    if (this.#worker !== worker || this.#state === 'closed') return;
    this.#worker = undefined;
    void worker.terminate();
    this.#lastEnd = why;
    this.#options.onRestart(why);
    for (const [id, { reject, timer }] of this.#waiting) {
      clearTimeout(timer);
      const rebuilt = 'the cluster is built anew from its objects, with its faults and its time';
      if (id === of) reject(new Problem('timeout', `${why}; ${rebuilt}`));
      else reject(new Problem('unavailable', `${why} while this waited; ${rebuilt}: try again`));
    }
    this.#waiting.clear();
    this.#endReaders(why);
    const now = performance.now();
    this.#restarts.push(now);
    while ((this.#restarts[0] ?? now) < now - RESTART_WINDOW_MS) this.#restarts.shift();
    if (this.#restarts.length > MOST_RESTARTS) {
      this.#fail(`${why}, again and again`);
      return;
    }
    this.#ready = this.#start();
    this.#ready.catch(() => undefined);
  }

  #fail(why: string): void {
    this.#state = 'failed';
    this.#failure = why;
    void this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** @throws Problem */
  async call<M extends Method>(method: M, args: Args<M>): Promise<Result<M>> {
    if (this.#state === 'loading') await this.#ready;
    const worker = this.#worker;
    if (this.#state !== 'ready' || worker === undefined)
      throw new Problem(
        'unavailable',
        this.#state === 'failed' ? `the cluster has failed: ${this.#failure}` : 'the cluster is gone',
      );
    const { limits } = this.#options;
    const ms = isChange(method) || LONG.has(method) ? limits.loadMs : limits.requestMs;
    const call: Call = { id: this.#nextCall++, method, args };
    return new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => this.#ended(worker, `it took longer than ${ms / 1000} s`, call.id), ms);
      this.#waiting.set(call.id, { resolve, reject, timer, call });
      worker.postMessage(call);
    }) as Promise<Result<M>>;
  }

  /** A number for a reader of the stream, to subscribe with. */
  addReader(reader: StreamReader): number {
    const id = this.#nextReader++;
    this.#readers.set(id, reader);
    return id;
  }

  /** Of one that the thread has let go already. */
  forgetReader(id: number): void {
    this.#readers.delete(id);
  }

  removeReader(id: number): void {
    if (this.#readers.delete(id) && this.#state === 'ready')
      void this.call('unsubscribe', { reader: id }).catch(() => undefined);
  }

  /** The reader has taken a batch: there is room for another. */
  taken(id: number): void {
    this.#worker?.postMessage({ taken: id } satisfies Taken);
  }

  #endReaders(why: string): void {
    const readers = [...this.#readers.values()];
    this.#readers.clear();
    for (const { onEnd } of readers) onEnd(why);
  }

  /** Calls under way. */
  get pending(): number {
    return this.#waiting.size;
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Problem('unavailable', 'the cluster is closed'));
    }
    this.#waiting.clear();
    this.#endReaders('the cluster is closed');
    await this.#worker?.terminate();
    this.#worker = undefined;
  }
}
