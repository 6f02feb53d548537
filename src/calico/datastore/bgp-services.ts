/** Services as confd announces them, with the nodes that their endpoints are on. */

import { hasLabels, isActive, isIpv4, type Service, type Store } from '../../kubernetes/index.js';
import type { AdvertisedService } from '../confd/model.js';
import { type Cidr, hostCidr } from '../cidr.js';
import { addressFromStore } from './addresses.js';

type Family = 'IPv4' | 'IPv6';
interface Slice {
  readonly family: Family;
  /** Empty for an endpoint that names none. */
  readonly nodes: readonly string[];
}

const SERVICE_NAME = 'kubernetes.io/service-name';

/** By `namespace/service`. */
function slicesByService(store: Store): ReadonlyMap<string, readonly Slice[]> {
  const slices = new Map<string, Slice[]>();
  for (const { namespace, labels, addressType, endpoints } of store.list('EndpointSlice')) {
    const service = labels[SERVICE_NAME];
    if (service === undefined || addressType === 'FQDN') continue;
    const key = `${namespace}/${service}`;
    slices.set(key, [
      ...(slices.get(key) ?? []),
      { family: addressType, nodes: endpoints.map(({ nodeName }) => nodeName) },
    ]);
  }
  return slices;
}

const familyOf = (address: Parameters<typeof isIpv4>[0]): Family => (isIpv4(address) ? 'IPv4' : 'IPv6');

/** What the API server fills in: the families of the addresses, IPv4 where there is none. */
function familiesOf({ spec }: Service): ReadonlySet<Family> {
  if (spec.ipFamilies.length > 0) return new Set(spec.ipFamilies);
  return spec.clusterIPs.length > 0 ? new Set(spec.clusterIPs.map(familyOf)) : new Set<Family>(['IPv4']);
}

/**
 * Slices that controllers would have made where the input has none: a mirror of Endpoints, or one of the pods
 * that the Service selects.
 */
function impliedSlices(store: Store, { namespace, name, spec }: Service): readonly Slice[] | undefined {
  const endpoints = store.get('Endpoints', namespace, name);
  if (endpoints !== undefined) {
    return endpoints.subsets
      .flatMap(({ addresses, notReadyAddresses }) => [...addresses, ...notReadyAddresses])
      .map(({ ip, nodeName }) => ({ family: familyOf(ip), nodes: [nodeName] }));
  }
  if (Object.keys(spec.selector).length === 0) return undefined;
  const pods = store.list('Pod', namespace).filter((pod) => isActive(pod) && hasLabels(spec.selector, pod.labels));
  return pods.flatMap((pod) => [
    { family: 'IPv4' as const, nodes: [pod.spec.nodeName] },
    { family: 'IPv6' as const, nodes: [pod.spec.nodeName] },
  ]);
}

const hostCidrs = (addresses: readonly Parameters<typeof isIpv4>[0][]): Cidr[] =>
  addresses.map((address) => hostCidr(addressFromStore(address)));

/** Headless and ExternalName Services are never announced, and not listed here. */
export function storedAdvertisedServices(store: Store): AdvertisedService[] {
  const slices = slicesByService(store);
  return store.list('Service').flatMap((service): AdvertisedService[] => {
    const { namespace, name, spec, status } = service;
    const { type, headless, loadBalancerIP, externalTrafficPolicy } = spec;
    if (type === 'ExternalName' || headless) return [];
    const families = familiesOf(service);
    const known = slices.get(`${namespace}/${name}`) ?? impliedSlices(store, service);
    const nodes = known?.filter(({ family }) => families.has(family)).flatMap((slice) => slice.nodes);
    return [
      {
        namespace,
        name,
        type,
        clusterIps: hostCidrs(spec.clusterIPs),
        externalIps: hostCidrs(spec.externalIPs),
        ingressIps: hostCidrs(status.loadBalancer.ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip]))),
        ...(loadBalancerIP !== undefined && { loadBalancerIp: hostCidr(addressFromStore(loadBalancerIP)) }),
        externalTrafficPolicy,
        ...(nodes !== undefined && { endpointNodes: nodes }),
      },
    ];
  });
}
