/**
 * What confd reads, as small plain types: the settled view of the datastore that BIRD's files are a function
 * of. Addresses are reckoned with as numbers; what goes into a file as it was written stays text.
 */

import type { Cidr } from '../cidr.js';
import type { IpPool } from '../model.js';
import type { Labels } from '../policy/selector.js';

export type IpVersion = 4 | 6;

/** A Node, as far as BGP goes by it; libcalico-go/lib/backend/syncersv1/updateprocessors/bgpnodeprocessor.go. */
export interface BgpNode {
  readonly name: string;
  readonly labels: Labels;
  readonly ipv4Address?: Cidr;
  readonly ipv6Address?: Cidr;
  readonly asNumber?: number;
  /** Empty for a node that reflects nothing. */
  readonly routeReflectorClusterId: string;
}

/** Where a password is kept: a key of a secret in confd's own namespace. */
export interface SecretKey {
  readonly name: string;
  readonly key: string;
}

export interface PrefixAdvertisement {
  readonly cidr: string;
  /** Values or names of values. */
  readonly communities: readonly string[];
}

/** BGPConfiguration, `default` or `node.<name>`. */
export interface BgpConfiguration {
  readonly logSeverityScreen: string;
  readonly nodeToNodeMeshEnabled: boolean;
  readonly asNumber?: number;
  readonly listenPort?: number;
  readonly bindMode: 'None' | 'NodeIP';
  readonly ignoredInterfaces: readonly string[];
  readonly communities: readonly { readonly name: string; readonly value: string }[];
  readonly prefixAdvertisements: readonly PrefixAdvertisement[];
  readonly nodeMeshPassword?: SecretKey;
  readonly nodeMeshMaxRestartSeconds?: number;
  /** False where Felix programs the routes of pools without VXLAN. */
  readonly programClusterRoutes: boolean;
  readonly normalRoutePriority: { readonly 4: number; readonly 6: number };
  /** CIDRs as written; an entry without one is undefined. */
  readonly serviceClusterCidrs: readonly (string | undefined)[];
  readonly serviceExternalCidrs: readonly (string | undefined)[];
  readonly serviceLoadBalancerCidrs: readonly (string | undefined)[];
  readonly aggregateLoadBalancers: boolean;
}

export interface BgpPeer {
  readonly name: string;
  /** With neither `node` nor `nodeSelector` the peer is global. */
  readonly node: string;
  readonly nodeSelector: string;
  /** An address, perhaps with a port. */
  readonly peerIp: string;
  readonly peerSelector: string;
  readonly localWorkloadSelector: string;
  readonly asNumber: number;
  readonly localAsNumber?: number;
  readonly keepOriginalNextHop: boolean;
  readonly nextHopMode?: 'Auto' | 'Self' | 'Keep';
  readonly password?: SecretKey;
  readonly sourceAddress: 'UseNodeIP' | 'None';
  readonly maxRestartSeconds?: number;
  readonly keepaliveSeconds?: number;
  readonly numAllowedLocalAsNumbers: number;
  /** 0: off. */
  readonly ttlSecurity: number;
  readonly reachableBy: string;
  readonly filters: readonly string[];
  readonly reversePeering: 'Auto' | 'Manual';
}

export interface BgpFilterRule {
  readonly cidr?: string;
  readonly prefixLength?: { readonly min?: number; readonly max?: number };
  readonly source?: 'RemotePeers';
  readonly interface: string;
  readonly matchOperator?: 'Equal' | 'NotEqual' | 'In' | 'NotIn';
  readonly peerType?: 'eBGP' | 'iBGP';
  readonly communities: readonly string[];
  readonly asPathPrefix: readonly number[];
  readonly priority?: number;
  readonly action: 'Accept' | 'Reject';
  readonly operations: readonly BgpFilterOperation[];
}

export type BgpFilterOperation =
  | { readonly kind: 'add-community'; readonly community: string }
  | { readonly kind: 'prepend-as-path'; readonly prefix: readonly number[] }
  | { readonly kind: 'set-priority'; readonly priority: number };

export interface BgpFilter {
  readonly name: string;
  readonly import: Readonly<Record<IpVersion, readonly BgpFilterRule[]>>;
  readonly export: Readonly<Record<IpVersion, readonly BgpFilterRule[]>>;
}

/** A block that a node holds. The state is empty where an older version left it so. */
export interface BgpBlock {
  readonly cidr: Cidr;
  readonly state: '' | 'confirmed' | 'pending' | 'pendingDeletion';
}

/** A pod that a BGPPeer peers with; Felix tells confd of it through /var/run/calico/endpoint-status. */
export interface LocalWorkloadPeer {
  readonly bgpPeer: string;
  readonly ipv4?: Cidr;
  readonly ipv6?: Cidr;
}

export interface AdvertisedService {
  readonly namespace: string;
  readonly name: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  /** Empty for a headless Service, and for one that has no address yet. */
  readonly clusterIps: readonly Cidr[];
  readonly externalIps: readonly Cidr[];
  /** From its status. */
  readonly ingressIps: readonly Cidr[];
  /** spec.loadBalancerIP. */
  readonly loadBalancerIp?: Cidr;
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
  /** Undefined where no EndpointSlice speaks of it. Else the node of each endpoint of the Service's families. */
  readonly endpointNodes?: readonly string[];
}

/** Everything that decides what is in the files of some node. */
export interface ConfdResources {
  /** By name. */
  readonly nodes: readonly BgpNode[];
  readonly configuration?: BgpConfiguration;
  /** By the node's name: BGPConfiguration `node.<name>`. */
  readonly nodeConfigurations: ReadonlyMap<string, BgpConfiguration>;
  /** By name. */
  readonly peers: readonly BgpPeer[];
  readonly filters: readonly BgpFilter[];
  readonly pools: readonly IpPool[];
  /** By host. */
  readonly blocks: ReadonlyMap<string, readonly BgpBlock[]>;
  readonly services: readonly AdvertisedService[];
  /** By host. */
  readonly workloadPeers: ReadonlyMap<string, readonly LocalWorkloadPeer[]>;
  /** What a secret's key holds. */
  readonly password: (secret: SecretKey) => string | undefined;
}

/** What confd has from the environment of its own container. */
export interface ConfdHost {
  readonly node: string;
  /** CALICO_ROUTER_ID: an address, `hash`, or empty. */
  readonly routerId: string;
  /** CALICO_K8S_NODE_REF: the Kubernetes name, where it is another. */
  readonly kubernetesNode?: string;
}
