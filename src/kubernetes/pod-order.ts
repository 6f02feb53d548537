/**
 * Which of several pods count least: a ReplicaSet that has too many lets those go first
 * (pkg/controller/controller_utils.go:ActivePodsWithRanks), and kubectl asks the others (pkg/api/v1/pod/util.go:ActivePods).
 * Differs: of times the later is later, where a ReplicaSet's controller takes ages of about the same size for equal
 * (LogarithmicScaleDown) and goes by the uid then: nobody knows when a dump was made.
 */

import { isReady, phaseOf } from './pods.js';
import { labelOf } from './selector.js';
import type { Pod } from './types.js';

/** Below 0 where `a` counts less. */
type Order = (a: Pod, b: Pod) => number;

const by =
  (rank: (pod: Pod) => number): Order =>
  (a, b) =>
    rank(a) - rank(b);

/** The first order that tells them apart. */
const inTurn =
  (orders: readonly Order[]): Order =>
  (a, b) => {
    for (const order of orders) {
      const told = order(a, b);
      if (told !== 0) return told;
    }
    return 0;
  };

const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1 };

/** afterOrZero(): what has no time on record counts least, then what came last. */
const byTime =
  (timeOf: (pod: Pod) => string | undefined): Order =>
  (a, b) => {
    const [one, other] = [timeOf(a), timeOf(b)];
    if (one === other) return 0;
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
    return one > other ? -1 : 1;
  };

const byState: readonly Order[] = [
  by(({ spec }) => (spec.nodeName === '' ? 0 : 1)),
  by((pod) => PHASES[phaseOf(pod)] ?? 2),
  by((pod) => (isReady(pod) ? 1 : 0)),
];

const byHistory: readonly Order[] = [
  byTime((pod) => (isReady(pod) ? pod.status.readySince : undefined)),
  by(({ status }) => -status.restarts),
  byTime(({ creationTimestamp }) => creationTimestamp),
  (a, b) => (a.name < b.name ? 1 : a.name > b.name ? -1 : 0),
];

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const COST = /^(?:0|-?[1-9]\d*)$/;
const INT32 = { least: -0x80000000, most: 0x7fffffff };

/** pkg/apis/core/helper:GetDeletionCostFromPodAnnotations(): what is none counts as 0. */
function deletionCost({ annotations }: Pod): number {
  const text = labelOf(annotations, DELETION_COST) ?? '';
  const cost = COST.test(text) ? Number(text) : 0;
  return cost < INT32.least || cost > INT32.most ? 0 : cost;
}

/** Those that a controller with too many of them lets go first come first; `related` are on the nodes beside them. */
export function inOrderOfDeletion(pods: readonly Pod[], related: readonly Pod[]): readonly Pod[] {
  const onNode = new Map<string, number>();
  for (const { spec } of related) onNode.set(spec.nodeName, (onNode.get(spec.nodeName) ?? 0) + 1);
  const doubledUp = by(({ spec }) => -(onNode.get(spec.nodeName) ?? 0));
  return pods.toSorted(inTurn([...byState, by(deletionCost), doubledUp, ...byHistory]));
}

const byActivity = inTurn([...byState, ...byHistory]);

/** Of several pods of a workload the one that kubectl asks. */
export const mostActive = (pods: readonly Pod[]): Pod | undefined => pods.toSorted((a, b) => byActivity(b, a))[0];
