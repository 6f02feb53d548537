/**
 * How server-side apply merges fields, and what it takes for one: x-kubernetes-list-type, -list-map-keys and -map-type in the
 * OpenAPI document of 1.34, and in Calico's custom resources of v3.32.1. What is not listed is a struct where it is a map, and
 * one value as a whole where it is a list.
 */

import type { ObjectKey } from '../source/declared.js';
import type { Json } from '../source/json.js';

export interface FieldTypes {
  readonly [field: string]: FieldType;
}

export type FieldType =
  /** A map of fields that have names of their own. */
  | { readonly kind: 'struct'; readonly fields: FieldTypes }
  /** A map whose keys are whoever's who wrote them, such as labels. */
  | { readonly kind: 'map' }
  /** A list of maps that are told apart by these fields; some of them have defaults. */
  | {
      readonly kind: 'list';
      readonly keys: readonly string[];
      readonly defaults: Readonly<Record<string, Json>>;
      readonly items: FieldType;
    }
  /** A list of scalars, each of which is there once. */
  | { readonly kind: 'set' }
  /** One value, whatever it is. */
  | { readonly kind: 'whole' };

const struct = (fields: FieldTypes): FieldType => ({ kind: 'struct', fields });
export const STRUCT: FieldType = struct({});
export const WHOLE: FieldType = { kind: 'whole' };
const KEYED: FieldType = { kind: 'map' };
const SET: FieldType = { kind: 'set' };
const list = (key: string, items: FieldType = STRUCT): FieldType => ({
  kind: 'list',
  keys: [key],
  defaults: {},
  items,
});
const listOfPorts = (number: string): FieldType => ({
  kind: 'list',
  keys: [number, 'protocol'],
  defaults: { protocol: 'TCP' },
  items: STRUCT,
});

/** Of every object: metav1.ObjectMeta. */
const METADATA = struct({
  annotations: KEYED,
  finalizers: SET,
  labels: KEYED,
  // Owners that nobody has given a uid are told apart by nothing else.
  ownerReferences: { kind: 'list', keys: ['uid'], defaults: { uid: '' }, items: WHOLE },
});
const CONDITIONS = struct({ conditions: list('type') });

const RESOURCES = struct({ claims: list('name'), limits: KEYED, requests: KEYED });
const SOURCES = struct({
  configMapKeyRef: WHOLE,
  fieldRef: WHOLE,
  fileKeyRef: WHOLE,
  resourceFieldRef: WHOLE,
  secretKeyRef: WHOLE,
});
const CONTAINERS = list(
  'name',
  struct({
    env: list('name', struct({ valueFrom: SOURCES })),
    ports: listOfPorts('containerPort'),
    resources: RESOURCES,
    volumeDevices: list('devicePath'),
    volumeMounts: list('mountPath'),
  }),
);

const CLAIM_SPEC = struct({ dataSource: WHOLE, resources: RESOURCES, selector: WHOLE });
const WITH_SECRET = struct({ secretRef: WHOLE });
const VOLUMES = list(
  'name',
  struct({
    cephfs: WITH_SECRET,
    cinder: WITH_SECRET,
    csi: struct({ nodePublishSecretRef: WHOLE, volumeAttributes: KEYED }),
    ephemeral: struct({ volumeClaimTemplate: struct({ metadata: METADATA, spec: CLAIM_SPEC }) }),
    flexVolume: struct({ options: KEYED, secretRef: WHOLE }),
    iscsi: WITH_SECRET,
    rbd: WITH_SECRET,
    scaleIO: WITH_SECRET,
    storageos: WITH_SECRET,
  }),
);

const NODE_AFFINITY = struct({ requiredDuringSchedulingIgnoredDuringExecution: WHOLE });
const SPREAD: FieldType = {
  kind: 'list',
  keys: ['topologyKey', 'whenUnsatisfiable'],
  defaults: {},
  items: struct({ labelSelector: WHOLE }),
};
const POD_SPEC = struct({
  affinity: struct({ nodeAffinity: NODE_AFFINITY }),
  containers: CONTAINERS,
  ephemeralContainers: CONTAINERS,
  hostAliases: list('ip'),
  imagePullSecrets: list('name', WHOLE),
  initContainers: CONTAINERS,
  nodeSelector: WHOLE,
  overhead: KEYED,
  resourceClaims: list('name'),
  resources: RESOURCES,
  schedulingGates: list('name'),
  topologySpreadConstraints: SPREAD,
  volumes: VOLUMES,
});
const POD_STATUS = struct({ conditions: list('type'), podIPs: list('ip'), resourceClaimStatuses: list('name') });

const TEMPLATE = struct({ metadata: METADATA, spec: POD_SPEC });
const WORKLOAD: FieldTypes = { spec: struct({ selector: WHOLE, template: TEMPLATE }), status: CONDITIONS };
/** Conditions of a Job are one value. */
const JOB_STATUS = struct({ uncountedTerminatedPods: struct({ failed: SET, succeeded: SET }) });
const JOB_SPEC = struct({ selector: WHOLE, template: TEMPLATE });

