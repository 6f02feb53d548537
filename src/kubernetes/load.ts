/** A cluster from its files: objects read, workloads expanded into pods, pods placed. Addresses come later, by CNI. */

import { completeObjects } from './admission.js';
import { checkCluster } from './checks.js';
import { runControllers } from './controllers/run.js';
import { type LoadObjectsOptions, loadObjects } from './load-objects.js';
import type { ConfigError, Finding } from './messages.js';
import { schedule } from './scheduler.js';
import { loadDocuments, type RawDocument } from './source/documents.js';
import type { SourceText } from './source/source-text.js';
import type { Store } from './store.js';

export interface LoadedCluster {
  readonly store: Store;
  /** In the order of files and lines. With any, the store holds what could be read, and is not to be trusted. */
  readonly errors: readonly ConfigError[];
  readonly findings: readonly Finding[];
  /** Objects of kinds that are not modelled, as they were written. */
  readonly unmodelled: readonly RawDocument[];
}

interface Placed {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Files in the order they were given, each from top to bottom. */
function inReadingOrder<T extends Placed>(messages: readonly T[], sources: readonly SourceText[]): readonly T[] {
  const order = new Map(sources.map(({ file }, i) => [file, i]));
  const rank = ({ file }: Placed): number => order.get(file) ?? sources.length;
  return [...messages].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
}

/** The same sources and seed give the same cluster, in whatever order the sources come. */
export function loadCluster(sources: readonly SourceText[], options: LoadObjectsOptions): LoadedCluster {
  const { documents, errors } = loadDocuments(sources);
  const loading = loadObjects(documents, options);
  const { store, broken } = loading;
  const assumed = completeObjects(store, broken);
  const expanded = runControllers(store, options.seed);
  const pending = schedule(store);
  const checked = checkCluster(store, broken);
  return {
    store,
    errors: inReadingOrder([...errors, ...loading.errors, ...checked.errors], sources),
    findings: inReadingOrder([...loading.findings, ...assumed, ...expanded, ...pending, ...checked.findings], sources),
    unmodelled: loading.unmodelled,
  };
}
