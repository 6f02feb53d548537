/**
 * What Calico is told, as small plain types: resources reduced to what decides something. The pure parts
 * (IPAM, start-up, Felix' calculation) take these; `datastore/` makes them of Kubernetes and Calico objects.
 */

import type { Mac } from '../packet/index.js';
import type { Cause } from '../trace/index.js';
import type { Address, Cidr } from './cidr.js';
import type { PolicyRule } from './policy/resources.js';
import type { Labels } from './policy/selector.js';

export type EncapsulationMode = 'Never' | 'Always' | 'CrossSubnet';
export type PoolUse = 'Workload' | 'Tunnel' | 'LoadBalancer';

export interface IpPool {
  readonly name: string;
  readonly cidr: Cidr;
  readonly blockSize: number;
  readonly ipipMode: EncapsulationMode;
  readonly vxlanMode: EncapsulationMode;
  readonly natOutgoing: boolean;
  readonly disabled: boolean;
  readonly disableBgpExport: boolean;
  /** Empty selects all. */
  readonly nodeSelector: string;
  /** Empty selects all. */
  readonly namespaceSelector: string;
  readonly allowedUses: readonly PoolUse[];
  readonly assignmentMode: 'Automatic' | 'Manual';
}

const DEFAULT_BLOCK_SIZE = { 4: 26, 6: 122 } as const;

/** What the API fills in where a pool's author wrote nothing. */
export function defaultPool(name: string, cidr: Cidr): IpPool {
  return {
    name,
    cidr,
    blockSize: DEFAULT_BLOCK_SIZE[cidr.version],
    ipipMode: 'Never',
    vxlanMode: 'Never',
    natOutgoing: false,
    disabled: false,
    disableBgpExport: false,
    nodeSelector: 'all()',
    namespaceSelector: '',
    allowedUses: ['Workload', 'Tunnel'],
    assignmentMode: 'Automatic',
  };
}

export interface CalicoNode {
  readonly name: string;
  readonly labels: Labels;
  /** spec.bgp.ipv4Address: the prefix is what "same subnet" goes by. */
  readonly ipv4Address?: Cidr;
  readonly ipv6Address?: Cidr;
  readonly ipv4VxlanTunnelAddress?: Address;
  readonly ipv6VxlanTunnelAddress?: Address;
  readonly ipv4IpipTunnelAddress?: Address;
  /** spec.vxlanTunnelMACAddr, where somebody set one. */
  readonly vxlanTunnelMac?: Mac;
}

/** A block as Felix sees it: whose it is, and which of its addresses others have borrowed. */
export interface BlockSummary {
  readonly cidr: Cidr;
  /** Node that the block is affine to. */
  readonly host?: string;
  /** Addresses assigned to a node other than `host`. */
  readonly borrowed: readonly { readonly address: Address; readonly host: string }[];
}

/** A port that has a name, by which rules may call it. */
export interface EndpointPort {
  readonly name: string;
  readonly protocol: string | number;
  readonly port: number;
}

/** Limits that a pod's annotations set (qos.projectcalico.org/…); 0 where there is none. */
export interface QosDirection {
  readonly packetRate: number;
  readonly packetBurst: number;
  readonly maxConnections: number;
}

/** A pod's interface. */
export interface WorkloadEndpoint {
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  readonly interfaceName: string;
  readonly networks: readonly Cidr[];
  /** `kns.<namespace>`, `ksa.<namespace>.<serviceaccount>`. */
  readonly profiles: readonly string[];
  readonly labels: Labels;
  readonly active: boolean;
  /** Known with the etcd datastore only. */
  readonly mac?: Mac;
  readonly ports: readonly EndpointPort[];
  /** Addresses that are led to the pod's own. */
  readonly floatingIps: readonly { readonly external: Address; readonly internal: Address }[];
  /** Sources that are not its own and that it may use. */
  readonly spoofedSources: readonly Cidr[];
  readonly qos?: { readonly ingress: QosDirection; readonly egress: QosDirection };
  /** DSCP of what leaves the cluster. */
  readonly dscp?: number;
}

/** An interface of a host that policy protects. */
export interface HostEndpoint {
  readonly name: string;
  readonly node: string;
  /** `*` for all; '' where the expected addresses say which. */
  readonly interfaceName: string;
  readonly expectedIps: readonly Address[];
  readonly labels: Labels;
  readonly profiles: readonly string[];
  readonly ports: readonly EndpointPort[];
  readonly dscp?: number;
}

/** NetworkSet or GlobalNetworkSet: networks that selectors select by labels. */
export interface NetworkSet {
  readonly nets: readonly Cidr[];
  readonly labels: Labels;
  /** The namespace's, whose labels count too. */
  readonly profiles: readonly string[];
  readonly because: Cause;
}

/** One EndpointSlice of a Service. */
export interface ServiceSlice {
  /** `namespace/name`. */
  readonly service: string;
  readonly addresses: readonly Address[];
  readonly ports: readonly { readonly protocol: 'tcp' | 'udp' | 'sctp'; readonly port: number }[];
}

export interface Profile {
  readonly name: string;
  readonly labelsToApply: Labels;
  readonly ingress: readonly PolicyRule[];
  readonly egress: readonly PolicyRule[];
  readonly because: readonly Cause[];
}

/** FelixConfiguration objects and the environment, each a bag of parameters under their written names. */
export type FelixParameters = Readonly<Record<string, string>>;

export const cause = (kind: string, name: string, detail?: string): Cause => ({
  kind,
  name,
  ...(detail !== undefined && { detail }),
});

export const poolCause = (pool: IpPool, detail?: string): Cause => cause('IPPool', pool.name, detail);
export const nodeCause = (name: string, detail?: string): Cause => cause('Node', name, detail);
export const podCause = ({ namespace, pod }: Pick<WorkloadEndpoint, 'namespace' | 'pod'>): Cause => ({
  kind: 'Pod',
  namespace,
  name: pod,
});
export const hostEndpointCause = ({ name }: HostEndpoint): Cause => cause('HostEndpoint', name);
