/** What a cluster is told when it is made, and what it answers to changes. */

import type { ConfigError } from '../kubernetes/index.js';
import type { RecordedState } from './recorded.js';
import type { ObjectChange } from './replace-objects.js';

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
