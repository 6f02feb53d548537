/** Labels that an endpoint has itself, and those of its profiles: namespaces and service accounts hand theirs down. */

import type { Labels } from '../../policy/selector.js';

export interface Labelled {
  readonly labels: Labels;
  readonly profiles: readonly string[];
}

export class LabelInheritance {
  readonly #profiles: ReadonlyMap<string, { readonly labelsToApply: Labels }>;

  constructor(profiles: ReadonlyMap<string, { readonly labelsToApply: Labels }>) {
    this.#profiles = profiles;
  }

  /** Its own label is stronger, then its profiles' in order. */
  lookup(item: Labelled, label: string): string | undefined {
    if (Object.hasOwn(item.labels, label)) return item.labels[label];
    for (const name of item.profiles) {
      const labels = this.#profiles.get(name)?.labelsToApply;
      if (labels !== undefined && Object.hasOwn(labels, label)) return labels[label];
    }
    return undefined;
  }

  /** The names of all labels that it has; some may come twice. */
  *names(item: Labelled): Generator<string> {
    yield* Object.keys(item.labels);
    for (const name of item.profiles) yield* Object.keys(this.#profiles.get(name)?.labelsToApply ?? {});
  }
}
