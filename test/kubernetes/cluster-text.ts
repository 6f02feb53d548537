/** Small manifests for tests, and what a loaded cluster looks like in one line a pod. */

import { loadCluster, type Pod, type Store } from '../../src/kubernetes/index.js';

/** Documents as one text. Objects are written as JSON, which is YAML. */
export const manifests = (...objects: readonly object[]): string =>
  objects.map((object) => JSON.stringify(object)).join('\n---\n');

export const load = (...objects: readonly object[]) =>
  loadCluster([{ file: 'in.yaml', text: manifests(...objects) }], { seed: 1 });

export const node = (name: string, rest: { labels?: object; spec?: object; status?: object } = {}) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: rest.labels ?? {} },
  spec: rest.spec ?? {},
  status: rest.status ?? {},
});

export const NODES = [node('a'), node('b'), node('c')];

const LABELS = { app: 'web' };
export const template = (spec: object = {}, metadata: object = { labels: LABELS }) => ({
  metadata,
  spec: { containers: [{ name: 'c' }], ...spec },
});

export const workload = (kind: string, spec: object, metadata: object = {}) => ({
  apiVersion: kind === 'Job' || kind === 'CronJob' ? 'batch/v1' : kind === 'ReplicationController' ? 'v1' : 'apps/v1',
  kind,
  metadata: { name: 'web', ...metadata },
  spec: { ...(kind === 'Job' ? {} : { selector: { matchLabels: LABELS } }), template: template(), ...spec },
});

export const pod = (name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [{ name: 'c' }], ...spec },
});

export const podsOf = (store: Store): readonly Pod[] => store.list('Pod');
/** `web-0@a`. */
export const placed = (store: Store): readonly string[] =>
  podsOf(store).map(({ name, spec }) => `${name}@${spec.nodeName}`);
export const perNode = (store: Store): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { spec } of podsOf(store)) counts[spec.nodeName] = (counts[spec.nodeName] ?? 0) + 1;
  return counts;
};
