/**
 * Taints with the effect NoExecute that changes have given to nodes, and whom they end as time passes: pods that tolerate
 * one for some seconds (pkg/controller/tainteviction/taint_eviction.go).
 */

import { type ObjectKey, type Store, type Taint, toleratedSeconds } from '../../kubernetes/index.js';
import { NS_PER_S } from '../../kernel/index.js';

interface NodeTaint extends Taint {
  readonly node: string;
}

export interface TaintSince extends NodeTaint {
  /** Virtual time. */
  readonly sinceNs: number;
  /** `NAMESPACE/NAME` of those that ran there then. */
  readonly pods: readonly string[];
}

interface Eviction {
  readonly key: ObjectKey;
  readonly dueNs: number;
}

const nameOf = ({ namespace, name }: Pick<ObjectKey, 'namespace' | 'name'>): string => `${namespace}/${name}`;

const isSame = (a: NodeTaint, b: NodeTaint): boolean =>
  a.node === b.node && a.key === b.key && a.value === b.value && a.effect === b.effect;

/** Those that end pods. */
export const endingTaints = (store: Store): readonly NodeTaint[] =>
  store
    .list('Node')
    .flatMap(({ name, spec }) =>
      spec.taints.filter(({ effect }) => effect === 'NoExecute').map((taint) => ({ ...taint, node: name })),
    );

export class Evictions {
  #since: readonly TaintSince[] = [];
  /** Until objects change. */
  #next: { readonly eviction: Eviction | undefined } | undefined = undefined;

  /** Those that were there when the cluster was loaded are not among them: who runs there, runs. */
  get since(): readonly TaintSince[] {
    return this.#since;
  }

  /** As they were left: those that nodes have still. */
  resume(since: readonly TaintSince[], store: Store): void {
    const there = endingTaints(store);
    this.#become(since.filter((taint) => there.some((one) => isSame(one, taint))));
  }

  #become(since: readonly TaintSince[]): void {
    this.#since = since;
    this.#next = undefined;
  }

  /** After a change of objects; `before` as the taints were. */
  follow(store: Store, before: readonly NodeTaint[], nowNs: number): void {
    const since = endingTaints(store).flatMap((taint) => {
      const known = this.#since.find((one) => isSame(one, taint));
      if (known !== undefined) return [known];
      if (before.some((one) => isSame(one, taint))) return [];
      const pods = store.list('Pod').filter(({ spec }) => spec.nodeName === taint.node);
      return [{ ...taint, sinceNs: nowNs, pods: pods.map(nameOf) }];
    });
    this.#become(since);
  }

  /** One that has gone, whoever comes in its place. */
  forget(pod: ObjectKey): void {
    const gone = nameOf(pod);
    this.#become(this.#since.map((taint) => ({ ...taint, pods: taint.pods.filter((name) => name !== gone) })));
  }

  /** The next pod whose time is over, and when. */
  next(store: Store): Eviction | undefined {
    this.#next ??= { eviction: this.#find(store) };
    return this.#next.eviction;
  }

  #find(store: Store): Eviction | undefined {
    let next: Eviction | undefined;
    for (const taint of this.#since)
      for (const pod of taint.pods) {
        const [namespace = '', name = ''] = pod.split('/');
        const spec = store.get('Pod', namespace, name)?.spec;
        if (spec?.nodeName !== taint.node) continue;
        const dueNs = taint.sinceNs + toleratedSeconds(spec, taint) * NS_PER_S;
        if (dueNs < (next?.dueNs ?? Infinity)) next = { key: { group: '', kind: 'Pod', namespace, name }, dueNs };
      }
    return next;
  }
}
