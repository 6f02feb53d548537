/**
 * Updates of pods (pkg/apis/core/validation/validation.go:ValidatePodUpdate()): little but images may change. What is
 * not given is compared with its default (pkg/apis/core/v1/defaults.go).
 */

import { type FieldPath, field, formatPath, isList, isObject, type Json, type JsonObject } from '../source/json.js';
import { below, type Comparison, type Difference, differences, isSame } from './differences.js';
import { forbidden, invalid, type RefusedUpdate } from './refused-update.js';

const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

const CONTAINERS = ['containers', 'initContainers'];
const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'];

const PROBE_DEFAULTS: readonly (readonly [string, Json])[] = [
  ['timeoutSeconds', 1],
  ['periodSeconds', 10],
  ['successThreshold', 1],
  ['failureThreshold', 3],
  ['initialDelaySeconds', 0],
  ['httpGet.scheme', 'HTTP'],
  ['httpGet.path', '/'],
];
const CONTAINER_DEFAULTS: readonly (readonly [string, Json])[] = [
  ['terminationMessagePath', '/dev/termination-log'],
  ['terminationMessagePolicy', 'File'],
  ['stdin', false],
  ['stdinOnce', false],
  ['tty', false],
  ['ports.protocol', 'TCP'],
  ['ports.hostPort', 0],
  ['volumeMounts.readOnly', false],
  ['env.valueFrom.fieldRef.apiVersion', 'v1'],
  ...PROBES.flatMap((probe) => PROBE_DEFAULTS.map(([name, value]) => [`${probe}.${name}`, value] as const)),
];

/** Below `spec` of a pod. */
const POD_SPEC: Comparison = {
  defaults: new Map<string, Json>([
    ['dnsPolicy', 'ClusterFirst'],
    ['restartPolicy', 'Always'],
    ['terminationGracePeriodSeconds', 30],
    ['schedulerName', 'default-scheduler'],
    ['enableServiceLinks', true],
    ['hostNetwork', false],
    ['hostPID', false],
    ['hostIPC', false],
    ['preemptionPolicy', 'PreemptLowerPriority'],
    ['priority', 0],
    ['volumes.configMap.defaultMode', 0o644],
    ['volumes.secret.defaultMode', 0o644],
    ['volumes.projected.defaultMode', 0o644],
    ['volumes.downwardAPI.defaultMode', 0o644],
    ...CONTAINERS.flatMap((list) => CONTAINER_DEFAULTS.map(([name, value]) => [`${list}.${name}`, value] as const)),
  ]),
  // By admission, or by the image.
  filledIn: new Set([
    'serviceAccount',
    'serviceAccountName',
    ...CONTAINERS.flatMap((list) => [`${list}.imagePullPolicy`, `${list}.resources.requests`]),
  ]),
};

/** Of a pod template. */
export const POD_TEMPLATE: Comparison = below('spec', POD_SPEC);

/** Admission mounts the service account's token where nobody else does (plugin/pkg/admission/serviceaccount). */
const TOKEN_VOLUME = /^(?:kube-api-access-|.*-token-)[a-z0-9]{5}$/;

const items = (value: Json | undefined, name: string): readonly Json[] => {
  const given = field(value, name);
  return isList(given) ? given : [];
};

const withoutToken = (list: readonly Json[]): readonly Json[] =>
  list.filter((one) => {
    const name = field(one, 'name');
    return typeof name !== 'string' || !TOKEN_VOLUME.test(name);
  });

/** Without what may change, and without what admission puts there. */
function fixedParts(spec: JsonObject): JsonObject {
  const { tolerations: _, activeDeadlineSeconds: __, schedulingGates: ___, ...rest } = spec;
  const containers = CONTAINERS.filter((list) => isList(spec[list])).map((list): [string, Json] => [
    list,
    items(spec, list).map((one) => {
      if (!isObject(one)) return one;
      const { image: ____, ...fixed } = one;
      return isList(one['volumeMounts']) ? { ...fixed, volumeMounts: withoutToken(one['volumeMounts']) } : fixed;
    }),
  ]);
  const volumes = isList(spec['volumes']) ? { volumes: withoutToken(spec['volumes']) } : {};
  return { ...rest, ...volumes, ...Object.fromEntries(containers) };
}

/** From nothing to something, or to less. */
function refusedDeadline(old: Json | undefined, now: Json | undefined): RefusedUpdate[] {
  const path = ['spec', 'activeDeadlineSeconds'];
  if (typeof old !== 'number') return [];
  if (now === undefined || now === null)
    return [invalid(path, null, 'must not update from a positive integer to nil value')];
  return typeof now === 'number' && now > old
    ? [invalid(path, now, 'must be less than or equal to previous value')]
    : [];
}

/** validateOnlyAddedTolerations(). */
function refusedTolerations(old: readonly Json[], now: readonly Json[]): RefusedUpdate[] {
  const timeless = (one: Json): Json => (isObject(one) ? { ...one, tolerationSeconds: null } : one);
  const gone = old.some((one) => !now.some((other) => isSame(timeless(one), timeless(other))));
  const words = 'existing toleration can not be modified except its tolerationSeconds';
  return gone ? [forbidden(['spec', 'tolerations'], words)] : [];
}

/** validateOnlyDeletedSchedulingGates(). */
function refusedGates(old: readonly Json[], now: readonly Json[]): RefusedUpdate[] {
  const known = new Set(old.map((one) => field(one, 'name')));
  return now.flatMap((one, i) => {
    const name = field(one, 'name');
    if (typeof name !== 'string' || known.has(name)) return [];
    const words = `only deletion is allowed, but found new scheduling gate '${name}'`;
    return [forbidden(['spec', 'schedulingGates', i, 'name'], words)];
  });
}

const shown = (value: Json | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value));

const changed = ({ path, before, after }: Difference): RefusedUpdate => {
  const at: FieldPath = ['spec', ...path];
  const what = `${formatPath(at)} was ${shown(before)}, and would be ${shown(after)}`;
  return forbidden(at, `pod updates may not change fields other than ${UPDATABLE}: ${what}`);
};

/** From a negative grace period to 1 is a way out of a mistake of older versions. */
const isMended = ({ path, before, after }: Difference): boolean =>
  path[0] === 'terminationGracePeriodSeconds' && typeof before === 'number' && before < 0 && after === 1;

/** The node that the scheduler has chosen need not be written; it is the pod's all the same. */
function withNode(old: JsonObject, now: JsonObject, scheduledTo: string): JsonObject {
  if (old['nodeName'] !== undefined || now['nodeName'] === undefined || scheduledTo === '') return old;
  return { ...old, nodeName: scheduledTo };
}

export function refusedPodUpdate(before: JsonObject, after: JsonObject, scheduledTo: string): RefusedUpdate[] {
  const [old, now] = [field(before, 'spec') ?? {}, field(after, 'spec') ?? {}];
  if (!isObject(old) || !isObject(now)) return [];
  for (const list of CONTAINERS)
    if (items(old, list).length !== items(now, list).length)
      return [forbidden(['spec', list], 'pod updates may not add or remove containers')];
  const fixed = differences([fixedParts(withNode(old, now, scheduledTo)), fixedParts(now)], POD_SPEC);
  return [
    ...refusedDeadline(old['activeDeadlineSeconds'], now['activeDeadlineSeconds']),
    ...refusedTolerations(items(old, 'tolerations'), items(now, 'tolerations')),
    ...refusedGates(items(old, 'schedulingGates'), items(now, 'schedulingGates')),
    ...[...fixed].filter((one) => !isMended(one)).map(changed),
  ];
}
