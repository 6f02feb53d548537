/**
 * The scheduler's share that decides which packets go where: pods without a node are given one that fits,
 * and are spread evenly. Filters as kube-scheduler runs them, in its order; the score is the number of pods
 * alone (fewest first, then by name), so that the same cluster is always placed the same.
 * Differs: no resources, no pod affinity, no topology spread, no preferences, no pre-emption.
 */

import { type IpAddress } from './address.js';
import type { PodSpec } from './kinds/pod.js';
import { type Finding, finding } from './messages.js';
import { misfit, namedNodes } from './node-fit.js';
import { controllerOf, isFinished } from './pods.js';
import type { Store } from './store.js';
import type { KubeNode, Pod } from './types.js';

interface HostPort {
  readonly protocol: string;
  readonly port: number;
  /** Undefined: on every address. */
  readonly hostIP: IpAddress | undefined;
}

const hostPortsOf = ({ containers }: PodSpec): readonly HostPort[] =>
  containers.flatMap(({ ports }) =>
    ports
      .filter(({ hostPort }) => hostPort !== 0)
      .map(({ protocol, hostPort, hostIP }) => ({
        protocol,
        port: hostPort,
        hostIP: hostIP === 0 ? undefined : hostIP,
      })),
  );

/** framework/types.go:HostPortInfo.CheckConflict(): one without an address conflicts with any. */
const conflicts = (a: HostPort, b: HostPort): boolean =>
  a.protocol === b.protocol &&
  a.port === b.port &&
  (a.hostIP === undefined || b.hostIP === undefined || String(a.hostIP) === String(b.hostIP));

/** A node and what runs on it so far. */
class Place {
  readonly node: KubeNode;
  #pods = 0;
  readonly #hostPorts: HostPort[] = [];

  constructor(node: KubeNode) {
    this.node = node;
  }

  get pods(): number {
    return this.#pods;
  }

  take({ spec }: Pod): void {
    this.#pods++;
    this.#hostPorts.push(...hostPortsOf(spec));
  }

  /** Why it has no room for a pod that would fit an empty node. */
  full(hostPorts: readonly HostPort[]): string | undefined {
    if (hostPorts.some((wanted) => this.#hostPorts.some((held) => conflicts(wanted, held)))) {
      return "node(s) didn't have free ports for the requested pod ports";
    }
    return this.#pods >= this.node.status.maxPods ? 'Too many pods' : undefined;
  }
}

interface Fitting {
  readonly places: readonly Place[];
  /** Reason to the nodes that it excludes. */
  readonly excluded: ReadonlyMap<string, readonly string[]>;
}

const MAX_NAMED = 5;

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
  /** Pods of one template share their spec, and what fits them. */
  readonly #fitting = new Map<PodSpec, Fitting>();

  constructor(nodes: readonly KubeNode[]) {
    this.#places = nodes.map((node) => new Place(node));
    for (const place of this.#places) this.#byName.set(place.node.name, place);
  }

  assume(pod: Pod): void {
    this.#byName.get(pod.spec.nodeName)?.take(pod);
  }

  #fittingFor(spec: PodSpec): Fitting {
    const held = this.#fitting.get(spec);
    if (held !== undefined) return held;
    const excluded = new Map<string, string[]>();
    const only = namedNodes(spec);
    const named = only?.flatMap((name) => this.#byName.get(name) ?? []);
    const places = (named ?? this.#places).filter(({ node }) => {
      const reason = misfit(spec, node);
      if (reason !== undefined) add(excluded, reason, node.name);
      return reason === undefined;
    });
    const passed = named === undefined ? [] : this.#places.filter((place) => !named.includes(place));
    for (const { node } of passed) add(excluded, "node(s) didn't match Pod's node affinity/selector", node.name);
    const fitting = { places, excluded };
    this.#fitting.set(spec, fitting);
    return fitting;
  }

  /** The node for a pod, or why there is none. */
  place(pod: Pod): { readonly node: KubeNode } | { readonly why: string } {
    const { places, excluded } = this.#fittingFor(pod.spec);
    const hostPorts = hostPortsOf(pod.spec);
    let best: Place | undefined;
    for (const place of places) {
      if (best !== undefined && place.pods >= best.pods) continue; // places are in order of name
      if (place.full(hostPorts) === undefined) best = place;
    }
    if (best !== undefined) {
      best.take(pod);
      return { node: best.node };
    }
    const reasons = new Map([...excluded].map(([reason, names]) => [reason, [...names]]));
    for (const place of places) add(reasons, place.full(hostPorts) ?? '', place.node.name);
    return { why: explain(this.#places.length, reasons) };
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
