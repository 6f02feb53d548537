/** Numbers that kube-proxy counts of a sync (pkg/proxy/metrics). */

import type { Categories } from './categories/categorize.js';
import { type Endpoint } from './tracker/endpoint.js';
import { externallyAccessible, type ServicePort } from './tracker/service-port.js';

interface Categorized {
  readonly port: ServicePort;
  readonly categories: Categories;
}

/** sync_proxy_rules_no_local_endpoints_total: ports with the policy Local that have endpoints, but none on this node. */
export function noLocalEndpoints(ports: Iterable<Categorized>): {
  readonly internal: number;
  readonly external: number;
} {
  let internal = 0;
  let external = 0;
  for (const { port, categories } of ports) {
    const { hasAny, local } = categories;
    if (!hasAny || local === undefined || local.length > 0) continue;
    if (port.internalPolicyLocal) internal += 1;
    if (port.externalPolicyLocal && externallyAccessible(port)) external += 1;
  }
  return { internal, external };
}

/** Addresses of ready endpoints on this node (EndpointsMap.LocalReadyEndpoints()): what health checks answer with. */
export function localReadyEndpoints(lists: Iterable<readonly Endpoint[]>, node: string): number {
  const addresses = new Set<string>();
  for (const endpoints of lists) {
    for (const { ip, ready, nodeName } of endpoints)
      if (ready && nodeName !== '' && nodeName === node) addresses.add(ip);
  }
  return addresses.size;
}
