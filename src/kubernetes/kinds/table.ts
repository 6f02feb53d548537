/** Every kind that the store holds, by the name under which it holds it, and what is known of the rest. */

import { groupOf, type KindDefinition, type Meta } from '../schema/kind.js';
import type { Schema, Value } from '../schema/schema.js';
import { adminNetworkPolicyBody, baselineAdminNetworkPolicyBody, clusterNetworkPolicyBody } from './admin-policy.js';
import { bgpConfigurationBody, bgpFilterBody, bgpPeerBody } from './calico-bgp.js';
import { blockAffinityBody, ipamBlockBody, ipamConfigBody, ipamHandleBody, ipReservationBody } from './calico-ipam.js';
import {
  calicoNetworkPolicyBody,
  globalNetworkPolicyBody,
  hostEndpointBody,
  networkSetBody,
  profileBody,
  stagedGlobalNetworkPolicyBody,
  stagedNetworkPolicyBody,
  tierBody,
} from './calico-policy.js';
import { calicoNodeBody, clusterInformationBody, felixConfigurationBody, ipPoolBody, rawSpecBody } from './calico.js';
import {
  bgpAdvertisementBody,
  communityBody,
  ipAddressPoolBody,
  l2AdvertisementBody,
  metalLbPeerBody,
} from './metallb.js';
import { networkPolicyBody, stagedKubernetesNetworkPolicyBody } from './network-policy.js';
import { configMapBody, namespaceBody, nodeBody, secretBody, serviceAccountBody } from './node.js';
import { podBody } from './pod.js';
import { endpointSliceBody, endpointsBody } from './endpoints.js';
import { serviceBody, serviceCidrBody } from './service.js';
import { installationBody } from './operator.js';
import {
  cronJobBody,
  daemonSetBody,
  deploymentBody,
  jobBody,
  replicaSetBody,
  replicationControllerBody,
  statefulSetBody,
} from './workloads.js';

const define = <B>(group: string | readonly string[], kind: string, body: Schema<B>): KindDefinition<B> => ({
  kind,
  groups: typeof group === 'string' ? [group] : group,
  namespaced: true,
  body,
});

/** What is wrong with one concerns nobody but those who would use it. */
const refusable = <B>(definition: KindDefinition<B>): KindDefinition<B> => ({ ...definition, refusable: true });

const clusterWide = <B>(definition: KindDefinition<B>): KindDefinition<B> => ({ ...definition, namespaced: false });

const APPS = ['apps', 'extensions'];
const BATCH = 'batch';
const CALICO = ['projectcalico.org', 'crd.projectcalico.org'];
const METALLB = 'metallb.io';
const OPERATOR = 'operator.tigera.io';
const POLICY = 'policy.networking.k8s.io';

const calico = <B>(kind: string, body: Schema<B>): KindDefinition<B> => clusterWide(define(CALICO, kind, body));

export const KINDS = {
  Node: clusterWide(define('', 'Node', nodeBody)),
  Namespace: clusterWide(define('', 'Namespace', namespaceBody)),
  ServiceAccount: define('', 'ServiceAccount', serviceAccountBody),
  Pod: define('', 'Pod', podBody),
  Service: refusable(define('', 'Service', serviceBody)),
  ServiceCIDR: refusable(clusterWide(define('networking.k8s.io', 'ServiceCIDR', serviceCidrBody))),
  Endpoints: refusable(define('', 'Endpoints', endpointsBody)),
  EndpointSlice: refusable(define('discovery.k8s.io', 'EndpointSlice', endpointSliceBody)),
  ConfigMap: define('', 'ConfigMap', configMapBody),
  Secret: define('', 'Secret', secretBody),
  NetworkPolicy: define(['networking.k8s.io', 'extensions'], 'NetworkPolicy', networkPolicyBody),
  ClusterNetworkPolicy: clusterWide(define(POLICY, 'ClusterNetworkPolicy', clusterNetworkPolicyBody)),
  AdminNetworkPolicy: clusterWide(define(POLICY, 'AdminNetworkPolicy', adminNetworkPolicyBody)),
  BaselineAdminNetworkPolicy: clusterWide(define(POLICY, 'BaselineAdminNetworkPolicy', baselineAdminNetworkPolicyBody)),
  Deployment: define(APPS, 'Deployment', deploymentBody),
  ReplicaSet: define(APPS, 'ReplicaSet', replicaSetBody),
  StatefulSet: define(APPS, 'StatefulSet', statefulSetBody),
  DaemonSet: define(APPS, 'DaemonSet', daemonSetBody),
  Job: define(BATCH, 'Job', jobBody),
  CronJob: define(BATCH, 'CronJob', cronJobBody),
  ReplicationController: define('', 'ReplicationController', replicationControllerBody),

  IPPool: calico('IPPool', ipPoolBody),
  /** A `Node` of Calico's own group; the core one is `Node`. */
  CalicoNode: calico('Node', calicoNodeBody),
  FelixConfiguration: calico('FelixConfiguration', felixConfigurationBody),
  ClusterInformation: calico('ClusterInformation', clusterInformationBody),
  BGPConfiguration: calico('BGPConfiguration', bgpConfigurationBody),
  BGPPeer: calico('BGPPeer', bgpPeerBody),
  BGPFilter: calico('BGPFilter', bgpFilterBody),
  IPAMBlock: calico('IPAMBlock', ipamBlockBody),
  BlockAffinity: calico('BlockAffinity', blockAffinityBody),
  IPAMHandle: calico('IPAMHandle', ipamHandleBody),
  IPAMConfig: calico('IPAMConfig', ipamConfigBody),
  IPReservation: calico('IPReservation', ipReservationBody),
  HostEndpoint: calico('HostEndpoint', hostEndpointBody),
  WorkloadEndpoint: define(CALICO, 'WorkloadEndpoint', rawSpecBody),
  GlobalNetworkPolicy: calico('GlobalNetworkPolicy', globalNetworkPolicyBody),
  /** Calico's namespaced policy; Kubernetes' own is `NetworkPolicy`. */
  CalicoNetworkPolicy: define(CALICO, 'NetworkPolicy', calicoNetworkPolicyBody),
  StagedGlobalNetworkPolicy: calico('StagedGlobalNetworkPolicy', stagedGlobalNetworkPolicyBody),
  StagedNetworkPolicy: define(CALICO, 'StagedNetworkPolicy', stagedNetworkPolicyBody),
  StagedKubernetesNetworkPolicy: define(CALICO, 'StagedKubernetesNetworkPolicy', stagedKubernetesNetworkPolicyBody),
  GlobalNetworkSet: calico('GlobalNetworkSet', networkSetBody),
  NetworkSet: define(CALICO, 'NetworkSet', networkSetBody),
  Profile: calico('Profile', profileBody),
  Tier: calico('Tier', tierBody),
  KubeControllersConfiguration: calico('KubeControllersConfiguration', rawSpecBody),

  Installation: clusterWide(define(OPERATOR, 'Installation', installationBody)),

  IPAddressPool: define(METALLB, 'IPAddressPool', ipAddressPoolBody),
  L2Advertisement: define(METALLB, 'L2Advertisement', l2AdvertisementBody),
  BGPAdvertisement: define(METALLB, 'BGPAdvertisement', bgpAdvertisementBody),
  /** MetalLB's; Calico's own is `BGPPeer`. */
  MetalLbPeer: define(METALLB, 'BGPPeer', metalLbPeerBody),
  Community: define(METALLB, 'Community', communityBody),
} as const;

