/** What passes between the server and the thread of a cluster. */

import type { ProblemDetail } from '../problem.js';
import type { Args, Method } from '../session/methods.js';
import type { SessionRequest } from '../session/opening.js';
import type { Left } from '../session/session.js';

/** A change of objects that is done again when the thread has to start anew. */
export type Change = {
  readonly [M in (typeof CHANGES)[number]]: { readonly method: M; readonly args: Args<M> };
}[(typeof CHANGES)[number]];

export const CHANGES = [
  'createObjects',
  'applyObjects',
  'replaceObject',
  'patchObject',
  'serverSideApply',
  'deleteObject',
  'terminatePod',
] as const satisfies readonly Method[];

export const isChange = (method: Method): method is (typeof CHANGES)[number] => CHANGES.some((one) => one === method);

/** Whether only what would become of a change was asked. */
export const isRehearsal = (args: unknown): boolean =>
  typeof args === 'object' && args !== null && 'dryRun' in args && args.dryRun === true;

/** Given to the thread when it starts. */
export interface ThreadData extends SessionRequest {
  readonly changes: readonly Change[];
  /** In place of what the origin says. */
  readonly left?: Left | undefined;
}

export interface Call {
  readonly id: number;
  readonly method: Method;
  readonly args: unknown;
}

/** A reader of the stream has taken a batch, and counted it where both threads see it. */
export interface Taken {
  readonly taken: number;
}

/** For a reader of the stream. */
export interface Batch {
  readonly reader: number;
  /** As it goes over the websocket. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly messages: number;
  readonly missed: number;
}

/** Where the cluster is now, in case its thread ends; undefined where that has been told. */
interface WithLeft {
  readonly left: Left | undefined;
}

export type Answer =
  | { readonly kind: 'left'; readonly left: Left }
  /** What the cluster has changed by itself, to be done again like what was asked for. */
  | { readonly kind: 'changed'; readonly change: Change }
  /** The cluster is there, of that name: given, or its snapshot's. */
  | { readonly kind: 'ready'; readonly name: string }
  /** It could not be loaded. */
  | { readonly kind: 'refused'; readonly problem: ProblemDetail }
  | ({ readonly kind: 'result'; readonly id: number; readonly result: unknown } & WithLeft)
  | { readonly kind: 'batch'; readonly batch: Batch }
  | ({ readonly kind: 'problem'; readonly id: number; readonly problem: ProblemDetail } & WithLeft);
