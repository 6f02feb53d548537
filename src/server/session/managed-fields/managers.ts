/**
 * Whose the fields of an object are: sigs.k8s.io/structured-merge-diff/merge/update.go, and around it apimachinery's
 * pkg/util/managedfields. Versions of a kind are taken to have the same fields.
 */

import { field, type FieldType, isObject, isList, type Json, type JsonObject } from '../../../kubernetes/index.js';
import {
  difference,
  EMPTY,
  type FieldSet,
  fieldStep,
  formatFieldPath,
  intersection,
  isEmpty,
  pathsOf,
  readFields,
  renderFields,
  setOf,
  union,
} from './field-set.js';
import { type Comparison, compared, fieldsIn, merged, requireTyped, without, withNamed } from './typed.js';

/** An entry of metadata.managedFields. */
interface Manager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** Who writes, and when. */
export interface Writer {
  readonly manager: string;
  readonly time: string;
}

const textIn = (value: Json, name: string): string => {
  const text = field(value, name);
  return typeof text === 'string' ? text : '';
};

function readManager(entry: Json): Manager | undefined {
  const operation = textIn(entry, 'operation');
  const apiVersion = textIn(entry, 'apiVersion');
  const fields = readFields(field(entry, 'fieldsV1') ?? {});
  if ((operation !== 'Apply' && operation !== 'Update') || apiVersion === '' || fields === undefined) return undefined;
  if (field(entry, 'fieldsType') !== 'FieldsV1') return undefined;
  const time = textIn(entry, 'time') || undefined;
  return {
    manager: textIn(entry, 'manager'),
    operation,
    apiVersion,
    subresource: textIn(entry, 'subresource'),
    time,
    fields,
  };
}

type Managers = readonly Manager[];

/** Nobody's where one of the entries is none: emptyManagedFieldsOnErr(). */
function readManagers(entries: readonly Json[]): Managers {
  const managers = entries.map(readManager);
  return managers.every((one) => one !== undefined) ? managers : [];
}

const inOrder = (a: Manager, b: Manager): number => {
  const [left, right] = [a, b].map(
    ({ operation, time = '', manager, apiVersion, subresource }) =>
      `${operation} ${time} ${manager} ${apiVersion} ${subresource}`,
  );
  return (left ?? '') < (right ?? '') ? -1 : 1;
};

const renderManagers = (managers: Managers): readonly JsonObject[] =>
  managers.toSorted(inOrder).map(({ manager, operation, apiVersion, subresource, time, fields }) => ({
    ...(manager === '' ? {} : { manager }),
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: renderFields(fields),
    ...(subresource === '' ? {} : { subresource }),
  }));

/** BuildManagerIdentifier(): who applies is one whatever the version. */
const isSame = (a: Manager, b: Manager): boolean =>
  a.manager === b.manager &&
  a.operation === b.operation &&
  a.subresource === b.subresource &&
  (a.operation === 'Apply' || a.apiVersion === b.apiVersion);

const metadata = (...names: readonly string[]): readonly FieldSet[] =>
  names.map((name) => setOf([fieldStep('metadata'), fieldStep(name)]));

/** stripmeta.go: what is nobody's. */
const IDENTITY = union(
  ...['apiVersion', 'kind', 'metadata'].map((name) => setOf([fieldStep(name)])),
  ...metadata('name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation'),
  ...metadata('managedFields', 'resourceVersion'),
);

/** Without a field of managers that have none. */
const held = (managers: Managers): Managers => managers.filter(({ fields }) => !isEmpty(fields));

/** What others have of the fields that are set, and of those that go: theirs no more. */
const withoutChanged = (managers: Managers, self: Manager, { removed, modified, added }: Comparison): Managers =>
  managers.map((one) =>
    isSame(one, self) ? one : { ...one, fields: difference(one.fields, union(removed, modified, added)) },
  );

const put = (managers: Managers, self: Manager): Managers =>
  held([...managers.filter((one) => !isSame(one, self)), self]);

/** An object as it was and as it is to be, without managedFields. */
interface Written {
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly type: FieldType;
}

const versionOf = (object: JsonObject): string => textIn(object, 'apiVersion');

