/** What is asked of pods everywhere. */

import type { Meta, OwnerReference } from './schema/kind.js';
import type { Pod } from './types.js';

export const controllerOf = ({ ownerReferences }: Pick<Meta, 'ownerReferences'>): OwnerReference | undefined =>
  ownerReferences.find(({ controller }) => controller);

/** Its containers have ended for good: it has no network any more, and its address may be another's. */
export const isFinished = ({ status }: Pod): boolean => status.phase === 'Succeeded' || status.phase === 'Failed';

/** controller_utils.go:IsPodActive(): what counts as a replica. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && !pod.terminating;

/** Not ready only where that is recorded: a pod that podwire made, or that was written by hand, is taken to work. */
export const isReady = (pod: Pod): boolean => isActive(pod) && pod.status.ready !== false;

/** The recorded one, or what a kubelet comes to: a pod that has a node runs. */
export const phaseOf = ({ status, spec }: Pod): string =>
  status.phase ?? (spec.nodeName === '' ? 'Pending' : 'Running');
