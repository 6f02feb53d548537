/** Pods that Services select: a namespace's pods by one label, since Services are many and select by few labels. */

import { hasLabels, labelOf, type Labels, type Pod, type Store } from '../../kubernetes/index.js';

type Index = ReadonlyMap<string, readonly Pod[]>;

export class SelectedPods {
  readonly #store: Store;
  /** What the indexes of a namespace were made of. */
  readonly #made = new Map<string, readonly Pod[]>();
  readonly #indexes = new Map<string, Map<string, Index>>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** In the order of their names. */
  of(namespace: string, selector: Labels): readonly Pod[] {
    const [first] = Object.entries(selector);
    if (first === undefined) return [];
    const [key, value] = first;
    const candidates = this.#index(namespace, key).get(value) ?? [];
    return candidates.filter(({ labels }) => hasLabels(selector, labels));
  }

  #index(namespace: string, key: string): Index {
    const pods = this.#store.list('Pod', namespace);
    if (this.#made.get(namespace) !== pods) {
      this.#made.set(namespace, pods);
      this.#indexes.set(namespace, new Map());
    }
    const indexes = this.#indexes.get(namespace) ?? new Map<string, Index>();
    const held = indexes.get(key);
    if (held !== undefined) return held;
    const index = new Map<string, Pod[]>();
    for (const pod of pods) {
      const value = labelOf(pod.labels, key);
      if (value === undefined) continue;
      const list = index.get(value);
      if (list === undefined) index.set(value, [pod]);
      else list.push(pod);
    }
    indexes.set(key, index);
    return index;
  }
}
