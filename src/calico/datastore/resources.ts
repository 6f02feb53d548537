/** Nodes, pools, endpoints and profiles, out of the store of objects. */

import {
  calicoNodes,
  type CalicoNodeView,
  isFinished,
  type ObjectOf,
  type Pod,
  type Store,
} from '../../kubernetes/index.js';
import { parseMac } from '../../packet/index.js';
import { type Address, type Cidr, hostCidr, parseCidrOrAddress } from '../cidr.js';
import { namespaceProfile, podEndpoint, serviceAccountProfile } from '../conversion.js';
import { type AnnotationProblem, endpointOptions } from '../pod-annotations.js';
import type { ServiceCidr } from '../felix/calc/input.js';
import {
  cause,
  type CalicoNode,
  type EndpointPort,
  type IpPool,
  type Profile,
  type WorkloadEndpoint,
} from '../model.js';
import { remembered } from '../memo.js';
import { addressFromStore, cidrFromStore } from './addresses.js';

function nodeOf({ name, labels, bgp, ...view }: CalicoNodeView): CalicoNode {
  const vxlanTunnelMac = parseMac(view.vxlanTunnelMACAddr);
  return {
    name,
    labels,
    ...(bgp?.ipv4Address && { ipv4Address: cidrFromStore(bgp.ipv4Address) }),
    ...(bgp?.ipv6Address && { ipv6Address: cidrFromStore(bgp.ipv6Address) }),
    ...(view.ipv4VXLANTunnelAddr !== undefined && {
      ipv4VxlanTunnelAddress: addressFromStore(view.ipv4VXLANTunnelAddr),
    }),
    ...(view.ipv6VXLANTunnelAddr !== undefined && {
      ipv6VxlanTunnelAddress: addressFromStore(view.ipv6VXLANTunnelAddr),
    }),
    ...(bgp?.ipv4IPIPTunnelAddr !== undefined && { ipv4IpipTunnelAddress: addressFromStore(bgp.ipv4IPIPTunnelAddr) }),
    ...(vxlanTunnelMac !== undefined && { vxlanTunnelMac }),
  };
}

const nodesOf = remembered((views: readonly CalicoNodeView[]): readonly CalicoNode[] => views.map(nodeOf));

/** Nodes of either kind, by name. */
export const storedNodes = (store: Store): readonly CalicoNode[] => nodesOf(calicoNodes(store));

const poolsOf = remembered((list: readonly ObjectOf<'IPPool'>[]): readonly IpPool[] =>
  list.map(({ name, spec, terminating }) => ({
    name,
    cidr: cidrFromStore(spec.cidr),
    blockSize: spec.blockSize,
    ipipMode: spec.ipipMode,
    vxlanMode: spec.vxlanMode,
    natOutgoing: spec.natOutgoing,
    // A pool on its way out gives nothing any more.
    disabled: spec.disabled || terminating,
    disableBgpExport: spec.disableBGPExport,
    nodeSelector: spec.nodeSelector,
    namespaceSelector: spec.namespaceSelector,
    allowedUses: spec.allowedUses,
    assignmentMode: spec.assignmentMode,
  })),
);

/** By name; the same list as long as nothing of them changes. */
export const storedPools = (store: Store): readonly IpPool[] => poolsOf(store.list('IPPool'));

const POD_IPS = 'cni.projectcalico.org/podIPs';
const POD_IP = 'cni.projectcalico.org/podIP';

/** The CNI plugin's word goes before the kubelet's, which comes later and goes later. */
export function podAddresses({ annotations, status }: Pod): Cidr[] {
  const recorded = (annotations[POD_IPS] ?? '') || (annotations[POD_IP] ?? '');
  if (recorded !== '') return recorded.split(',').flatMap((text) => parseCidrOrAddress(text.trim()) ?? []);
  return status.podIPs.map((address) => hostCidr(addressFromStore(address)));
}

