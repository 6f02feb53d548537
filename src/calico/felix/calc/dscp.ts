/** Whose packets get a DSCP when they leave the cluster; felix/dataplane/linux/dscp_mgr.go. */

import { addressOf, type Cidr, formatAddress } from '../../cidr.js';
import { compareText } from '../../digest.js';
import { hostEndpointCause, podCause } from '../../model.js';
import type { DscpSource } from '../rules/static-mangle.js';
import type { HostView } from './host-view.js';
import type { FelixCluster, FelixHost } from './input.js';

interface Context {
  readonly cluster: FelixCluster;
  readonly view: HostView;
  readonly node: FelixHost['node'];
}

/** Sorted by the addresses. */
export function dscpSources({ cluster, view, node }: Context, version: 4 | 6): DscpSource[] {
  const texts = (cidrs: readonly Cidr[]): string[] =>
    cidrs.filter((cidr) => cidr.version === version).map((cidr) => formatAddress(addressOf(cidr)));
  const workloads = view.workloads.flatMap(({ endpoint }) =>
    endpoint.dscp === undefined
      ? []
      : [{ addresses: texts(endpoint.networks), value: endpoint.dscp, because: [podCause(endpoint)] }],
  );
  const hosts = cluster.hostEndpoints.flatMap((endpoint) => {
    if (endpoint.node !== node || endpoint.dscp === undefined) return [];
    const addresses = endpoint.expectedIps.filter((address) => address.version === version).map(formatAddress);
    return [{ addresses, value: endpoint.dscp, because: [hostEndpointCause(endpoint)] }];
  });
  return [...workloads, ...hosts]
    .filter(({ addresses }) => addresses.length > 0)
    .sort((a, b) => compareText(a.addresses.join(','), b.addresses.join(',')));
}
