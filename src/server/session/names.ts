/** Whose an address is, for filters and lists. */

import { formatAddress } from '../../calico/index.js';
import { type Cluster, recordedAddresses } from '../../cluster/index.js';
import { formatIp, isIpv4, type ObjectKey, type Pod, type Store } from '../../kubernetes/index.js';
import { parseIpv4 } from '../../packet/index.js';
import type { AddressNames, NameLookup } from '../filter/facts.js';

/** A pod's IPv4 addresses on record. */
export const podAddresses = (pod: Pod): readonly string[] =>
  recordedAddresses(pod)
    .map(formatAddress)
    .filter((address) => parseIpv4(address) !== undefined);

/** The IPv4 addresses that a kubelet reports of a pod: on the machine's network those of the machine, whatever is on record. */
export function reportedAddresses({ store }: Pick<Cluster, 'store'>, pod: Pod): readonly string[] {
  const { hostNetwork, nodeName } = pod.spec;
  if (!hostNetwork) return podAddresses(pod);
  const { internalIPs = [] } = store.get('Node', '', nodeName)?.status ?? {};
  return internalIPs.filter(isIpv4).map(formatIp);
}

/** Pods by their addresses on record, Services by theirs, machines by those of their interfaces. */
export function nameLookup(cluster: Cluster): NameLookup {
  const names = new Map<number, AddressNames>();
  const add = (address: number, given: AddressNames): void => {
    names.set(address, { ...names.get(address), ...given });
  };
  for (const { name, role, interfaces } of cluster.underlay.plan.machines.values()) {
    if (role === 'node') for (const { address } of interfaces) if (address !== undefined) add(address, { node: name });
  }
  for (const { namespace, name, spec } of cluster.store.list('Service')) {
    for (const address of [...spec.clusterIPs, ...spec.externalIPs])
      if (isIpv4(address)) add(address, { service: `${namespace}/${name}`, namespace });
  }
  for (const pod of cluster.store.list('Pod')) {
    const { namespace, name, spec } = pod;
    if (spec.hostNetwork) continue;
    for (const text of podAddresses(pod)) {
      const address = parseIpv4(text);
      if (address !== undefined) add(address, { pod: `${namespace}/${name}`, namespace, node: spec.nodeName });
    }
  }
  return (address) => names.get(address);
}

/** Addresses of a pod or a Service that is there. */
export function addressesOf(store: Store, { kind, namespace, name }: ObjectKey): number[] {
  const pod = kind === 'Pod' ? store.get('Pod', namespace, name) : undefined;
  if (pod !== undefined && !pod.spec.hostNetwork)
    return podAddresses(pod)
      .map(parseIpv4)
      .filter((address) => address !== undefined);
  const service = kind === 'Service' ? store.get('Service', namespace, name) : undefined;
  return [...(service?.spec.clusterIPs ?? []), ...(service?.spec.externalIPs ?? [])].filter(isIpv4);
}
