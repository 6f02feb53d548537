/**
 * What a node announces for Services: confd/pkg/backends/calico/routes.go and client.go:updateGlobalRoutes().
 * Whole CIDRs go out from every node, single addresses where a Service asks for it.
 */

import { type Cidr, cidrContains, formatCidr, isHostCidr, parseCidr } from '../cidr.js';
import type { ConfdCluster } from './cluster.js';
import type { AdvertisedService, BgpConfiguration, BgpNode, ConfdResources, IpVersion } from './model.js';

export interface ServiceRoutes {
  /** From every node that is not left out. */
  readonly everywhere: readonly string[];
  /** By Kubernetes node: single addresses of Services with an endpoint there. */
  readonly local: ReadonlyMap<string, readonly string[]>;
  /** What is never to be put in the kernel, on no node. */
  readonly rejected: readonly string[];
}

const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** Cloud providers and Calico leave such a node out of everything that is for outside. */
const isExcluded = ({ labels }: BgpNode): boolean => labels[EXCLUDE_LABEL] === 'true';

const given = (cidrs: readonly (string | undefined)[]): string[] => cidrs.filter((cidr) => cidr !== undefined);

/** By its spelling, as upstream goes by it. */
const isSingle = (cidr: string): boolean => cidr.endsWith(cidr.includes(':') ? '/128' : '/32');

const parsed = (cidrs: readonly string[]): Cidr[] => cidrs.flatMap((cidr) => parseCidr(cidr) ?? []);

interface Allowed {
  readonly clusterIps: boolean;
  readonly external: readonly Cidr[];
  readonly loadBalancer: readonly Cidr[];
  readonly aggregateLoadBalancers: boolean;
}

const holds = (cidrs: readonly Cidr[], address: Cidr): boolean => cidrs.some((cidr) => cidrContains(cidr, address));
const holdsAlone = (cidrs: readonly Cidr[], address: Cidr): boolean => holds(cidrs.filter(isHostCidr), address);

/** Where a Service's own addresses are announced: everywhere, at nodes, or nowhere; routes.go:advertiseThisService(). */
function announcedAt(service: AdvertisedService, allowed: Allowed): 'everywhere' | readonly string[] {
  const { type, clusterIps, externalIps, ingressIps, loadBalancerIp, externalTrafficPolicy, endpointNodes } = service;
  if (clusterIps.length === 0 || endpointNodes === undefined) return [];
  if (externalTrafficPolicy === 'Local') return endpointNodes;
  const balanced =
    type === 'LoadBalancer' ? [...(loadBalancerIp === undefined ? [] : [loadBalancerIp]), ...ingressIps] : [];
  if (balanced.some((address) => holdsAlone(allowed.loadBalancer, address))) return 'everywhere';
  if (externalIps.some((address) => holdsAlone(allowed.external, address))) return 'everywhere';
  return allowed.aggregateLoadBalancers || endpointNodes.length === 0 ? [] : 'everywhere';
}

/** Once a Service is announced, all its addresses that are allowed are; routes.go:getAllRoutesForService(). */
function addressesOf({ clusterIps, externalIps, ingressIps }: AdvertisedService, allowed: Allowed): string[] {
  return [
    ...(allowed.clusterIps ? clusterIps : []),
    ...externalIps.filter((address) => holds(allowed.external, address)),
    ...ingressIps.filter((address) => holds(allowed.loadBalancer, address)),
  ].map(formatCidr);
}

/** CIDRs that every node announces: single addresses wait for a Service, and the load balancers' for aggregation. */
function wholeCidrs(configuration: BgpConfiguration): string[] {
  const { serviceClusterCidrs, serviceExternalCidrs, serviceLoadBalancerCidrs, aggregateLoadBalancers } = configuration;
  return [
    ...given(serviceClusterCidrs),
    ...given(serviceExternalCidrs).filter((cidr) => !isSingle(cidr)),
    ...(aggregateLoadBalancers ? given(serviceLoadBalancerCidrs).filter((cidr) => !isSingle(cidr)) : []),
  ];
}

export function advertise({ configuration, services }: ConfdResources): ServiceRoutes {
  if (configuration === undefined) return { everywhere: [], local: new Map(), rejected: [] };
  const allowed: Allowed = {
    clusterIps: given(configuration.serviceClusterCidrs).length > 0,
    external: parsed(given(configuration.serviceExternalCidrs)),
    loadBalancer: parsed(given(configuration.serviceLoadBalancerCidrs)),
    aggregateLoadBalancers: configuration.aggregateLoadBalancers,
  };
  const rejected = wholeCidrs(configuration);
  const everywhere = [...rejected];
  const local = new Map<string, string[]>();
  for (const service of services) {
    const places = announcedAt(service, allowed);
    const addresses = addressesOf(service, allowed);
    if (places === 'everywhere') everywhere.push(...addresses);
    else for (const node of new Set(places)) local.set(node, [...(local.get(node) ?? []), ...addresses]);
  }
  return { everywhere, local, rejected };
}

/** In the order of upstream's keys, in which a dash stands for the slash. */
const ordered = (cidrs: Iterable<string>, version: IpVersion): string[] => {
  const key = (cidr: string): string => cidr.replace('/', '-');
  return [...new Set(cidrs)]
    .filter((cidr) => cidr.includes(':') === (version === 6))
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
};

/** What one node announces. */
export function staticRoutes(
  routes: ServiceRoutes,
  node: BgpNode,
  { kubernetesNode, version }: { readonly kubernetesNode: string; readonly version: IpVersion },
): string[] {
  if (isExcluded(node)) return [];
  return ordered([...routes.everywhere, ...(routes.local.get(kubernetesNode) ?? [])], version);
}

/** What each node announces for Services, by its name. */
export const announcersOf = (
  cluster: Pick<ConfdCluster, 'nodes' | 'serviceRoutes'>,
  version: IpVersion,
): readonly { readonly node: string; readonly cidrs: readonly string[] }[] =>
  cluster.nodes.map(({ name, node }) => ({
    node: name,
    cidrs: staticRoutes(cluster.serviceRoutes, node, { kubernetesNode: name, version }),
  }));

export const rejectedCidrs = ({ rejected }: ServiceRoutes, version: IpVersion): string[] => ordered(rejected, version);
