/** Pods, and the pod template that workloads share (k8s.io/api/core/v1). */

import {
  address,
  admit,
  count,
  flag,
  INVALID,
  integer,
  INT32_MAX,
  listOf,
  map,
  oneOf,
  optional,
  orEmpty,
  port,
  portOrZero,
  portReference,
  record,
  type Schema,
  sloppyAddress,
  text,
  type Value,
  type Want,
  withDefault,
  raw,
  rawMap,
} from '../schema/schema.js';
import { textMap, timestamp } from '../schema/kind.js';

export const protocol = withDefault(oneOf('TCP', 'UDP', 'SCTP'), 'TCP');

/** Their fields are all named here or in `others`: the API server would warn of any other one, and drop it. */
const CLOSED = { closed: true } as const;

const containerPort = record(
  {
    name: withDefault(text, ''),
    containerPort: port,
    protocol,
    hostPort: withDefault(portOrZero, 0),
    hostIP: optional(address),
  },
  CLOSED,
);

const httpGet = record(
  {
    path: withDefault(text, '/'),
    port: portReference,
    host: withDefault(text, ''),
    scheme: withDefault(oneOf('HTTP', 'HTTPS'), 'HTTP'),
  },
  { closed: true, others: ['httpHeaders'] },
);

/** Defaults of pkg/apis/core/v1/defaults.go:SetDefaults_Probe(). */
const probe = record(
  {
    httpGet: optional(httpGet),
    tcpSocket: optional(record({ port: portReference, host: withDefault(text, '') }, CLOSED)),
    grpc: optional(record({ port, service: withDefault(text, '') }, CLOSED)),
    exec: optional(rawMap),
    initialDelaySeconds: withDefault(count, 0),
    periodSeconds: withDefault(integer(0, INT32_MAX), 10),
    timeoutSeconds: withDefault(integer(0, INT32_MAX), 1),
    successThreshold: withDefault(integer(0, INT32_MAX), 1),
    failureThreshold: withDefault(integer(0, INT32_MAX), 3),
  },
  { closed: true, others: ['terminationGracePeriodSeconds'] },
);
export type Probe = Value<typeof probe>;

/** Where the value of a variable comes from; resources of containers are not read. */
const keyReference = record({ name: withDefault(text, ''), key: text, optional: withDefault(flag, false) });
const envSource = record({
  configMapKeyRef: optional(keyReference),
  secretKeyRef: optional(keyReference),
  fieldRef: optional(record({ fieldPath: text })),
  resourceFieldRef: optional(rawMap),
});

const envVariable = record({ name: text, value: optional(text), valueFrom: optional(envSource) });
export type EnvVariable = Value<typeof envVariable>;

const mapReference = optional(record({ name: withDefault(text, ''), optional: withDefault(flag, false) }));
const envFromSource = record({ prefix: withDefault(text, ''), configMapRef: mapReference, secretRef: mapReference });

/** The rest of a Container. */
const CONTAINER_FIELDS = [
  'imagePullPolicy',
  'lifecycle',
  'resizePolicy',
  'resources',
  'restartPolicyRules',
  'securityContext',
  'stdin',
  'stdinOnce',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'tty',
  'volumeDevices',
  'volumeMounts',
  'workingDir',
];

const container = record(
  {
    name: text,
    image: withDefault(text, ''),
    /** As they are written: what is no list of texts says nothing here. */
    command: withDefault(raw, null),
    args: withDefault(raw, null),
    env: listOf(envVariable),
    envFrom: listOf(envFromSource),
    ports: listOf(containerPort),
    livenessProbe: optional(probe),
    readinessProbe: optional(probe),
    startupProbe: optional(probe),
    /** `Always` makes an init container a sidecar. */
    restartPolicy: optional(text),
  },
  { closed: true, others: CONTAINER_FIELDS },
);
export type Container = Value<typeof container>;

const nodeRequirement = record(
  {
    key: text,
    operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'),
    values: listOf(text),
  },
  CLOSED,
);
export type NodeRequirement = Value<typeof nodeRequirement>;

const nodeTerm = record({ matchExpressions: listOf(nodeRequirement), matchFields: listOf(nodeRequirement) }, CLOSED);
export type NodeTerm = Value<typeof nodeTerm>;

