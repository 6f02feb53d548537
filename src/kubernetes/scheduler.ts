/**
 * The scheduler's share that decides which packets go where: pods without a node are given one that fits,
 * and are spread evenly. Filters as kube-scheduler runs them, in its order; of those that fit, the score takes the
 * ones with fewest unwelcome taints (weight 3) and most of the preferred node affinity (weight 2), of these the one
 * with the fewest pods, then by name, so that the same cluster is always placed the same.
 * Differs: no resources, no pod affinity, no topology spread, no pre-emption.
 */

import type { PodSpec } from './kinds/pod.js';
import { type Finding, finding } from './messages.js';
import { misfit, namedNodes, preferredWeight, unwelcomeTaints } from './node-fit.js';
import { hostPortsOf, Place, PlaceQueue } from './place.js';
import { controllerOf, isFinished } from './pods.js';
import type { Store } from './store.js';
import type { KubeNode, Pod } from './types.js';

const MAX_NAMED = 5;
/** pkg/scheduler/apis/config/v1/default_plugins.go. */
const TAINT_WEIGHT = 3;
const AFFINITY_WEIGHT = 2;

const nameSome = (names: readonly string[]): string =>
  names.length <= MAX_NAMED
    ? names.join(', ')
    : `${names.slice(0, MAX_NAMED).join(', ')} and ${names.length - MAX_NAMED} more`;

/** `0/3 nodes are available: 2 Too many pods (a, b), 1 node(s) were unschedulable (c)`. */
function explain(nodes: number, reasons: ReadonlyMap<string, readonly string[]>): string {
  if (nodes === 0) return 'no nodes available to schedule pods';
  const parts = [...reasons].map(([reason, names]) => `${names.length} ${reason} (${nameSome(names)})`).sort();
  return `0/${nodes} nodes are available: ${parts.join(', ')}`;
}

const add = (reasons: Map<string, string[]>, reason: string, name: string): void => {
  const names = reasons.get(reason);
  if (names === undefined) reasons.set(reason, [name]);
  else names.push(name);
};

class Scheduler {
  readonly #places: readonly Place[];
  readonly #byName = new Map<string, Place>();
  readonly #bySpec = new Map<PodSpec, PlaceQueue>();
  /** Most workloads of a cluster ask for the same: nothing. */
  readonly #byWishes = new Map<string, PlaceQueue>();

  constructor(nodes: readonly KubeNode[]) {
    this.#places = nodes.map((node, rank) => new Place(node, rank));
    for (const place of this.#places) this.#byName.set(place.node.name, place);
  }

  assume(pod: Pod): void {
    this.#byName.get(pod.spec.nodeName)?.take(pod);
  }

  #queueFor(spec: PodSpec): PlaceQueue {
    const held = this.#bySpec.get(spec);
    if (held !== undefined) return held;
    const wishes = JSON.stringify([spec.nodeSelector, spec.affinity, spec.tolerations]);
    const queue = this.#byWishes.get(wishes) ?? this.#newQueue(spec);
    this.#byWishes.set(wishes, queue);
    this.#bySpec.set(spec, queue);
    return queue;
  }

  /** Both scores are made a part of the best among the nodes that fit (helper.DefaultNormalizeScore()). */
  #newQueue(spec: PodSpec): PlaceQueue {
    const places = this.#fitting(spec);
    const mostTaints = Math.max(1, ...places.map(({ node }) => unwelcomeTaints(spec, node)));
    const mostWeight = Math.max(1, ...places.map(({ node }) => preferredWeight(spec, node)));
    return new PlaceQueue(
      places,
      ({ node }) =>
        TAINT_WEIGHT * (unwelcomeTaints(spec, node) / mostTaints) -
        AFFINITY_WEIGHT * (preferredWeight(spec, node) / mostWeight),
    );
  }

  /** The places that would take it were they empty. */
  #fitting(spec: PodSpec): readonly Place[] {
    const named = namedNodes(spec)?.flatMap((name) => this.#byName.get(name) ?? []);
    return [...new Set(named ?? this.#places)].filter(({ node }) => misfit(spec, node) === undefined);
  }

  #explain(pod: Pod): string {
    const hostPorts = hostPortsOf(pod.spec);
    const reasons = new Map<string, string[]>();
    for (const place of this.#places) {
      const inTheWay = place.hasFree(hostPorts)
        ? 'Too many pods'
        : "node(s) didn't have free ports for the requested pod ports";
      add(reasons, misfit(pod.spec, place.node) ?? inTheWay, place.node.name);
    }
    return explain(this.#places.length, reasons);
  }

  /** The node for a pod, or why there is none. */
  place(pod: Pod): { readonly node: KubeNode } | { readonly why: string } {
    const place = this.#queueFor(pod.spec).emptiest(hostPortsOf(pod.spec));
    if (place === undefined) return { why: this.#explain(pod) };
    place.take(pod);
    return { node: place.node };
  }
}

const isPending = (pod: Pod): boolean => pod.spec.nodeName === '' && !isFinished(pod) && !pod.terminating;

/** DaemonSet pods first: each has one node to go to, and the others go round them. */
const daemonsFirst = (pods: readonly Pod[]): readonly Pod[] => [
  ...pods.filter((pod) => controllerOf(pod)?.kind === 'DaemonSet'),
  ...pods.filter((pod) => controllerOf(pod)?.kind !== 'DaemonSet'),
];

/** Gives every pending pod that fits somewhere its node; the findings name the others. */
export function schedule(store: Store): readonly Finding[] {
  const scheduler = new Scheduler(store.list('Node'));
  const pods = store.list('Pod');
  for (const pod of pods) if (pod.spec.nodeName !== '' && !isFinished(pod)) scheduler.assume(pod);
  const findings: Finding[] = [];
  for (const pod of daemonsFirst(pods.filter(isPending))) {
    const placed = scheduler.place(pod);
    if ('node' in placed) store.put('Pod', { ...pod, spec: { ...pod.spec, nodeName: placed.node.name } });
    else {
      const message = `it stays Pending: ${placed.why}`;
      findings.push(finding(pod, ['spec'], { code: 'pod-pending', severity: 'warning', message }));
    }
  }
  return findings;
}
