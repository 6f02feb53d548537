/**
 * Whether a node takes a pod: the scheduler's filters that need no knowledge of other pods
 * (pkg/scheduler/framework/plugins/nodeaffinity, tainttoleration, nodeunschedulable). The DaemonSet
 * controller asks the same.
 */

import type { NodeTerm, PodSpec, Toleration } from './kinds/pod.js';
import type { Taint } from './kinds/node.js';
import type { Labels } from './schema/kind.js';
import { hasLabels, meetsRequirement } from './selector.js';
import type { KubeNode } from './types.js';

/** A pod's wishes, apart from what it runs. */
export type Placement = Pick<PodSpec, 'nodeSelector' | 'affinity' | 'tolerations'>;

const fieldsOf = (node: KubeNode): Labels => ({ 'metadata.name': node.name });

/** A term without requirements matches nothing. */
function matchesTerm({ matchExpressions, matchFields }: NodeTerm, node: KubeNode): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const fields = fieldsOf(node);
  return (
    matchExpressions.every((requirement) => meetsRequirement(requirement, node.labels)) &&
    matchFields.every((requirement) => meetsRequirement(requirement, fields))
  );
}

const requiredTerms = ({ affinity }: Placement): readonly NodeTerm[] | undefined =>
  affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;

/** nodeSelector, and one of the required terms where there are any. */
export function matchesNodeAffinity(placement: Placement, node: KubeNode): boolean {
  const terms = requiredTerms(placement);
  return (
    hasLabels(placement.nodeSelector, node.labels) &&
    (terms === undefined || terms.some((term) => matchesTerm(term, node)))
  );
}

/** The only nodes that the required terms leave, where every term names some: how DaemonSet pods are bound. */
export function namedNodes(placement: Placement): readonly string[] | undefined {
  const terms = requiredTerms(placement);
  if (terms === undefined || terms.length === 0) return undefined;
  const names: string[] = [];
  for (const { matchFields } of terms) {
    const byName = matchFields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
    if (byName === undefined) return undefined;
    names.push(...byName.values);
  }
  return names;
}

/** k8s.io/api/core/v1/toleration.go:ToleratesTaint(). */
function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  return operator === 'Exists' || (key !== '' && value === taint.value);
}

/** plugin/pkg/admission/defaulttolerationseconds: every pod waits so long for a node to be well again. */
const WAITED_FOR = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
const WAIT_SECONDS = 300;

const endsPods = ({ effect }: Toleration): boolean => effect === undefined || effect === 'NoExecute';

/** Those that the API server adds to a pod's own. */
export function addedTolerations({ tolerations }: Placement): readonly Toleration[] {
  const own = tolerations.filter(endsPods);
  return WAITED_FOR.filter((wanted) => !own.some(({ key }) => key === '' || key === wanted)).map((key) => ({
    key,
    operator: 'Exists',
    value: '',
    effect: 'NoExecute',
    tolerationSeconds: WAIT_SECONDS,
  }));
}

/** A pod's tolerations of what ends pods that run. */
const noExecuteTolerations = (placement: Placement): readonly Toleration[] => [
  ...placement.tolerations.filter(endsPods),
  ...addedTolerations(placement),
];

/** For how long a pod that runs bears a taint: 0 where it does not (tainteviction/taint_eviction.go:getMinTolerationTime()). */
export function toleratedSeconds(placement: Placement, taint: Taint): number {
  if (taint.effect !== 'NoExecute') return Infinity;
  const toleration = noExecuteTolerations(placement).find((one) => tolerates(one, taint));
  return toleration === undefined ? 0 : Math.max(0, toleration.tolerationSeconds ?? Infinity);
}

/** Whether one of these taints ends a pod that runs, at once (tainteviction/taint_eviction.go:processPodOnNode()). */
export const isEvicted = (placement: Placement, taints: readonly Taint[]): boolean =>
  taints.some((taint) => toleratedSeconds(placement, taint) === 0);

const keepsOut = ({ effect }: Taint): boolean => effect === 'NoSchedule' || effect === 'NoExecute';

/** The first taint that keeps the pod out, or undefined. */
export const untoleratedTaint = ({ tolerations }: Placement, node: KubeNode): Taint | undefined =>
  node.spec.taints.find((taint) => keepsOut(taint) && !tolerations.some((toleration) => tolerates(toleration, taint)));

/** How many taints would rather keep the pod out (plugins/tainttoleration: countIntolerableTaintsPreferNoSchedule()). */
export const unwelcomeTaints = ({ tolerations }: Placement, node: KubeNode): number =>
  node.spec.taints.filter(
    (taint) => taint.effect === 'PreferNoSchedule' && !tolerations.some((toleration) => tolerates(toleration, taint)),
  ).length;

/** The weights of the preferred terms that the node meets (plugins/nodeaffinity: Score()). */
export const preferredWeight = ({ affinity }: Placement, node: KubeNode): number =>
  (affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    .filter(({ preference }) => matchesTerm(preference, node))
    .reduce((sum, { weight }) => sum + weight, 0);

const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', value: '', effect: 'NoSchedule' };

/** A cordoned node takes pods that tolerate the taint of that name only. */
const isCordonedFor = ({ tolerations }: Placement, node: KubeNode): boolean =>
  node.spec.unschedulable && !tolerations.some((toleration) => tolerates(toleration, UNSCHEDULABLE));

/** Why a node does not take a pod, in kube-scheduler's words; undefined where it does. */
export function misfit(placement: Placement, node: KubeNode): string | undefined {
  if (isCordonedFor(placement, node)) return 'node(s) were unschedulable';
  const taint = untoleratedTaint(placement, node);
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value}}`;
  return matchesNodeAffinity(placement, node) ? undefined : "node(s) didn't match Pod's node affinity/selector";
}
