/**
 * Nodes of which nobody hears any more, as the node controller marks them and the pods there
 * (pkg/controller/nodelifecycle/node_lifecycle_controller.go, pkg/controller/util/node/controller_utils.go:MarkPodsNotReady()).
 */

import type { Taint } from './kinds/node.js';
import type { Store } from './store.js';
import type { KubeNode, Pod } from './types.js';

const UNREACHABLE = 'node.kubernetes.io/unreachable';
const NOT_READY = 'node.kubernetes.io/not-ready';

/** A pod that was deleted while nobody heard of its node: its kubelet would have to say that it is gone. */
export interface TerminatingPod {
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339. */
  readonly deletionTimestamp: string;
}

export interface Silence {
  readonly nodes: readonly string[];
  /** Those of which pods end that do not bear it. */
  readonly givenUp: readonly string[];
  readonly pods: readonly TerminatingPod[];
}

export const NO_SILENCE: Silence = { nodes: [], givenUp: [], pods: [] };

const effectsOf = (isGivenUp: boolean): readonly Taint['effect'][] =>
  isGivenUp ? ['NoSchedule', 'NoExecute'] : ['NoSchedule'];

function silenced(node: KubeNode, isGivenUp: boolean): KubeNode {
  const others = node.spec.taints.filter(({ key }) => key !== UNREACHABLE && key !== NOT_READY);
  const own = effectsOf(isGivenUp).map((effect): Taint => ({ key: UNREACHABLE, value: '', effect }));
  return {
    ...node,
    spec: { ...node.spec, taints: [...others, ...own] },
    status: { ...node.status, ready: false, silent: true },
  };
}

/** Before pods are given nodes. */
export function silenceNodes(store: Store, { nodes, givenUp }: Silence): void {
  for (const name of nodes) {
    const node = store.get('Node', '', name);
    if (node !== undefined) store.put('Node', silenced(node, givenUp.includes(name)));
  }
}

/** As it is where it is one of these. */
export type Marked = (pod: Pod) => Pod;

export function marking({ pods }: Silence): Marked {
  const times = new Map(pods.map(({ namespace, name, ...rest }) => [`${namespace}/${name}`, rest.deletionTimestamp]));
  return (pod) => {
    const deletionTimestamp = times.get(`${pod.namespace}/${pod.name}`);
    return deletionTimestamp === undefined ? pod : { ...pod, terminating: true, deletionTimestamp };
  };
}

/** Nobody knows better than that their pods are not ready. */
export function silencePods(store: Store, { nodes }: Silence): void {
  const names = new Set(nodes);
  for (const pod of store.list('Pod'))
    if (names.has(pod.spec.nodeName)) store.put('Pod', { ...pod, status: { ...pod.status, ready: false } });
}
