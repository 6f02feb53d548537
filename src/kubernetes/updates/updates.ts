/**
 * Updates that the API server refuses since a field may not change: pkg/apis/{core,apps,batch,discovery,networking}/
 * validation, and Calico's libcalico-go/lib/clientv3. What a cluster starts with is no update.
 */

import { formatCidr, parseCidrSloppy } from '../address.js';
import type { Kind } from '../kinds/table.js';
import { kindOf } from '../kinds/table.js';
import type { Declared, DeclaredObject } from '../source/declared.js';
import { type FieldPath, field, isList, isObject, type Json, type JsonObject } from '../source/json.js';
import type { Store } from '../store.js';
import { type Comparison, isSame } from './differences.js';
import { POD_TEMPLATE, refusedPodUpdate } from './pod-update.js';
import { forbidden, IMMUTABLE, invalid, type RefusedUpdate } from './refused-update.js';
import { refusedServiceUpdate } from './service-update.js';

/** The object as it was written before and would be now, and as the cluster has it. */
interface Update {
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly namespace: string;
  readonly name: string;
  readonly store: Store;
}

type Rule = (update: Update) => readonly RefusedUpdate[];

const at = (object: JsonObject, path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((value, name) => field(value, name), object);

/** validation.ValidateImmutableField(). */
const fixed =
  (path: readonly string[], comparison?: Comparison): Rule =>
  ({ before, after }) =>
    isSame(at(before, path), at(after, path), comparison) ? [] : [invalid(path, at(after, path), IMMUTABLE)];

const all =
  (...rules: readonly Rule[]): Rule =>
  (update) =>
    rules.flatMap((rule) => rule(update));

const SELECTOR = fixed(['spec', 'selector']);

/** pkg/apis/apps/validation/validation.go:ValidateStatefulSetUpdate(). */
const STATEFUL_SET_FREE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];
const STATEFUL_SET: Comparison = {
  defaults: new Map([['podManagementPolicy', 'OrderedReady']]),
  // Of claims the API server fills in more than is written.
  filledIn: new Set(['volumeClaimTemplates.spec.volumeMode', 'volumeClaimTemplates.status']),
};

const statefulSet: Rule = ({ before, after }) => {
  const fixedParts = (object: JsonObject): Json => {
    const spec = field(object, 'spec');
    if (!isObject(spec)) return {};
    return Object.fromEntries(Object.entries(spec).filter(([name]) => !STATEFUL_SET_FREE.includes(name)));
  };
  if (isSame(fixedParts(before), fixedParts(after), STATEFUL_SET)) return [];
  const names = STATEFUL_SET_FREE.map((name) => `'${name}'`);
  const listed = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return [forbidden(['spec'], `updates to statefulset spec for fields other than ${listed} are forbidden`)];
};

/** pkg/apis/batch/validation/validation.go:ValidateJobSpecUpdate(). */
const job: Rule = (update) => {
  const indexed = at(update.after, ['spec', 'completionMode']) === 'Indexed';
  const rule = all(
    indexed ? () => [] : fixed(['spec', 'completions'], { defaults: new Map([['', 1]]), filledIn: new Set() }),
    // The controller's own selector and labels need not be written.
    at(update.before, ['spec', 'manualSelector']) === true ? SELECTOR : () => [],
    fixed(['spec', 'template'], POD_TEMPLATE),
    fixed(['spec', 'completionMode'], { defaults: new Map([['', 'NonIndexed']]), filledIn: new Set() }),
    fixed(['spec', 'podFailurePolicy']),
    fixed(['spec', 'backoffLimitPerIndex']),
  );
  return rule(update);
};

/** ValidateConfigMapUpdate(), ValidateSecretUpdate(). */
const locked: Rule = ({ before, after }) => {
  if (before['immutable'] !== true) return [];
  const changed = ['immutable', 'data', 'binaryData', 'stringData'].filter(
    (name) => !isSame(before[name], after[name]),
  );
  return changed.map((name) => forbidden([name], 'field is immutable when `immutable` is set'));
};

