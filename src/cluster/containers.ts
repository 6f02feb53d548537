/** The containers of a pod that run side by side: its own, and init containers that go on beside them, native sidecars. */

import type { Container, Pod } from '../kubernetes/index.js';

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

export const runningContainers = (pod: Pod): readonly Container[] =>
  placedContainers(pod).map(({ container }) => container);
