/** Which Services, endpoints and pods a name stands for (plugin/kubernetes/kubernetes.go, reverse.go, ns.go). */

import { formatIp, type IpAddress, isIpv4, parseIp, type Service } from '../../../kubernetes/index.js';
import { canonical, join } from '../name.js';
import { addressOfReverse, isReverse } from '../reverse.js';
import { type Directory, type EndpointAddress, type Endpoints, servicePorts } from './directory.js';
import { type ParsedName, parseRecordName, type RecordRequest } from './names.js';
import type { KubernetesSettings } from './settings.js';

/** A host behind a name: by address, or by the name of an ExternalName Service (plugin/etcd/msg.Service). */
export interface Target {
  readonly host: IpAddress | string;
  /** -1 where none is declared. */
  readonly port: number;
  /** The name that an SRV record gives it. */
  readonly key: string;
}

/** `nxdomain` where the name does not exist; an empty list where it has nothing of that kind. */
export type Found = readonly Target[] | 'nxdomain';

export interface Question {
  readonly name: string;
  /** Written as in the name. */
  readonly zone: string;
  readonly type: string;
}

export type NamedAddress = { readonly name: string; readonly address: IpAddress };

const NS_NAME = 'ns.dns';

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

const portMatches = (request: RecordRequest, port: { readonly name: string; readonly protocol: string }): boolean =>
  (request.port === '' || same(request.port, port.name)) &&
  (request.protocol === '' || same(request.protocol, port.protocol));

export class KubernetesBackend {
  readonly settings: KubernetesSettings;
  readonly #directory: Directory;
  /** Addresses that CoreDNS listens on. */
  readonly #localAddresses: readonly IpAddress[];

  constructor(settings: KubernetesSettings, directory: Directory, localAddresses: readonly IpAddress[]) {
    this.settings = settings;
    this.#directory = directory;
    this.#localAddresses = localAddresses;
  }

  get serial(): number {
    return this.#directory.modified;
  }

  /** Everything that `name` stands for; `zone` is written as in the name. */
  targets({ name, zone, type }: Question): Found {
    if (canonical(name) === canonical(join(NS_NAME, zone))) {
      const wanted = this.nameServers(zone).filter(({ address }) => type === (isIpv4(address) ? 'A' : 'AAAA'));
      return wanted.map(({ address }) => ({ host: address, port: 0, key: name }));
    }
    const request = parseRecordName(canonical(name), canonical(zone));
    return this.#records(request, { name, zone });
  }

  /** The answer to a question of a name in a reverse zone: the names of an address. */
  namesOf(name: string, zone: string): readonly string[] | 'nxdomain' {
    const address = addressOfReverse(name);
    if (address === undefined) return this.targets({ name, zone, type: 'PTR' }) === 'nxdomain' ? 'nxdomain' : [];
    const names = this.#namesAt(formatIp(address));
    return names.length === 0 ? 'nxdomain' : names;
  }

