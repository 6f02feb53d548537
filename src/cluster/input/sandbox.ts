/** Names that a container runtime draws at random, here a function of the pod: sandbox, namespace, containers. */

import { createHash } from 'node:crypto';
import type { Pod } from '../../kubernetes/index.js';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

const identity = ({ namespace, name, uid }: Pod): string => `${namespace}/${name}/${uid ?? ''}`;

const CONTAINER_ID_ANNOTATION = 'cni.projectcalico.org/containerID';

/** The sandbox's id: what the CNI plugin wrote down, else 64 hex digits of the pod's identity. */
export function containerId(pod: Pod): string {
  const recorded = pod.annotations[CONTAINER_ID_ANNOTATION];
  return recorded === undefined || recorded === '' ? digest(identity(pod)) : recorded;
}

/** containerd's `cni-<uuid>`. */
export function netnsName(pod: Pod): string {
  const hex = digest(`netns ${identity(pod)}`);
  return `cni-${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** What its status says of a container of the pod, else an id of 64 hex digits. */
export const ownContainerId = (pod: Pod, name: string): string =>
  pod.status.containers.find((one) => one.name === name)?.id ?? digest(`container ${identity(pod)} ${name}`);

/** A number between 0 and `size`, and another one for each text. */
export const numberOf = (text: string, size: number): number => Number.parseInt(digest(text).slice(0, 8), 16) % size;
