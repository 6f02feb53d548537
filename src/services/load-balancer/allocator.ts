/**
 * Addresses for Services of the type LoadBalancer out of pools, as MetalLB gives them (internal/allocator/allocator.go,
 * controller/service.go). A cloud's balancer has one pool, and shares nothing.
 *
 * Differs: Services come by namespace and name, and pools by name, where the real ones come in the order of their history
 * and of a hash.
 */

import {
  isIpv4,
  labelOf,
  matchesSelector,
  parseIp,
  type Service,
  type ServiceAllocation,
  type Store,
} from '../../kubernetes/index.js';
import { formatIpv4, type Ipv4Addr } from '../../packet/index.js';
import { type AddressRange, addressesOf, inRange } from './address-range.js';

export interface Pool {
  readonly name: string;
  readonly ranges: readonly AddressRange[];
  readonly autoAssign: boolean;
  readonly avoidBuggyIps: boolean;
  readonly allocation: ServiceAllocation | undefined;
}

/** An address with the pool that it is from, or the sentence that the Service's event has. */
export type Allocated = { readonly address: Ipv4Addr; readonly pool: Pool } | { readonly refused: string };

/** Who has an address: several Services may, where all agree. */
interface Holder {
  readonly service: Service;
  readonly sharingKey: string;
  readonly backend: string;
  readonly ports: ReadonlySet<string>;
}

const ANNOTATIONS = {
  addresses: ['metallb.io/loadBalancerIPs', 'metallb.universe.tf/loadBalancerIPs'],
  pool: ['metallb.io/address-pool', 'metallb.universe.tf/address-pool'],
  sharing: ['metallb.io/allow-shared-ip', 'metallb.universe.tf/allow-shared-ip'],
} as const;

const annotation = ({ annotations }: Service, keys: readonly string[]): string =>
  keys.map((key) => labelOf(annotations, key)).find((value) => value !== undefined) ?? '';

const podsOf = ({ spec }: Service): string =>
  Object.entries(spec.selector)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');

/** k8salloc.BackendKey(), k8salloc.SharingKey(): of a Service with the policy Local, all that share must have its pods. */
const holderOf = (service: Service): Holder => ({
  service,
  sharingKey: annotation(service, ANNOTATIONS.sharing),
  backend: service.spec.externalTrafficPolicy === 'Local' ? podsOf(service) : '',
  ports: new Set(service.spec.ports.map(({ protocol, port }) => `${protocol}/${port}`)),
});

const nameOf = ({ namespace, name }: Service): string => `${namespace}/${name}`;

/** allocator.go:ipConfusesBuggyFirmwares(). */
const confuses = (address: Ipv4Addr): boolean => (address & 0xff) === 0 || (address & 0xff) === 0xff;

const within = ({ ranges, avoidBuggyIps }: Pool, address: Ipv4Addr): boolean =>
  ranges.some((range) => inRange(range, address)) && !(avoidBuggyIps && confuses(address));

/** allocator.go:Pool.IsServiceAllocation…: whether a pool that is for some Services alone is for this one. */
function isFor({ allocation }: Pool, service: Service, store: Store): boolean {
  if (allocation === undefined) return true;
  const { namespaces, namespaceSelectors, serviceSelectors } = allocation;
  const labels = store.get('Namespace', '', service.namespace)?.labels ?? {};
  const byNamespace =
    (namespaces.length === 0 && namespaceSelectors.length === 0) ||
    namespaces.includes(service.namespace) ||
    namespaceSelectors.some((selector) => matchesSelector(selector, labels));
  const byService =
    serviceSelectors.length === 0 || serviceSelectors.some((selector) => matchesSelector(selector, service.labels));
  return byNamespace && byService;
}

/** pinnedPoolsForService(): by priority, of which 0 is none. */
const rank = ({ allocation }: Pool): number => allocation?.priority || Number.POSITIVE_INFINITY;

export class Allocator {
  readonly #store: Store;
  readonly #pools: readonly Pool[];
  readonly #holders = new Map<Ipv4Addr, Holder[]>();

  constructor(store: Store, pools: readonly Pool[]) {
    this.#store = store;
    this.#pools = pools.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  poolOf(address: Ipv4Addr): Pool | undefined {
    return this.#pools.find((pool) => within(pool, address));
  }

