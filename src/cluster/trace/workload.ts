/** Workloads in the place of their pods. */

import { controllerOf, isReady, matchesSelector, phaseOf, type Pod, type Store } from '../../kubernetes/index.js';
import type { WorkloadName } from './endpoint-name.js';
import { nearNames, UnknownEndpoint } from './unknown-endpoint.js';

/**
 * polymorphichelpers/attachablepodforobject.go, podutils.ActivePods: of the pods that the selector means one that has a
 * node, runs and is ready goes before others. Of equals the first by name, where kubectl takes the oldest.
 */
export function podOfWorkload(store: Store, { resource, namespace, name }: WorkloadName): Pod {
  const workload = store.get(resource, namespace, name);
  if (workload === undefined)
    throw new UnknownEndpoint(
      `there is no ${resource} "${namespace}/${name}"`,
      nearNames({ namespace, name }, store.list(resource)),
    );
  const { selector } = workload.spec;
  const isOwn = (pod: Pod): boolean => {
    if (selector !== undefined) return matchesSelector(selector, pod.labels);
    const owner = controllerOf(pod);
    return owner?.kind === resource && owner.name === name;
  };
  const rank = (pod: Pod): number =>
    (pod.spec.nodeName === '' ? 0 : 4) + (phaseOf(pod) === 'Running' ? 2 : 0) + (isReady(pod) ? 1 : 0);
  const [first] = store
    .list('Pod', namespace)
    .filter(isOwn)
    .sort((a, b) => rank(b) - rank(a));
  if (first === undefined) throw new UnknownEndpoint(`${resource} "${namespace}/${name}" has no pod`);
  return first;
}
