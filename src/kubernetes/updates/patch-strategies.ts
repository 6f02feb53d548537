/**
 * How strategic merge patches merge lists and maps of Kubernetes' own kinds: the tags patchStrategy and patchMergeKey in the
 * types of k8s.io/api 0.34. What has none is replaced where it is a list, and merged where it is a map.
 */

import type { ObjectKey } from '../source/declared.js';

/** Of the fields of a map; those that are not listed have no strategy. */
export interface PatchStrategies {
  readonly [field: string]: PatchStrategy;
}

export interface PatchStrategy {
  /** Of a list that is merged: by which field its items are the same; empty for a list of scalars. */
  readonly mergeKey?: string;
  /** A map that a patch replaces. */
  readonly replaced?: true;
  /** Of the map's fields, or of the items' of a list. */
  readonly fields?: PatchStrategies;
}

const by = (mergeKey: string, fields: PatchStrategies = {}): PatchStrategy => ({ mergeKey, fields });
const scalars: PatchStrategy = { mergeKey: '' };
const map = (fields: PatchStrategies): PatchStrategy => ({ fields });

/** Of every object: metav1.ObjectMeta. */
const METADATA = map({ ownerReferences: by('uid'), finalizers: scalars });
const CONDITIONS = { conditions: by('type') };

const CONTAINER: PatchStrategies = {
  ports: by('containerPort'),
  env: by('name'),
  volumeMounts: by('mountPath'),
  volumeDevices: by('devicePath'),
};

const POD_SPEC = map({
  volumes: by('name'),
  initContainers: by('name', CONTAINER),
  containers: by('name', CONTAINER),
  ephemeralContainers: by('name', CONTAINER),
  imagePullSecrets: by('name'),
  hostAliases: by('ip'),
  topologySpreadConstraints: by('topologyKey'),
  schedulingGates: by('name'),
  resourceClaims: by('name'),
});

const POD_STATUS = map({ ...CONDITIONS, hostIPs: by('ip'), podIPs: by('ip'), resourceClaimStatuses: by('name') });

const TEMPLATE = map({ metadata: METADATA, spec: POD_SPEC });
const WORKLOAD: PatchStrategies = { spec: map({ template: TEMPLATE }), status: map(CONDITIONS) };

const MATCHED: PatchStrategies = { matchConditions: by('name') };
const WEBHOOKS: PatchStrategies = { webhooks: by('name', MATCHED) };

/** By `group/Kind`, without what every object has. */
const STRATEGIES: ReadonlyMap<string, PatchStrategies> = new Map([
  ['/Namespace', { status: map(CONDITIONS) }],
  ['/Node', { spec: map({ podCIDRs: scalars }), status: map({ ...CONDITIONS, addresses: by('type') }) }],
  ['/PersistentVolumeClaim', { status: map(CONDITIONS) }],
  ['/Pod', { spec: POD_SPEC, status: POD_STATUS }],
  ['/PodTemplate', { template: TEMPLATE }],
  ['/ReplicationController', WORKLOAD],
  ['/Service', { spec: map({ ports: by('port') }), status: map(CONDITIONS) }],
  ['/ServiceAccount', { secrets: by('name') }],
  ['admissionregistration.k8s.io/MutatingWebhookConfiguration', WEBHOOKS],
  ['admissionregistration.k8s.io/ValidatingAdmissionPolicy', { spec: map({ ...MATCHED, variables: by('name') }) }],
  ['admissionregistration.k8s.io/ValidatingWebhookConfiguration', WEBHOOKS],
  ['apps/DaemonSet', WORKLOAD],
  ['apps/Deployment', WORKLOAD],
  ['apps/ReplicaSet', WORKLOAD],
  ['apps/StatefulSet', WORKLOAD],
  ['autoscaling/HorizontalPodAutoscaler', { status: map(CONDITIONS) }],
  ['batch/CronJob', { spec: map({ jobTemplate: map({ metadata: METADATA, spec: map({ template: TEMPLATE }) }) }) }],
  ['batch/Job', WORKLOAD],
  ['networking.k8s.io/ServiceCIDR', { status: map(CONDITIONS) }],
  ['policy/PodDisruptionBudget', { spec: map({ selector: { replaced: true } }), status: map(CONDITIONS) }],
  ['storage.k8s.io/CSINode', { spec: map({ drivers: by('name') }) }],
]);

/** Groups with a dot whose kinds the API server has itself; all without one are its own. */
const OWN_GROUPS = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
]);

/** Undefined for kinds of others: the API server knows no types of custom resources, and takes no such patch of them. */
export function patchStrategiesOf({ group, kind }: Pick<ObjectKey, 'group' | 'kind'>): PatchStrategies | undefined {
  if (group.includes('.') && !OWN_GROUPS.has(group)) return undefined;
  return { metadata: METADATA, ...STRATEGIES.get(`${group}/${kind}`) };
}
