/** What controllers do as time passes, of which the emulation knows nothing: they give up nodes, and end pods there. */

import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../../cluster/index.js';
import { type ObjectKey, type Silence, type TerminatingPod } from '../../kubernetes/index.js';
import type { Evictions } from './evictions.js';
import type { Faults } from './faults.js';
import { givenUpTimes } from './given-up.js';
import { deletionTime } from './terminating.js';

export interface OverdueRequest {
  readonly cluster: () => Cluster;
  readonly faults: Faults;
  readonly evictions: Evictions;
  readonly silence: () => Silence;
  /** Of these nodes nobody hears any more, and of others one does; `turned` are those that have changed sides. */
  readonly hear: (silence: Silence, turned: readonly string[]) => void;
  readonly evict: (pod: ObjectKey) => void;
  /** It is deleted, and there until its kubelet says that it is gone. */
  readonly terminate: (pod: TerminatingPod) => void;
}

const keyOf = ({ namespace, name }: Pick<ObjectKey, 'namespace' | 'name'>): ObjectKey => ({
  group: '',
  kind: 'Pod',
  namespace,
  name,
});

export class Overdue {
  readonly #with: OverdueRequest;

  constructor(request: OverdueRequest) {
    this.#with = request;
  }

  get #nowNs(): number {
    return this.#with.cluster().emulation.clock.nowNs;
  }

  /** From when nodes are not heard, and are given up: it may be later than now. */
  #times(): { readonly silent: ReadonlyMap<string, number>; readonly givenUp: ReadonlyMap<string, number> } {
    const { cluster, faults } = this.#with;
    const silent = new Map(faults.silences(cluster()).map(({ node, fromNs }) => [node, fromNs]));
    if (silent.size === 0) return { silent, givenUp: silent };
    const nodes = cluster().store.list('Node');
    return { silent, givenUp: givenUpTimes(nodes.map((node) => ({ node, silentFromNs: silent.get(node.name) }))) };
  }

  /** When the next is due. */
  get dueNs(): number | undefined {
    const { cluster, evictions, silence } = this.#with;
    const { nodes, givenUp } = silence();
    const times = this.#times();
    const eviction = evictions.next(cluster().store);
    const all = [
      ...[...times.silent].flatMap(([node, ns]) => (nodes.includes(node) ? [] : [ns])),
      ...[...times.givenUp].flatMap(([node, ns]) => (givenUp.includes(node) ? [] : [ns])),
      ...(eviction === undefined ? [] : [eviction.dueNs]),
    ];
    return all.length === 0 ? undefined : Math.min(...all);
  }

  /** Whatever is due by now. */
  settle(): void {
    this.hear();
    this.#evict();
  }

  /** The node controller has waited for some long enough, and hears of others again, whose kubelets end what was deleted. */
  hear(): void {
    const { silence, hear, evict, cluster } = this.#with;
    const before = silence();
    const nowNs = this.#nowNs;
    const times = this.#times();
    const due = (of: ReadonlyMap<string, number>): readonly string[] =>
      [...of].flatMap(([node, ns]) => (ns <= nowNs ? [node] : []));
    const [nodes, givenUp] = [due(times.silent), due(times.givenUp)];
    if (isDeepStrictEqual([nodes, givenUp], [before.nodes, before.givenUp])) return;
    const turned = [
      ...nodes.filter((node) => !before.nodes.includes(node)),
      ...before.nodes.filter((node) => !nodes.includes(node)),
    ];
    hear({ ...before, nodes, givenUp }, turned);
    for (const pod of before.pods) {
      const node = cluster().store.get('Pod', pod.namespace, pod.name)?.spec.nodeName;
      if (node !== undefined && !nodes.includes(node)) evict(keyOf(pod));
    }
  }

  /** Pods go that have borne a taint for as long as they would; where nobody hears of their kubelet they are only on their way. */
  #evict(): void {
    const { cluster, evictions, evict, terminate, silence } = this.#with;
    for (;;) {
      const { store } = cluster();
      const next = evictions.next(store);
      if (next === undefined || next.dueNs > this.#nowNs) return;
      const { namespace, name } = next.key;
      evictions.forget(next.key);
      const pod = store.get('Pod', namespace, name);
      const isSilent = pod !== undefined && silence().nodes.includes(pod.spec.nodeName);
      if (!isSilent) evict(next.key);
      else if (!pod.terminating) terminate({ namespace, name, deletionTimestamp: deletionTime(next.dueNs) });
    }
  }
}
