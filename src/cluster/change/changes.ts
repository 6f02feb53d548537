/**
 * What changes in a cluster that goes on: other objects, pods that fail. Components compute anew what they want and program
 * the difference, and whoever listens is told what has become different.
 */

import { append, NO_SILENCE } from '../../kubernetes/index.js';
import type { ClusterInput, DeletedPod, Finding, Pod, Silence, Store } from '../../kubernetes/index.js';
import type { Underlay } from '../../underlay/index.js';
import { whyAnew } from './anew.js';
import type { Kubelet } from '../node/kubelet.js';
import type { LoadBalancers } from '../node/load-balancers.js';
import type { NodeContext } from '../node/node.js';
import { type ClusterEvent, Observation } from './observe.js';
import { type ChangeOutcome, refusedAnew } from '../options.js';
import type { Places } from '../trace/places.js';
import type { PodFaults } from '../probes/pod-faults.js';
import type { Prober } from '../probes/prober.js';
import type { RecordedState } from '../input/recorded.js';
import { causeOf, compareStores, type ObjectChange, replaceObjects } from './replace-objects.js';
import { concernsDaemons, reprogram, tellDaemons, withoutObjects } from './reprogram.js';
import type { Routing } from '../routing.js';
import { type Settled, settle } from '../start/settle.js';

interface Parts {
  readonly seed: number;
  readonly settled: Settled;
  readonly deletedPods: readonly DeletedPod[];
  readonly silence: Silence;
  readonly store: Store;
  /** What was found as machines were built. */
  readonly findings: Finding[];
  readonly context: NodeContext;
  /** Of the nodes that have been built. */
  readonly kubelets: Map<string, Kubelet>;
  readonly places: Places;
  readonly prober: Prober;
  readonly podFaults: PodFaults;
  readonly loadBalancers: LoadBalancers;
  readonly underlay: Underlay;
  readonly routing: () => Routing | undefined;
}

/** Pods that are not there any more are on their way out no more either. */
const withoutGone = (silence: Silence, store: Store): Silence => ({
  ...silence,
  pods: silence.pods.filter(({ namespace, name }) => store.get('Pod', namespace, name) !== undefined),
});

export class Changes {
  /** What follows from the objects as they are now. */
  settled: Settled;
  /** Of controllers, in whose place they make others. */
  deletedPods: readonly DeletedPod[];
  /** Nobody hears of them. */
  silence: Silence;
  listener: ((events: readonly ClusterEvent[]) => void) | undefined = undefined;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.settled = parts.settled;
    this.deletedPods = parts.deletedPods;
    this.silence = parts.silence;
  }

  /** What stays on record beside what the store has. */
  get kept() {
    const { allocations, pools } = this.settled;
    return { ipam: allocations?.ipam, pools, deletedPods: this.deletedPods, silence: this.silence };
  }

  /** The pod's sandbox crashes, or is made anew. */
  setPodDown(pod: Pod, down: boolean): void {
    const { podFaults } = this.#parts;
    this.observed([], () => {
      const changed = down ? podFaults.fail(pod) : podFaults.mend(pod);
      if (changed) this.#reprogram();
    });
  }

  /** Other objects. Where that cannot be done nothing has changed, and the answer says why. */
  take(input: ClusterInput, recorded: RecordedState): ChangeOutcome {
    const { seed, prober, podFaults, context, store } = this.#parts;
    const next = settle(input, { seed, recorded });
    const errors = [...next.errors, ...refusedAnew(this.settled.refusals, next.refusals)];
    if (errors.length > 0) return { kind: 'refused', errors };
    const { silence = NO_SILENCE } = recorded;
    // A kubelet that nobody hears reports no probes; one that is heard again begins anew.
    const [before, now] = [new Set(this.silence.nodes), new Set(silence.nodes)];
    const turned = new Set([...before, ...now].filter((name) => !before.has(name) || !now.has(name)));
    if (turned.size > 0) prober.podsChanged(store.list('Pod').filter(({ spec }) => turned.has(spec.nodeName)));
    prober.keepReadiness(next.store);
    podFaults.keep(next.store);
    const derived = new Set(store.list('EndpointSlice').filter((slice) => context.services.isDerived(slice)));
    const objects = compareStores(store, next.store, derived);
    const why = whyAnew(this.settled, next, objects);
    if (why !== undefined) return { kind: 'anew', why };
    this.deletedPods = recorded.deletedPods ?? [];
    this.silence = withoutGone(silence, next.store);
    this.observed(objects, () => this.#become(next, objects));
    return { kind: 'changed', objects };
  }

  #become(next: Settled, objects: readonly ObjectChange[]): void {
    const { store, findings, underlay, kubelets, places, loadBalancers, context } = this.#parts;
    replaceObjects(store, next.store, objects);
    const { allocations } = this.settled;
    if (allocations !== undefined && next.allocations !== undefined) allocations.ipam.become(next.allocations.ipam);
    this.settled = { ...next, store, allocations };
    findings.splice(0, findings.length, ...withoutObjects(findings, objects));
    underlay.replan(next.plan);
    for (const name of kubelets.keys()) if (!places.isNode(name)) kubelets.delete(name);
    context.hostLocal.forget((name) => !places.isNode(name));
    places.renamePods();
    if (objects.some(({ kind }) => kind === 'Service' || kind === 'Node')) {
      const balancer = loadBalancers.update(next.addresses.assignments);
      if (balancer !== undefined) underlay.discard(balancer);
    }
    context.services.installation = next.installation;
    this.#reprogram();
    const routing = this.#parts.routing();
    if (routing !== undefined && concernsDaemons(objects)) append(findings, tellDaemons(routing, underlay.built));
  }

  #reprogram(): void {
    const { context, kubelets, prober, underlay, findings } = this.#parts;
    const { services, calico } = context;
    append(findings, reprogram({ kubelets, prober, services, calico, built: () => underlay.built }));
  }

  /** Runs something that programs, and tells whoever listens what has become different. */
  observed(objects: readonly ObjectChange[], run: () => void): void {
    const { store, underlay, kubelets, context, findings } = this.#parts;
    if (this.listener === undefined) {
      run();
      return;
    }
    // What nobody has asked for so far is as it was, and no news.
    append(findings, context.services.writeEndpoints());
    const observation = new Observation({
      store,
      hosts: underlay.built,
      sandboxes: () => [...kubelets.values()].flatMap(({ sandboxes }) => [...sandboxes.values()]),
    });
    run();
    this.listener(observation.events(objects.map(causeOf)));
  }
}
