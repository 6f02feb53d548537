/**
 * Pods whose sandbox has crashed: the processes in it are dead, its eth0 is down, and the pod is not ready, so that
 * Services leave it out. Mended, its kubelet makes the sandbox anew.
 * Differs: the kubelet of a real node would do so within seconds, and the new sandbox would have another address.
 */

import type { Pod, Store } from '../../kubernetes/index.js';
import type { Kubelet } from '../node/kubelet.js';
import type { Prober } from './prober.js';

const keyOf = ({ namespace, name }: Pod): string => `${namespace}/${name}`;

export interface PodFaultsRequest {
  readonly store: Store;
  readonly kubeletOf: (node: string) => Kubelet | undefined;
  readonly prober: Prober;
}

export class PodFaults {
  readonly #request: PodFaultsRequest;
  /** What was said of the readiness of those that are down. */
  readonly #down = new Map<string, Pod['status']['ready']>();

  constructor(request: PodFaultsRequest) {
    this.#request = request;
  }

  isDown(pod: Pod): boolean {
    return this.#down.has(keyOf(pod));
  }

  /** Whether that changed anything. */
  fail(pod: Pod): boolean {
    if (this.isDown(pod)) return false;
    const { store, prober, kubeletOf } = this.#request;
    const probed = prober.probes(pod);
    prober.podsChanged([pod]);
    this.#down.set(keyOf(pod), probed ? undefined : pod.status.ready);
    store.put('Pod', { ...pod, status: { ...pod.status, ready: false } });
    kubeletOf(pod.spec.nodeName)?.crash(pod);
    return true;
  }

  /** Whether that changed anything. */
  mend(pod: Pod): boolean {
    if (!this.isDown(pod)) return false;
    const { store, prober, kubeletOf } = this.#request;
    const ready = this.#down.get(keyOf(pod));
    this.#down.delete(keyOf(pod));
    store.put('Pod', { ...pod, status: { ...pod.status, ready } });
    kubeletOf(pod.spec.nodeName)?.restart(pod);
    prober.podsChanged([pod]);
    return true;
  }

  /** In other objects, those that are down are not ready either; one that is another pod now is up. */
  keep(next: Store): void {
    for (const key of this.#down.keys()) {
      const [namespace = '', name = ''] = key.split('/');
      const [before, after] = [this.#request.store.get('Pod', namespace, name), next.get('Pod', namespace, name)];
      if (before === undefined || after === undefined || before.uid !== after.uid) this.#down.delete(key);
      else {
        this.#down.set(key, after.status.ready);
        next.put('Pod', { ...after, status: { ...after.status, ready: false } });
      }
    }
  }
}
