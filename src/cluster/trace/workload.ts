/** Workloads in the place of their pods. */

import { controllerOf, labelOf, matchesSelector, mostActive, type Pod, type Store } from '../../kubernetes/index.js';
import type { WorkloadName } from './endpoint-name.js';
import { nearNames, UnknownEndpoint } from './unknown-endpoint.js';

interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** Of the pods that the workload's selector means. @throws UnknownEndpoint */
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
  const first = mostActive(store.list('Pod', namespace).filter(isOwn));
  if (first === undefined) throw new UnknownEndpoint(`${resource} "${namespace}/${name}" has no pod`);
  return first;
}

/** Of the pods that the Service selects: where programs of it run. @throws UnknownEndpoint */
export function podOfService(store: Store, { namespace, name }: Named): Pod {
  const service = store.get('Service', namespace, name);
  if (service === undefined)
    throw new UnknownEndpoint(
      `there is no Service "${namespace}/${name}"`,
      nearNames({ namespace, name }, store.list('Service')),
    );
  const selector = Object.entries(service.spec.selector);
  if (selector.length === 0)
    throw new UnknownEndpoint(`Service "${namespace}/${name}" has no selector: name a pod, a node or a host`);
  const isOwn = ({ labels }: Pod): boolean => selector.every(([key, value]) => labelOf(labels, key) === value);
  const first = mostActive(store.list('Pod', namespace).filter(isOwn));
  if (first === undefined) throw new UnknownEndpoint(`Service "${namespace}/${name}" selects no pod`);
  return first;
}
