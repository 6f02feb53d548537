/**
 * Services, endpoints and pods as CoreDNS's informers index them (plugin/kubernetes/controller.go, object/): by name and
 * by address. Read off the store when first asked, and anew after it has changed.
 */

import {
  type EndpointSlice,
  formatIp,
  type IpAddress,
  isFinished,
  labelOf,
  type Pod,
  type Service,
  type ServicePort,
  type Store,
} from '../../../kubernetes/index.js';
import { SERVICE_NAME } from '../../endpointslice/context.js';

export interface EndpointAddress {
  readonly ip: IpAddress;
  readonly hostname: string;
  /** Name of the pod behind it; empty where it is too long for a label. */
  readonly targetName: string;
}

export interface EndpointPort {
  readonly name: string;
  readonly protocol: string;
  /** -1 where none is declared. */
  readonly port: number;
}

/** One slice: only endpoints that are ready. */
export interface Endpoints {
  readonly namespace: string;
  readonly service: string;
  readonly addresses: readonly EndpointAddress[];
  readonly ports: readonly EndpointPort[];
}

export interface DirectorySource {
  readonly store: Store;
  /** Addresses of a pod, as kubelet would have written them into its status. */
  readonly addressesOf: (pod: Pod) => readonly IpAddress[];
  /** Seconds of virtual time. */
  readonly seconds: () => number;
  /** Called before endpoints are read, for those who write them late. */
  readonly prepare?: () => void;
}

const LABEL_LIMIT = 64;
const NO_PORTS: readonly EndpointPort[] = [{ name: '', protocol: '', port: -1 }];

function endpointsOf(slice: EndpointSlice): Endpoints {
  const ports = slice.ports.map(({ name, protocol, port }) => ({ name, protocol, port: port ?? -1 }));
  const addresses = slice.endpoints
    .filter(({ conditions }) => conditions.ready)
    .flatMap(({ addresses: ips, hostname, targetRef }) => {
      const target = targetRef?.name ?? '';
      const targetName = target.length < LABEL_LIMIT ? target : '';
      // Not flatMap(): it would take an IPv6 address apart.
      return ips.map((ip) => ({ ip, hostname, targetName }));
    });
  return {
    namespace: slice.namespace,
    service: labelOf(slice.labels, SERVICE_NAME) ?? '',
    addresses,
    ports: ports.length === 0 ? NO_PORTS : ports,
  };
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

interface Indexes {
  readonly endpoints: ReadonlyMap<string, readonly Endpoints[]>;
  readonly endpointsByIp: ReadonlyMap<string, readonly Endpoints[]>;
  readonly servicesByIp: ReadonlyMap<string, readonly Service[]>;
}

export class Directory {
  readonly #source: DirectorySource;
  #indexes: Indexes | undefined = undefined;
  #pods: ReadonlyMap<string, readonly Pod[]> | undefined = undefined;
  #modified = 0;

  constructor(source: DirectorySource) {
    this.#source = source;
    const { store } = source;
    const changed = (): void => {
      this.#indexes = undefined;
      this.#modified = source.seconds();
    };
    store.watch('Service', changed);
    store.watch('EndpointSlice', changed);
    store.watch('Pod', () => {
      this.#pods = undefined;
    });
  }

  /** When Services or endpoints last changed: the serial of the zones. Differs: seconds of virtual, not of Unix time. */
  get modified(): number {
    return this.#modified;
  }

  hasNamespace(name: string): boolean {
    return this.#source.store.get('Namespace', '', name) !== undefined;
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#source.store.get('Service', namespace, name);
  }

  endpoints(namespace: string, service: string): readonly Endpoints[] {
    return this.#index().endpoints.get(`${namespace}/${service}`) ?? [];
  }

  endpointsAt(ip: string): readonly Endpoints[] {
    return this.#index().endpointsByIp.get(ip) ?? [];
  }

  servicesAt(ip: string): readonly Service[] {
    return this.#index().servicesByIp.get(ip) ?? [];
  }

  podsAt(ip: string): readonly Pod[] {
    this.#pods ??= this.#podIndex();
    return this.#pods.get(ip) ?? [];
  }

  #index(): Indexes {
    if (this.#indexes === undefined) {
      this.#source.prepare?.();
      this.#indexes = buildIndexes(this.#source.store);
    }
    return this.#indexes;
  }

  /** By the first address alone (object.Pod has PodIP). */
  #podIndex(): ReadonlyMap<string, readonly Pod[]> {
    const pods = new Map<string, Pod[]>();
    for (const pod of this.#source.store.list('Pod')) {
      const [first] = isFinished(pod) ? [] : this.#source.addressesOf(pod);
      if (first !== undefined) append(pods, formatIp(first), pod);
    }
    return pods;
  }
}

function buildIndexes(store: Store): Indexes {
  const endpoints = new Map<string, Endpoints[]>();
  const endpointsByIp = new Map<string, Endpoints[]>();
  const servicesByIp = new Map<string, Service[]>();
  for (const slice of store.list('EndpointSlice')) {
    if (slice.addressType === 'FQDN') continue;
    const one = endpointsOf(slice);
    append(endpoints, `${one.namespace}/${one.service}`, one);
    for (const ip of new Set(one.addresses.map((address) => formatIp(address.ip)))) append(endpointsByIp, ip, one);
  }
  for (const service of store.list('Service')) {
    if (service.spec.type === 'ExternalName') continue;
    for (const ip of service.spec.clusterIPs) append(servicesByIp, formatIp(ip), service);
  }
  return { endpoints, endpointsByIp, servicesByIp };
}

/** A Service without ports has one that is nobody's (object/service.go:ToService()). */
export const servicePorts = (
  service: Service,
): readonly (Pick<ServicePort, 'name' | 'protocol'> & { port: number })[] =>
  service.spec.ports.length > 0 ? service.spec.ports : [{ name: '', protocol: 'TCP', port: -1 }];