const affinity = record(
  {
    nodeAffinity: optional(
      record(
        {
          requiredDuringSchedulingIgnoredDuringExecution: optional(
            record({ nodeSelectorTerms: listOf(nodeTerm) }, CLOSED),
          ),
          preferredDuringSchedulingIgnoredDuringExecution: listOf(
            record({ weight: integer(1, 100), preference: nodeTerm }, CLOSED),
          ),
        },
        CLOSED,
      ),
    ),
  },
  { closed: true, others: ['podAffinity', 'podAntiAffinity'] },
);
export type Affinity = Value<typeof affinity>;

const toleration = record(
  {
    key: withDefault(text, ''),
    operator: withDefault(oneOf('Exists', 'Equal'), 'Equal'),
    value: withDefault(text, ''),
    effect: optional(oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute')),
    /** Of NoExecute: for how long; without it for ever. */
    tolerationSeconds: optional(integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)),
  },
  CLOSED,
);
export type Toleration = Value<typeof toleration>;

const dnsConfig = record(
  {
    nameservers: listOf(address),
    searches: listOf(text),
    options: listOf(record({ name: text, value: optional(text) }, CLOSED)),
  },
  CLOSED,
);

const dnsPolicy = withDefault(oneOf('ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'), 'ClusterFirst');

/** Only those that are ConfigMaps or directories of the node. */
const volume = record({
  configMap: optional(record({ name: withDefault(text, '') })),
  hostPath: optional(record({ path: text })),
});

const podSpecFields = {
  nodeName: withDefault(text, ''),
  nodeSelector: textMap,
  affinity: optional(affinity),
  tolerations: listOf(toleration),
  hostNetwork: withDefault(flag, false),
  hostPID: withDefault(flag, false),
  /** Its containers see one another's processes. */
  shareProcessNamespace: withDefault(flag, false),
  /** Variables of the namespace's Services for its containers. */
  enableServiceLinks: withDefault(flag, true),
  serviceAccountName: withDefault(text, 'default'),
  hostname: withDefault(text, ''),
  subdomain: withDefault(text, ''),
  restartPolicy: withDefault(oneOf('Always', 'OnFailure', 'Never'), 'Always'),
  hostAliases: listOf(record({ ip: address, hostnames: listOf(text) }, CLOSED)),
  dnsPolicy,
  dnsConfig: optional(dnsConfig),
  /** Its host name is the fully qualified one. */
  setHostnameAsFQDN: withDefault(flag, false),
  volumes: map(listOf(volume), (volumes) => ({
    configMaps: volumes.flatMap(({ configMap }) => configMap?.name ?? []),
    hostPaths: volumes.flatMap(({ hostPath }) => hostPath?.path ?? []),
  })),
  containers: listOf(container),
  initContainers: listOf(container),
} as const;

/** The rest of a PodSpec (Kubernetes 1.34), and what older versions had. */
const POD_SPEC_FIELDS = [
  'activeDeadlineSeconds',
  'automountServiceAccountToken',
  'ephemeralContainers',
  'hostIPC',
  'hostUsers',
  'hostnameOverride',
  'imagePullSecrets',
  'nodeSelector',
  'os',
  'overhead',
  'preemptionPolicy',
  'priority',
  'priorityClassName',
  'readinessGates',
  'resourceClaims',
  'resources',
  'runtimeClassName',
  'schedulerName',
  'schedulingGates',
  'securityContext',
  'serviceAccount',
  'terminationGracePeriodSeconds',
  'topologySpreadConstraints',
  'workloadRef',
];

const givenPodSpec = record(podSpecFields, { closed: true, others: POD_SPEC_FIELDS });

/** A container of a host-network pod listens on the node itself (pkg/apis/core/v1/defaults.go:defaultHostNetworkPorts()). */
const onHost = (containers: readonly Container[]): readonly Container[] =>
  containers.map((given) => ({
    ...given,
    ports: given.ports.map((entry) => ({ ...entry, hostPort: entry.hostPort || entry.containerPort })),
  }));

/** pkg/apis/core/validation:validatePodDNSConfig(). */
const dnsRule = ({ dnsPolicy: policy, dnsConfig: config }: Value<typeof givenPodSpec>): readonly Want[] =>
  policy === 'None' && (config?.nameservers ?? []).length === 0
    ? [{ path: ['dnsConfig', 'nameservers'], expected: 'a nameserver, since dnsPolicy is None' }]
    : [];

export const podSpec = map(admit(givenPodSpec, dnsRule), (spec) =>
  spec.hostNetwork
    ? { ...spec, containers: onHost(spec.containers), initContainers: onHost(spec.initContainers) }
    : spec,
);
export type PodSpec = Value<typeof podSpec>;

