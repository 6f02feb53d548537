/**
 * Addresses of Services of the type LoadBalancer: those on record, and those that the chosen provider gives. What stays
 * pending is told with its reason.
 */

import { balancedByCalico } from '../../calico/index.js';
import {
  type ConfigError,
  configError,
  type Finding,
  finding,
  formatIp,
  isIpv4,
  type Service,
  type Store,
} from '../../kubernetes/index.js';
import { formatIpv4, type Ipv4Addr } from '../../packet/index.js';
import {
  Allocator,
  type Assignment,
  type MetalLbConfiguration,
  metalLbConfiguration,
  parseAddressRange,
  type Pool,
  withoutAnnotations,
} from '../../services/index.js';
import type { LoadBalancerSpec } from '../../underlay/index.js';
import type { PhysicalNetworkObject } from '../input/documents.js';

/** `unsaid`: no document chooses, and no MetalLB is configured. */
export type Provider = LoadBalancerSpec['provider'] | 'unsaid';

export interface LoadBalancerAddresses {
  readonly provider: Provider;
  readonly assignments: ReadonlyMap<Ipv4Addr, Assignment>;
  readonly metalLb: MetalLbConfiguration | undefined;
  /** Services to which Calico gives an address. */
  readonly isCalicos: (service: Service) => boolean;
  readonly errors: readonly ConfigError[];
  readonly findings: readonly Finding[];
}

const SPEC = ['spec', 'loadBalancer'];

/** The addresses that a cloud's balancer gives are one pool. */
function cloudPool(document: PhysicalNetworkObject, spec: LoadBalancerSpec, errors: ConfigError[]): Pool {
  const ranges = spec.addresses.flatMap((text, i) => {
    const range = parseAddressRange(text);
    if (range !== undefined) return [range];
    errors.push(configError(document, [...SPEC, 'addresses', i], { expected: 'a range of IPv4 addresses', got: text }));
    return [];
  });
  return { name: spec.name, ranges, autoAssign: true, avoidBuggyIps: false, allocation: undefined };
}

class Assigner {
  readonly assignments = new Map<Ipv4Addr, Assignment>();
  readonly findings: Finding[] = [];
  readonly #store: Store;
  readonly #provider: Provider;
  readonly #allocator: Allocator;
  readonly #ipMode: 'VIP' | 'Proxy';
  readonly #isCalicos: (service: Service) => boolean;

  constructor(
    store: Store,
    provider: Provider,
    given: {
      readonly pools: readonly Pool[];
      readonly ipMode: 'VIP' | 'Proxy';
      readonly isCalicos: (service: Service) => boolean;
    },
  ) {
    this.#store = store;
    this.#provider = provider;
    this.#allocator = new Allocator(store, given.pools);
    this.#ipMode = given.ipMode;
    this.#isCalicos = given.isCalicos;
  }

