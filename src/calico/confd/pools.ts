/** What is said of each pool in bird_ipam.cfg; confd/pkg/backends/calico/bgp_processor.go:processIPPool(). */

import { type Cidr, formatCidr, networkOf } from '../cidr.js';
import type { IpPool } from '../model.js';
import type { IpVersion } from './model.js';

export interface PoolStatements {
  /** Whose routes never leave the node: said before anything else could accept them. */
  readonly withheld: readonly string[];
  readonly exported: readonly string[];
  readonly kernel: readonly string[];
}

const statement = (cidr: Cidr, body: string, comment = ''): string =>
  `  if (net ~ ${formatCidr(networkOf(cidr))}) then { ${body} }${comment === '' ? '' : ` # ${comment}`}`;

/** BIRD is told the tunnel by a variable that Calico's own fork of it knows. */
function tunnel({ ipipMode }: IpPool, subnet: string): string {
  if (ipipMode === 'Always') return 'krt_tunnel="tunl0"; ';
  if (ipipMode === 'Never') return '';
  return `if (defined(bgp_next_hop)&&(bgp_next_hop ~ ${subnet})) then krt_tunnel=""; else krt_tunnel="tunl0"; `;
}

function kernelStatement(pool: IpPool, programs: boolean, subnet: string): { readonly rejects: boolean; text: string } {
  const rejecting = (why: string) => ({ rejects: true, text: statement(pool.cidr, 'reject;', why) });
  if (pool.vxlanMode !== 'Never') return rejecting('VXLAN routes are handled by Felix.');
  if (!programs) return rejecting('Cluster routes are handled by Felix.');
  const via = pool.cidr.version === 4 ? tunnel(pool, subnet) : '';
  return { rejects: false, text: statement(pool.cidr, `${via}accept;`) };
}

export interface PoolFacts {
  readonly version: IpVersion;
  /** Whether BIRD programs routes of pools without VXLAN. */
  readonly programClusterRoutes: boolean;
  /** The node's own; empty where it has none of that family. */
  readonly subnet: string;
}

/** Of pools with one CIDR the lowest name counts (updateprocessors.NewConflictResolvingCacheUpdateProcessor()). */
function distinct(pools: readonly IpPool[]): IpPool[] {
  const byCidr = new Map<string, IpPool>();
  for (const pool of pools) {
    const cidr = formatCidr(networkOf(pool.cidr));
    const held = byCidr.get(cidr);
    if (held === undefined || pool.name < held.name) byCidr.set(cidr, pool);
  }
  return [...byCidr.values()];
}

/** All sorted by their text. Disabled pools are no exception: their addresses are still in use. */
export function poolStatements(
  all: readonly IpPool[],
  { version, programClusterRoutes, subnet }: PoolFacts,
): PoolStatements {
  const pools = distinct(all.filter(({ cidr }) => cidr.version === version));
  const kernel = pools.map((pool) => kernelStatement(pool, programClusterRoutes, subnet));
  return {
    withheld: pools
      .filter(({ disableBgpExport }) => disableBgpExport)
      .map(({ cidr }) => statement(cidr, 'reject;', 'BGP export is disabled.'))
      .sort(),
    exported: pools
      .filter(({ disableBgpExport }) => !disableBgpExport)
      .map(({ cidr }) => statement(cidr, 'accept;'))
      .sort(),
    // Without a subnet nothing is said for IPv4; for IPv6 what is accepted need not be said.
    kernel: (version === 4 ? kernel.filter(() => subnet !== '') : kernel.filter(({ rejects }) => rejects))
      .map(({ text }) => text)
      .sort(),
  };
}
