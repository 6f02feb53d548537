/** What the API server would refuse of Services (pkg/apis/core/validation:ValidateService()), and kube-proxy lives with. */

import { cidrContains, formatCidr, formatIp, isIpv4 } from './address.js';
import { type Finding, finding, formatObject } from './messages.js';
import { serviceSubnet } from './service-addresses.js';
import type { FieldPath } from './source/json.js';
import type { Store } from './store.js';
import type { Service } from './types.js';

const conflict = (service: Service, path: FieldPath, message: string): Finding =>
  finding(service, path, { code: 'service-in-conflict', severity: 'warning', message });

/** Of ports that only one can have, who was first: by name, as kube-proxy's rules stand. */
class Taken {
  readonly #holders = new Map<string, Service>();

  /** The one who has it already. */
  take(key: string, service: Service): Service | undefined {
    const holder = this.#holders.get(key);
    if (holder === undefined) this.#holders.set(key, service);
    return holder;
  }
}

function ownPorts(service: Service): readonly Finding[] {
  const { ports, type } = service.spec;
  const [numbers, names] = [new Set<string>(), new Set<string>()];
  return ports.flatMap(({ name, protocol, port, nodePort }, i) => {
    const found: Finding[] = [];
    const at: FieldPath = ['spec', 'ports', i];
    const number = `${protocol}/${port}`;
    if (numbers.has(number))
      found.push(conflict(service, at, `port ${port}/${protocol} is there twice: the API server refuses it`));
    if (name === '' && ports.length > 1)
      found.push(conflict(service, at, `of several ports each must have a name: the API server refuses it`));
    else if (names.has(name))
      found.push(
        conflict(
          service,
          at,
          `port name ${JSON.stringify(name)} is there twice: the API server refuses it, kube-proxy would know one of them`,
        ),
      );
    if (type === 'ClusterIP' && nodePort !== 0)
      found.push(
        conflict(
          service,
          [...at, 'nodePort'],
          'a Service of type ClusterIP has no node ports: the API server refuses it',
        ),
      );
    numbers.add(number);
    names.add(name);
    return found;
  });
}

function nodePorts(service: Service, taken: Taken): readonly Finding[] {
  const { ports, healthCheckNodePort } = service.spec;
  const wanted: readonly (readonly [key: string, what: string, path: FieldPath])[] = [
    ...ports
      .map(
        ({ protocol, nodePort }, i) =>
          [`${protocol}/${nodePort}`, `node port ${nodePort}/${protocol}`, ['spec', 'ports', i, 'nodePort']] as const,
      )
      .filter((_, i) => ports[i]?.nodePort !== 0),
    ...(healthCheckNodePort === 0
      ? []
      : [
          [
            `TCP/${healthCheckNodePort}`,
            `healthCheckNodePort ${healthCheckNodePort}`,
            ['spec', 'healthCheckNodePort'],
          ] as const,
        ]),
  ];
  return wanted.flatMap(([key, what, path]) => {
    const holder = taken.take(key, service);
    if (holder === undefined) return [];
    const whose = holder === service ? 'there twice' : `also that of ${formatObject(holder)}`;
    return [conflict(service, path, `${what} is ${whose}: the API server refuses it, and the first rule would answer`)];
  });
}

function addresses(service: Service, store: Store, taken: Taken): readonly Finding[] {
  const subnet = serviceSubnet(store);
  return service.spec.clusterIPs.flatMap((ip, i) => {
    const text = formatIp(ip);
    const path: FieldPath = i === 0 ? ['spec', 'clusterIP'] : ['spec', 'clusterIPs', i];
    const holder = taken.take(text, service);
    const shared =
      holder === undefined || holder === service
        ? []
        : [
            conflict(
              service,
              path,
              `its cluster IP ${text} is also that of ${formatObject(holder)}: the API server refuses it`,
            ),
          ];
    const outside = isIpv4(ip) && knowsSubnet(store) && !cidrContains(subnet, ip);
    return outside
      ? [
          ...shared,
          conflict(
            service,
            path,
            `its cluster IP ${text} is not in the cluster's ${formatCidr(subnet)}: the API server refuses it`,
          ),
        ]
      : shared;
  });
}

/** The default is kubeadm's; another installer's subnet nobody has told. */
const knowsSubnet = (store: Store): boolean => store.get('ConfigMap', 'kube-system', 'kubeadm-config') !== undefined;

export function serviceConflicts(store: Store): readonly Finding[] {
  const [ports, ips] = [new Taken(), new Taken()];
  return store
    .list('Service')
    .flatMap((service) => [...ownPorts(service), ...addresses(service, store, ips), ...nodePorts(service, ports)]);
}