  get #who(): string {
    return this.#provider === 'metallb' ? 'MetalLB' : 'the load balancer';
  }

  run(): void {
    const services = this.#store.list('Service').filter(({ spec }) => spec.type === 'LoadBalancer');
    const recorded = services.filter(({ status }) => status.loadBalancer.ingress.length > 0);
    for (const service of recorded) this.#keep(service);
    for (const service of services) if (!recorded.includes(service)) this.#give(service);
  }

  #assign({ namespace, name }: Service, address: Ipv4Addr, pool: string): void {
    const services = [...(this.assignments.get(address)?.services ?? []), { namespace, name }];
    this.assignments.set(address, { pool, services });
  }

  /** What is on record counts; of an address that the provider would not give nobody takes care. */
  #keep(service: Service): void {
    service.status.loadBalancer.ingress.forEach(({ ip }, i) => {
      if (ip === undefined || !isIpv4(ip)) return;
      this.#allocator.keep(service, ip);
      const pool = this.#allocator.poolOf(ip);
      if (pool !== undefined) this.#assign(service, ip, pool.name);
      else if ((this.#provider === 'cloud' || this.#provider === 'metallb') && !this.#isCalicos(service)) {
        const message = `${formatIp(ip)} is on record, but ${this.#who} has no such address to give: nobody leads packets for it to the cluster`;
        const path = ['status', 'loadBalancer', 'ingress', i, 'ip'];
        this.findings.push(finding(service, path, { code: 'load-balancer', severity: 'warning', message }));
      }
    });
  }

  #give(service: Service): void {
    const { spec, namespace, name } = service;
    if (spec.clusterIPs.length > 0 && !spec.clusterIPs.some(isIpv4)) return;
    if (this.#isCalicos(service)) return;
    if (this.#provider === 'none' || this.#provider === 'unsaid') {
      const why =
        this.#provider === 'none'
          ? 'the topology has no provider of load balancers'
          : 'no provider of load balancers is known; spec.loadBalancer of a PhysicalNetwork chooses one';
      this.#pending(service, ['spec', 'type'], why, 'notice');
      return;
    }
    if (spec.loadBalancerClass !== undefined) {
      const why = `${this.#who} leaves Services with a loadBalancerClass to others, and nobody here is for ${JSON.stringify(spec.loadBalancerClass)}`;
      this.#pending(service, ['spec', 'loadBalancerClass'], why, 'warning');
      return;
    }
    const answer = this.#allocator.allocate(this.#provider === 'metallb' ? service : withoutAnnotations(service));
    if ('refused' in answer) {
      const why = `Failed to allocate IP for "${namespace}/${name}": ${answer.refused}`;
      this.#pending(service, ['spec', 'type'], why, 'warning');
      return;
    }
    const { address, pool } = answer;
    this.#assign(service, address, pool.name);
    const ingress = [{ ip: address, hostname: '', ipMode: this.#ipMode }];
    this.#store.put('Service', { ...service, status: { ...service.status, loadBalancer: { ingress } } });
    const message = `${formatIpv4(address)} of ${pool.name} is assumed: what ${this.#who} gives first`;
    this.findings.push(
      finding(service, ['spec', 'type'], { code: 'service-address-assumed', severity: 'notice', message }),
    );
  }

  #pending(service: Service, path: readonly string[], why: string, severity: 'notice' | 'warning'): void {
    const { spec } = service;
    const nodePorts = spec.ports.map(({ nodePort }) => nodePort).filter((port) => port !== 0);
    const still = nodePorts.length === 0 ? '' : `; on nodes it has the node ports ${nodePorts.join(', ')}`;
    const message = `its external address stays <pending>: ${why}${still}`;
    this.findings.push(finding(service, path, { code: 'external-address-pending', severity, message }));
  }
}

/** Calico gives where nobody else is chosen, and where it is asked for by its class. */
function servicesOfCalico(store: Store, provider: Provider): (service: Service) => boolean {
  const isBalanced = balancedByCalico(store);
  const chosen = provider === 'cloud' || provider === 'metallb';
  return (service) => isBalanced(service) && (!chosen || service.spec.loadBalancerClass !== undefined);
}

/** Puts addresses into the status of Services. */
export function assignAddresses(store: Store, document: PhysicalNetworkObject | undefined): LoadBalancerAddresses {
  const errors: ConfigError[] = [];
  const spec = document?.body.spec.loadBalancer;
  const provider = spec?.provider ?? (store.list('IPAddressPool').length > 0 ? 'metallb' : 'unsaid');
  const metalLb = provider === 'metallb' ? metalLbConfiguration(store) : undefined;
  const pools =
    document !== undefined && spec?.provider === 'cloud' ? [cloudPool(document, spec, errors)] : (metalLb?.pools ?? []);
  const ipMode = provider === 'cloud' ? (spec?.ipMode ?? 'VIP') : 'VIP';
  const isCalicos = servicesOfCalico(store, provider);
  const assigner = new Assigner(store, provider, { pools, ipMode, isCalicos });
  assigner.run();
  const findings = [...(metalLb?.findings ?? []), ...assigner.findings];
  return { provider, assignments: assigner.assignments, metalLb, isCalicos, errors, findings };
}
