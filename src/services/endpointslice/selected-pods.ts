/** Pods that Services select: a namespace's pods by one label, since Services are many and select by few labels. */

import { GroupedList, hasLabels, labelOf, type Labels, type Pod, type Store } from '../../kubernetes/index.js';

export class SelectedPods {
  readonly #store: Store;
  /** By namespace and label. */
  readonly #byLabel = new Map<string, GroupedList<Pod>>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** In the order of their names. */
  of(namespace: string, selector: Labels): readonly Pod[] {
    const [first, ...others] = Object.entries(selector);
    if (first === undefined) return [];
    const [key, value] = first;
    const candidates = this.#groups(namespace, key).of(this.#store.list('Pod', namespace), value);
    return others.length === 0 ? candidates : candidates.filter(({ labels }) => hasLabels(selector, labels));
  }

  #groups(namespace: string, key: string): GroupedList<Pod> {
    const name = `${namespace}/${key}`;
    const present = this.#byLabel.get(name);
    if (present !== undefined) return present;
    const made = new GroupedList<Pod>(({ labels }) => labelOf(labels, key));
    this.#byLabel.set(name, made);
    return made;
  }
}