export type Kind = keyof typeof KINDS;
export type Bodies = { readonly [K in Kind]: Value<(typeof KINDS)[K]['body']> };

export type KubernetesObject<K extends string, B> = Meta & { readonly kind: K } & B;
/** An object of a kind that the store holds. */
export type ObjectOf<K extends Kind> = KubernetesObject<K, Bodies[K]>;

/** `KINDS`, with each kind's body tied to its name. */
export const DEFINITIONS: { readonly [K in Kind]: KindDefinition<Bodies[K]> } = KINDS;

export const isKind = (name: string): name is Kind => Object.hasOwn(KINDS, name);
export const ALL_KINDS: readonly Kind[] = Object.keys(KINDS).filter(isKind);

/** IPAMConfig is IPAMConfiguration in v3. */
const RENAMED: Readonly<Record<string, Kind>> = { IPAMConfiguration: 'IPAMConfig' };

const byDocument = new Map<string, Kind>(
  ALL_KINDS.flatMap((kind) =>
    KINDS[kind].groups.map((group): [string, Kind] => [`${group}/${KINDS[kind].kind}`, kind]),
  ),
);

/** The store's kind for a document, or undefined for one that the store does not know. */
export function kindOf(document: { readonly apiVersion: string; readonly kind: string }): Kind | undefined {
  const group = groupOf(document.apiVersion);
  const renamed = CALICO.includes(group) && Object.hasOwn(RENAMED, document.kind) ? RENAMED[document.kind] : undefined;
  return renamed ?? byDocument.get(`${group}/${document.kind}`);
}

/** Groups of which nothing reaches the network. */
const IRRELEVANT_GROUPS = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'autoscaling.k8s.io',
  'cert-manager.io',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'events.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'helm.toolkit.fluxcd.io',
  'kustomize.config.k8s.io',
  'metrics.k8s.io',
  'monitoring.coreos.com',
  'node.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'snapshot.storage.k8s.io',
  'storage.k8s.io',
]);

const IRRELEVANT_KINDS = new Set([
  '/Binding',
  '/ComponentStatus',
  '/Event',
  '/LimitRange',
  '/PersistentVolume',
  '/PersistentVolumeClaim',
  '/PodTemplate',
  '/ResourceQuota',
  'apps/ControllerRevision',
  'extensions/PodSecurityPolicy',
  'networking.k8s.io/IPAddress',
  'metallb.io/ConfigurationState',
  'metallb.io/ServiceBGPStatus',
  'metallb.io/ServiceL2Status',
  ...['APIServer', 'Goldmane', 'ImageSet', 'TigeraStatus', 'Whisker'].map((kind) => `${OPERATOR}/${kind}`),
  ...CALICO.flatMap((group) => [`${group}/CalicoNodeStatus`, `${group}/DataStoreMigration`]),
]);

/** Kinds that change no packet's way: passed over in silence. */
export function isIrrelevant({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): boolean {
  const group = groupOf(apiVersion);
  return IRRELEVANT_GROUPS.has(group) || IRRELEVANT_KINDS.has(`${group}/${kind}`);
}

/** Names of kinds that are read, or passed over knowingly; whole groups of the latter are not listed. */
export const KIND_NAMES: ReadonlySet<string> = new Set([
  ...ALL_KINDS.map((kind) => KINDS[kind].kind),
  ...Object.keys(RENAMED),
  ...[...IRRELEVANT_KINDS].map((name) => name.slice(name.indexOf('/') + 1)),
]);
