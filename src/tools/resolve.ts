/** Destinations of ping, traceroute and nc. */

import { type Cluster, isNameProblem, parseEndpointName } from '../cluster/index.js';
import { type Ipv4Addr, parseIpv4 } from '../packet/index.js';

/** An address, or a name of the cluster: `pod/shop/db`, `node/worker-1`. @throws UnknownEndpoint */
export function resolve(cluster: Cluster, text: string): Ipv4Addr | undefined {
  const address = parseIpv4(text);
  if (address !== undefined) return address;
  const endpoint = parseEndpointName(text);
  return isNameProblem(endpoint) ? undefined : cluster.addressOf(endpoint);
}