const WEBHOOK = struct({ matchConditions: list('name'), namespaceSelector: WHOLE, objectSelector: WHOLE });
const WEBHOOKS: FieldTypes = { webhooks: list('name', WEBHOOK) };
const BACKEND = struct({ resource: WHOLE, service: struct({ port: WHOLE }) });
const SUBJECT = struct({
  namespaces: WHOLE,
  pods: struct({ namespaceSelector: WHOLE, podSelector: WHOLE }),
});
const ADMIN_POLICY: FieldTypes = { spec: struct({ subject: SUBJECT }), status: CONDITIONS };
const TYPED_POLICY: FieldTypes = { spec: struct({ types: SET }) };
const NETS: FieldTypes = { spec: struct({ nets: SET }) };

/** By `group/Kind`, without what every object has. */
const TYPES: ReadonlyMap<string, FieldTypes> = new Map<string, FieldTypes>([
  ['/ConfigMap', { binaryData: KEYED, data: KEYED }],
  ['/Namespace', { status: CONDITIONS }],
  [
    '/Node',
    {
      spec: struct({ podCIDRs: SET }),
      status: struct({ addresses: list('type'), allocatable: KEYED, capacity: KEYED, conditions: list('type') }),
    },
  ],
  ['/PersistentVolumeClaim', { spec: CLAIM_SPEC, status: CONDITIONS }],
  ['/Pod', { spec: POD_SPEC, status: POD_STATUS }],
  ['/PodTemplate', { template: TEMPLATE }],
  ['/ReplicationController', WORKLOAD],
  ['/Secret', { data: KEYED, stringData: KEYED }],
  ['/Service', { spec: struct({ ports: listOfPorts('port'), selector: WHOLE }), status: CONDITIONS }],
  ['/ServiceAccount', { imagePullSecrets: WHOLE, secrets: list('name', WHOLE) }],
  ['admissionregistration.k8s.io/MutatingWebhookConfiguration', WEBHOOKS],
  ['admissionregistration.k8s.io/ValidatingWebhookConfiguration', WEBHOOKS],
  [
    'admissionregistration.k8s.io/ValidatingAdmissionPolicy',
    {
      spec: struct({
        matchConditions: list('name'),
        matchConstraints: WHOLE,
        paramKind: WHOLE,
        variables: list('name', WHOLE),
      }),
      status: CONDITIONS,
    },
  ],
  ['apps/DaemonSet', WORKLOAD],
  ['apps/Deployment', WORKLOAD],
  ['apps/ReplicaSet', WORKLOAD],
  ['apps/StatefulSet', WORKLOAD],
  ['autoscaling/HorizontalPodAutoscaler', { status: CONDITIONS }],
  ['batch/CronJob', { spec: struct({ jobTemplate: struct({ metadata: METADATA, spec: JOB_SPEC }) }) }],
  ['batch/Job', { spec: JOB_SPEC, status: JOB_STATUS }],
  ['networking.k8s.io/Ingress', { spec: struct({ defaultBackend: BACKEND }) }],
  ['networking.k8s.io/NetworkPolicy', { spec: struct({ podSelector: WHOLE }) }],
  ['networking.k8s.io/ServiceCIDR', { status: CONDITIONS }],
  ['policy/PodDisruptionBudget', { spec: struct({ selector: WHOLE }), status: CONDITIONS }],
  ['rbac.authorization.k8s.io/ClusterRoleBinding', { roleRef: WHOLE }],
  ['rbac.authorization.k8s.io/RoleBinding', { roleRef: WHOLE }],
  ['storage.k8s.io/CSINode', { spec: struct({ drivers: list('name') }) }],
  ['policy.networking.k8s.io/AdminNetworkPolicy', ADMIN_POLICY],
  ['policy.networking.k8s.io/BaselineAdminNetworkPolicy', ADMIN_POLICY],
  ['policy.networking.k8s.io/ClusterNetworkPolicy', ADMIN_POLICY],
  [
    'projectcalico.org/BGPConfiguration',
    { spec: struct({ ignoredInterfaces: SET, nodeMeshPassword: struct({ secretKeyRef: WHOLE }) }) },
  ],
  ['projectcalico.org/BGPPeer', { spec: struct({ password: struct({ secretKeyRef: WHOLE }) }) }],
  ['projectcalico.org/FelixConfiguration', { spec: struct({ bpfLogFilters: KEYED }) }],
  ['projectcalico.org/GlobalNetworkPolicy', TYPED_POLICY],
  ['projectcalico.org/GlobalNetworkSet', NETS],
  ['projectcalico.org/HostEndpoint', { spec: struct({ expectedIPs: SET, profiles: SET }) }],
  ['projectcalico.org/IPAMBlock', { spec: struct({ sequenceNumberForAllocation: KEYED }) }],
  ['projectcalico.org/IPAMHandle', { spec: struct({ block: KEYED }) }],
  ['projectcalico.org/IPPool', { spec: struct({ allowedUses: SET }) }],
  ['projectcalico.org/IPReservation', { spec: struct({ reservedCIDRs: SET }) }],
  ['projectcalico.org/NetworkPolicy', TYPED_POLICY],
  ['projectcalico.org/NetworkSet', NETS],
  ['projectcalico.org/StagedGlobalNetworkPolicy', TYPED_POLICY],
  ['projectcalico.org/StagedKubernetesNetworkPolicy', { spec: struct({ podSelector: WHOLE, policyTypes: SET }) }],
  ['projectcalico.org/StagedNetworkPolicy', TYPED_POLICY],
]);

/** Of an object of this kind as a whole. */
export const fieldTypeOf = ({ group, kind }: Pick<ObjectKey, 'group' | 'kind'>): FieldType =>
  struct({ metadata: METADATA, ...TYPES.get(`${group}/${kind}`) });