/** Updater.Update(): what changes becomes the writer's. */
function updated(managers: Managers, { before, after, type }: Written, { manager, time }: Writer): Managers {
  const comparison = compared(before, after, type);
  const made = { manager, operation: 'Update' as const, apiVersion: versionOf(after), subresource: '', time };
  const own = managers.find((one) => isSame(one, { ...made, fields: EMPTY }));
  const taken = difference(union(comparison.modified, comparison.added), IDENTITY);
  const left = own === undefined ? EMPTY : difference(own.fields, comparison.removed);
  const self = { ...made, time: isEmpty(taken) ? own?.time : time, fields: union(left, taken) };
  return put(withoutChanged(managers, self, comparison), self);
}

/** metadata.managedFields, where it is there. */
export const managedFieldsOf = (object: JsonObject): readonly Json[] | undefined => {
  const entries = field(object['metadata'], 'managedFields');
  return isList(entries) ? entries : undefined;
};

export function withoutManagedFields(object: JsonObject): JsonObject {
  if (managedFieldsOf(object) === undefined) return object;
  const { managedFields: _, ...rest } = isObject(object['metadata']) ? object['metadata'] : {};
  return { ...object, metadata: rest };
}

export const withManagedFields = (object: JsonObject, entries: readonly JsonObject[]): JsonObject =>
  entries.length === 0
    ? object
    : {
        ...object,
        metadata: { ...(isObject(object['metadata']) ? object['metadata'] : {}), managedFields: [...entries] },
      };

/** isResetManagedFields(): an empty list, or one of nothing. */
const isReset = (entries: readonly Json[] | undefined): boolean =>
  entries !== undefined &&
  (entries.length === 0 || (entries.length === 1 && isObject(entries[0]) && Object.keys(entries[0]).length === 0));

interface UpdateRequest {
  /** Undefined where it is created. */
  readonly before: JsonObject | undefined;
  readonly after: JsonObject;
  /** What is kept of the object that is there. */
  readonly entries: readonly Json[];
  readonly type: FieldType;
  readonly writer: Writer;
}

/**
 * FieldManager.Update(): managedFields of an object that was created, or written. An object of which nobody knows whose its
 * fields are stays so until it is first applied: skipnonapplied.go.
 */
export function managedAfterUpdate({ before, after, entries, type, writer }: UpdateRequest): readonly JsonObject[] {
  const given = managedFieldsOf(after);
  const own = isReset(given) ? [] : readManagers(given ?? []);
  const known = isReset(given) || own.length > 0 ? own : readManagers(entries);
  if (known.length === 0 && before !== undefined) return [];
  const written = { before: withoutManagedFields(before ?? {}), after: withoutManagedFields(after), type };
  return renderManagers(updated(known, written, writer));
}

/** A field that somebody else has set to something else. */
export interface Conflict {
  /** `"kubectl" using v1`. */
  readonly manager: string;
  /** `.spec.replicas`. */
  readonly field: string;
}

/** What an apply comes to: the object, or what stands in its way. */
export type Applied =
  | { readonly object: JsonObject; readonly managedFields: readonly JsonObject[] }
  | { readonly conflicts: readonly Conflict[] };

export interface ApplyRequest {
  /** As it is read; undefined where there is none. */
  readonly live: JsonObject | undefined;
  readonly config: JsonObject;
  readonly type: FieldType;
  readonly writer: Writer;
  readonly force: boolean;
}

/** conflict.go:printManager(). */
const describeManager = ({ manager, operation, apiVersion, subresource }: Manager): string => {
  const name = subresource === '' ? `"${manager}"` : `"${manager}" with subresource "${subresource}"`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
};

interface Claim {
  readonly of: Manager;
  readonly fields: FieldSet;
}

const conflictsOf = (claims: readonly Claim[]): readonly Conflict[] =>
  claims.flatMap(({ of, fields }) =>
    pathsOf(fields).map((path) => ({ manager: describeManager(of), field: formatFieldPath(path) })),
  );

/** What others have of the fields that would be others. */
const claimsOf = (managers: Managers, self: Manager, { modified, added }: Comparison): readonly Claim[] =>
  managers
    .filter((one) => !isSame(one, self))
    .map((of) => ({ of, fields: intersection(of.fields, union(modified, added)) }))
    .filter(({ fields }) => !isEmpty(fields));

/**
 * Updater.prune(): without what was applied the last time, is not applied now, and nobody else has. What is in it and was not
 * applied either stays: addBackDanglingItems().
 */
