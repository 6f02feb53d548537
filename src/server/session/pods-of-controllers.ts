/** Pods that controllers made, as somebody changes them: they become declared objects, and lose a controller that lets them go. */

import type { Cluster } from '../../cluster/index.js';
import {
  type Declared,
  type DeclaredObject,
  formatKey,
  type ObjectKey,
  released,
  writtenPod,
} from '../../kubernetes/index.js';

/** Whether it is a pod that a controller made. */
const isMadePod = (declared: Declared, { store }: Cluster, key: ObjectKey): boolean =>
  key.group === '' &&
  key.kind === 'Pod' &&
  !declared.byId.has(formatKey(key)) &&
  store.get('Pod', key.namespace, key.name) !== undefined;

export const isThere = (declared: Declared, cluster: Cluster, key: ObjectKey): boolean =>
  declared.byId.has(formatKey(key)) || isMadePod(declared, cluster, key);

/** With pods of these names that controllers made written down, so that they can become others. */
export function withWrittenPods(declared: Declared, cluster: Cluster, keys: readonly ObjectKey[]): Declared {
  const { store } = cluster;
  const pods = keys
    .filter((key) => isMadePod(declared, cluster, key))
    .flatMap(({ namespace, name }) => store.get('Pod', namespace, name) ?? []);
  return pods.reduce((held, pod) => {
    const text = JSON.stringify(writtenPod(pod, { declared, store }), null, 2);
    return held.with({ file: `${pod.namespace}-${pod.name}.json`, text }).declared;
  }, declared);
}

export interface ObjectsAdded {
  readonly declared: Declared;
  readonly added: readonly DeclaredObject[];
}

/** Pods that their controllers let go lose their owner. */
export function withReleased(next: ObjectsAdded, { store }: Cluster): ObjectsAdded {
  return next.added.reduce<ObjectsAdded>(
    ({ declared, added: held }, object) => {
      const own = released(object, store);
      if (own === undefined) return { declared, added: [...held, object] };
      const { apiVersion, kind, source } = object.document;
      const file = source.file.replace(/\.\w+$/, '.json');
      const changed = declared.with({ file, text: JSON.stringify({ apiVersion, kind, ...own }, null, 2) });
      return { declared: changed.declared, added: [...held, ...changed.added] };
    },
    { declared: next.declared, added: [] },
  );
}
