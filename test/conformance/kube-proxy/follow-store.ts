/** A tracker whose store becomes what other stores hold, as an informer's does event by event. */

import { featuresOf, type IpFamily, ServiceTracker, type Tracked } from '../../../src/kube-proxy/index.js';
import { Store } from '../../../src/kubernetes/index.js';

const KINDS = ['Service', 'EndpointSlice'] as const;

export class FollowingTracker {
  readonly #store = new Store();
  readonly #tracker: ServiceTracker;

  constructor(family: IpFamily) {
    this.#tracker = new ServiceTracker(this.#store, family, featuresOf());
  }

  become(other: Store): void {
    for (const kind of KINDS) {
      for (const { namespace, name } of this.#store.list(kind)) {
        if (other.get(kind, namespace, name) === undefined) this.#store.delete(kind, namespace, name);
      }
    }
    for (const service of other.list('Service')) this.#store.put('Service', service);
    for (const slice of other.list('EndpointSlice')) this.#store.put('EndpointSlice', slice);
  }

  current(): Tracked {
    return this.#tracker.current();
  }
}
