/**
 * Pods that controllers take away when an object is updated: of a workload those that are too many, and those of another template
 * (pkg/controller/{deployment,replicaset,statefulset,daemon}), of a node those that do not bear its taints. What comes in their
 * place their controllers make.
 */

import { nodeBody, type Taint } from '../kinds/node.js';
import { isEvicted } from '../node-fit.js';
import { inOrderOfDeletion } from '../pod-order.js';
import { controllerOf, isActive } from '../pods.js';
import { INVALID, Reader } from '../schema/schema.js';
import { matchesSelector } from '../selector.js';
import type { Store } from '../store.js';
import type { Deployment, Pod, ReplicaSet } from '../types.js';
import { deleteFrom, type Deletion } from '../source/cascade.js';
import { type Declared, type DeclaredObject, formatKey, type ObjectKey } from '../source/declared.js';
import { field, type Json } from '../source/json.js';
import { isSame } from './differences.js';
import { POD_TEMPLATE } from './pod-update.js';

/** An object as it was and as it shall be. */
interface Update {
  readonly before: Json;
  readonly after: Json;
  readonly key: ObjectKey;
  readonly store: Store;
  /** Whether somebody wrote the pod: others come and go with what their controller wants. */
  readonly isDeclared: (pod: Pod) => boolean;
  /** Whether it comes with the update, which knows what it says. */
  readonly isGiven: (pod: Pod) => boolean;
}

