/** What routing is told of a cluster. */

import type { Store } from '../kubernetes/index.js';
import type { Underlay } from '../underlay/index.js';
import type { DnsPods } from './node/dns-pods.js';
import type { LoadBalancers } from './node/load-balancers.js';
import { configsFor, type NodeContext, rehearse } from './node/node.js';
import type { RoutingSite } from './routing.js';
import type { Settled } from './start/settle.js';

export interface SiteParts extends Pick<RoutingSite, 'nameOf'> {
  readonly store: Store;
  readonly underlay: Underlay;
  /** As it is now: it changes with the objects. */
  readonly settled: () => Settled;
  readonly context: NodeContext;
  readonly loadBalancers: LoadBalancers;
  readonly makeDns: () => DnsPods;
}

export function routingSite(parts: SiteParts): RoutingSite {
  const { store, underlay, settled, context, loadBalancers, nameOf, makeDns } = parts;
  return {
    store,
    get plan() {
      return underlay.plan;
    },
    ipam: settled().allocations?.ipam,
    calicoRunsOn: (node) => !settled().notStarted.has(node),
    workloadRoutes: (node) => context.calico?.workloadRoutes(node) ?? [],
    hostConfigs: (name) => configsFor(context, name),
    machine: (name) => underlay.host(name),
    get network() {
      return settled().networks[0];
    },
    nameOf,
    speakerConfig: loadBalancers.speakerConfig,
    announcers: loadBalancers.announcersByBgp,
    underlay: () => underlay,
    rehearse: () => rehearse(underlay, { ...context, dns: makeDns() }),
  };
}
