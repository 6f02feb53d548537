/** Deployments, ReplicaSets and ReplicationControllers (pkg/controller/deployment, replicaset, replication). */

import { seededUuid, templateHash } from '../names.js';
import { controllerOf } from '../pods.js';
import { labelOf, matchesSelector } from '../selector.js';
import type { Store } from '../store.js';
import type { Deployment, Pod, ReplicaSet, ReplicationController } from '../types.js';
import { createPods, type PodOwnership } from './pods.js';

const HASH_LABEL = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';

/** ReplicaSets whose controller is the Deployment, and those of nobody that it would adopt. */
const replicaSetsOf = (deployment: Deployment, store: Store): readonly ReplicaSet[] =>
  store.list('ReplicaSet', deployment.namespace).filter((set) => {
    const owner = controllerOf(set);
    return owner === undefined
      ? matchesSelector(deployment.spec.selector, set.labels)
      : owner.kind === 'Deployment' && owner.name === deployment.name;
  });

const revision = (set: ReplicaSet): number => Number(labelOf(set.annotations, REVISION) ?? 0);

/** deployment_util.go:FindNewReplicaSet() compares templates; the revision says the same of what was recorded. */
const newest = (sets: readonly ReplicaSet[]): ReplicaSet | undefined =>
  [...sets].sort((a, b) => revision(b) - revision(a) || (a.name < b.name ? 1 : -1))[0];

/** By its owner, or by its name where the owner was left out. */
function isOfSet(pod: Pod, set: string): boolean {
  const owner = controllerOf(pod);
  return owner === undefined ? pod.name.startsWith(`${set}-`) : owner.kind === 'ReplicaSet' && owner.name === set;
}

/** Pods of ReplicaSets that were not loaded: a dump of Deployments and Pods alone. Hash to pods. */
function podsByHash(deployment: Deployment, store: Store): ReadonlyMap<string, readonly Pod[]> {
  const found = new Map<string, Pod[]>();
  for (const pod of store.list('Pod', deployment.namespace)) {
    const hash = labelOf(pod.labels, HASH_LABEL);
    if (hash === undefined || !isOfSet(pod, `${deployment.name}-${hash}`)) continue;
    found.set(hash, [...(found.get(hash) ?? []), pod]);
  }
  return found;
}

/** A Deployment's first ReplicaSet: named as that of the pods that exist, else by the template's hash. */
function createReplicaSet(deployment: Deployment, store: Store, seed: number): ReplicaSet {
  const { template } = deployment.spec;
  const existing = [...podsByHash(deployment, store)].sort(
    ([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1),
  )[0];
  const text = JSON.stringify([template.labels, template.annotations, template.spec]);
  const hash = existing?.[0] ?? templateHash(seed, `${deployment.namespace}/${deployment.name}/${text}`);
  const withHash = { [HASH_LABEL]: hash };
  const name = `${deployment.name}-${hash}`;
  const { selector } = deployment.spec;
  const set: ReplicaSet = {
    ...deployment,
    kind: 'ReplicaSet',
    name,
    uid: seededUuid(seed, `ReplicaSet/${deployment.namespace}/${name}`),
    labels: { ...template.labels, ...withHash },
    annotations: { [REVISION]: '1' },
    ownerReferences: [{ kind: 'Deployment', name: deployment.name, uid: deployment.uid, controller: true }],
    spec: {
      replicas: deployment.spec.replicas,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, ...withHash } },
      template: { ...template, labels: { ...template.labels, ...withHash } },
    },
  };
  store.put('ReplicaSet', set);
  return set;
}

/**
 * The newest ReplicaSet is brought up to the Deployment's replicas. Pods of older ones are there and count:
 * a rollout that a dump caught half way is not finished by force.
 */
export function runDeployment(deployment: Deployment, { store, pods, seed }: Controllers): void {
  if (deployment.terminating) return;
  const sets = replicaSetsOf(deployment, store);
  const current = newest(sets) ?? createReplicaSet(deployment, store, seed);
  const all = sets.length === 0 ? [current] : sets;
  const active = all.reduce((sum, set) => sum + pods.activePodsOf(set, set.spec.selector).length, 0);
  const missing = deployment.spec.replicas - active;
  createPods(missing, pods, { owner: current, template: current.spec.template, seed });
}

/** What a controller works with. */
export interface Controllers {
  readonly store: Store;
  readonly pods: PodOwnership;
  readonly seed: number;
}

const hasDeployment = (set: ReplicaSet, store: Store): boolean => {
  const owner = controllerOf(set);
  if (owner !== undefined) return store.get('Deployment', set.namespace, owner.name) !== undefined;
  return store
    .list('Deployment', set.namespace)
    .some((deployment) => matchesSelector(deployment.spec.selector, set.labels));
};

/** A ReplicaSet without a Deployment over it, or a ReplicationController. */
export function runReplicas(set: ReplicaSet | ReplicationController, { store, pods, seed }: Controllers): void {
  if (set.terminating || (set.kind === 'ReplicaSet' && hasDeployment(set, store))) return;
  const missing = set.spec.replicas - pods.activePodsOf(set, set.spec.selector).length;
  createPods(missing, pods, { owner: set, template: set.spec.template, seed });
}