/** ValidateNodeUpdate(): what was given once. */
const node: Rule = ({ before, after }) => {
  const refused = (name: string, words: string): RefusedUpdate[] => {
    const path = ['spec', name];
    const given = at(before, path);
    return isSame(given, undefined) || isSame(given, at(after, path)) ? [] : [forbidden(path, words)];
  };
  return [
    ...refused('podCIDR', 'node updates may not change podCIDR except from "" to valid'),
    ...refused('podCIDRs', 'node updates may not change podCIDR except from "" to valid'),
    ...refused('providerID', 'node updates may not change providerID except from "" to valid'),
  ];
};

const normalCidr = (value: Json | undefined): Json | undefined => {
  const cidr = typeof value === 'string' ? parseCidrSloppy(value) : undefined;
  return cidr === undefined ? value : formatCidr(cidr);
};

/** libcalico-go/lib/clientv3/ippool.go:validateAndSetDefaults(). */
const ipPool: Rule = ({ before, after }) => {
  const cidrOf = (object: JsonObject) => normalCidr(at(object, ['spec', 'cidr']));
  const sizeOf = (object: JsonObject) => {
    const given = at(object, ['spec', 'blockSize']);
    if (given !== undefined && given !== 0) return given;
    const cidr = cidrOf(object);
    return typeof cidr === 'string' && cidr.includes(':') ? 122 : 26;
  };
  const [cidr, size] = [cidrOf(after), sizeOf(after)];
  return [
    ...(cidrOf(before) === cidr ? [] : [invalid(['spec', 'cidr'], cidr, 'IPPool CIDR cannot be modified')]),
    ...(sizeOf(before) === size ? [] : [invalid(['spec', 'blockSize'], size, 'IPPool BlockSize cannot be modified')]),
  ];
};

/** pkg/apis/networking/validation/validation.go:ValidateServiceCIDRUpdate(): one of the other family may come. */
const serviceCidr: Rule = ({ before, after }) => {
  const path: FieldPath = ['spec', 'cidrs'];
  const [old, now] = [at(before, ['spec', 'cidrs']), at(after, ['spec', 'cidrs'])];
  if (!isList(old) || !isList(now)) return [];
  if (now.length < old.length) return [invalid(path, now, IMMUTABLE)];
  return old.flatMap((cidr, i) => (cidr === now[i] ? [] : [invalid([...path, i], now[i], IMMUTABLE)]));
};

/** What has not been given an address or a node is as it was written. */
const RULES: Readonly<Partial<Record<Kind, Rule>>> = {
  Pod: ({ before, after, namespace, name, store }) => {
    const pod = store.get('Pod', namespace, name);
    return pod === undefined ? [] : refusedPodUpdate(before, after, pod.spec.nodeName);
  },
  Service: ({ after, namespace, name, store }) => {
    const service = store.get('Service', namespace, name);
    return service === undefined ? [] : refusedServiceUpdate(service.spec, after);
  },
  Deployment: SELECTOR,
  ReplicaSet: SELECTOR,
  DaemonSet: SELECTOR,
  StatefulSet: statefulSet,
  Job: job,
  EndpointSlice: fixed(['addressType'], { defaults: new Map([['', 'IPv4']]), filledIn: new Set() }),
  ConfigMap: locked,
  Secret: locked,
  Node: node,
  IPPool: ipPool,
  ServiceCIDR: serviceCidr,
};

/** An update of an object that is declared already, as it would be refused. */
export interface RefusedObject extends RefusedUpdate {
  readonly object: DeclaredObject;
}

/** What the API server would say to these objects in place of those of their names that are there. */
export const refusedAmong = (
  objects: readonly DeclaredObject[],
  { declared, store }: { readonly declared: Declared; readonly store: Store },
): readonly RefusedObject[] =>
  objects.flatMap((object) => {
    const before = declared.byId.get(object.id);
    return before === undefined ? [] : refusedUpdates(before, object, store).map((one) => ({ ...one, object }));
  });

/** What the API server would say to `after` in place of `before`; nothing where it takes it. */
function refusedUpdates(before: DeclaredObject, after: DeclaredObject, store: Store): readonly RefusedUpdate[] {
  const { apiVersion, kind, value } = after.document;
  const known = kindOf({ apiVersion, kind });
  const rule = known === undefined ? undefined : RULES[known];
  const { namespace, name } = after.key;
  return rule?.({ before: before.document.value, after: value, namespace, name, store }) ?? [];
}
