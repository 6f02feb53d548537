/**
 * What the API server adds to every pod: for how long it waits for its node to be well again
 * (plugin/pkg/admission/defaulttolerationseconds). Nobody has declared it who puts it back.
 */

import { isDeepStrictEqual } from 'node:util';
import {
  addedTolerations,
  type DeclaredObject,
  field,
  isList,
  isObject,
  type Json,
  type JsonObject,
  type ObjectKey,
  type Store,
} from '../../kubernetes/index.js';

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

const tolerationsOf = (object: JsonObject): readonly Json[] => {
  const found = field(object['spec'], 'tolerations');
  return isList(found) ? found : [];
};

function put(object: JsonObject, tolerations: readonly Json[]): JsonObject {
  const { tolerations: _, ...spec } = isObject(object['spec']) ? object['spec'] : {};
  return { ...object, spec: { ...spec, ...(tolerations.length === 0 ? {} : { tolerations: [...tolerations] }) } };
}

export function withDefaultTolerations(object: JsonObject, key: ObjectKey, store: Store): JsonObject {
  const added = addedTo(key, store);
  return added.length === 0 ? object : put(object, [...tolerationsOf(object), ...added]);
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
  return own.length === all.length ? object : put(object, own);
}
