/** The objects that the judge in policy-oracle.ts reads, as their manifests have them. */

import type { LabelSelector, Labels } from './policy-oracle-selectors.js';

export type Protocol = 'tcp' | 'udp' | 'sctp' | 'icmp';
type PortProtocol = 'TCP' | 'UDP' | 'SCTP';

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Labels;
}

interface Resource<Kind extends string, Spec> {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: Metadata;
  readonly spec: Spec;
}

// networking.k8s.io/v1

export interface KubernetesPeer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export interface KubernetesPort {
  readonly protocol?: PortProtocol;
  readonly port?: number | string;
  readonly endPort?: number;
}

interface KubernetesPolicySpec {
  readonly podSelector: LabelSelector;
  readonly policyTypes?: readonly ('Ingress' | 'Egress')[];
  readonly ingress?: readonly {
    readonly from?: readonly KubernetesPeer[];
    readonly ports?: readonly KubernetesPort[];
  }[];
  readonly egress?: readonly { readonly to?: readonly KubernetesPeer[]; readonly ports?: readonly KubernetesPort[] }[];
}

export type KubernetesPolicy = Resource<'NetworkPolicy', KubernetesPolicySpec>;

// policy.networking.k8s.io

interface NamespacedPod {
  readonly namespaceSelector: LabelSelector;
  readonly podSelector: LabelSelector;
}

export interface AdminPeer {
  readonly namespaces?: LabelSelector;
  readonly pods?: NamespacedPod;
  readonly networks?: readonly string[];
}

interface PortMatch {
  readonly destinationPort?: {
    readonly number?: number;
    readonly range?: { readonly start: number; readonly end: number };
  };
}

/** ClusterNetworkPolicy's, v1alpha2. */
export interface ClusterProtocol {
  readonly tcp?: PortMatch;
  readonly udp?: PortMatch;
  readonly sctp?: PortMatch;
  readonly destinationNamedPort?: string;
}

/** AdminNetworkPolicy's, v1alpha1. */
export interface AdminPort {
  readonly portNumber?: { readonly protocol: PortProtocol; readonly port: number };
  readonly portRange?: { readonly protocol?: PortProtocol; readonly start: number; readonly end: number };
}

export interface AdminRule {
  readonly action: 'Accept' | 'Allow' | 'Deny' | 'Pass';
  readonly from?: readonly AdminPeer[];
  readonly to?: readonly AdminPeer[];
  readonly protocols?: readonly ClusterProtocol[];
  readonly ports?: readonly AdminPort[];
}

interface AdminPolicySpec {
  readonly tier?: 'Admin' | 'Baseline';
  readonly priority?: number;
  readonly subject: { readonly namespaces?: LabelSelector; readonly pods?: NamespacedPod };
  readonly ingress?: readonly AdminRule[];
  readonly egress?: readonly AdminRule[];
}

export type AdminPolicy = Resource<
  'ClusterNetworkPolicy' | 'AdminNetworkPolicy' | 'BaselineAdminNetworkPolicy',
  AdminPolicySpec
>;

// projectcalico.org/v3

export interface EntityRule {
  readonly nets?: readonly string[];
  readonly notNets?: readonly string[];
  readonly selector?: string;
  readonly notSelector?: string;
  readonly namespaceSelector?: string;
  readonly serviceAccounts?: { readonly names?: readonly string[]; readonly selector?: string };
  readonly ports?: readonly (number | string)[];
  readonly notPorts?: readonly (number | string)[];
  readonly services?: { readonly name: string; readonly namespace?: string };
}

interface IcmpFields {
  readonly type?: number;
  readonly code?: number;
}

export interface CalicoRule {
  readonly action: 'Allow' | 'Deny' | 'Log' | 'Pass';
  readonly ipVersion?: 4 | 6;
  readonly protocol?: string | number;
  readonly notProtocol?: string | number;
  readonly icmp?: IcmpFields;
  readonly notICMP?: IcmpFields;
  readonly source?: EntityRule;
  readonly destination?: EntityRule;
}

interface CalicoPolicySpec {
  readonly tier?: string;
  readonly order?: number;
  readonly selector?: string;
  readonly namespaceSelector?: string;
  readonly serviceAccountSelector?: string;
  readonly types?: readonly ('Ingress' | 'Egress')[];
  readonly ingress?: readonly CalicoRule[];
  readonly egress?: readonly CalicoRule[];
  readonly doNotTrack?: boolean;
  readonly preDNAT?: boolean;
  readonly applyOnForward?: boolean;
}

