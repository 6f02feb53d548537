/** Services that Calico's kube-controllers give an address (kube-controllers/pkg/controllers/loadbalancer). */

import { isObject, type Json, type JsonObject, type Service, type Store } from '../../kubernetes/index.js';
import { type Cidr, parseAddress, parseCidr } from '../cidr.js';
import { base64Url, digest } from '../digest.js';
import type { IpamContext } from '../ipam/model.js';
import { jsonList } from '../json-list.js';

/** spec.loadBalancerClass that asks for Calico. */
const CALICO_LOAD_BALANCER_CLASS = 'calico';

/** Whom blocks for load balancers belong to. */
export const VIRTUAL_LOAD_BALANCER = 'load-balancer';

const ANNOTATIONS = {
  addresses: 'projectcalico.org/loadBalancerIPs',
  ipv4Pools: 'projectcalico.org/ipv4pools',
  ipv6Pools: 'projectcalico.org/ipv6pools',
} as const;

const child = (value: Json | undefined, key: string): JsonObject | undefined => {
  const inner = isObject(value) ? value[key] : undefined;
  return isObject(inner) ? inner : undefined;
};

type AssignIps = 'AllServices' | 'RequestedServicesOnly' | 'off';

/** KubeControllersConfiguration `default`; where there is none, the controller runs and is for all. */
function assignIps(store: Store): AssignIps {
  const configuration = store.get('KubeControllersConfiguration', '', 'default');
  if (configuration === undefined) return 'AllServices';
  const settings = child(child(configuration.spec, 'controllers'), 'loadBalancer');
  if (settings === undefined) return 'off';
  return settings['assignIPs'] === 'RequestedServicesOnly' ? 'RequestedServicesOnly' : 'AllServices';
}

const asks = ({ annotations }: Service): boolean =>
  Object.values(ANNOTATIONS).some((annotation) => (annotations[annotation] ?? '') !== '');

/** IsCalicoManagedLoadBalancer(). */
function isManaged(service: Service, assigns: AssignIps): boolean {
  const { type, loadBalancerClass } = service.spec;
  if (assigns === 'off' || type !== 'LoadBalancer') return false;
  if (loadBalancerClass !== undefined) return loadBalancerClass === CALICO_LOAD_BALANCER_CLASS;
  return assigns === 'AllServices' || asks(service);
}

/** Services to which Calico gives an address, where there is a pool to give from. */
export function balancedByCalico(store: Store): (service: Service) => boolean {
  const hasPool = store.list('IPPool').some(({ spec }) => spec.allowedUses.includes('LoadBalancer'));
  const assigns = hasPool ? assignIps(store) : 'off';
  return (service) => isManaged(service, assigns);
}

/** Those that are Calico's to give an address, whether it has any or not; undefined where its controller does not run. */
export function calicoLoadBalancers(store: Store): readonly Service[] | undefined {
  const assigns = assignIps(store);
  return assigns === 'off' ? undefined : store.list('Service').filter((service) => isManaged(service, assigns));
}

/** createHandle(). */
export function loadBalancerHandle({ namespace, name, uid = '' }: Service): string {
  const hash = base64Url(digest('sha256', `${name}-${namespace}-${uid}`.toLowerCase()));
  return `lb-${hash.replace(/[-_.]/g, '')}`;
}

/** What a Service asks for by its annotations: addresses, or pools; a text says what is wrong with them. */
export interface LoadBalancerRequest {
  readonly addresses: readonly string[] | undefined;
  readonly pools: readonly Cidr[];
}

/** parseAnnotations(), of IPv4. */
export function loadBalancerRequest(
  { annotations }: Service,
  { pools }: Pick<IpamContext, 'pools'>,
): LoadBalancerRequest | string {
  const asked = (annotation: string): readonly string[] | string | undefined => {
    const text = annotations[annotation];
    return text === undefined ? undefined : (jsonList(text) ?? `annotation ${annotation} is no list of texts: ${text}`);
  };
  const addresses = asked(ANNOTATIONS.addresses);
  const names = asked(ANNOTATIONS.ipv4Pools);
  if (typeof addresses === 'string') return addresses;
  if (typeof names === 'string') return names;
  const bad = addresses?.find((text) => parseAddress(text) === undefined);
  if (bad !== undefined) return `could not parse ${bad} as a valid IP address`;
  const ipv4 = addresses?.filter((text) => parseAddress(text)?.version === 4) ?? [];
  if (ipv4.length > 1)
    return `at max only one ipv4 and one ipv6 address can be specified. Received ${ipv4.length} ipv4`;
  const found = (names ?? []).map((name) => parseCidr(name) ?? pools.find((pool) => pool.name === name)?.cidr ?? name);
  const unknown = found.find((one) => typeof one === 'string');
  if (unknown !== undefined) return `error parsing pool "${unknown}": invalid CIDR address: ${unknown}`;
  return { addresses, pools: found.filter((one) => typeof one !== 'string') };
}
