/** What cannot send anything, nor run a command, while a fault lasts. */

import {
  type Cluster,
  type EndpointName,
  isNameProblem,
  parseEndpointName,
  UnknownEndpoint,
} from '../../cluster/index.js';
import { Problem } from '../problem.js';
import type { Faults } from './faults.js';

/** Undefined where nobody runs: whoever sends from there is told so. */
function placeOf(cluster: Cluster, endpoint: EndpointName) {
  try {
    return cluster.locate(endpoint);
  } catch (error) {
    if (error instanceof UnknownEndpoint) return undefined;
    throw error;
  }
}

/** Which fault keeps who is meant there from doing anything: `worker1 is off`. */
export function whyOff(cluster: Cluster, faults: Faults, endpoint: EndpointName): string | undefined {
  if (faults.list().length === 0) return undefined;
  const place = placeOf(cluster, endpoint);
  if (place === undefined) return undefined;
  const { pod, netns } = place;
  if (pod !== undefined && faults.isPodDown(pod.namespace, pod.name)) return `pod ${pod.namespace}/${pod.name} is down`;
  return faults.isOff(netns.host.name) ? `${netns.host.name} is off` : undefined;
}

/** @throws Problem where a fault keeps what the name means from doing anything */
export function requireOn(cluster: Cluster, faults: Faults, name: string): void {
  const endpoint = parseEndpointName(name);
  const why = isNameProblem(endpoint) ? undefined : whyOff(cluster, faults, endpoint);
  if (why !== undefined) throw new Problem('conflict', `${why}: mend the fault first`);
}
