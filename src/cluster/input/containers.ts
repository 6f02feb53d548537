/**
 * The containers of a pod that are to run side by side: its own, and init containers that go on beside them, native
 * sidecars; and those of them of which no process runs, as its status says.
 */

import type { Container, Pod } from '../../kubernetes/index.js';

export const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always';

export interface PlacedContainer {
  readonly container: Container;
  /** Where it stands in the pod. */
  readonly path: readonly ['spec', 'containers' | 'initContainers', number];
}

/** Sidecars first: they start before the others. */
export const placedContainers = ({ spec }: Pod): readonly PlacedContainer[] => [
  ...spec.initContainers.flatMap((container, i): PlacedContainer[] =>
    isSidecar(container) ? [{ container, path: ['spec', 'initContainers', i] }] : [],
  ),
  ...spec.containers.map((container, i): PlacedContainer => ({ container, path: ['spec', 'containers', i] })),
];

export const longContainers = (pod: Pod): readonly Container[] =>
  placedContainers(pod).map(({ container }) => container);

/** Why no process of the container runs (`CrashLoopBackOff`), or undefined where one does. */
export function whyStopped({ status }: Pod, container: string): string | undefined {
  const stopped = status.stopped.find(({ name }) => name === container);
  return stopped && (stopped.reason || 'it does not run');
}

export const runningContainers = (pod: Pod): readonly Container[] =>
  longContainers(pod).filter(({ name }) => whyStopped(pod, name) === undefined);
