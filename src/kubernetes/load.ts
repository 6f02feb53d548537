/** A cluster from its files: objects read, workloads expanded into pods, pods placed. Addresses come later, by CNI. */

import { completeObjects } from './admission.js';
import { checkCluster } from './checks.js';
import type { DeletedPod } from './controllers/pods.js';
import { runControllers } from './controllers/run.js';
import { admitPods } from './kubelet-admission.js';
import { type LoadObjectsOptions, loadObjects } from './load-objects.js';
import { type ConfigError, type Finding, refusal } from './messages.js';
import { schedule } from './scheduler.js';
import { refuseConflicts } from './service-conflicts.js';
import { marking, NO_SILENCE, type Silence, silenceNodes, silencePods } from './silence.js';
import { type Documents, loadDocuments, type RawDocument } from './source/documents.js';
import type { SourceText } from './source/source-text.js';
import type { Store } from './store.js';
import type { Pod, Service } from './types.js';

export interface LoadedCluster {
  readonly store: Store;
  /** In the order of files and lines. With any, the store holds what could be read, and is not to be trusted. */
  readonly errors: readonly ConfigError[];
  /** What the API server would refuse: findings tell of it, and the store lacks those objects. */
  readonly refusals: readonly ConfigError[];
  readonly findings: readonly Finding[];
  /** Objects of kinds that are not modelled, as they were written. */
  readonly unmodelled: readonly RawDocument[];
}

interface Placed {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Of files in the order they were given, each from top to bottom. */
function inReadingOrder<T extends Placed>(messages: readonly T[], files: readonly string[]): readonly T[] {
  const order = new Map(files.map((file, i) => [file, i]));
  const rank = ({ file }: Placed): number => order.get(file) ?? files.length;
  return [...messages].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
}

const placed = (service: Service): Service & Placed => {
  const { file, line, column } = service.source;
  return { ...service, file, line, column };
};

export interface LoadClusterOptions extends LoadObjectsOptions {
  /** Told of all pods before those without a node are given one: what is on record elsewhere can be put in. */
  readonly beforeScheduling?: ((store: Store) => void) | undefined;
  /** Pods that a kubelet runs already, of those that have a node. */
  readonly runs?: ((pod: Pod) => boolean) | undefined;
  /** Pods that were deleted: a controller that makes others in their place gives them other names, or at least another uid. */
  readonly deletedPods?: readonly DeletedPod[] | undefined;
  /** Nodes of which nobody has heard for longer than the node controller waits, and what has become of their pods. */
  readonly silence?: Silence | undefined;
}

/** Texts, or documents that were read of texts before. */
export type ClusterInput = readonly SourceText[] | Documents;

const isDocuments = (input: ClusterInput): input is Documents => 'documents' in input;

/** The same sources and seed give the same cluster, in whatever order the sources come. */
export function loadCluster(input: ClusterInput, options: LoadClusterOptions): LoadedCluster {
  const { documents, errors } = isDocuments(input) ? input : loadDocuments(input);
  const files = isDocuments(input)
    ? [...new Set(input.documents.map(({ source }) => source.file))]
    : input.map(({ file }) => file);
  const loading = loadObjects(documents, options);
  const { store, broken } = loading;
  const inOrder = <T extends Placed>(messages: readonly T[]): readonly T[] => inReadingOrder(messages, files);
  const assumed = completeObjects(store, broken);
  const { silence = NO_SILENCE } = options;
  silenceNodes(store, silence);
  const marked = marking(silence);
  const expanded = runControllers(store, {
    seed: options.seed,
    deleted: options.deletedPods,
    marked,
    runs: options.runs,
  });
  options.beforeScheduling?.(store);
  const conflicts = refuseConflicts(store, inOrder(store.list('Service').map(placed)));
  const refusals = inOrder([...loading.refusals, ...conflicts]);
  const refusedPods = admitPods(store, options.runs);
  const pending = schedule(store);
  silencePods(store, silence);
  const checked = checkCluster(store, broken);
  return {
    store,
    errors: inOrder([...errors, ...loading.errors, ...checked.errors]),
    refusals,
    findings: inOrder([
      ...refusals.map(refusal),
      ...loading.findings,
      ...assumed,
      ...expanded,
      ...refusedPods,
      ...pending,
      ...checked.findings,
    ]),
    unmodelled: loading.unmodelled,
  };
}
