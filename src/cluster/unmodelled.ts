/**
 * What is in the input, changes packets, and is not modelled yet. It is reported where it stands, and every
 * trace that depends on it ends in the verdict `unknown`.
 */

import { addressOfIpv4, cidrContains, felixLayers, readFelixConfig, storedPools } from '../calico/index.js';
import { type Finding, finding, isIpv4, type Pod, type Store } from '../kubernetes/index.js';
import type { Ipv4Addr } from '../packet/index.js';

/** Everything of that kind, once for each object. */
export function unmodelledFindings(store: Store): Finding[] {
  if (felixProgramsRoutes(store)) return [];
  return store
    .list('IPPool')
    .filter(({ spec }) => spec.vxlanMode === 'Never' && isIpv4(spec.cidr.addr as Ipv4Addr))
    .map((pool) =>
      finding(pool, ['spec', 'ipipMode'], {
        code: 'unmodelled',
        severity: 'notice',
        message:
          'routes between nodes for this pool are BIRD’s, which does not run yet; traces between nodes are unknown',
      }),
    );
}

/** Reasons why a connection's outcome is not known, as sentences. */
export function unknownReasons(store: Store, ends: readonly (Pod | undefined)[], destination: Ipv4Addr): string[] {
  const reasons: string[] = [];
  const [from, to] = ends;
  const betweenNodes = from?.spec.nodeName !== to?.spec.nodeName;
  const pool = betweenNodes ? birdPool(store, destination) : undefined;
  if (pool !== undefined)
    reasons.push(`IPPool ${pool} has no VXLAN: its routes between nodes are BIRD’s, which does not run yet.`);
  return [...new Set(reasons)];
}

/** FelixConfiguration's programClusterRoutes: BIRD is not asked. */
const felixProgramsRoutes = (store: Store): boolean =>
  readFelixConfig(felixLayers(store, '')).config.programClusterRoutes;

function birdPool(store: Store, address: Ipv4Addr): string | undefined {
  if (felixProgramsRoutes(store)) return undefined;
  const pool = storedPools(store).find(({ cidr }) => cidrContains(cidr, addressOfIpv4(address)));
  return pool?.vxlanMode === 'Never' ? pool.name : undefined;
}