const podPhase = oneOf('Pending', 'Running', 'Succeeded', 'Failed', 'Unknown');

const stateReason = orEmpty(record({ reason: withDefault(text, '') }));

/** pkg/kubelet/kubelet_pods.go:convertToAPIContainerStatuses(): one of three states, waiting where none is written. */
const containerState = record({
  running: optional(rawMap),
  waiting: optional(stateReason),
  terminated: optional(stateReason),
});
const containerStatus = record({
  name: text,
  state: optional(containerState),
  lastState: optional(containerState),
  restartCount: withDefault(count, 0),
  containerID: withDefault(text, ''),
});

/** A container that a runtime has made, as it names it. */
export interface RecordedContainer {
  readonly name: string;
  /** Without `containerd://`. */
  readonly id: string;
  readonly restarts: number;
}

const recordedAmong = (statuses: readonly Value<typeof containerStatus>[]): readonly RecordedContainer[] =>
  statuses.flatMap(({ name, containerID, restartCount }) =>
    containerID === '' ? [] : [{ name, id: containerID.replace(/^\w+:\/\//, ''), restarts: restartCount }],
  );

/** A container of which the kubelet has said that no process of it runs. */
export interface StoppedContainer {
  readonly name: string;
  /** `CrashLoopBackOff`, `ContainerCreating`, `Completed`; empty where none is written. */
  readonly reason: string;
  /** One has run before, in this pod. */
  readonly hasRun: boolean;
}

const stoppedAmong = (statuses: readonly Value<typeof containerStatus>[]): readonly StoppedContainer[] =>
  statuses.flatMap(({ name, state, lastState, restartCount }) => {
    const stopped = state?.waiting ?? state?.terminated;
    if (stopped === undefined) return [];
    const hasRun = restartCount > 0 || (state?.terminated ?? lastState?.terminated) !== undefined;
    return [{ name, reason: stopped.reason, hasRun }];
  });

const podStatus = map(
  orEmpty(
    record({
      phase: optional(podPhase),
      podIP: optional(sloppyAddress),
      podIPs: listOf(record({ ip: optional(sloppyAddress) })),
      hostIP: optional(sloppyAddress),
      conditions: listOf(record({ type: text, status: text, lastTransitionTime: timestamp })),
      containerStatuses: listOf(containerStatus),
      initContainerStatuses: listOf(containerStatus),
    }),
  ),
  ({ phase, podIP, podIPs, hostIP, conditions, containerStatuses, initContainerStatuses }) => {
    const listed = podIPs.flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
    const ready = conditions.find(({ type }) => type === 'Ready');
    return {
      phase,
      podIPs: listed.length > 0 || podIP === undefined ? listed : [podIP],
      hostIP,
      /** Undefined where nothing is recorded: a pod that was never run. */
      ready: ready === undefined ? undefined : ready.status === 'True',
      /** Since when, where that is on record. */
      readySince: ready?.status === 'True' ? ready.lastTransitionTime : undefined,
      /** Of the container that was restarted most often. */
      restarts: Math.max(0, ...containerStatuses.map(({ restartCount }) => restartCount)),
      stopped: stoppedAmong([...containerStatuses, ...initContainerStatuses]),
      containers: recordedAmong([...containerStatuses, ...initContainerStatuses]),
    };
  },
);

export const podBody = record({ spec: podSpec, status: podStatus });

/** A template keeps the words of its containers, which flags are read from (kube-proxy). */
const templateContainer = record({ name: text, command: listOf(text), args: listOf(text) });
export type TemplateContainer = Value<typeof templateContainer>;

const templateMetadata = orEmpty(record({ labels: textMap, annotations: textMap }));
const commandLines = record({ containers: listOf(templateContainer) });

const asPods = record({ metadata: templateMetadata, spec: podSpec });
const asTemplate = record({ spec: commandLines });

/** `spec` is read twice: as the pods will have it, and for what only the template keeps. */
export const podTemplate: Schema<PodTemplate> = {
  expected: 'a pod template',
  blankIsAbsent: false,
  absent: (at) => at.fail('a pod template', undefined),
  read: (value, at) => {
    const pods = asPods.read(value, at);
    if (pods === INVALID) return INVALID; // the second reading would repeat its mistakes
    const kept = asTemplate.read(value, at);
    if (kept === INVALID) return INVALID;
    return { ...pods.metadata, spec: pods.spec, commandLines: kept.spec.containers };
  },
};

export interface PodTemplate {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  readonly commandLines: readonly TemplateContainer[];
}
