/** Addresses that nodes, Services and pods have, for the check of IPAM's records. */

import type { Store } from '../../kubernetes/index.js';
import { addressOf } from '../cidr.js';
import type { InUse } from '../ipam/check.js';
import { workloadEndpointName } from '../names.js';
import { calicoLoadBalancers } from './load-balancers.js';
import { addressFromStore } from './addresses.js';
import { storedEndpoints, storedNodes } from './resources.js';

export const nodesInUse = (store: Store): InUse[] =>
  storedNodes(store).flatMap(({ name, ipv4VxlanTunnelAddress: vxlan, ipv4IpipTunnelAddress: ipip }) =>
    [vxlan, ipip].flatMap((address) => (address === undefined ? [] : [{ address, by: `Node(${name})` }])),
  );

export const servicesInUse = (store: Store): InUse[] =>
  (calicoLoadBalancers(store) ?? []).flatMap(({ name, status }) =>
    status.loadBalancer.ingress.flatMap(({ ip }) =>
      ip === undefined ? [] : [{ address: addressFromStore(ip), by: name }],
    ),
  );

export const workloadsInUse = (store: Store): InUse[] =>
  storedEndpoints(store).flatMap(({ node, namespace, pod, networks }) =>
    networks.map((network) => ({
      address: addressOf(network),
      by: `Workload(${namespace}/${workloadEndpointName(node, pod)})`,
    })),
  );
