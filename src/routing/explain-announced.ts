/** Why a router has not heard of a Service's address from Calico's nodes: who announces it, or why nobody does. */

import { announcersOf, type AdvertisedService, type ConfdCluster } from '../calico/confd/index.js';
import { addressOfIpv4, type Cidr, cidrContains, parseCidr } from '../calico/index.js';
import { formatIpv4, type Ipv4Addr } from '../packet/index.js';

/** The lists of a Service's addresses, and what lets each of them out. */
const FIELDS = [
  { addresses: 'clusterIps', allowed: 'serviceClusterCidrs', field: 'serviceClusterIPs' },
  { addresses: 'externalIps', allowed: 'serviceExternalCidrs', field: 'serviceExternalIPs' },
  { addresses: 'ingressIps', allowed: 'serviceLoadBalancerCidrs', field: 'serviceLoadBalancerIPs' },
] as const;

export interface ServiceAddress {
  readonly service: AdvertisedService;
  readonly kind: (typeof FIELDS)[number];
}

export function serviceAt({ resources }: ConfdCluster, address: Ipv4Addr): ServiceAddress | undefined {
  const wanted = addressOfIpv4(address);
  for (const kind of FIELDS) {
    const service = resources.services.find((one) => one[kind.addresses].some((cidr) => cidrContains(cidr, wanted)));
    if (service !== undefined) return { service, kind };
  }
  return undefined;
}

/** By node, what it announces that an address is in. */
export const announced = (confd: ConfdCluster, address: Ipv4Addr): readonly { node: string; block: Cidr }[] =>
  announcersOf(confd, 4).flatMap(({ node, cidrs }) => {
    const block = cidrs
      .flatMap((text) => parseCidr(text) ?? [])
      .find((cidr) => cidrContains(cidr, addressOfIpv4(address)));
    return block === undefined ? [] : [{ node, block }];
  });

/** Why no node announces it. */
export function whyNotAnnounced({ service, kind }: ServiceAddress, address: Ipv4Addr, confd: ConfdCluster): string {
  const { configuration } = confd;
  const name = `Service ${service.namespace}/${service.name}`;
  const listed =
    configuration?.[kind.allowed].flatMap((cidr) => (cidr === undefined ? [] : (parseCidr(cidr) ?? []))) ?? [];
  if (!listed.some((cidr) => cidrContains(cidr, addressOfIpv4(address)))) {
    const who =
      configuration === undefined ? 'there is no BGPConfiguration default' : 'BGPConfiguration default has none';
    return `no node announces it: ${who} whose ${kind.field} hold ${formatIpv4(address)}`;
  }
  if (service.externalTrafficPolicy === 'Local' && (service.endpointNodes?.length ?? 0) === 0)
    return `no node announces it: ${name} has externalTrafficPolicy: Local, and no endpoint`;
  if (service.endpointNodes === undefined) return `no node announces it: no EndpointSlice speaks of ${name}`;
  return `no node announces it as an address of ${name}`;
}
