/** Which ReplicaSets, and which pods of ReplicaSets that were not loaded, belong to which Deployment. Read once. */

import { controllerOf, isActive } from '../pods.js';
import { labelOf, matchesSelector } from '../selector.js';
import type { Store } from '../store.js';
import type { Deployment, Pod, ReplicaSet } from '../types.js';

export const HASH_LABEL = 'pod-template-hash';

/** The Deployment that a pod of a ReplicaSet is of, by the owner's name, or its own where the owner was left out. */
function deploymentOf(pod: Pod, hash: string): string | undefined {
  const owner = controllerOf(pod);
  if (owner !== undefined && owner.kind !== 'ReplicaSet') return undefined;
  const set = owner?.name ?? pod.name.slice(0, pod.name.lastIndexOf('-'));
  return set.endsWith(`-${hash}`) ? set.slice(0, -hash.length - 1) : undefined;
}

const keyOf = (namespace: string, deployment: string): string => `${namespace}/${deployment}`;

export class ReplicaSetIndex {
  readonly #owned = new Map<string, ReplicaSet[]>();
  readonly #orphans = new Map<string, ReplicaSet[]>();
  /** Deployment to its pods that have a hash; those that end may be of a template of before. */
  readonly #pods = new Map<string, Pod[]>();

  constructor(store: Store) {
    for (const set of store.list('ReplicaSet')) this.#noteSet(set);
    for (const pod of store.list('Pod')) if (isActive(pod)) this.#notePod(pod);
  }

  #noteSet(set: ReplicaSet): void {
    const owner = controllerOf(set);
    if (owner !== undefined && owner.kind !== 'Deployment') return;
    const [index, key] =
      owner === undefined ? [this.#orphans, set.namespace] : [this.#owned, keyOf(set.namespace, owner.name)];
    const sets = index.get(key);
    if (sets === undefined) index.set(key, [set]);
    else sets.push(set);
  }

  #notePod(pod: Pod): void {
    const hash = labelOf(pod.labels, HASH_LABEL);
    const deployment = hash === undefined ? undefined : deploymentOf(pod, hash);
    if (hash === undefined || deployment === undefined) return;
    const key = keyOf(pod.namespace, deployment);
    const pods = this.#pods.get(key);
    if (pods === undefined) this.#pods.set(key, [pod]);
    else pods.push(pod);
  }

  /** ReplicaSets whose controller is the Deployment, and those of nobody that it would adopt. */
  of({ namespace, name, spec }: Deployment): readonly ReplicaSet[] {
    const adopted = this.#orphans.get(namespace)?.filter(({ labels }) => matchesSelector(spec.selector, labels));
    return [...(this.#owned.get(keyOf(namespace, name)) ?? []), ...(adopted ?? [])];
  }

  /** The hash of most of the pods that a Deployment selects, where there are any: a dump of Deployments and Pods alone. */
  hashOfPods({ namespace, name, spec }: Deployment): string | undefined {
    const counts = new Map<string, number>();
    for (const { labels } of this.#pods.get(keyOf(namespace, name)) ?? []) {
      const hash = matchesSelector(spec.selector, labels) ? labelOf(labels, HASH_LABEL) : undefined;
      if (hash !== undefined) counts.set(hash, (counts.get(hash) ?? 0) + 1);
    }
    return [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0]?.[0];
  }
}
