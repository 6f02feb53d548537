/**
 * calico-node's address monitor (startup.go:MonitorIPAddressSubnets()): a node whose interfaces have changed is looked
 * at as when it starts, and what is found goes into the datastore, where confd reads it. Only where the environment asks
 * for detection; an address that is given stays.
 *
 * Differs: the real one looks once a minute; here it looks when somebody says that the machine has changed.
 */

import {
  type Address,
  addressOfIpv4,
  type Cidr,
  cidrAt,
  cidrFromStore,
  cidrToStore,
  type DetectionHost,
  formatCidr,
  ipv4Of,
  nodeEnvironment,
  parseAddress,
  startNode,
  StartupError,
  storedInternalIps,
} from '../calico/index.js';
import type { Host } from '../kernel/index.js';
import { calicoNode, calicoNodes, calicoNodeSettings, NODE_ANNOTATIONS, type Store } from '../kubernetes/index.js';
import { INADDR_ANY } from '../packet/index.js';

/** A machine as a program on it sees it. */
const detectionHost = ({ netns }: Host, internalIps: readonly Address[]): DetectionHost => ({
  interfaces: [...netns.devices]
    .toSorted((a, b) => a.ifindex - b.ifindex)
    .map(({ name, addresses }) => ({
      name,
      addresses: addresses.map(({ address, prefixLength }) => cidrAt(addressOfIpv4(address), prefixLength)),
    })),
  internalIps,
  sourceFor: (destination, version) => {
    const target = version === 4 ? parseAddress(destination) : undefined;
    if (target === undefined) return undefined;
    const route = netns.fib.routeOutput({ destination: ipv4Of(target), source: INADDR_ANY });
    return typeof route === 'string' ? undefined : addressOfIpv4(route.source);
  },
});

/** The name of another node with that address, by the datastore. */
const ownerOf =
  (store: Store, self: string) =>
  (address: Address): string | undefined =>
    calicoNodes(store).find(
      ({ name, bgp }) =>
        name !== self && bgp?.ipv4Address !== undefined && cidrFromStore(bgp.ipv4Address).value === address.value,
    )?.name;

/** Where the datastore keeps it: Calico's own Node, or an annotation. */
function record(store: Store, name: string, found: Cidr): void {
  const resource = store.get('CalicoNode', '', name);
  const node = store.get('Node', '', name);
  if (resource?.spec.bgp !== undefined) {
    const bgp = { ...resource.spec.bgp, ipv4Address: cidrToStore(found) };
    store.put('CalicoNode', { ...resource, spec: { ...resource.spec, bgp } });
  } else if (node !== undefined)
    store.put('Node', {
      ...node,
      annotations: { ...node.annotations, [NODE_ANNOTATIONS.ipv4Address]: formatCidr(found) },
    });
}

/** Whether a node's address on record is another now. One that cannot be found, or is another node's, ends calico-node. */
export function detectAddress(store: Store, host: Host): boolean {
  const settings = calicoNodeSettings(store);
  const known = calicoNode(store, host.name)?.bgp?.ipv4Address;
  if (settings === undefined || known === undefined) return false;
  const before = cidrFromStore(known);
  try {
    const { ipv4Address } =
      startNode(nodeEnvironment(settings, host.name), detectionHost(host, storedInternalIps(store, host.name)), {
        known: { ipv4Address: before },
        ownerOf: ownerOf(store, host.name),
      }) ?? {};
    if (ipv4Address === undefined || formatCidr(ipv4Address) === formatCidr(before)) return false;
    record(store, host.name, ipv4Address);
    return true;
  } catch (error) {
    if (error instanceof StartupError) return false;
    throw error;
  }
}