export type CalicoPolicy = Resource<'NetworkPolicy' | 'GlobalNetworkPolicy', CalicoPolicySpec>;
export type Tier = Resource<'Tier', { readonly order?: number; readonly defaultAction?: 'Deny' | 'Pass' }>;
export type NetworkSet = Resource<'NetworkSet' | 'GlobalNetworkSet', { readonly nets?: readonly string[] }>;
export type Profile = Resource<
  'Profile',
  {
    readonly ingress?: readonly CalicoRule[];
    readonly egress?: readonly CalicoRule[];
    readonly labelsToApply?: Labels;
  }
>;
export type HostEndpoint = Resource<
  'HostEndpoint',
  {
    readonly node: string;
    readonly interfaceName?: string;
    readonly expectedIPs?: readonly string[];
    readonly profiles?: readonly string[];
    readonly ports?: readonly EndpointPort[];
  }
>;

export interface EndpointPort {
  readonly name: string;
  readonly protocol: PortProtocol;
  readonly port: number;
}

// The cluster that they are in.

export interface WorldPod {
  readonly kind: 'pod';
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly node: string;
  readonly address: string;
  readonly serviceAccount: string;
  /** Of each container, and of all. */
  readonly containers: readonly (readonly EndpointPort[])[];
  readonly ports: readonly EndpointPort[];
}

export interface WorldNode {
  readonly kind: 'node';
  readonly name: string;
  readonly address: string;
  /** Of vxlan.calico. */
  readonly tunnelAddress: string;
}

/** A machine outside of the cluster. */
export interface WorldHost {
  readonly kind: 'host';
  readonly name: string;
  readonly address: string;
}

/** With one backend, `namespace/name`, in its own namespace. */
export interface WorldService {
  readonly name: string;
  readonly clusterIP: string;
  readonly port: number;
  readonly nodePort: number;
  readonly protocol: PortProtocol;
  readonly targetPort: number;
  readonly backend: string;
}

export type Party = WorldPod | WorldNode | WorldHost;

/** A port that every host endpoint leaves open; of asking machines in the network, or to such, where there is one. */
export interface FailsafePort {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly net?: string;
}

/** FelixConfiguration. */
export interface FelixSettings {
  readonly defaultEndpointToHostAction: 'Drop' | 'Accept' | 'Return';
  readonly iptablesFilterAllowAction?: 'Accept' | 'Return';
  readonly iptablesMangleAllowAction?: 'Accept' | 'Return';
  readonly failsafeInboundHostPorts?: readonly FailsafePort[];
  readonly failsafeOutboundHostPorts?: readonly FailsafePort[];
  readonly flowLogsLocalReporter?: 'Enabled' | 'Disabled';
}

export interface World {
  readonly namespaces: Readonly<Record<string, Labels>>;
  /** Labels by `namespace/name`. */
  readonly serviceAccounts: Readonly<Record<string, Labels>>;
  readonly pods: readonly WorldPod[];
  readonly nodes: readonly WorldNode[];
  readonly hosts: readonly WorldHost[];
  readonly services: readonly WorldService[];
  /** Pods' addresses are hidden from what is outside of these networks. */
  readonly pools: readonly string[];
  readonly natOutgoing: boolean;
  /** Between nodes pods' packets go as they are, or in VXLAN. */
  readonly isTunnelled: boolean;
  readonly felix: FelixSettings;
  readonly kubernetesPolicies: readonly KubernetesPolicy[];
  readonly adminPolicies: readonly AdminPolicy[];
  readonly calicoPolicies: readonly CalicoPolicy[];
  readonly tiers: readonly Tier[];
  readonly networkSets: readonly NetworkSet[];
  readonly hostEndpoints: readonly HostEndpoint[];
  readonly profiles: readonly Profile[];
}

export interface Flow {
  readonly from: Party;
  readonly to: Party;
  readonly protocol: Protocol;
  /** Of the destination; of ICMP, which has none, an echo request is sent. */
  readonly port: number;
  /** An address of a Service that is asked in place of the destination, which is behind it. */
  readonly through?: { readonly address: string; readonly port: number };
}
