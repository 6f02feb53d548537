/**
 * What the API server adds to every pod: for how long it waits for its node to be well again
 * (plugin/pkg/admission/defaulttolerationseconds). Nobody has declared it who puts it back.
 */

import { isDeepStrictEqual } from 'node:util';
import {
  addedTolerations,
  type DeclaredObject,
  type Json,
  type JsonObject,
  type ObjectKey,
  type Store,
} from '../../kubernetes/index.js';
import { listAt, withList, withoutList } from './lists.js';

const toleration = (key: string, seconds: number): JsonObject => ({
  effect: 'NoExecute',
  key,
  operator: 'Exists',
  tolerationSeconds: seconds,
});

function addedTo({ group, kind, namespace, name }: ObjectKey, store: Store): readonly JsonObject[] {
  const pod = group === '' && kind === 'Pod' ? store.get('Pod', namespace, name) : undefined;
  return pod === undefined
    ? []
    : addedTolerations(pod.spec).map(({ key, tolerationSeconds = 0 }) => toleration(key, tolerationSeconds));
}

const tolerationsOf = (object: JsonObject): readonly Json[] => listAt(object, 'spec', 'tolerations');

export function withDefaultTolerations(object: JsonObject, key: ObjectKey, store: Store): JsonObject {
  const added = addedTo(key, store);
  return added.length === 0 ? object : withList(object, 'spec', 'tolerations', [...tolerationsOf(object), ...added]);
}

/** The same object where nothing of it was added so. */
export function withoutDefaultTolerations(
  object: JsonObject,
  { key, document }: DeclaredObject,
  store: Store,
): JsonObject {
  const added = addedTo(key, store);
  const held = tolerationsOf(document.value);
  const isOwn = (one: Json): boolean => held.some((other) => isDeepStrictEqual(one, other));
  const all = tolerationsOf(object);
  const own = all.filter((one) => isOwn(one) || !added.some((other) => isDeepStrictEqual(one, other)));
  if (own.length === all.length) return object;
  return own.length === 0 ? withoutList(object, 'spec', 'tolerations') : withList(object, 'spec', 'tolerations', own);
}
