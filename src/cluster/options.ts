/** What a cluster is made with, and what becomes of a change of its objects. */

import { type ConfigError, formatConfigError } from '../kubernetes/index.js';
import type { RecordedState } from './input/recorded.js';
import type { ObjectChange } from './change/replace-objects.js';

export interface ClusterOptions {
  /** Decides every draw; the same input and seed give the same bytes. */
  readonly seed?: number;
  /** What an earlier cluster of these objects settled: nodes and addresses that are kept. */
  readonly recorded?: RecordedState;
  /** False sends no probes: a pod of which the input records no readiness is taken to be ready. */
  readonly probes?: boolean;
}

/** What became of a change: nothing of it where it is refused, or where only a cluster that is built anew can have it. */
export type ChangeOutcome =
  | { readonly kind: 'refused'; readonly errors: readonly ConfigError[] }
  | { readonly kind: 'anew'; readonly why: string }
  | { readonly kind: 'changed'; readonly objects: readonly ObjectChange[] };

/** Refusals that an earlier input has not had: objects that are declared, and were never there, are in nobody's way. */
export function refusedAnew(before: readonly ConfigError[], now: readonly ConfigError[]): readonly ConfigError[] {
  const known = new Set(before.map(formatConfigError));
  return now.filter((error) => !known.has(formatConfigError(error)));
}
