/**
 * What the cluster has given an object beyond what was declared, and the API server's defaults that are known here: a
 * reader sees it in the object, as `kubectl get -o yaml` shows it, and whoever puts back what was read has not declared it.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../../cluster/index.js';
import {
  type Declared,
  type DeclaredObject,
  droppedByType,
  type FieldPath,
  field,
  formatIp,
  isIpv4,
  isList,
  isObject,
  type Json,
  type JsonObject,
  type KubeNode,
  type ObjectKey,
  phaseOf,
  type Pod,
  type Probe,
  renderObject,
  type Service,
} from '../../kubernetes/index.js';
import { withDefaultTolerations, withoutDefaultTolerations } from './default-tolerations.js';
import { withManagedFields, withoutManagedFields } from './managed-fields/index.js';
import { podAddresses } from './names.js';
import { withoutSilence, withSilence } from './silence.js';

type Store = Cluster['store'];

interface AssignedField {
  readonly path: FieldPath;
  readonly value: Json;
  /** A default that is the value of this field beside it: with another one it is somebody's own. */
  readonly as?: string;
}

/** Values that were read, with their defaults. */
const fieldsOf = <K extends string>(path: FieldPath, read: Readonly<Record<K, Json>>, names: readonly K[]) =>
  names.map((name): AssignedField => ({ path: [...path, name], value: read[name] }));

/** pkg/api/service/util.go:NeedsHealthCheck(). */
const isHealthChecked = ({ type, externalTrafficPolicy }: Service['spec']): boolean =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local';

/** pkg/registry/core/service/storage/alloc.go:initIPFamilyFields(): a headless Service without a selector has both families. */
function ofFamilies({ type, headless, selector, clusterIPs, ...given }: Service['spec']): AssignedField[] {
  const isAny = headless && Object.keys(selector).length === 0 && given.ipFamilyPolicy !== 'SingleStack';
  const own = headless ? ['IPv4'] : clusterIPs.map((ip) => (isIpv4(ip) ? 'IPv4' : 'IPv6'));
  const chosen = given.ipFamilies.length > 0 ? given.ipFamilies : own;
  const ipFamilies = isAny ? [...new Set([...chosen, 'IPv4', 'IPv6'])] : chosen;
  if (type === 'ExternalName' || ipFamilies.length === 0) return [];
  const ipFamilyPolicy = ipFamilies.length > 1 ? 'RequireDualStack' : 'SingleStack';
  return fieldsOf(['spec'], { ipFamilies, ipFamilyPolicy }, ['ipFamilies', 'ipFamilyPolicy']);
}

/** pkg/registry/core/service/storage/alloc.go, pkg/apis/core/v1/defaults.go:SetDefaults_Service(); the status is the load balancer's. */
function ofService({ spec, status }: Service): AssignedField[] {
  const ips = spec.headless ? ['None'] : spec.clusterIPs.map(formatIp);
  const [first] = spec.type === 'ExternalName' ? [] : ips;
  const ingress = status.loadBalancer.ingress.map(({ ip, hostname, ipMode }) => ({
    ...(ip === undefined ? {} : { ip: formatIp(ip), ipMode }),
    ...(hostname === '' ? {} : { hostname }),
  }));
  return [
    ...fieldsOf(['spec'], spec, ['type', 'sessionAffinity']),
    ...(spec.type === 'ExternalName' ? [] : fieldsOf(['spec'], spec, ['internalTrafficPolicy'])),
    ...ofFamilies(spec),
    ...spec.ports.flatMap((port, i) => [
      ...fieldsOf(['spec', 'ports', i], port, ['protocol', 'nodePort']),
      { path: ['spec', 'ports', i, 'targetPort'], value: port.targetPort, as: 'port' },
    ]),
    ...(first === undefined
      ? []
      : [
          { path: ['spec', 'clusterIP'], value: first },
          { path: ['spec', 'clusterIPs'], value: ips },
        ]),
    // The record keeps it for a Service that is none of those that need it any more.
    { path: ['spec', 'healthCheckNodePort'], value: isHealthChecked(spec) ? spec.healthCheckNodePort : 0 },
    { path: ['status', 'loadBalancer'], value: ingress.length === 0 ? {} : { ingress } },
  ].filter(({ value }) => value !== 0);
}

