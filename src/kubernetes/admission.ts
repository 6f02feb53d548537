/**
 * What the API server, kubelet and the controller manager add to objects that people write by hand, so that
 * they are as `kubectl get` would show them. What is there already stays.
 */

import { type Finding, finding, type Subject } from './messages.js';
import type { Labels } from './schema/kind.js';
import type { Store } from './store.js';
import { ALL_KINDS, KINDS } from './kinds/table.js';
import type { KubeNode, Namespace } from './types.js';

const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';
/** Every cluster has them (pkg/controlplane/controller/systemnamespaces). */
const SYSTEM_NAMESPACES = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);

/** pkg/registry/core/namespace/strategy.go: the label that policies select namespaces by. */
const labelled = (namespace: Namespace): Namespace => ({
  ...namespace,
  labels: { ...namespace.labels, [NAMESPACE_LABEL]: namespace.name },
});

/** pkg/kubelet/kubelet_node_status.go:initialNode(). */
const nodeLabels = ({ name, status }: KubeNode): Labels => ({
  'kubernetes.io/hostname': status.hostname ?? name,
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': 'amd64',
});

function completeNodes(store: Store): void {
  for (const node of store.list('Node')) {
    store.put('Node', { ...node, labels: { ...nodeLabels(node), ...node.labels } });
  }
}

/** The namespaces that objects are in, with the first object of each. */
function usedNamespaces(store: Store): ReadonlyMap<string, Subject> {
  const used = new Map<string, Subject>();
  for (const kind of ALL_KINDS) {
    if (!KINDS[kind].namespaced) continue;
    for (const { namespace, name, source } of store.list(kind)) {
      if (!used.has(namespace)) used.set(namespace, { kind: KINDS[kind].kind, namespace, name, source });
    }
  }
  return used;
}

const assumedNamespace = (name: string, { source }: Subject): Namespace =>
  labelled({
    apiVersion: 'v1',
    kind: 'Namespace',
    namespace: '',
    name,
    labels: {},
    annotations: {},
    uid: undefined,
    ownerReferences: [],
    terminating: false,
    source,
  });

function completeNamespaces(store: Store, broken: ReadonlySet<string>): readonly Finding[] {
  for (const namespace of store.list('Namespace')) store.put('Namespace', labelled(namespace));
  const findings: Finding[] = [];
  for (const [name, user] of usedNamespaces(store)) {
    if (store.get('Namespace', '', name) !== undefined || broken.has(`Namespace//${name}`)) continue;
    store.put('Namespace', assumedNamespace(name, user));
    if (SYSTEM_NAMESPACES.has(name)) continue;
    const message = `namespace ${name} is not among the input: it is assumed, without labels of its own`;
    findings.push(finding(user, ['metadata', 'namespace'], { code: 'namespace-assumed', severity: 'notice', message }));
  }
  return findings;
}

/** pkg/controller/serviceaccount: each namespace has one called `default`. */
function completeServiceAccounts(store: Store): void {
  for (const namespace of store.list('Namespace')) {
    if (store.get('ServiceAccount', namespace.name, 'default') !== undefined) continue;
    store.put('ServiceAccount', {
      ...namespace,
      kind: 'ServiceAccount',
      namespace: namespace.name,
      name: 'default',
      labels: {},
      annotations: {},
      uid: undefined,
    });
  }
}

export function completeObjects(store: Store, broken: ReadonlySet<string>): readonly Finding[] {
  completeNodes(store);
  const findings = completeNamespaces(store, broken);
  completeServiceAccounts(store);
  return findings;
}
