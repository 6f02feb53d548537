/** confd on every node: BIRD's files, written where they differ and when somebody asks for them. */

import { type ConfdCluster, ConfdDatastore, type ConfdHost, runConfd } from '../calico/confd/index.js';
import { confdHost, confdOptions, type Environment, type IpamStore, nodeEnvironment } from '../calico/index.js';
import type { Host } from '../kernel/index.js';
import { calicoNodeSettings, type Store } from '../kubernetes/index.js';

export class ConfdFiles {
  readonly #store: Store;
  readonly #datastore: ConfdDatastore;
  /** The view that a host's files were rendered of. */
  readonly #rendered = new WeakMap<Host, ConfdCluster>();

  constructor(store: Store, ipam: IpamStore) {
    this.#store = store;
    this.#datastore = new ConfdDatastore(store, ipam, confdOptions(this.#environment('')));
  }

  /** The datastore as every node's confd sees it. */
  get cluster(): ConfdCluster {
    return this.#datastore.cluster;
  }

  /** Writes what has changed; whether `bird` has to read its files again. */
  write(host: Host): boolean {
    const { cluster } = this;
    if (this.#rendered.get(host) === cluster) return false;
    this.#rendered.set(host, cluster);
    return runConfd(host.files, cluster, this.hostOf(host.name)).reload.bird;
  }

  /** What confd on a node has from its environment. */
  hostOf(node: string): ConfdHost {
    return confdHost(this.#environment(node), node);
  }

  #environment(node: string): Environment {
    const settings = calicoNodeSettings(this.#store);
    return settings === undefined ? {} : nodeEnvironment(settings, node);
  }
}
