/** What kube-proxy takes for traffic of pods, held against what addresses pods have. */

import { cidrContains, cidrFromStore, formatCidr, storedPools } from '../../calico/index.js';
import type { Installation } from '../../kube-proxy/index.js';
import { formatCidr as formatStored, type Finding, finding, isIpv4Cidr, type Store } from '../../kubernetes/index.js';

/** Modes in which clusterCIDR tells pods from others (cmd/kube-proxy/app/server_linux.go:getLocalDetector()). */
const BY_CLUSTER_CIDR: ReadonlySet<string> = new Set(['', 'ClusterCIDR']);

/** Pools outside of clusterCIDR: their pods are masqueraded on the way to every Service, and policies see their nodes. */
export function localTrafficFindings(
  store: Store,
  { configuration, subject, replacedBy }: Installation,
): readonly Finding[] {
  const { detectLocalMode, clusterCIDR, detectLocal } = configuration;
  const written = clusterCIDR.length > 0 ? clusterCIDR : detectLocal.clusterCIDRs;
  const own = written.filter(isIpv4Cidr);
  if (subject === undefined || replacedBy !== undefined || own.length === 0 || !BY_CLUSTER_CIDR.has(detectLocalMode))
    return [];
  const cidrs = own.map(cidrFromStore);
  return storedPools(store)
    .filter(({ cidr, disabled, allowedUses }) => !disabled && cidr.version === 4 && allowedUses.includes('Workload'))
    .filter(({ cidr }) => !cidrs.some((known) => known.length <= cidr.length && cidrContains(known, cidr)))
    .map(({ name, cidr }) => {
      const message = `clusterCIDR ${own.map(formatStored).join(', ')} does not hold IPPool ${name} (${formatCidr(cidr)}): its pods are masqueraded on the way to every Service, and policies see their nodes' addresses`;
      return finding(subject, [], { code: 'kube-proxy', severity: 'warning', message });
    });
}
