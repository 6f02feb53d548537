/** Names that a container runtime draws at random, here a function of the pod: sandbox and namespace. */

import { createHash } from 'node:crypto';
import type { Pod } from '../../kubernetes/index.js';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

const CONTAINER_ID_ANNOTATION = 'cni.projectcalico.org/containerID';

/** The sandbox's id: what the CNI plugin wrote down, else 64 hex digits of the pod's identity. */
export function containerId(pod: Pod): string {
  const recorded = pod.annotations[CONTAINER_ID_ANNOTATION];
  return recorded === undefined || recorded === '' ? digest(`${pod.namespace}/${pod.name}/${pod.uid ?? ''}`) : recorded;
}

/** containerd's `cni-<uuid>`. */
export function netnsName(pod: Pod): string {
  const hex = digest(`netns ${pod.namespace}/${pod.name}/${pod.uid ?? ''}`);
  return `cni-${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
