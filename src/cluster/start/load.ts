/** Files to objects, podwire's own kinds included. */

import {
  type ClusterInput,
  completeServices,
  loadCluster,
  type LoadedCluster,
  registeredKind,
} from '../../kubernetes/index.js';
import { hostConfigKind, physicalNetworkKind } from '../../underlay/index.js';
import { type ExpectationsSpec, expectationsKind } from '../trace/expectations.js';
import { type HostConfigObject, type PhysicalNetworkObject } from '../input/documents.js';
import { applyRecorded, type RecordedState, runningPods } from '../input/recorded.js';
import { selectorChecks } from '../input/selectors.js';

export interface ClusterDocuments extends LoadedCluster {
  readonly networks: readonly PhysicalNetworkObject[];
  readonly hostConfigs: readonly HostConfigObject[];
  readonly expectations: readonly ExpectationsSpec[];
}

/** Objects of the sources, in a store, and podwire's own documents beside it. */
export function loadDocuments(
  input: ClusterInput,
  { seed, recorded }: { readonly seed: number; readonly recorded?: RecordedState | undefined },
): ClusterDocuments {
  const network = registeredKind(physicalNetworkKind);
  const hostConfig = registeredKind(hostConfigKind);
  const expectations = registeredKind(expectationsKind);
  const loaded = loadCluster(input, {
    seed,
    kinds: [network, hostConfig, expectations],
    checks: selectorChecks,
    ...(recorded === undefined
      ? {}
      : {
          beforeScheduling: (store) => applyRecorded(store, recorded),
          runs: runningPods(recorded),
          deletedPods: recorded.deletedPods,
          silence: recorded.silence,
        }),
  });
  return {
    ...loaded,
    findings: [...loaded.findings, ...completeServices(loaded.store, seed)],
    networks: network.objects.list(),
    hostConfigs: hostConfig.objects.list(),
    expectations: expectations.objects.list().map(({ body }) => body.spec),
  };
}
