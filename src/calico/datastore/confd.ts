/**
 * confd's view of the datastore: each part is read when it is asked for, and again after something in it has
 * changed; confd/pkg/backends/calico/client.go. All nodes of a cluster share one.
 */

import type { Kind, Store } from '../../kubernetes/index.js';
import { ConfdCluster } from '../confd/cluster.js';
import type { ConfdResources } from '../confd/model.js';
import type { IpamStore } from '../ipam/store.js';
import {
  bgpBlocks,
  storedBgpConfiguration,
  storedBgpFilters,
  storedBgpNodes,
  storedBgpPeers,
  storedNodeConfigurations,
  storedPassword,
  storedWorkloadPeers,
} from './bgp.js';
import { storedAdvertisedServices } from './bgp-services.js';
import { type ConfdOptions, DEFAULT_NAMESPACE } from './daemons.js';
import { storedPools } from './resources.js';

/** What was read of the store, as long as it is right. */
class Part<T> {
  readonly #read: () => T;
  #held: { readonly value: T } | undefined = undefined;
  readonly kinds: readonly Kind[];

  constructor(kinds: readonly Kind[], read: () => T) {
    this.kinds = kinds;
    this.#read = read;
  }

  get value(): T {
    this.#held ??= { value: this.#read() };
    return this.#held.value;
  }

  /** Whether anybody had read it. */
  drop(): boolean {
    const held = this.#held !== undefined;
    this.#held = undefined;
    return held;
  }
}

export class ConfdDatastore {
  readonly #ipam: IpamStore;
  readonly #parts: { readonly [K in keyof ConfdResources]-?: Part<ConfdResources[K]> };
  readonly #listeners = new Set<() => void>();
  readonly #unwatch: (() => void)[] = [];
  #affinityRevision: number;
  #cluster: ConfdCluster | undefined = undefined;

  constructor(store: Store, ipam: IpamStore, options: ConfdOptions = {}) {
    const { namespace = DEFAULT_NAMESPACE, usePodCidr = false } = options;
    this.#ipam = ipam;
    this.#affinityRevision = ipam.affinityRevision;
    const nodes = ['Node', 'CalicoNode'] as const;
    this.#parts = {
      nodes: new Part(nodes, () => storedBgpNodes(store)),
      configuration: new Part(['BGPConfiguration'], () => storedBgpConfiguration(store)),
      nodeConfigurations: new Part(['BGPConfiguration'], () => storedNodeConfigurations(store)),
      peers: new Part(['BGPPeer'], () => storedBgpPeers(store)),
      filters: new Part(['BGPFilter'], () => storedBgpFilters(store)),
      pools: new Part(['IPPool'], () => storedPools(store)),
      blocks: new Part(usePodCidr ? ['Node'] : [], () => bgpBlocks(ipam, store, { usePodCidr })),
      services: new Part(['BGPConfiguration', 'Service', 'EndpointSlice', 'Endpoints', 'Pod'], () =>
        this.#parts.configuration.value === undefined ? [] : storedAdvertisedServices(store),
      ),
      workloadPeers: new Part([...nodes, 'BGPPeer', 'Pod', 'Namespace', 'ServiceAccount'], () =>
        storedWorkloadPeers(store),
      ),
      password: new Part(['Secret'], () => (secret) => storedPassword(store, namespace, secret)),
    };
    this.#watch(store);
  }

  #watch(store: Store): void {
    const parts = Object.values(this.#parts);
    for (const kind of new Set(parts.flatMap(({ kinds }) => kinds))) {
      const affected = parts.filter(({ kinds }) => kinds.includes(kind));
      this.#unwatch.push(store.watch(kind, () => this.#changed(affected)));
    }
  }

  #changed(parts: readonly Part<unknown>[]): void {
    if (parts.filter((part) => part.drop()).length === 0) return;
    this.#cluster = undefined;
    for (const listener of this.#listeners) listener();
  }

  /** The settled view as it is now. */
  get cluster(): ConfdCluster {
    if (this.#affinityRevision !== this.#ipam.affinityRevision) {
      this.#affinityRevision = this.#ipam.affinityRevision;
      this.#parts.blocks.drop();
      this.#cluster = undefined;
    }
    this.#cluster ??= new ConfdCluster(this.#resources());
    return this.#cluster;
  }

  #resources(): ConfdResources {
    const parts = this.#parts;
    const configuration = parts.configuration.value;
    return {
      nodes: parts.nodes.value,
      ...(configuration && { configuration }),
      nodeConfigurations: parts.nodeConfigurations.value,
      peers: parts.peers.value,
      filters: parts.filters.value,
      pools: parts.pools.value,
      blocks: parts.blocks.value,
      services: parts.services.value,
      workloadPeers: parts.workloadPeers.value,
      password: parts.password.value,
    };
  }

  /** Told when something that was read has changed. Blocks are IPAM's to tell: whoever claims one asks again. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  close(): void {
    for (const stop of this.#unwatch) stop();
  }
}
