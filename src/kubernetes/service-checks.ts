/** What the API server takes of Services though their traffic may suffer from it. */

import { type Cidr, cidrContains, formatCidr, formatIp, isIpv4 } from './address.js';
import { kubeadmNetworking } from './kubeadm.js';
import { type Finding, finding, formatObject } from './messages.js';
import { NODE_PORTS } from './service-addresses.js';
import { clusterIpPath } from './service-conflicts.js';
import type { FieldPath } from './source/json.js';
import type { Store } from './store.js';
import type { Service } from './types.js';

const conflict = (service: Service, path: FieldPath, message: string): Finding =>
  finding(service, path, { code: 'service-in-conflict', severity: 'warning', message });

/** Ranges of pods, and what names them. */
function podRanges(store: Store): readonly { readonly cidr: Cidr; readonly whose: string }[] {
  return [
    ...store.list('IPPool').map(({ name, spec }) => ({ cidr: spec.cidr, whose: `IPPool ${name}` })),
    ...store
      .list('Node')
      .flatMap(({ name, spec }) => spec.podCIDRs.map((cidr) => ({ cidr, whose: `Node ${name}, its podCIDR` }))),
    ...kubeadmNetworking(store).podSubnets.map((cidr) => ({ cidr, whose: "kubeadm's podSubnet" })),
  ];
}

function amongPods(service: Service, ranges: ReturnType<typeof podRanges>): readonly Finding[] {
  return service.spec.clusterIPs.flatMap((ip, i) => {
    const range = ranges.find(({ cidr }) => cidrContains(cidr, ip));
    if (range === undefined) return [];
    const where = `${formatCidr(range.cidr)} of ${range.whose}`;
    const message = `its cluster IP ${formatIp(ip)} is in ${where}: a pod may be given the same address`;
    return [conflict(service, clusterIpPath(i), message)];
  });
}

const isOutside = (port: number): boolean => port !== 0 && (port < NODE_PORTS.first || port > NODE_PORTS.last);

/** Another range may be the API server's by its flag. */
function nodePortsOutside(service: Service): readonly Finding[] {
  const { ports, healthCheckNodePort } = service.spec;
  const all = [
    ...ports.map(({ nodePort }, i) => ({ nodePort, path: ['spec', 'ports', i, 'nodePort'] })),
    { nodePort: healthCheckNodePort, path: ['spec', 'healthCheckNodePort'] },
  ];
  return all
    .filter(({ nodePort }) => isOutside(nodePort))
    .map(({ nodePort, path }) => {
      const range = `${NODE_PORTS.first}-${NODE_PORTS.last}`;
      const message = `node port ${nodePort} is outside of ${range}: the API server takes it only with another --service-node-port-range`;
      return conflict(service, path, message);
    });
}

/** kube-proxy's rules stand in the order of namespace and name, as the store has them. */
function externalIpsTwice(services: readonly Service[]): readonly Finding[] {
  const holders = new Map<string, Service>();
  return services.flatMap((service) =>
    service.spec.externalIPs.flatMap((ip, i) =>
      service.spec.ports.flatMap(({ protocol, port }) => {
        const place = `${formatIp(ip)}:${port}/${protocol}`;
        const holder = holders.get(place);
        if (holder === undefined) holders.set(place, service);
        if (holder === undefined || holder === service) return [];
        const message = `its external IP ${place} is also that of ${formatObject(holder)}: only one of the two is reached there, here ${formatObject(holder)}, whose rules stand first`;
        return [conflict(service, ['spec', 'externalIPs', i], message)];
      }),
    ),
  );
}

const isMulticast = (cidr: number): boolean => cidr >>> 28 === 0xe;

const multicastIps = (service: Service): readonly Finding[] =>
  service.spec.externalIPs.flatMap((ip, i) =>
    isIpv4(ip) && isMulticast(ip)
      ? [conflict(service, ['spec', 'externalIPs', i], `its external IP ${formatIp(ip)} is a multicast address`)]
      : [],
  );

export function serviceConflicts(store: Store): readonly Finding[] {
  const [services, ranges] = [store.list('Service'), podRanges(store)];
  return [
    ...services.flatMap((service) => [
      ...amongPods(service, ranges),
      ...nodePortsOutside(service),
      ...multicastIps(service),
    ]),
    ...externalIpsTwice(services),
  ];
}
