/** Deployments, ReplicaSets and ReplicationControllers (pkg/controller/deployment, replicaset, replication). */

import { seededUuid, templateHash } from '../names.js';
import { controllerOf } from '../pods.js';
import { labelOf, matchesSelector } from '../selector.js';
import type { Store } from '../store.js';
import type { Deployment, ReplicaSet, ReplicationController } from '../types.js';
import { createPods, type PodOwnership } from './pods.js';
import { HASH_LABEL, type ReplicaSetIndex } from './replica-sets.js';

const REVISION = 'deployment.kubernetes.io/revision';

const revision = (set: ReplicaSet): number => Number(labelOf(set.annotations, REVISION) ?? 0);

/** deployment_util.go:FindNewReplicaSet() compares templates; the revision says the same of what was recorded. */
const newest = (sets: readonly ReplicaSet[]): ReplicaSet | undefined =>
  [...sets].sort((a, b) => revision(b) - revision(a) || (a.name < b.name ? 1 : -1))[0];

/** A Deployment's first ReplicaSet: named as that of the pods that exist, else by the template's hash. */
function createReplicaSet(deployment: Deployment, { store, sets, seed }: Controllers): ReplicaSet {
  const { template } = deployment.spec;
  const text = JSON.stringify([template.labels, template.annotations, template.spec]);
  const hash = sets.hashOfPods(deployment) ?? templateHash(seed, `${deployment.namespace}/${deployment.name}/${text}`);
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
export function runDeployment(deployment: Deployment, controllers: Controllers): void {
  if (deployment.terminating) return;
  const { pods, seed } = controllers;
  const sets = controllers.sets.of(deployment);
  const current = newest(sets) ?? createReplicaSet(deployment, controllers);
  const all = sets.length === 0 ? [current] : sets;
  const active = all.reduce((sum, set) => sum + pods.activePodsOf(set, set.spec.selector).length, 0);
  const missing = deployment.spec.replicas - active;
  createPods(missing, pods, { owner: current, template: current.spec.template, seed });
}

/** What a controller works with. */
export interface Controllers {
  readonly store: Store;
  readonly pods: PodOwnership;
  /** As they were loaded. */
  readonly sets: ReplicaSetIndex;
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