const PROBES = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const;

/** pkg/apis/core/v1/defaults.go:SetDefaults_Probe(). */
const probeDefaults = (path: FieldPath, probe: Probe | undefined): AssignedField[] =>
  probe === undefined
    ? []
    : fieldsOf(path, probe, ['timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold']);

/** pkg/apis/core/v1/defaults.go:SetDefaults_PodSpec(); plugin/pkg/admission/serviceaccount. */
const podDefaults = ({ spec }: Pod): AssignedField[] => [
  ...fieldsOf(['spec'], spec, ['restartPolicy', 'dnsPolicy', 'serviceAccountName']),
  ...(['containers', 'initContainers'] as const).flatMap((list) =>
    spec[list].flatMap((container, i) => [
      ...container.ports.flatMap((port, j) => fieldsOf(['spec', list, i, 'ports', j], port, ['protocol'])),
      ...PROBES.flatMap((name) => probeDefaults(['spec', list, i, name], container[name])),
    ]),
  ),
];

/** The scheduler's node, and what the kubelet reports (pkg/kubelet/kubelet_pods.go:convertStatusToAPIStatus()). */
function placeOfPod(pod: Pod, store: Store): AssignedField[] {
  const { nodeName, hostNetwork } = pod.spec;
  if (nodeName === '') return [];
  const hostIPs = (store.get('Node', '', nodeName)?.status.internalIPs ?? []).map(formatIp);
  const own = [...podAddresses(pod), ...pod.status.podIPs.filter((ip) => !isIpv4(ip)).map(formatIp)];
  const podIPs = hostNetwork ? hostIPs : own;
  const addresses = (name: 'podIP' | 'hostIP', ips: readonly string[]): AssignedField[] => {
    const [first] = ips;
    if (first === undefined) return [];
    return [
      { path: ['status', name], value: first },
      { path: ['status', `${name}s`], value: ips.map((ip) => ({ ip })) },
    ];
  };
  return [
    { path: ['spec', 'nodeName'], value: nodeName },
    ...addresses('hostIP', hostIPs),
    ...addresses('podIP', podIPs),
  ];
}

/** What the node controller taints it with for its conditions. */
const ofNode = ({ spec }: KubeNode): AssignedField[] => [
  {
    path: ['spec', 'taints'],
    value: spec.taints.map(({ key, value, effect }) => ({ key, ...(value === '' ? {} : { value }), effect })),
  },
];

function assignedTo({ group, kind, namespace, name }: ObjectKey, store: Store): AssignedField[] {
  if (group !== '') return [];
  const node = kind === 'Node' ? store.get(kind, '', name) : undefined;
  if (node !== undefined) return node.spec.taints.length === 0 ? [] : ofNode(node);
  const service = kind === 'Service' ? store.get(kind, namespace, name) : undefined;
  if (service !== undefined) return ofService(service);
  const pod = kind === 'Pod' ? store.get(kind, namespace, name) : undefined;
  if (pod === undefined) return [];
  return [...podDefaults(pod), { path: ['status', 'phase'], value: phaseOf(pod) }, ...placeOfPod(pod, store)];
}

const at = (value: Json | undefined, path: FieldPath): Json | undefined =>
  path.reduce<Json | undefined>(
    (held, step) => (typeof step === 'number' ? (isList(held) ? held[step] : undefined) : field(held, step)),
    value,
  );

/** Where a field is in `object` that was at `path` in `before`: items of lists go by their names, wherever they are. */
function placeIn(object: JsonObject, before: JsonObject, path: FieldPath): FieldPath | undefined {
  const found: FieldPath[number][] = [];
  for (const [i, step] of path.entries()) {
    const items = at(object, found);
    if (typeof step === 'number' && !isList(items)) return undefined;
    const name = field(at(before, path.slice(0, i + 1)), 'name');
    const isIt = (item: Json | undefined): boolean => isObject(item) && item['name'] === name;
    const place = typeof step !== 'number' || !isList(items) || isIt(items[step]) ? step : items.findIndex(isIt);
    if (place === -1) return undefined;
    found.push(place);
  }
  return found;
}