function pruned(object: JsonObject, last: FieldSet, managers: Managers, type: FieldType): JsonObject {
  if (isEmpty(last)) return object;
  const named = (set: FieldSet): FieldSet => withNamed(set, type);
  const removed = (gone: FieldSet): Json => without(object, gone, type) ?? {};
  const all = named(fieldsIn(object, type));
  const claimed = named(union(...managers.map(({ fields }) => fields)));
  const left = named(fieldsIn(removed(named(last)), type));
  const owned = named(fieldsIn(removed(difference(all, union(left, claimed))), type));
  const kept = removed(intersection(difference(all, owned), named(last)));
  return isObject(kept) ? kept : object;
}

/** Values that become null are none, as in the API server's types; those that were so before stay as they are written. */
function withoutNulls(value: Json, before: Json | undefined): Json {
  if (isList(value)) return value.map((item, i) => withoutNulls(item, isList(before) ? before[i] : undefined));
  if (!isObject(value)) return value;
  const fields = Object.entries(value).filter(([name, inner]) => inner !== null || field(before, name) === null);
  return Object.fromEntries(fields.map(([name, inner]) => [name, withoutNulls(inner, field(before, name))]));
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** The manager as which kubectl applies, if nobody names another: what its client-side apply has written is its own. */
const KUBECTL = 'kubectl';

const lastAppliedIn = (object: JsonObject): string => {
  const text = field(field(object['metadata'], 'annotations'), LAST_APPLIED);
  return typeof text === 'string' ? text : '';
};

const parsedObject = (text: string): JsonObject | undefined => {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

/** lastappliedmanager.go:allowedConflictsFromLastApplied(): what was applied by the client and still is so. */
function appliedByClient(live: JsonObject, type: FieldType): FieldSet {
  const last = parsedObject(lastAppliedIn(live));
  if (last === undefined || versionOf(last) !== versionOf(live)) return EMPTY;
  const { removed, modified, added } = compared(last, live, type);
  return difference(fieldsIn(last, type), union(removed, modified, added));
}

/** lastappliedupdater.go: the client's own record follows. */
function withLastApplied(object: JsonObject, config: JsonObject): JsonObject {
  if (lastAppliedIn(object) === '' || !isObject(object['metadata'])) return object;
  const said = isObject(config['metadata']) ? config['metadata'] : {};
  const { [LAST_APPLIED]: _, ...annotations } = isObject(said['annotations']) ? said['annotations'] : {};
  const text = JSON.stringify({ ...config, metadata: { ...said, ...('annotations' in said ? { annotations } : {}) } });
  const held = object['metadata']['annotations'];
  const now = { ...(isObject(held) ? held : {}), [LAST_APPLIED]: text };
  return { ...object, metadata: { ...object['metadata'], annotations: now } };
}

const BEFORE_FIRST_APPLY = 'before-first-apply';

/** FieldManager.Apply(). @throws TypedError */
export function applied({ live, config, type, writer, force }: ApplyRequest): Applied {
  requireTyped(config, type);
  const before = withoutManagedFields(live ?? {});
  const known = readManagers((live && managedFieldsOf(live)) ?? []);
  const first = { before: {}, after: before, type };
  const managers = known.length > 0 ? known : updated([], first, { ...writer, manager: BEFORE_FIRST_APPLY });
  const { manager, time } = writer;
  const fields = fieldsIn(config, type);
  const self: Manager = { manager, operation: 'Apply', apiVersion: versionOf(config), subresource: '', time, fields };
  const last = managers.find((one) => isSame(one, self));
  const claiming = put(managers, self);
  const together = merged(before, config, type);
  const after = pruned(isObject(together) ? together : {}, last?.fields ?? EMPTY, claiming, type);
  const comparison = compared(before, after, type);

  const claims = force ? [] : claimsOf(claiming, self, comparison);
  const own = manager === KUBECTL && claims.length > 0 ? appliedByClient(before, type) : EMPTY;
  const open = claims.map(({ of, fields: claimed }) => ({ of, fields: difference(claimed, own) }));
  const conflicts = conflictsOf(open);
  if (conflicts.length > 0) return { conflicts };

  const { removed, modified, added } = comparison;
  const isChanged = [removed, modified, added].some((set) => !isEmpty(set));
  const now = {
    ...self,
    time: isChanged || last === undefined ? time : last.time,
    fields: difference(fields, IDENTITY),
  };
  const plain = withoutNulls(after, before);
  const object = isObject(plain) ? plain : after;
  return {
    object: manager === KUBECTL ? withLastApplied(object, config) : object,
    managedFields: renderManagers(put(withoutChanged(claiming, self, comparison), now)),
  };
}