const at = (object: Json, ...path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((value, name) => field(value, name), object);

const numberAt = (object: Json, path: readonly string[], otherwise: number): number => {
  const value = at(object, ...path);
  return typeof value === 'number' ? value : otherwise;
};

const replicasOf = (object: Json): number => numberAt(object, ['spec', 'replicas'], 1);

const hasOtherTemplate = ({ before, after }: Update): boolean =>
  !isSame(at(before, 'spec', 'template'), at(after, 'spec', 'template'), POD_TEMPLATE);

const keyOf = (kind: 'Pod' | 'ReplicaSet', { namespace, name }: Pod | ReplicaSet): ObjectKey => ({
  group: kind === 'Pod' ? '' : 'apps',
  kind,
  namespace,
  name,
});

const isOwnedBy = (owner: Pick<ObjectKey, 'kind' | 'name'>, owned: Pod | ReplicaSet): boolean => {
  const controller = controllerOf(owned);
  return controller?.kind === owner.kind && controller.name === owner.name;
};

const podsOf = (store: Store, { kind, namespace, name }: Pick<ObjectKey, 'kind' | 'namespace' | 'name'>): Pod[] =>
  store.list('Pod', namespace).filter((pod) => isActive(pod) && isOwnedBy({ kind, name }, pod));

/** replica_set.go:getPodsToDelete(): of those that count as replicas so many that no more than `replicas` are left. */
const tooMany = (pods: readonly Pod[], { after, isGiven }: Update): readonly Pod[] =>
  inOrderOfDeletion(
    pods.filter((pod) => !isGiven(pod)),
    pods,
  ).slice(0, Math.max(0, pods.length - replicasOf(after)));

const ownsSet = ({ namespace, name, spec }: Deployment, set: ReplicaSet): boolean =>
  set.namespace === namespace &&
  (controllerOf(set) === undefined
    ? matchesSelector(spec.selector, set.labels)
    : isOwnedBy({ kind: 'Deployment', name }, set));

/** A rollout that has come to its end: ReplicaSets of other templates, which keep no pods, are let go. */
function ofDeployment(update: Update): readonly ObjectKey[] {
  const { key, store, after } = update;
  const deployment = store.get('Deployment', key.namespace, key.name);
  if (deployment === undefined) return [];
  const sets = store.list('ReplicaSet', key.namespace).filter((set) => ownsSet(deployment, set));
  const pods = sets.flatMap(({ namespace, name }) => podsOf(store, { kind: 'ReplicaSet', namespace, name }));
  const rollsOut = hasOtherTemplate(update) && at(after, 'spec', 'paused') !== true;
  if (!rollsOut) return tooMany(pods, update).map((pod) => keyOf('Pod', pod));
  return [...sets.map((set) => keyOf('ReplicaSet', set)), ...pods.map((pod) => keyOf('Pod', pod))];
}

const replacesPods = ({ after }: Update): boolean => at(after, 'spec', 'updateStrategy', 'type') !== 'OnDelete';

const ordinalOf = ({ name }: Pod): number => Number(/-(\d+)$/.exec(name)?.[1] ?? -1);

function ofStatefulSet(update: Update): readonly ObjectKey[] {
  const { after, key, store, isDeclared } = update;
  const first = numberAt(after, ['spec', 'ordinals', 'start'], 0);
  const end = first + replicasOf(after);
  const updatedFrom = numberAt(after, ['spec', 'updateStrategy', 'rollingUpdate', 'partition'], 0);
  const rollsOut = hasOtherTemplate(update) && replacesPods(update);
  return podsOf(store, key)
    .filter((pod) => {
      const ordinal = ordinalOf(pod);
      const isExtra = ordinal < first || ordinal >= end;
      return isExtra ? isDeclared(pod) : rollsOut && ordinal >= updatedFrom;
    })
    .map((pod) => keyOf('Pod', pod));
}

function ofDaemonSet(update: Update): readonly ObjectKey[] {
  if (!hasOtherTemplate(update) || !replacesPods(update)) return [];
  return podsOf(update.store, update.key).map((pod) => keyOf('Pod', pod));
}

/** One that a Deployment is over has as many as that says. */
function ofReplicaSet(update: Update): readonly ObjectKey[] {
  const { key, store } = update;
  const set = key.kind === 'ReplicaSet' ? store.get('ReplicaSet', key.namespace, key.name) : undefined;
  if (set !== undefined && store.list('Deployment', key.namespace).some((one) => ownsSet(one, set))) return [];
  return tooMany(podsOf(store, key), update).map((pod) => keyOf('Pod', pod));
}

const readTaints = (node: Json): readonly Taint[] => {
  const body = nodeBody.read(node, new Reader({ scalarsAsText: false }));
  return body === INVALID ? [] : body.spec.taints;
};

/** Who runs on a node with the taints that it had is not asked for their sake once more. */
function ofNode({ before, after, key, store }: Update): readonly ObjectKey[] {
  const had = readTaints(before);
  const came = readTaints(after).filter((taint) => !had.some((one) => isSame({ ...one }, { ...taint })));
  return store
    .list('Pod')
    .filter(({ spec }) => spec.nodeName === key.name && isEvicted(spec, came))
    .map((pod) => keyOf('Pod', pod));
}

const CONTROLLERS: ReadonlyMap<string, (update: Update) => readonly ObjectKey[]> = new Map([
  ['apps/Deployment', ofDeployment],
  ['apps/StatefulSet', ofStatefulSet],
  ['apps/DaemonSet', ofDaemonSet],
  ['apps/ReplicaSet', ofReplicaSet],
  ['/ReplicationController', ofReplicaSet],
  ['/Node', ofNode],
]);

/** What goes as `objects` take the places of those of their names in `before`; `store` has the cluster as it is. */
export function deletedByUpdates(
  objects: readonly DeclaredObject[],
  { before, after, store }: { readonly before: Declared; readonly after: Declared; readonly store: Store },
): Deletion {
  const given = new Set(objects.map(({ id }) => id));
  const isDeclared = (pod: Pod): boolean => after.byId.has(formatKey(keyOf('Pod', pod)));
  const isGiven = (pod: Pod): boolean => given.has(formatKey(keyOf('Pod', pod)));
  const keys = objects.flatMap(({ id, key, document }) => {
    const old = before.byId.get(id);
    const controller = CONTROLLERS.get(`${key.group}/${key.kind}`);
    if (old === undefined || controller === undefined) return [];
    return controller({ before: old.document.value, after: document.value, key, store, isDeclared, isGiven });
  });
  return deleteFrom(
    after,
    store,
    keys.filter((key) => !given.has(formatKey(key))),
  );
}