/** Whether somebody wrote it: the API server fills in what is empty. */
function isSaid(value: Json | undefined): boolean {
  if (isList(value)) return value.length > 0;
  if (isObject(value)) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== '' && value !== 0;
}

/** A copy in which `change` has been made to what holds the last step of the path. */
function changed(value: Json | undefined, path: FieldPath, change: (held: JsonObject) => JsonObject): Json {
  const [step, ...rest] = path;
  if (step === undefined || rest.length === 0) return change(isObject(value) ? value : {});
  if (typeof step === 'number')
    return isList(value) ? value.map((one, i) => (i === step ? changed(one, rest, change) : one)) : (value ?? []);
  const held = isObject(value) ? value : {};
  return { ...held, [step]: changed(held[step], rest, change) };
}

/** As an object: what is changed inside of one is one. */
const changedObject = (object: JsonObject, path: FieldPath, change: (held: JsonObject) => JsonObject): JsonObject => {
  const result = changed(object, path, change);
  return isObject(result) ? result : object;
};

const nameAt = (path: FieldPath): string => String(path.at(-1));

/** With what was given to it; what it says itself goes before. */
function withAssigned(object: JsonObject, key: ObjectKey, store: Store): JsonObject {
  const open = assignedTo(key, store).filter(
    ({ path }) => placeIn(object, object, path) !== undefined && !isSaid(at(object, path)),
  );
  return open.reduce(
    (held, { path, value }) => changedObject(held, path, (inner) => ({ ...inner, [nameAt(path)]: value })),
    object,
  );
}

/** As it is read, beside single fields that were given to it: what the API server and the node controller add. */
export const withAdded = (object: JsonObject, key: ObjectKey, store: Store): JsonObject =>
  withSilence(withDefaultTolerations(withAssigned(object, key, store), key, store), key, store);

/** With the version that it has here, whichever it came with. */
export const withVersion = (object: JsonObject, resourceVersion: string): JsonObject => ({
  ...object,
  metadata: { ...(isObject(object['metadata']) ? object['metadata'] : {}), resourceVersion },
});

interface Known {
  readonly declared: Declared;
  readonly store: Store;
}

/** A declared object as it is read. */
export function shownObject(object: DeclaredObject, { declared, store }: Known): JsonObject {
  const shown = withVersion(withAdded(renderObject(object), object.key, store), declared.versionOf(object.id));
  const { managedFields } = object;
  return managedFields === undefined ? shown : withManagedFields(withoutManagedFields(shown), managedFields);
}

const without = (object: JsonObject, paths: readonly FieldPath[]): JsonObject =>
  paths.reduce(
    (left, path) =>
      changedObject(left, path, (inner) =>
        Object.fromEntries(Object.entries(inner).filter(([name]) => name !== nameAt(path))),
      ),
    object,
  );

/** Parts of which nothing is left, and which nobody had declared: a status that is all the cluster's. */
const withoutEmptied = (object: JsonObject, before: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(object).filter(
      ([name, value]) => name in before || !isObject(value) || Object.keys(value).length > 0,
    ),
  );

const isService = ({ key: { group, kind } }: DeclaredObject): boolean => group === '' && kind === 'Service';

/**
 * Without what was given to it and not declared `before`, as far as it is put back as it was read, and what the API server
 * takes away by itself; undefined where there is nothing of that. So a Service that becomes a ClusterIP need not take its
 * node ports away, and a status is nobody's to declare by an update.
 */
export function withoutAssigned(
  object: JsonObject,
  before: DeclaredObject | undefined,
  store: Store,
): JsonObject | undefined {
  if (before === undefined) return undefined;
  const held = before.document.value;
  const heard = withoutDefaultTolerations(withoutSilence(object, before, store), before, store);
  const returned = assignedTo(before.key, store).flatMap(({ path: old, value, as }) => {
    const path = isSaid(at(held, old)) ? undefined : placeIn(heard, held, old);
    if (path === undefined || !isDeepStrictEqual(at(heard, path), value)) return [];
    return as === undefined || at(heard, [...path.slice(0, -1), as]) === value ? [path] : [];
  });
  const own = withoutEmptied(without(heard, returned), held);
  const dropped = isService(before) ? droppedByType(held, own) : [];
  return returned.length + dropped.length === 0 && heard === object ? undefined : without(own, dropped);
}