/** Ports that have a name, or that the host has opened for them; conversion/workload_endpoint_default.go. */
const endpointPorts = ({ spec }: Pod): EndpointPort[] =>
  [...spec.containers, ...spec.initContainers].flatMap(({ ports }) =>
    ports
      .filter(({ name, hostPort }) => name !== '' || hostPort > 0)
      .map(({ name, protocol, containerPort }) => ({ name, protocol: protocol.toLowerCase(), port: containerPort })),
  );

/** Whether a pod has an interface of its own: the host's and those that have ended have none. */
const isEndpoint = (pod: Pod): boolean => !pod.spec.hostNetwork && pod.spec.nodeName !== '' && !isFinished(pod);

/** A pod's endpoint, or none where it has no address. */
export function podToEndpoint(pod: Pod, interfacePrefix?: string): WorkloadEndpoint | undefined {
  const addresses = isEndpoint(pod) ? podAddresses(pod) : [];
  if (addresses.length === 0) return undefined;
  const { namespace, name, labels, spec } = pod;
  return podEndpoint({
    namespace,
    name,
    node: spec.nodeName,
    labels,
    serviceAccount: spec.serviceAccountName,
    addresses,
    ports: endpointPorts(pod),
    options: endpointOptions(pod.annotations, addresses).options,
    ...(interfacePrefix !== undefined && { interfacePrefix }),
  });
}

/** What a pod's annotations ask for and cannot have. */
export const annotationProblems = (pod: Pod): readonly AnnotationProblem[] =>
  isEndpoint(pod) ? endpointOptions(pod.annotations, podAddresses(pod)).problems : [];

/** Pods that have an address of their own. */
export const storedEndpoints = (store: Store, interfacePrefix?: string): WorkloadEndpoint[] =>
  store.list('Pod').flatMap((pod) => podToEndpoint(pod, interfacePrefix) ?? []);

/** One for each namespace and each service account. A namespace that only pods speak of has one too. */
export function storedProfiles(store: Store): Profile[] {
  const namespaces = store.list('Namespace').map(({ name, labels }) => namespaceProfile(name, labels));
  const accounts = store
    .list('ServiceAccount')
    .map(({ namespace, name, labels }) => serviceAccountProfile(namespace, name, labels));
  const known = new Set([...namespaces, ...accounts].map(({ name }) => name));
  const implied: Profile[] = [];
  /** Of a namespace, the accounts that pods of it have. */
  const met = new Map<string, Set<string>>();
  const imply = (profile: Profile): void => {
    if (!known.has(profile.name)) implied.push(profile);
  };
  for (const { namespace, spec } of store.list('Pod')) {
    const { serviceAccountName } = spec;
    let accountsMet = met.get(namespace);
    if (accountsMet === undefined) {
      accountsMet = new Set();
      met.set(namespace, accountsMet);
      imply(namespaceProfile(namespace, {}));
    }
    if (accountsMet.has(serviceAccountName)) continue;
    accountsMet.add(serviceAccountName);
    imply(serviceAccountProfile(namespace, serviceAccountName, {}));
  }
  return [...namespaces, ...accounts, ...implied];
}

/** Addresses that IPAM is not to give out. */
export const storedReservations = (store: Store): Cidr[] =>
  store.list('IPReservation').flatMap(({ spec }) => spec.reservedCIDRs.map(cidrFromStore));

/** Ranges that BGPConfiguration `default` has advertised for Services. */
export function storedServiceCidrs(store: Store): ServiceCidr[] {
  const configuration = store.get('BGPConfiguration', '', 'default');
  if (configuration === undefined) return [];
  const { serviceClusterIPs, serviceExternalIPs, serviceLoadBalancerIPs } = configuration.spec;
  const because = [cause('BGPConfiguration', configuration.name)];
  return [...serviceClusterIPs, ...serviceExternalIPs, ...serviceLoadBalancerIPs].flatMap(({ cidr }) =>
    cidr === undefined ? [] : [{ cidr, because }],
  );
}

/** InternalIP addresses in the status of a Kubernetes Node. */
export const storedInternalIps = (store: Store, node: string): Address[] =>
  (store.get('Node', '', node)?.status.internalIPs ?? []).map(addressFromStore);
