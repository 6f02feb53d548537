/** The objects by name. What is in each is said by its schema, in kinds/. */

import type { ObjectOf } from './kinds/table.js';

export type KubeNode = ObjectOf<'Node'>;
export type Namespace = ObjectOf<'Namespace'>;
export type Pod = ObjectOf<'Pod'>;
export type Service = ObjectOf<'Service'>;
export type Endpoints = ObjectOf<'Endpoints'>;
export type EndpointSlice = ObjectOf<'EndpointSlice'>;
export type ConfigMap = ObjectOf<'ConfigMap'>;
export type Secret = ObjectOf<'Secret'>;
export type Deployment = ObjectOf<'Deployment'>;
export type ReplicaSet = ObjectOf<'ReplicaSet'>;
export type StatefulSet = ObjectOf<'StatefulSet'>;
export type DaemonSet = ObjectOf<'DaemonSet'>;
export type Job = ObjectOf<'Job'>;
export type CronJob = ObjectOf<'CronJob'>;
export type ReplicationController = ObjectOf<'ReplicationController'>;

export type MetalLbPeer = ObjectOf<'MetalLbPeer'>;
export type IpAddressPool = ObjectOf<'IPAddressPool'>;
export type L2Advertisement = ObjectOf<'L2Advertisement'>;
export type BgpAdvertisement = ObjectOf<'BGPAdvertisement'>;
export type IpPool = ObjectOf<'IPPool'>;
export type CalicoNodeResource = ObjectOf<'CalicoNode'>;
export type BgpConfiguration = ObjectOf<'BGPConfiguration'>;
export type BgpPeer = ObjectOf<'BGPPeer'>;
export type BgpFilter = ObjectOf<'BGPFilter'>;
