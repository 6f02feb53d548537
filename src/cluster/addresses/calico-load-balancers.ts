/**
 * Calico's addresses for Services of the type LoadBalancer, as its controller gives them when it syncs: what is on record stays,
 * what IPAM has for a Service is its own, the rest is assigned by name and namespace (loadbalancer_controller.go:syncService()).
 */

import {
  type Address,
  addressesByHandle,
  addressOf,
  addressOfIpv4,
  assignAddress,
  autoAssign,
  cidrContains,
  formatAddress,
  IpamError,
  type IpamContext,
  type IpamStore,
  ipv4Of,
  loadBalancerHandle,
  loadBalancerRequest,
  parseAddress,
  releaseAddresses,
  shortfall,
  VIRTUAL_LOAD_BALANCER,
} from '../../calico/index.js';
import { type Finding, finding, isIpv4, type Service, type Store } from '../../kubernetes/index.js';

interface BalancerParts {
  readonly store: Store;
  readonly ipam: IpamStore;
  readonly context: IpamContext;
  readonly isBalanced: (service: Service) => boolean;
}

/** IPv4 alone: the kernel here speaks no other. */
const isForIpv4 = ({ spec }: Service): boolean => spec.clusterIPs.length === 0 || spec.clusterIPs.some(isIpv4);

/** Addresses of its status. */
const written = ({ status }: Service): readonly Address[] =>
  status.loadBalancer.ingress.flatMap(({ ip }) => (ip !== undefined && isIpv4(ip) ? [addressOfIpv4(ip)] : []));

class Balancer {
  readonly findings: Finding[] = [];
  readonly #parts: BalancerParts;

  constructor(parts: BalancerParts) {
    this.#parts = parts;
  }

  /**
   * What IPAM has for a Service; an address of its status that no pool of Calico's holds is not kept, and one that the
   * Service does not ask for any more is given back.
   */
  #held(service: Service): readonly Address[] {
    const { ipam, context } = this.#parts;
    const handle = loadBalancerHandle(service);
    if (ipam.handle(handle) === undefined)
      for (const address of written(service)) this.#attempt(() => this.#assign(service, address));
    const held = ipam.handle(handle) === undefined ? [] : addressesByHandle(ipam, handle);
    const kept = held.filter((address) => this.#fits(service, address));
    for (const address of held)
      if (!kept.includes(address)) this.#attempt(() => releaseAddresses(ipam, [{ address }], context));
    return kept;
  }

  /** Annotations that cannot be read change nothing. */
  #fits(service: Service, address: Address): boolean {
    const { context } = this.#parts;
    const asked = loadBalancerRequest(service, context);
    if (typeof asked === 'string') return true;
    if (asked.addresses !== undefined) return asked.addresses.includes(formatAddress(address));
    if (asked.pools.length > 0) return asked.pools.some((pool) => cidrContains(pool, address));
    return context.pools.find(({ cidr }) => cidrContains(cidr, address))?.assignmentMode !== 'Manual';
  }

  /** Text: why it is not done. */
  #attempt<T>(run: () => T): T | string {
    try {
      return run();
    } catch (error) {
      if (error instanceof IpamError) return error.message.trim();
      throw error;
    }
  }

  #request(service: Service) {
    const { namespace, name } = service;
    return {
      host: VIRTUAL_LOAD_BALANCER,
      use: 'LoadBalancer',
      handleId: loadBalancerHandle(service),
      attributes: { service: name, namespace, type: 'LoadBalancer' },
    } as const;
  }

  #assign(service: Service, address: Address): readonly Address[] {
    const { ipam, context } = this.#parts;
    assignAddress(ipam, address, this.#request(service), context);
    return [address];
  }

  #give(service: Service): readonly Address[] | string {
    const { store, ipam, context } = this.#parts;
    const asked = loadBalancerRequest(service, context);
    if (typeof asked === 'string') return asked;
    const wanted = asked.addresses?.map(parseAddress).find((address) => address?.version === 4);
    if (wanted !== undefined) return this.#assign(service, wanted);
    if (asked.addresses !== undefined) return 'no IPv4 address is asked for';
    const namespace = store.get('Namespace', '', service.namespace);
    const answer = autoAssign(
      ipam,
      {
        ...this.#request(service),
        version: 4,
        count: 1,
        ...(asked.pools.length === 0 ? {} : { requestedPools: asked.pools }),
        ...(namespace === undefined ? {} : { namespaceLabels: namespace.labels }),
      },
      context,
    );
    return shortfall(answer) ?? answer.addresses.map(addressOf);
  }

  sync(service: Service): void {
    const held = this.#held(service);
    if (held.length > 0) {
      this.#write(service, held);
      return;
    }
    const given = this.#attempt(() => this.#give(service));
    if (typeof given === 'string') {
      const message = `its external address stays <pending>: Calico: ${given}`;
      this.#tell(service, { code: 'external-address-pending', severity: 'warning', message });
      return;
    }
    this.#write(service, given);
    const replaced = written(service).map(formatAddress).join(', ');
    const instead = replaced === '' ? '' : ` in the place of ${replaced}, which it may not have`;
    const message = `${given.map(formatAddress).join(', ')} is assumed: what Calico gives first${instead}`;
    this.#tell(service, { code: 'service-address-assumed', severity: 'notice', message });
  }

  #tell(service: Service, what: Parameters<typeof finding>[2]): void {
    this.findings.push(finding(service, ['spec', 'type'], what));
  }

  #write(service: Service, addresses: readonly Address[]): void {
    const ingress = addresses.filter(isVersion4).map((address) => ({
      ip: ipv4Of(address),
      hostname: '',
      ipMode: 'VIP' as const,
    }));
    this.#parts.store.put('Service', { ...service, status: { ...service.status, loadBalancer: { ingress } } });
  }
}

const isVersion4 = ({ version }: Address): boolean => version === 4;

/** Puts addresses into the status of Services; what IPAM has for Services that Calico has nothing to do with is left. */
export function balanceByCalico(parts: BalancerParts): readonly Finding[] {
  const balancer = new Balancer(parts);
  const services = parts.store.list('Service').filter((service) => parts.isBalanced(service) && isForIpv4(service));
  const recorded = services.filter(({ status }) => status.loadBalancer.ingress.length > 0);
  for (const service of [...recorded, ...services.filter((one) => !recorded.includes(one))]) balancer.sync(service);
  return balancer.findings;
}
