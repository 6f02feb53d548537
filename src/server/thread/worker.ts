/**
 * The thread of one cluster. The emulation is synchronous: a thread of its own keeps a long computation from everybody
 * else, and makes limits of time and memory hold.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { Problem, type ProblemDetail } from '../problem.js';
import { METHODS } from '../session/methods.js';
import { type Left, Session } from '../session/session.js';
import type { Answer, Call, Change, Taken, ThreadData } from './messages.js';

if (parentPort === null) throw new Error('this file is the thread of a cluster: it is started by the server');
const port = parentPort;

/** How often it is told how late it is. */
const TELL_MS = 100;

const send = (answer: Answer, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(answer, transfer);

/** Anything but a problem is a mistake of ours: its text goes to the log by way of the asker. */
const problemOf = (error: unknown): ProblemDetail =>
  error instanceof Problem
    ? error.detail
    : { kind: 'internal', detail: error instanceof Error ? (error.stack ?? error.message) : String(error), errors: [] };

/** Methods are looked up by name: what goes with it was typed by the sender. */
function run(session: Session, { method, args }: Pick<Call, 'method' | 'args'>): unknown {
  const found: (session: Session, args: never) => unknown = METHODS[method];
  return found(session, args as never);
}

/** Bytes go over without being copied. */
const transferOf = (result: unknown): ArrayBuffer[] => {
  if (typeof result !== 'object' || result === null || !('bytes' in result)) return [];
  const { bytes } = result;
  return bytes instanceof Uint8Array &&
    bytes.buffer instanceof ArrayBuffer &&
    bytes.byteLength === bytes.buffer.byteLength
    ? [bytes.buffer]
    : [];
};

async function answer(session: Session, call: Call, whereabouts: Whereabouts): Promise<void> {
  const { id } = call;
  try {
    const result = await run(session, call);
    send({ kind: 'result', id, result, left: whereabouts.news() }, transferOf(result));
  } catch (error) {
    send({ kind: 'problem', id, problem: problemOf(error), left: whereabouts.news() });
  }
  // What takes time may have been longer than a pod bears a taint, or a node may be silent.
  session.settleOverdue();
}

/** Tells where the cluster is, whenever that is somewhere else: with every answer, and now and then while time runs. */
class Whereabouts {
  readonly #session: Session;
  #told: Left | undefined = undefined;

  constructor(session: Session) {
    this.#session = session;
    setInterval(() => this.tell(), TELL_MS);
  }

  /** Undefined where it is where it was. */
  news(): Left | undefined {
    const { left } = this.#session;
    const told = this.#told;
    if (
      left.nowNs === told?.nowNs &&
      left.faults === told.faults &&
      left.taints === told.taints &&
      left.version === told.version
    )
      return undefined;
    this.#told = left;
    return left;
  }

  tell(): void {
    const left = this.news();
    if (left !== undefined) send({ kind: 'left', left });
  }
}

function start({ changes, left, ...request }: ThreadData): void {
  const session = new Session(request);
  session.doAgain(() => {
    for (const change of changes satisfies readonly Change[]) void run(session, change);
  });
  if (left !== undefined) session.goOnFrom(left);
  const whereabouts = new Whereabouts(session);
  session.onBatch = (reader, bytes, about) => {
    send({ kind: 'batch', batch: { reader, bytes, ...about } }, [bytes.buffer]);
  };
  session.onEvicted = (pod) =>
    send({ kind: 'changed', change: { method: 'deleteObject', args: { ...pod, gracePeriodSeconds: 0 } } });
  session.onTerminating = (pod) => send({ kind: 'changed', change: { method: 'terminatePod', args: pod } });
  port.on('message', (message: Call | Taken) => {
    if ('taken' in message) session.stream.hasRoom();
    else void answer(session, message, whereabouts);
  });
  whereabouts.tell();
  send({ kind: 'ready', name: session.name });
}

try {
  start(workerData as ThreadData);
} catch (error) {
  send({ kind: 'refused', problem: problemOf(error) });
}
