/** Objects that controllers made, as a reader sees them: what is known of them, which is not every field of the real one. */

import {
  controllerOf,
  type Declared,
  type EndpointSlice,
  formatIp,
  formatKey,
  type JsonObject,
  type Kind,
  type LabelSelector,
  type ObjectKey,
  type ReplicaSet,
  type Store,
  writtenOwners,
  writtenPod,
  writtenTemplate,
} from '../../kubernetes/index.js';
import { withAdded, withVersion } from './assigned.js';

/** Kinds of which controllers make objects that nobody wrote. */
export const MADE = ['Pod', 'EndpointSlice', 'ReplicaSet', 'Job'] as const satisfies readonly Kind[];

/** Without texts and lists that are empty, and what is not there. */
const filled = (fields: Readonly<Record<string, JsonObject[string] | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(fields).filter(
      (entry): entry is [string, JsonObject[string]] =>
        entry[1] !== undefined && entry[1] !== '' && !(Array.isArray(entry[1]) && entry[1].length === 0),
    ),
  );

function sliceParts({ addressType, endpoints, ports }: EndpointSlice): JsonObject {
  return {
    addressType,
    endpoints: endpoints.map(({ addresses, conditions, targetRef, hints, ...endpoint }) =>
      filled({
        addresses: addresses.map(formatIp),
        conditions: { ...conditions },
        hostname: endpoint.hostname,
        nodeName: endpoint.nodeName,
        zone: endpoint.zone,
        targetRef: targetRef && filled({ ...targetRef }),
        hints:
          hints &&
          filled({
            forZones: hints.forZones.map((name) => ({ name })),
            forNodes: hints.forNodes.map((name) => ({ name })),
          }),
      }),
    ),
    // The name of a port is there even where it has none.
    ports: ports.map(({ name, ...port }) => ({ name, ...filled({ ...port }) })),
  };
}

const selectorParts = ({ matchLabels, matchExpressions }: LabelSelector): JsonObject =>
  filled({
    matchLabels: { ...matchLabels },
    matchExpressions: matchExpressions.map(({ key, operator, values }) =>
      filled({ key, operator, values: [...values] }),
    ),
  });

interface Cluster {
  readonly declared: Declared;
  readonly store: Store;
}

function setParts(set: ReplicaSet, cluster: Cluster): JsonObject {
  const { replicas, selector, template } = set.spec;
  const metadata = { labels: template.labels, annotations: template.annotations };
  const written = writtenTemplate(controllerOf(set), set.namespace, cluster);
  return { spec: { replicas, selector: selectorParts(selector), template: { ...written, metadata } } };
}

function partsOf(kind: (typeof MADE)[number], { namespace, name }: ObjectKey, cluster: Cluster): JsonObject {
  const { store } = cluster;
  const slice = kind === 'EndpointSlice' ? store.get(kind, namespace, name) : undefined;
  if (slice !== undefined) return sliceParts(slice);
  const set = kind === 'ReplicaSet' ? store.get(kind, namespace, name) : undefined;
  return set === undefined ? {} : setParts(set, cluster);
}

export const renderMade = (kind: (typeof MADE)[number], key: ObjectKey, cluster: Cluster): JsonObject =>
  withVersion(partsOfMade(kind, key, cluster), cluster.declared.versionOf(formatKey(key)));

function partsOfMade(kind: (typeof MADE)[number], key: ObjectKey, cluster: Cluster): JsonObject {
  const { store } = cluster;
  const pod = kind === 'Pod' ? store.get(kind, key.namespace, key.name) : undefined;
  if (pod !== undefined) return withAdded({ ...writtenPod(pod, cluster), status: {} }, key, store);
  const object = store.get(kind, key.namespace, key.name);
  if (object === undefined) return {};
  const { apiVersion, labels, annotations, uid } = object;
  const metadata: JsonObject = {
    name: key.name,
    namespace: key.namespace,
    labels,
    annotations,
    ...(uid === undefined ? {} : { uid }),
    ownerReferences: writtenOwners(object, store),
  };
  return withAdded({ apiVersion, kind, metadata, ...partsOf(kind, key, cluster) }, key, store);
}
