/**
 * Pods that are deleted while nobody hears of their nodes. The API server keeps them, on their way out, until their kubelets say that
 * they are gone, whoever deletes them and whatever becomes of their owners (pkg/registry/core/pod/strategy.go:CheckGracefulDelete()).
 */

import type { Cluster } from '../../cluster/index.js';
import {
  type Declared,
  type DeletedPod,
  formatKey,
  isFinished,
  type ObjectKey,
  type Pod,
  renderObject,
  type Silence,
  type Store,
  type TerminatingPod,
  writtenPod,
} from '../../kubernetes/index.js';
import { NS_PER_S } from '../../kernel/index.js';
import { timeOf } from './managed-fields/index.js';

/** terminationGracePeriodSeconds, where nothing else is said, after which a pod is to be gone. */
const GRACE_NS = 30 * NS_PER_S;

/** The deletionTimestamp of what is deleted then. */
export const deletionTime = (nowNs: number): string => timeOf(nowNs + GRACE_NS);

/** Objects as they shall be. */
export interface Wanted {
  readonly declared: Declared;
  /** Pods of controllers that go. */
  readonly deletedPods: readonly DeletedPod[];
  readonly silence: Silence;
  /** Pods that go at once, whoever runs them. */
  readonly forced: readonly DeletedPod[];
}

interface Before {
  readonly declared: Declared;
  readonly cluster: Cluster;
}

const nameOf = ({ namespace, name }: DeletedPod): string => `${namespace}/${name}`;

/** Pods of kubelets of which nobody hears, or has heard since the pods were deleted. */
function unheard({ cluster }: Before, { silence, forced }: Wanted): readonly Pod[] {
  const silent = new Set(silence.nodes);
  const [marked, atOnce] = [new Set(silence.pods.map(nameOf)), new Set(forced.map(nameOf))];
  if (silent.size === 0 && marked.size === 0) return [];
  return cluster.store
    .list('Pod')
    .filter((pod) => silent.has(pod.spec.nodeName) || marked.has(nameOf(pod)))
    .filter((pod) => !isFinished(pod) && !atOnce.has(nameOf(pod)));
}

/** Not in `next`, or another is there in its place; its node and its namespace are. */
function isMissing({ namespace, name, uid, spec }: Pod, next: Store): boolean {
  const there = next.get('Pod', namespace, name);
  if (there !== undefined && there.uid === uid) return false;
  return next.get('Node', '', spec.nodeName) !== undefined && next.get('Namespace', '', namespace) !== undefined;
}

/** The pod as it is declared, or as its controller made it. */
function textOf(pod: Pod, { declared, cluster: { store } }: Before): { readonly file: string; readonly text: string } {
  const { namespace, name } = pod;
  const key: ObjectKey = { group: '', kind: 'Pod', namespace, name };
  const object = declared.byId.get(formatKey(key));
  const value = object === undefined ? writtenPod(pod, { declared, store }) : renderObject(object);
  return { file: `${namespace}-${name}.json`, text: JSON.stringify(value, null, 2) };
}

/** What is wanted, where pods of which nobody could say that they are gone are on their way out. */
export function keepingUnheard(before: Before, wanted: Wanted, build: (wanted: Wanted) => Cluster): Wanted {
  const pods = unheard(before, wanted);
  if (pods.length === 0) return wanted;
  const next = build(wanted);
  const missing = pods.filter((pod) => isMissing(pod, next.store));
  if (missing.length === 0) return wanted;
  const { deletedPods, silence } = wanted;
  const names = new Set(missing.map(nameOf));
  const marked = new Set(silence.pods.map(nameOf));
  const deletionTimestamp = deletionTime(before.cluster.emulation.clock.nowNs);
  const added = missing
    .filter((pod) => !marked.has(nameOf(pod)))
    .map(({ namespace, name }): TerminatingPod => ({ namespace, name, deletionTimestamp }));
  return {
    ...wanted,
    declared: missing.reduce((declared, pod) => declared.with(textOf(pod, before)).declared, wanted.declared),
    deletedPods: deletedPods.filter((pod) => !names.has(nameOf(pod))),
    silence: { ...silence, pods: [...silence.pods, ...added] },
  };
}
