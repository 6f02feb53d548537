/** What the CNI plugins read and write of the cluster: objects, and IPAM's state. */

import { internalError } from '../../cni/index.js';
import type { Labels, Namespace, Pod, Store } from '../../kubernetes/index.js';
import type { IpamContext } from '../ipam/model.js';
import type { IpamStore } from '../ipam/store.js';

export interface PluginDatastore {
  readonly store: Store;
  readonly ipam: IpamStore;
  /** Made anew for each call, since pools may have changed. */
  ipamContext(): IpamContext;
}

/** ClusterInformation `default`; calico-node makes it at start-up, so none means ready. @throws CniError */
export function requireReady({ store }: PluginDatastore): void {
  const information = store.get('ClusterInformation', '', 'default');
  if (information !== undefined && information.spec.datastoreReady !== true) {
    throw internalError('Calico is currently not ready to process requests');
  }
}

/** @throws CniError as client-go words it */
export function requirePod({ store }: PluginDatastore, namespace: string, name: string): Pod {
  const pod = store.get('Pod', namespace, name);
  if (pod === undefined) throw internalError(`pods "${name}" not found`);
  return pod;
}

/** @throws CniError as client-go words it */
export function requireNamespace({ store }: PluginDatastore, name: string): Namespace | undefined {
  return store.get('Namespace', '', name);
}

/** Merges annotations into the pod, as the patch of its status sub-resource does. */
export function annotatePod({ store }: PluginDatastore, pod: Pod, annotations: Labels): void {
  const current = store.get('Pod', pod.namespace, pod.name);
  if (current === undefined) return;
  store.put('Pod', { ...current, annotations: { ...current.annotations, ...annotations } });
}
