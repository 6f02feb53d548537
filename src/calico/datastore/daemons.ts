/** What the environment of calico-node's container says of the daemons that run in it. */

import { calicoNodeSettings, type Store } from '../../kubernetes/index.js';
import type { ConfdHost } from '../confd/model.js';
import { type Backend, type Environment, networkingBackend, variable } from '../startup/environment.js';
import type { IpPool } from '../model.js';
import { encapsulations } from '../felix/calc/encapsulation.js';
import { poolType } from '../felix/calc/route-sources.js';
import { readFelixConfig } from '../felix/parameters.js';
import { felixLayers, nodeEnvironment } from './felix.js';
import { storedPools } from './resources.js';

export interface ConfdOptions {
  /** NAMESPACE of the container: where passwords are. */
  readonly namespace?: string;
  /** USE_POD_CIDR: blocks are the ranges that Kubernetes gives nodes, and not IPAM's. */
  readonly usePodCidr?: boolean;
}

export const DEFAULT_NAMESPACE = 'kube-system';

/** What confd on a node takes from its container's environment. */
export function confdHost(environment: Environment, node: string): ConfdHost {
  const kubernetesNode = variable(environment, 'CALICO_K8S_NODE_REF');
  return {
    node,
    routerId: variable(environment, 'CALICO_ROUTER_ID'),
    ...(kubernetesNode !== '' && { kubernetesNode }),
  };
}

/** What all nodes' confd take from it. */
export const confdOptions = (environment: Environment): ConfdOptions => ({
  namespace: variable(environment, 'NAMESPACE') || DEFAULT_NAMESPACE,
  usePodCidr: variable(environment, 'USE_POD_CIDR').toLowerCase() === 'true',
});

/**
 * Pools whose addresses no node but their own has routes to: Felix programs none for them, as it does for VXLAN's, and
 * calico-node runs no BIRD. Where it leaves networking to others (`none`) these may program them.
 */
export function unroutedPools(store: Store): readonly IpPool[] {
  const [first] = store.list('Node');
  if (first === undefined || storedBackend(store, first.name) !== 'vxlan') return [];
  const pools = storedPools(store);
  const { config } = readFelixConfig(felixLayers(store, first.name));
  const on = encapsulations(pools, config);
  const programs = {
    ipip: config.programClusterRoutes && on.ipip,
    'no-encap': on.noEncapRoutes,
    none: on.noEncapRoutes,
  };
  return pools.filter((pool) => {
    const type = poolType(pool);
    return type !== 'vxlan' && !programs[type];
  });
}

/**
 * Which daemons run on a node. Where no DaemonSet says, BIRD is taken to run as soon as something needs it: a
 * pool without VXLAN, or a resource of BGP's.
 */
export function storedBackend(store: Store, node: string): Backend {
  const settings = calicoNodeSettings(store);
  if (settings !== undefined) return networkingBackend(nodeEnvironment(settings, node));
  const pools = storedPools(store);
  const speaksBgp = store.list('BGPPeer').length > 0 || store.list('BGPConfiguration').length > 0;
  return speaksBgp || pools.some(({ vxlanMode }) => vxlanMode === 'Never') ? 'bird' : 'vxlan';
}
