/** What an update may not change, in the words of the API server (k8s.io/apimachinery/pkg/util/validation/field). */

import type { FieldPath, Json } from '../source/json.js';
import { formatPath } from '../source/json.js';

/** k8s.io/apimachinery/pkg/api/validation/objectmeta.go:FieldImmutableErrorMsg. */
export const IMMUTABLE = 'field is immutable';

/** One field of an object that shall become something else. */
export interface RefusedUpdate {
  readonly path: FieldPath;
  readonly reason: 'Invalid value' | 'Forbidden';
  /** What the field would have become; told of an invalid value. */
  readonly value?: Json;
  readonly words: string;
}

const MAX_VALUE = 200;

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value ?? null);
  return text.length <= MAX_VALUE ? text : `${text.slice(0, MAX_VALUE)}…`;
}

/** `spec.clusterIPs[0]: Invalid value: ["10.96.0.9"]: may not change once set`. */
export function formatRefusedUpdate({ path, reason, value, words }: RefusedUpdate): string {
  const what = reason === 'Forbidden' ? reason : `${reason}: ${shown(value)}`;
  return `${formatPath(path)}: ${what}: ${words}`;
}

export const invalid = (path: FieldPath, value: Json | undefined, words: string): RefusedUpdate => ({
  path,
  reason: 'Invalid value',
  value: value ?? null,
  words,
});

export const forbidden = (path: FieldPath, words: string): RefusedUpdate => ({ path, reason: 'Forbidden', words });