  /** The Services that lead to this CoreDNS, or its own addresses where none does. */
  nameServers(zone: string): readonly NamedAddress[] {
    const found = this.#localAddresses.flatMap((own) => this.#endpointsAt(formatIp(own)));
    if (found.length === 0) return this.#localAddresses.map((address) => ({ name: join(NS_NAME, zone), address }));
    return found.flatMap((endpoints) => {
      const service = this.#directory.service(endpoints.namespace, endpoints.service);
      if (service === undefined) return [];
      const name = join(service.name, service.namespace, 'svc', zone);
      if (!service.spec.headless) return service.spec.clusterIPs.map((address) => ({ name, address }));
      return endpoints.addresses.map((one) => ({ name: join(this.#hostname(one), name), address: one.ip }));
    });
  }

  #records(request: ParsedName, asked: { readonly name: string; readonly zone: string }): Found {
    if (request === 'invalid') return 'nxdomain';
    if (request === 'nothing') return [];
    if (isReverse(asked.name) || !this.#exposed(request.namespace)) return 'nxdomain';
    return request.kind === 'pod' ? this.#pods(request, asked.zone) : this.#services(request, asked.zone);
  }

  #exposed(namespace: string): boolean {
    const { namespaces } = this.settings;
    return (namespaces.size === 0 || namespaces.has(namespace)) && this.#directory.hasNamespace(namespace);
  }

  /** `10-244-1-3.shop.pod`: dashes for dots, or for the colons of IPv6. */
  #pods(request: RecordRequest, zone: string): Found {
    if (this.settings.pods === 'disabled') return 'nxdomain';
    if (request.name === '') return [];
    const dashes = request.name.split('-').length - 1;
    const separator = dashes === 3 && !request.name.includes('--') ? '.' : ':';
    const host = parseIp(request.name.replaceAll('-', separator));
    if (host === undefined) return 'nxdomain';
    const key = join(request.name, request.namespace, 'pod', zone);
    const target = { host, port: 0, key };
    if (this.settings.pods === 'insecure') return [target];
    const pods = this.#directory.podsAt(formatIp(host)).filter(({ namespace }) => namespace === request.namespace);
    return pods.length === 0 ? 'nxdomain' : pods.map(() => target);
  }

  #services(request: RecordRequest, zone: string): Found {
    if (request.name === '') return [];
    const service = this.#directory.service(request.namespace, request.name);
    if (service === undefined) return 'nxdomain';
    const { type, headless, externalName, clusterIPs } = service.spec;
    const key = join(service.name, service.namespace, 'svc', zone);
    if (this.settings.ignoreEmptyService && type !== 'ExternalName' && !headless && this.#isEmpty(service))
      return 'nxdomain';
    if (type === 'ExternalName') {
      const plain = request.endpoint === '' && request.port === '' && request.protocol === '';
      // An address is no name to lead on to.
      return plain && parseIp(externalName) === undefined
        ? [{ host: canonical(externalName), port: 0, key }]
        : 'nxdomain';
    }
    if (headless || request.endpoint !== '') return this.#endpointTargets(request, service, key);
    const ports = servicePorts(service).filter((port) => portMatches(request, port));
    const targets = ports.flatMap(({ port }) => clusterIPs.map((host) => ({ host, port, key })));
    return ports.length === 0 ? 'nxdomain' : targets;
  }

  #endpointTargets(request: RecordRequest, service: Service, key: string): Found {
    const targets: Target[] = [];
    for (const { addresses, ports } of this.#endpoints(service)) {
      const matching = ports.filter((port) => portMatches(request, port));
      for (const address of addresses) {
        const hostname = this.#hostname(address);
        if (request.endpoint !== '' && !same(request.endpoint, hostname)) continue;
        for (const { port } of matching) targets.push({ host: address.ip, port, key: join(hostname, key) });
      }
    }
    return targets.length === 0 ? 'nxdomain' : targets;
  }

  #isEmpty(service: Service): boolean {
    return this.#endpoints(service).every(({ addresses }) => addresses.length === 0);
  }

  #endpoints({ namespace, name }: Service): readonly Endpoints[] {
    return this.settings.useEndpoints ? this.#directory.endpoints(namespace, name) : [];
  }

  #endpointsAt(ip: string): readonly Endpoints[] {
    return this.settings.useEndpoints ? this.#directory.endpointsAt(ip) : [];
  }

  /** endpointHostname(). */
  #hostname({ ip, hostname, targetName }: EndpointAddress): string {
    if (hostname !== '') return hostname;
    if (this.settings.endpointPodNames && targetName !== '') return targetName;
    const text = formatIp(ip).replaceAll(isIpv4(ip) ? '.' : ':', '-');
    return text.endsWith('-') ? `${text}0` : text;
  }

  /** serviceRecordForIP(): a Service of that address, or else the endpoints that have it. */
  #namesAt(ip: string): readonly string[] {
    const { namespaces, primaryZone } = this.settings;
    const shown = (namespace: string): boolean => namespaces.size === 0 || this.#exposed(namespace);
    const service = this.#directory.servicesAt(ip).find(({ namespace }) => shown(namespace));
    if (service !== undefined) return [join(service.name, service.namespace, 'svc', primaryZone)];
    const names = this.#endpointsAt(ip)
      .filter(({ namespace }) => shown(namespace))
      .flatMap(({ addresses, service: name, namespace }) =>
        addresses
          .filter((address) => formatIp(address.ip) === ip)
          .map((address) => join(this.#hostname(address), name, namespace, 'svc', primaryZone)),
      );
    return [...new Set(names)];
  }
}
