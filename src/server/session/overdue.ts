/** What controllers do as time passes, of which the emulation knows nothing: they give up nodes, and end pods there. */

import type { Cluster } from '../../cluster/index.js';
import { controllerOf, type ObjectKey } from '../../kubernetes/index.js';
import type { Evictions } from './evictions.js';
import type { Faults } from './faults.js';

export interface OverdueRequest {
  readonly cluster: () => Cluster;
  readonly faults: Faults;
  readonly evictions: Evictions;
  /** Of these nodes nobody hears any more, and of others one does; `turned` are those that have changed sides. */
  readonly hear: (silent: readonly string[], turned: readonly string[]) => void;
  readonly evict: (pod: ObjectKey) => void;
}

export class Overdue {
  readonly #with: OverdueRequest;
  #silent: readonly string[];

  constructor(request: OverdueRequest, silent: readonly string[]) {
    this.#with = request;
    this.#silent = silent;
  }

  /** Nodes of which nobody hears any more. */
  get silentNodes(): readonly string[] {
    return this.#silent;
  }

  /** When the next is due. */
  get dueNs(): number | undefined {
    const { cluster, faults, evictions } = this.#with;
    const turns = faults.silences(cluster()).filter(({ node }) => !this.#silent.includes(node));
    const eviction = evictions.next(cluster().store);
    const all = [...turns.map(({ fromNs }) => fromNs), ...(eviction === undefined ? [] : [eviction.dueNs])];
    return all.length === 0 ? undefined : Math.min(...all);
  }

  /** Whatever is due by now. */
  settle(): void {
    this.hear();
    this.#evict();
  }

  /** The node controller has waited for some long enough, and hears of others again. */
  hear(): void {
    const { cluster, faults, hear } = this.#with;
    const { nowNs } = cluster().emulation.clock;
    const before = this.#silent;
    const silent = faults.silences(cluster()).flatMap(({ node, fromNs }) => (fromNs <= nowNs ? [node] : []));
    const turned = [
      ...silent.filter((node) => !before.includes(node)),
      ...before.filter((node) => !silent.includes(node)),
    ];
    if (turned.length === 0) return;
    this.#silent = silent;
    hear(silent, turned);
  }

  /** Pods go that have borne a taint for as long as they would. */
  #evict(): void {
    const { cluster, evictions, evict } = this.#with;
    const { nowNs } = cluster().emulation.clock;
    for (;;) {
      const next = evictions.next(cluster().store);
      if (next === undefined || next.dueNs > nowNs) return;
      evictions.forget(next.key);
      if (!this.#stays(next.key)) evict(next.key);
    }
  }

  /** Its kubelet would have to say that it is gone before there may be another of its name. */
  #stays({ namespace, name }: ObjectKey): boolean {
    const pod = this.#with.cluster().store.get('Pod', namespace, name);
    return pod !== undefined && controllerOf(pod)?.kind === 'StatefulSet' && this.#silent.includes(pod.spec.nodeName);
  }
}
