/**
 * What the cluster has given an object beyond what was declared: a reader sees it in the object, as `kubectl get -o yaml`
 * shows it, and whoever puts back what was read has not declared it.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../../cluster/index.js';
import {
  type DeclaredObject,
  type FieldPath,
  field,
  formatIp,
  isIpv4,
  isList,
  isObject,
  type Json,
  type JsonObject,
  type ObjectKey,
  type Pod,
  renderObject,
  type Service,
} from '../../kubernetes/index.js';
import { podAddresses } from './names.js';

type Store = Cluster['store'];

interface AssignedField {
  readonly path: FieldPath;
  readonly value: Json;
}

/** pkg/api/service/util.go:NeedsHealthCheck(). */
const isHealthChecked = ({ type, externalTrafficPolicy }: Service['spec']): boolean =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local';

/** pkg/registry/core/service/storage/alloc.go; the status is the load balancer's. */
function ofService({ spec, status }: Service): AssignedField[] {
  const ips = spec.headless ? ['None'] : spec.clusterIPs.map(formatIp);
  const [first] = spec.type === 'ExternalName' ? [] : ips;
  const ingress = status.loadBalancer.ingress.map(({ ip, hostname, ipMode }) => ({
    ...(ip === undefined ? {} : { ip: formatIp(ip), ipMode }),
    ...(hostname === '' ? {} : { hostname }),
  }));
  return [
    ...(first === undefined
      ? []
      : [
          { path: ['spec', 'clusterIP'], value: first },
          { path: ['spec', 'clusterIPs'], value: ips },
        ]),
    ...spec.ports.map(({ nodePort }, i) => ({ path: ['spec', 'ports', i, 'nodePort'], value: nodePort })),
    // The record keeps it for a Service that is none of those that need it any more.
    { path: ['spec', 'healthCheckNodePort'], value: isHealthChecked(spec) ? spec.healthCheckNodePort : 0 },
    { path: ['status', 'loadBalancer'], value: ingress.length === 0 ? {} : { ingress } },
  ].filter(({ value }) => value !== 0);
}

/** The scheduler's node, and what the kubelet reports (pkg/kubelet/kubelet_pods.go:convertStatusToAPIStatus()). */
function ofPod(pod: Pod, store: Store): AssignedField[] {
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

function assignedTo({ group, kind, namespace, name }: ObjectKey, store: Store): AssignedField[] {
  if (group !== '') return [];
  const service = kind === 'Service' ? store.get(kind, namespace, name) : undefined;
  if (service !== undefined) return ofService(service);
  const pod = kind === 'Pod' ? store.get(kind, namespace, name) : undefined;
  return pod === undefined ? [] : ofPod(pod, store);
}

const at = (value: Json | undefined, path: FieldPath): Json | undefined =>
  path.reduce<Json | undefined>(
    (held, step) => (typeof step === 'number' ? (isList(held) ? held[step] : undefined) : field(held, step)),
    value,
  );

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
export function withAssigned(object: JsonObject, key: ObjectKey, store: Store): JsonObject {
  const open = assignedTo(key, store).filter(({ path }) => !isSaid(at(object, path)));
  return open.reduce(
    (held, { path, value }) => changedObject(held, path, (inner) => ({ ...inner, [nameAt(path)]: value })),
    object,
  );
}

/** A declared object as it is read. */
export const shownObject = (object: DeclaredObject, store: Store): JsonObject =>
  withAssigned(renderObject(object), object.key, store);

/**
 * Without what was given to it and not declared `before`, as far as it is put back as it was read; undefined where there
 * is nothing of that. So a Service that becomes a ClusterIP need not take its node ports away
 * (pkg/registry/core/service/strategy.go:dropTypeDependentFields()), and a status is nobody's to declare by an update.
 */
export function withoutAssigned(
  object: JsonObject,
  before: DeclaredObject | undefined,
  store: Store,
): JsonObject | undefined {
  if (before === undefined) return undefined;
  const returned = assignedTo(before.key, store).filter(({ path, value }) => {
    const own = at(object, path);
    return isDeepStrictEqual(own, value) && !isSaid(at(before.document.value, path));
  });
  if (returned.length === 0) return undefined;
  return returned.reduce(
    (held, { path }) =>
      changedObject(held, path, (inner) =>
        Object.fromEntries(Object.entries(inner).filter(([name]) => name !== nameAt(path))),
      ),
    object,
  );
}
