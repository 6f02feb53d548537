/**
 * Cluster addresses and node ports of Services that do not have theirs yet, as the API server would give them
 * (pkg/registry/core/service/ipallocator, portallocator), drawn by the seed: plain manifests leave them out.
 */

import { formatIp, isIpv4 } from './address.js';
import { type Finding, finding } from './messages.js';
import { fnv1a } from './seeded.js';
import { serviceSubnet } from './service-cidrs.js';
import type { Store } from './store.js';
import type { Service } from './types.js';
import { type Ipv4Addr, type Ipv4Prefix, ipv4 } from '../packet/index.js';

/** `--service-node-port-range`. */
export const NODE_PORTS = { first: 30_000, last: 32_767 };

/** The first so many addresses are left to those who choose theirs (KEP-3070): 1/16 of the range, 16 to 256. */
const staticBand = (size: number): number => Math.min(Math.max(16, Math.floor(size / 16)), 256);

/** From a drawn place on, around the range, the first that is free. */
function firstFree(
  range: { first: number; size: number; draw: number },
  taken: (value: number) => boolean,
): number | undefined {
  const { first, size, draw } = range;
  for (let i = 0; i < size; i++) {
    const value = first + ((draw + i) % size);
    if (!taken(value)) return value;
  }
  return undefined;
}

class Allocator {
  readonly #store: Store;
  readonly #seed: number;
  readonly #subnet: Ipv4Prefix;
  readonly #addresses = new Set<number>();
  /** `TCP/30080`. */
  readonly #nodePorts = new Set<string>();
  readonly findings: Finding[] = [];

  constructor(store: Store, seed: number) {
    this.#store = store;
    this.#seed = seed;
    this.#subnet = serviceSubnet(store);
    for (const { spec } of store.list('Service')) {
      for (const ip of spec.clusterIPs) if (isIpv4(ip)) this.#addresses.add(ip);
      for (const { protocol, nodePort } of spec.ports)
        if (nodePort !== 0) this.#nodePorts.add(`${protocol}/${nodePort}`);
      if (spec.healthCheckNodePort !== 0) this.#nodePorts.add(`TCP/${spec.healthCheckNodePort}`);
    }
  }

  #draw(purpose: string): number {
    return fnv1a(`${this.#seed}/${purpose}`);
  }

  #address(service: Service): Ipv4Addr | undefined {
    const { addr, length } = this.#subnet;
    const size = 2 ** (32 - length);
    const band = size > 32 ? staticBand(size) : 1;
    // Neither the network's own address nor its broadcast.
    const usable = size - band - 1;
    const draw = this.#draw(`clusterIP/${service.namespace}/${service.name}`) % Math.max(1, usable);
    const offset = firstFree({ first: band, size: usable, draw }, (value) => this.#addresses.has(ipv4(addr + value)));
    if (offset === undefined) return undefined;
    const address = ipv4(addr + offset);
    this.#addresses.add(address);
    return address;
  }

  #nodePort(purpose: string, protocol: string): number {
    const { first, last } = NODE_PORTS;
    const size = last - first + 1;
    const draw = this.#draw(`nodePort/${purpose}`) % size;
    const port = firstFree({ first, size, draw }, (value) => this.#nodePorts.has(`${protocol}/${value}`));
    if (port === undefined) return 0;
    this.#nodePorts.add(`${protocol}/${port}`);
    return port;
  }

  #withPorts({ namespace, name, spec }: Service): Service['spec'] {
    const wanted = spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts);
    const ports = spec.ports.map((port) =>
      wanted && port.nodePort === 0
        ? { ...port, nodePort: this.#nodePort(`${namespace}/${name}/${port.name}/${port.protocol}`, port.protocol) }
        : port,
    );
    const checked =
      spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local' && spec.healthCheckNodePort === 0;
    const healthCheckNodePort = checked
      ? this.#nodePort(`${namespace}/${name} health check`, 'TCP')
      : spec.healthCheckNodePort;
    return { ...spec, ports, healthCheckNodePort };
  }

  /** Of a range of IPv6 nobody has told, and its addresses would lead nowhere here. */
  #withoutAddress(service: Service): void {
    const message = 'it is for IPv6 first, which is not modelled in the kernel yet: it gets no address';
    const path = ['spec', 'ipFamilies'];
    this.findings.push(finding(service, path, { code: 'unmodelled', severity: 'warning', message }));
  }

  complete(service: Service): void {
    const { spec } = service;
    if (spec.type === 'ExternalName' || spec.headless) return;
    const wants = spec.clusterIPs.length === 0;
    const isIpv6 = spec.ipFamilies[0] === 'IPv6';
    if (wants && isIpv6) this.#withoutAddress(service);
    const address = wants && !isIpv6 ? this.#address(service) : undefined;
    const ported = this.#withPorts(service);
    const given = address === undefined ? ported : { ...ported, clusterIPs: [address] };
    const same =
      ported.ports.every((port, i) => port === spec.ports[i]) &&
      ported.healthCheckNodePort === spec.healthCheckNodePort;
    if (address === undefined && same) return;
    this.#store.put('Service', { ...service, spec: given });
    const words = [
      ...(address === undefined ? [] : [`cluster IP ${formatIp(address)}`]),
      ...given.ports.flatMap(({ nodePort }, i) =>
        nodePort === spec.ports[i]?.nodePort ? [] : [`node port ${nodePort}`],
      ),
      ...(given.healthCheckNodePort === spec.healthCheckNodePort
        ? []
        : [`healthCheckNodePort ${given.healthCheckNodePort}`]),
    ];
    const message = `${words.join(', ')} ${words.length === 1 ? 'is' : 'are'} assumed: the API server would draw one at random`;
    this.findings.push(finding(service, ['spec'], { code: 'service-address-assumed', severity: 'notice', message }));
  }
}

export function completeServices(store: Store, seed: number): readonly Finding[] {
  const allocator = new Allocator(store, seed);
  for (const service of store.list('Service')) allocator.complete(service);
  return allocator.findings;
}
