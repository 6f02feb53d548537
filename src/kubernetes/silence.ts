/**
 * Nodes of which nobody hears any more, as the node controller marks them and the pods there
 * (pkg/controller/nodelifecycle/node_lifecycle_controller.go, pkg/controller/util/node/controller_utils.go:MarkPodsNotReady()).
 */

import type { Taint } from './kinds/node.js';
import type { Store } from './store.js';
import type { KubeNode } from './types.js';

const UNREACHABLE = 'node.kubernetes.io/unreachable';
const NOT_READY = 'node.kubernetes.io/not-ready';

/** Where no node is heard of it is the controller that nobody hears, and nobody is ended (handleDisruption()). */
const effectsOf = (isAlone: boolean): readonly Taint['effect'][] =>
  isAlone ? ['NoSchedule'] : ['NoSchedule', 'NoExecute'];

function silenced(node: KubeNode, isAlone: boolean): KubeNode {
  const others = node.spec.taints.filter(({ key }) => key !== UNREACHABLE && key !== NOT_READY);
  const own = effectsOf(isAlone).map((effect): Taint => ({ key: UNREACHABLE, value: '', effect }));
  return {
    ...node,
    spec: { ...node.spec, taints: [...others, ...own] },
    status: { ...node.status, ready: false, silent: true },
  };
}

/** Before pods are given nodes. */
export function silenceNodes(store: Store, names: ReadonlySet<string>): void {
  const nodes = store.list('Node');
  const isAlone = nodes.every(({ name }) => names.has(name));
  for (const node of nodes) if (names.has(node.name)) store.put('Node', silenced(node, isAlone));
}

/** Nobody knows better than that their pods are not ready. */
export function silencePods(store: Store, names: ReadonlySet<string>): void {
  for (const pod of store.list('Pod'))
    if (names.has(pod.spec.nodeName)) store.put('Pod', { ...pod, status: { ...pod.status, ready: false } });
}
