/** Why the outcome of a connection is not known: it hangs on something that nobody has computed. */

import { addressOfIpv4, cidrContains, storedPools } from '../calico/index.js';
import type { Pod, Store } from '../kubernetes/index.js';
import type { Ipv4Addr } from '../packet/index.js';
import { birdPool } from './routing.js';

/** Of a connection between nodes whose routes are a daemon's, where no daemon was brought (`Cluster.bringRouting`). */
export function withoutRouting(store: Store, ends: readonly (Pod | undefined)[], destination: Ipv4Addr): string[] {
  const [from, to] = ends;
  if (from?.spec.nodeName === to?.spec.nodeName || birdPool(store) === undefined) return [];
  const pool = storedPools(store).find(({ cidr }) => cidrContains(cidr, addressOfIpv4(destination)));
  return pool?.vxlanMode === 'Never'
    ? [`IPPool ${pool.name} has no VXLAN: its routes between nodes are BIRD’s, and nobody was asked to run it.`]
    : [];
}
