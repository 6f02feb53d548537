/**
 * Services and endpoints as all proxiers of a cluster see them (pkg/proxy/servicechangetracker.go,
 * endpointschangetracker.go): read from the store, kept by the objects that they were made of, shared by all nodes.
 */

import type { EndpointSlice, Service, Store } from '../../kubernetes/index.js';
import type { Features } from '../config/features.js';
import type { IpFamily } from '../family.js';
import { type EndpointList, sameEndpoint, serviceEndpoints, serviceOfSlice } from './endpoint.js';
import { portKey, sameServicePort, type ServicePort, serviceKey, servicePorts } from './service-port.js';

/** A Service with what belongs to it. The same object as long as nothing of it has changed. */
export interface TrackedService {
  /** `ns/name`. */
  readonly key: string;
  readonly ports: readonly ServicePort[];
  /** By port key. */
  readonly endpoints: ReadonlyMap<string, EndpointList>;
}

export interface Tracked {
  /** Those that have ports for the family, in the order of namespace and name. */
  readonly services: readonly TrackedService[];
  /** Endpoints of all ports of all Services: what a large cluster is told by. */
  readonly totalEndpoints: number;
}

interface Held {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  readonly tracked: TrackedService;
}

const NO_SLICES: readonly EndpointSlice[] = [];
const NO_ENDPOINTS: ReadonlyMap<string, EndpointList> = new Map();

const sameMembers = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((member, i) => member === b[i]);

function sameEndpointMap(a: TrackedService['endpoints'], b: TrackedService['endpoints']): boolean {
  if (a.size !== b.size) return false;
  for (const [key, { endpoints }] of a) {
    const others = b.get(key)?.endpoints;
    if (others?.length !== endpoints.length) return false;
    if (!endpoints.every((endpoint, i) => others[i] !== undefined && sameEndpoint(endpoint, others[i]))) return false;
  }
  return true;
}

const sameService = (a: TrackedService, b: TrackedService): boolean =>
  a.ports.length === b.ports.length &&
  a.ports.every((port, i) => b.ports[i] !== undefined && sameServicePort(port, b.ports[i])) &&
  sameEndpointMap(a.endpoints, b.endpoints);

const countEndpoints = ({ ports, endpoints }: TrackedService): number => {
  let count = 0;
  for (const port of ports) count += endpoints.get(portKey(port))?.endpoints.length ?? 0;
  return count;
};

export class ServiceTracker {
  readonly family: IpFamily;
  readonly #store: Store;
  readonly #features: Features;
  readonly #held = new Map<string, Held>();
  /** What the last answer was made of. */
  #seen:
    | { readonly services: readonly Service[]; readonly slices: readonly EndpointSlice[]; readonly answer: Tracked }
    | undefined = undefined;

  constructor(store: Store, family: IpFamily, features: Features) {
    this.#store = store;
    this.family = family;
    this.#features = features;
  }

  /** As the store is now. */
  current(): Tracked {
    const services = this.#store.list('Service');
    const slices = this.#store.list('EndpointSlice');
    const seen = this.#seen;
    if (seen !== undefined && seen.services === services && seen.slices === slices) return seen.answer;
    const answer = this.#track(services, groupSlices(slices));
    this.#seen = { services, slices, answer };
    return answer;
  }

  #track(services: readonly Service[], slices: ReadonlyMap<string, readonly EndpointSlice[]>): Tracked {
    const tracked: TrackedService[] = [];
    let totalEndpoints = 0;
    const keys = new Set<string>();
    for (const service of services) {
      const key = serviceKey(service.namespace, service.name);
      keys.add(key);
      const one = this.#service(key, service, slices.get(key) ?? NO_SLICES);
      totalEndpoints += countEndpoints(one);
      if (one.ports.length > 0) tracked.push(one);
    }
    for (const key of this.#held.keys()) if (!keys.has(key)) this.#held.delete(key);
    return { services: tracked, totalEndpoints };
  }

  #service(key: string, service: Service, slices: readonly EndpointSlice[]): TrackedService {
    const held = this.#held.get(key);
    if (held !== undefined && held.service === service && sameMembers(held.slices, slices)) return held.tracked;
    const made = {
      key,
      ports: servicePorts(service, this.family, this.#features),
      endpoints: slices.length === 0 ? NO_ENDPOINTS : serviceEndpoints(slices, this.family),
    };
    const tracked = held !== undefined && sameService(held.tracked, made) ? held.tracked : made;
    this.#held.set(key, { service, slices, tracked });
    return tracked;
  }
}

/** Slices of each Service in the order of their names. */
function groupSlices(slices: readonly EndpointSlice[]): ReadonlyMap<string, readonly EndpointSlice[]> {
  const groups = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const key = serviceOfSlice(slice);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [slice]);
    else group.push(slice);
  }
  return groups;
}
