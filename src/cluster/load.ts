/** Files to objects, podwire's own kinds included. */

import {
  type ClusterInput,
  completeServices,
  loadCluster,
  type LoadedCluster,
  readSources,
  registeredKind,
  type SourceText,
  type ConfigError,
} from '../kubernetes/index.js';
import { hostConfigKind, physicalNetworkKind } from '../underlay/index.js';
import { type ExpectationsSpec, expectationsKind } from './expectations.js';
import { type HostConfigObject, type PhysicalNetworkObject } from './documents.js';
import { applyRecorded, type RecordedState } from './recorded.js';

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
    ...(recorded === undefined ? {} : { beforeScheduling: (store) => applyRecorded(store, recorded) }),
  });
  return {
    ...loaded,
    findings: [...loaded.findings, ...completeServices(loaded.store, seed)],
    networks: network.objects.list(),
    hostConfigs: hostConfig.objects.list(),
    expectations: expectations.objects.list().map(({ body }) => body.spec),
  };
}

/** Files and folders by path; `-` is standard input. A path that cannot be read is an error like any other. */
export function readPaths(paths: readonly string[]): {
  readonly sources: readonly SourceText[];
  readonly errors: readonly ConfigError[];
} {
  const { sources, unreadable } = readSources(paths);
  const errors = unreadable.map(
    ({ path, why }): ConfigError => ({
      file: path,
      line: 0,
      column: 0,
      object: '',
      path: '',
      expected: 'a file or folder that can be read',
      got: why,
    }),
  );
  return { sources, errors };
}
