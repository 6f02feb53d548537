/** Nodes that nobody hears of and the pods there, as a reader sees them; what is put back so has not been declared. */

import { isDeepStrictEqual } from 'node:util';
import {
  type DeclaredObject,
  field,
  isList,
  isObject,
  type Json,
  type JsonObject,
  type ObjectKey,
  type Store,
} from '../../kubernetes/index.js';
import { listAt, withList, withoutList } from './lists.js';

const UNREACHABLE = 'node.kubernetes.io/unreachable';
/** node_lifecycle_controller.go:tryUpdateNodeHealth(): what only a kubelet knows. */
const UNKNOWN = { status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
const OF_KUBELET: ReadonlySet<Json | undefined> = new Set(['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']);

const typeOf = (condition: Json): Json | undefined => field(condition, 'type');

/** Those that `isOf` chooses become `now`; Ready is there in any case. */
function conditionsOf(object: JsonObject, isOf: (type: Json | undefined) => boolean, now: JsonObject): readonly Json[] {
  const held = listAt(object, 'status', 'conditions');
  const all = held.some((one) => typeOf(one) === 'Ready') ? held : [...held, { type: 'Ready' }];
  return all.map((one) => (isObject(one) && isOf(typeOf(one)) ? { ...one, ...now } : one));
}

function silentNode(object: JsonObject, store: Store, name: string): JsonObject {
  const marked = withList(
    object,
    'status',
    'conditions',
    conditionsOf(object, (type) => OF_KUBELET.has(type), UNKNOWN),
  );
  const taints = store.get('Node', '', name)?.spec.taints ?? [];
  return withList(
    marked,
    'spec',
    'taints',
    taints.map(({ key, value, effect }) => ({ key, ...(value === '' ? {} : { value }), effect })),
  );
}

const podOfSilence = (object: JsonObject): JsonObject =>
  withList(
    object,
    'status',
    'conditions',
    conditionsOf(object, (type) => type === 'Ready', { status: 'False' }),
  );

/** A pod that was deleted, of which nobody says that it is gone, as the API server has it. */
const withDeletion = (object: JsonObject, deletionTimestamp: string): JsonObject => ({
  ...object,
  metadata: {
    ...(isObject(object['metadata']) ? object['metadata'] : {}),
    deletionTimestamp,
    deletionGracePeriodSeconds: 30,
  },
});

function withoutDeletion(object: JsonObject, { key, document }: DeclaredObject, store: Store): JsonObject {
  const given = key.kind === 'Pod' ? store.get('Pod', key.namespace, key.name)?.deletionTimestamp : undefined;
  const { metadata } = object;
  if (
    given === undefined ||
    !isObject(metadata) ||
    field(document.value['metadata'], 'deletionTimestamp') !== undefined
  )
    return object;
  const { deletionTimestamp: _, deletionGracePeriodSeconds: _seconds, ...rest } = metadata;
  return { ...object, metadata: rest };
}

const isSilent = (store: Store, node: string): boolean => store.get('Node', '', node)?.status.silent === true;

/** As the API server has it, once it has given up waiting. */
export function withSilence(object: JsonObject, { group, kind, namespace, name }: ObjectKey, store: Store): JsonObject {
  if (group !== '') return object;
  if (kind === 'Node') return isSilent(store, name) ? silentNode(object, store, name) : object;
  const pod = kind === 'Pod' ? store.get('Pod', namespace, name) : undefined;
  if (pod === undefined) return object;
  const { deletionTimestamp } = pod;
  const heard = isSilent(store, pod.spec.nodeName) ? podOfSilence(object) : object;
  return deletionTimestamp === undefined ? heard : withDeletion(heard, deletionTimestamp);
}

/** The list as it was declared before, or none. */
const putBack = (object: JsonObject, held: JsonObject, part: string, name: string): JsonObject => {
  const before = field(held[part], name);
  return isList(before) ? withList(object, part, name, before) : withoutList(object, part, name);
};

/** The same object where nothing of it was marked so. */
export function withoutSilence(object: JsonObject, declared: DeclaredObject, store: Store): JsonObject {
  const { key, document } = declared;
  const { value: held } = document;
  const shown = withSilence(held, key, store);
  if (shown === held) return object;
  const isShown = isDeepStrictEqual(listAt(object, 'status', 'conditions'), listAt(shown, 'status', 'conditions'));
  const there = withoutDeletion(object, declared, store);
  const known = isShown ? putBack(there, held, 'status', 'conditions') : there;
  if (key.kind !== 'Node') return known;
  if (isDeepStrictEqual(listAt(object, 'spec', 'taints'), listAt(shown, 'spec', 'taints')))
    return putBack(known, held, 'spec', 'taints');
  const own = new Set(listAt(held, 'spec', 'taints').map((taint) => field(taint, 'key')));
  const taints = listAt(object, 'spec', 'taints').filter((taint) => {
    const of = field(taint, 'key');
    return of !== UNREACHABLE || own.has(of);
  });
  return withList(known, 'spec', 'taints', taints);
}