  /** An address that a Service has on record: it stays with it. */
  keep(service: Service, address: Ipv4Addr): void {
    this.#holders.set(address, [...(this.#holders.get(address) ?? []), holderOf(service)]);
  }

  /** allocateIPs() of the controller: what is asked for by address, by pool, or anything. */
  allocate(service: Service): Allocated {
    const answer = this.#choose(service);
    if ('address' in answer) this.keep(service, answer.address);
    return answer;
  }

  #choose(service: Service): Allocated {
    const { loadBalancerIP } = service.spec;
    const texts = annotation(service, ANNOTATIONS.addresses).split(',').filter(Boolean);
    const wanted = texts.length > 0 ? texts.map((text) => parseIp(text.trim())) : [loadBalancerIP];
    const bad = texts.find((_, i) => wanted[i] === undefined);
    if (bad !== undefined) return { refused: `invalid loadBalancerIPs "${bad.trim()}"` };
    const address = wanted.find((one) => one !== undefined && isIpv4(one));
    const poolName = annotation(service, ANNOTATIONS.pool);
    if (address !== undefined && isIpv4(address)) return this.#assign(service, address, poolName);
    if (poolName !== '') return this.#fromPool(service, poolName);
    return this.#anywhere(service);
  }

  /** Assign(). */
  #assign(service: Service, address: Ipv4Addr, poolName: string): Allocated {
    const pool = this.poolOf(address);
    if (pool === undefined) return { refused: `["${formatIpv4(address)}"] is not allowed in config` };
    if (poolName !== '' && pool.name !== poolName)
      return {
        refused: `requested loadBalancer IP(s) ["${formatIpv4(address)}"] does not match requested pool ${poolName}`,
      };
    const conflict = this.#conflict(service, address);
    return conflict === undefined ? { address, pool } : { refused: conflict };
  }

  /** AllocateFromPool(). */
  #fromPool(service: Service, name: string): Allocated {
    const pool = this.#pools.find((one) => one.name === name);
    if (pool === undefined) return { refused: `unknown pool "${name}"` };
    return this.#firstFree(service, pool) ?? { refused: `no available IPs in pool "${name}"` };
  }

  /** Allocate(): pools that are for this Service first, then those that are for all. */
  #anywhere(service: Service): Allocated {
    const own = this.#pools.filter((pool) => pool.allocation !== undefined && isFor(pool, service, this.#store));
    const common = this.#pools.filter((pool) => pool.allocation === undefined);
    for (const pool of [...own.toSorted((a, b) => rank(a) - rank(b) || 0), ...common]) {
      const found = pool.autoAssign ? this.#firstFree(service, pool) : undefined;
      if (found !== undefined) return found;
    }
    return { refused: 'no available IPs' };
  }

  #firstFree(service: Service, pool: Pool): Allocated | undefined {
    for (const range of pool.ranges) {
      for (const address of addressesOf(range)) {
        if (pool.avoidBuggyIps && confuses(address)) continue;
        if (this.#conflict(service, address) === undefined) return { address, pool };
      }
    }
    return undefined;
  }

  /** checkSharing(): why the address cannot be this Service's too. */
  #conflict(service: Service, address: Ipv4Addr): string | undefined {
    const others = (this.#holders.get(address) ?? []).filter(({ service: other }) => nameOf(other) !== nameOf(service));
    const [first] = others;
    if (first === undefined) return undefined;
    const own = holderOf(service);
    if (own.sharingKey === '' || own.sharingKey !== first.sharingKey || own.backend !== first.backend)
      return `can't change sharing key for "${nameOf(service)}", address also in use by ${others.map((one) => nameOf(one.service)).join(',')}`;
    const taken = others.flatMap((other) => [...own.ports].filter((port) => other.ports.has(port)));
    return taken.length === 0
      ? undefined
      : `port ${taken[0] ?? ''} is already in use on "${formatIpv4(address)}" by ${nameOf(first.service)}`;
  }
}

/** What a Service may ask of a provider that has no annotations of its own. */
export const withoutAnnotations = (service: Service): Service => ({ ...service, annotations: {} });
