/** Objects as the API shows and changes them: what was declared, and what controllers made of it. */

import type { Cluster } from '../../cluster/index.js';
import {
  type JsonObject,
  isObject,
  KINDS,
  nearMatches,
  type Store,
  type Declared,
  type DeclaredObject,
  deletedByUpdates,
  type DeletedPod,
  deleteFrom,
  type Deletion,
  describeKey,
  formatKey,
  formatPath,
  formatRefusedUpdate,
  type ObjectKey,
  refusedAmong,
  refusedDeletion,
  renderObject,
  requestedGroup,
} from '../../kubernetes/index.js';
import { badObjects, Problem } from '../problem.js';
import { shownObject, withoutAssigned } from './assigned.js';
import { withGeneratedNames } from './generated-names.js';
import { overwritten, requireOnce } from './repeated.js';
import { MADE, renderMade } from './made.js';
import { applyPatch, type Patch } from './patches.js';
import { unknownKind } from './kinds.js';
import { isThere, type ObjectsAdded, withReleased, withWrittenPods } from './pods-of-controllers.js';
import { type Page, page, type PageRequest } from './page.js';
import { selectorOf, type SelectorQuery } from './selectors.js';
import { requireCurrent } from './versions.js';

export interface ListedObject {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** `file`: as somebody declared it. `controller`: made by a controller of the emulated cluster. */
  readonly origin: 'file' | 'controller';
  /** Where it stands. */
  readonly file?: string;
  readonly line?: number;
  readonly object?: JsonObject;
}

interface ObjectList extends Page<ListedObject> {
  /** Of the last change of anything, as ListMeta has it. */
  readonly resourceVersion: string;
}

export interface ObjectQuery extends PageRequest, SelectorQuery {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** With the objects themselves, not only their names. */
  readonly full: boolean;
}

/** An object that a controller made. */
interface MadeObject {
  readonly key: ObjectKey;
  readonly id: string;
}

/** An object that is there. Of tens of thousands most are only looked at by their names. */
type Row = DeclaredObject | MadeObject;

const isDeclared = (row: Row): row is DeclaredObject => 'document' in row;

const labelsOf = ({ document }: DeclaredObject): Record<string, string> => {
  const { metadata } = document.value;
  const labels = isObject(metadata) ? metadata['labels'] : undefined;
  if (!isObject(labels)) return {};
  return Object.fromEntries(
    Object.entries(labels).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
};

/** A pod as it is read, whoever made it. */
export function shownPod(declared: Declared, store: Store, { namespace, name }: Pick<ObjectKey, 'namespace' | 'name'>) {
  const key = { group: '', kind: 'Pod', namespace, name };
  const object = declared.byId.get(formatKey(key));
  return object === undefined ? renderMade('Pod', key, { declared, store }) : shownObject(object, { declared, store });
}

const isMade = (kind: string): kind is (typeof MADE)[number] => MADE.some((one) => one === kind);

/** Of one kind alone where it is given. */
function rowsOf(declared: Declared, cluster: Cluster, only?: string): readonly Row[] {
  cluster.settleEndpoints();
  const written = only === undefined ? [...declared.byId.values()] : (declared.ofKinds.get(only) ?? []);
  const made: MadeObject[] = [];
  for (const kind of MADE) {
    if (only !== undefined && kind !== only) continue;
    const [group = ''] = KINDS[kind].groups;
    for (const { namespace, name } of cluster.store.list(kind)) {
      if (declared.has(group, kind, namespace, name)) continue;
      const key = { group, kind, namespace, name };
      made.push({ key, id: formatKey(key) });
    }
  }
  return made.length === 0 ? written : [...written, ...made];
}

function labelsOfRow(row: Row, { store }: Cluster): Readonly<Record<string, string>> {
  if (isDeclared(row)) return labelsOf(row);
  const { key } = row;
  return isMade(key.kind) ? (store.get(key.kind, key.namespace, key.name)?.labels ?? {}) : {};
}

function objectOf(row: Row, declared: Declared, { store }: Cluster): JsonObject | undefined {
  if (isDeclared(row)) return shownObject(row, { declared, store });
  const { key } = row;
  return isMade(key.kind) ? renderMade(key.kind, key, { declared, store }) : undefined;
}

function named(row: Row, declared: Declared): ListedObject {
  const { group, kind, namespace, name } = row.key;
  const key = { group, kind, namespace, name, resourceVersion: declared.versionOf(row.id) };
  if (!isDeclared(row)) return { ...key, origin: 'controller' };
  const { file, line } = row.document.source;
  return { ...key, origin: 'file', file, line };
}

function rendered(row: Row, declared: Declared, cluster: Cluster): ListedObject {
  const object = objectOf(row, declared, cluster);
  return object === undefined ? named(row, declared) : { ...named(row, declared), object };
}

/** Whether it is asked for. @throws Problem */
function chosenBy(query: ObjectQuery, declared: Declared, cluster: Cluster): (row: Row) => boolean {
  const { kind, name } = query;
  const selects = selectorOf(query, kind);
  const namespace = query.namespace === '-' ? '' : query.namespace;
  const isWanted = (value: string, given: string | undefined): boolean => given === undefined || given === value;
  return (row) => {
    const { key } = row;
    const group = query.group === undefined ? undefined : requestedGroup(query.group, key.kind);
    if (!isWanted(key.group, group) || !isWanted(key.kind, kind)) return false;
    if (!isWanted(key.namespace, namespace) || !isWanted(key.name, name)) return false;
    return (
      selects === undefined ||
      selects({ key, labels: labelsOfRow(row, cluster), object: () => objectOf(row, declared, cluster) })
    );
  };
}

/** @throws Problem */
function requireKind(kind: string, rows: readonly Row[]): void {
  const mistake = unknownKind(
    kind,
    rows.map(({ key }) => key.kind),
  );
  if (mistake !== undefined) throw new Problem('bad-request', mistake.message, [mistake]);
}

/** @throws Problem */
export function listObjects(declared: Declared, cluster: Cluster, query: ObjectQuery): ObjectList {
  const isChosen = chosenBy(query, declared, cluster);
  const all = rowsOf(declared, cluster, query.kind);
  if (query.kind !== undefined && all.length === 0) requireKind(query.kind, rowsOf(declared, cluster));
  const found = page(all.filter(isChosen), ({ id }) => id, query);
  return {
    ...found,
    resourceVersion: `${declared.versions.current}`,
    items: found.items.map((row) => (query.full ? rendered(row, declared, cluster) : named(row, declared))),
  };
}

/** Every kind that is there, with how many. */
export function kindsOf(declared: Declared, cluster: Cluster, request: PageRequest) {
  const kinds = new Map<string, { group: string; kind: string; count: number }>();
  for (const { key } of rowsOf(declared, cluster)) {
    const id = `${key.group}/${key.kind}`;
    const held = kinds.get(id) ?? { group: key.group, kind: key.kind, count: 0 };
    kinds.set(id, { ...held, count: held.count + 1 });
  }
  const key = ({ group, kind }: { readonly group: string; readonly kind: string }): string => `${group}/${kind}`;
  return page([...kinds.values()], key, request);
}

/** Where the group says which of two like-named things is meant. */
const withGroup = (key: ObjectKey): string => `${describeKey(key)} of the group ${key.group || 'core'}`;

function missing(key: ObjectKey, candidates: readonly ObjectKey[]): Problem {
  const unknown = unknownKind(
    key.kind,
    candidates.map(({ kind }) => kind),
  );
  if (unknown !== undefined)
    return new Problem('not-found', `there is no ${describeKey(key)}: ${unknown.message}`, [unknown]);
  const alike = candidates.find(
    (one) => one.kind === key.kind && one.namespace === key.namespace && one.name === key.name,
  );
  if (alike !== undefined) {
    const message = `there is no ${withGroup(key)}; there is a ${withGroup(alike)}`;
    return new Problem('not-found', message, [{ message, near: [alike.group || 'core'] }]);
  }
  const names = candidates
    .filter(({ kind }) => kind === key.kind)
    .map(({ namespace, name }) => (namespace === '' ? name : `${namespace}/${name}`));
  const near = nearMatches(key.namespace === '' ? key.name : `${key.namespace}/${key.name}`, names);
  const hint = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
  return new Problem('not-found', `there is no ${describeKey(key)}${hint}`, [
    { message: `no ${describeKey(key)}`, near },
  ]);
}

/** Whether it is of a kind of which controllers make objects, and one of those. */
const isMadeObject = ({ store }: Cluster, { group, kind, namespace, name }: ObjectKey): boolean =>
  isMade(kind) && KINDS[kind].groups[0] === group && store.get(kind, namespace, name) !== undefined;

/** @throws Problem */
export function getObject(declared: Declared, cluster: Cluster, key: ObjectKey): ListedObject {
  cluster.settleEndpoints();
  const id = formatKey(key);
  const object = declared.byId.get(id);
  if (object !== undefined || isMadeObject(cluster, key)) return rendered(object ?? { key, id }, declared, cluster);
  throw missing(
    key,
    rowsOf(declared, cluster).map((row) => row.key),
  );
}

/** An object that was declared, to be changed. @throws Problem */
function declaredObject(declared: Declared, cluster: Cluster, key: ObjectKey): DeclaredObject {
  const found = declared.byId.get(formatKey(key));
  if (found !== undefined) return found;
  const { origin } = getObject(declared, cluster, key);
  throw new Problem(
    'conflict',
    `${describeKey(key)} was made by a controller (origin ${origin}): change what it was made for`,
  );
}

/** Reads one text of new objects. @throws Problem */
function added(declared: Declared, text: string, file: string) {
  const next = declared.with({ file, text });
  const errors = next.declared.errors.slice(declared.errors.length);
  if (errors.length > 0) throw badObjects(errors);
  if (next.added.length === 0) throw new Problem('bad-object', 'there is no object in the request');
  const nameless = next.added.find(({ key }) => key.name === '');
  if (nameless !== undefined)
    throw new Problem('bad-object', `${nameless.key.kind}: metadata.name is missing`, [
      {
        message: 'expected a name',
        file,
        line: nameless.document.source.line,
        field: 'metadata.name',
        expected: 'a name',
      },
    ]);
  return next;
}

/** @throws Problem where one is there already */
export function createObjects(declared: Declared, cluster: Cluster, given: TextOfObjects & { readonly seed: number }) {
  const { text, file } = withGeneratedNames(declared, cluster, given);
  const next = added(declared, text, file);
  requireOnce(next.added);
  const taken = next.added.filter(({ key }) => isThere(declared, cluster, key));
  if (taken.length > 0)
    throw new Problem(
      'conflict',
      `${taken.map(({ key }) => describeKey(key)).join(', ')} ${taken.length === 1 ? 'is' : 'are'} there already`,
      taken.map(({ key, document }) => ({
        message: `${describeKey(key)} is there already`,
        file,
        line: document.source.line,
        object: describeKey(key),
      })),
    );
  return next;
}

/** As the API server says it: `Service "web" is invalid: spec.clusterIPs[0]: …`. @throws Problem */
function requireUpdatable(declared: Declared, { store }: Cluster, objects: readonly DeclaredObject[]): void {
  requireCurrent(declared, objects);
  const refused = refusedAmong(objects, { declared, store });
  const [first] = refused;
  if (first === undefined) return;
  const { kind, name } = first.object.key;
  const more = refused.length > 1 ? `, and ${refused.length - 1} more` : '';
  throw new Problem(
    'invalid',
    `${kind} "${name}" is invalid: ${formatRefusedUpdate(first)}${more}`,
    refused.map(({ object, ...one }) => ({
      message: formatRefusedUpdate(one),
      object: describeKey(object.key),
      field: formatPath(one.path),
      ...object.document.source.position(one.path),
    })),
  );
}

interface ChangeOfPods {
  /** Pods of controllers, in whose place they make others. */
  readonly deletedPods: readonly DeletedPod[];
}

export interface TextOfObjects {
  readonly text: string;
  /** What messages call it. */
  readonly file: string;
}

/** With what controllers do about objects that are others now: pods that they let go, and pods of workloads that go. */
export function withControllers(before: Declared, cluster: Cluster, next: ObjectsAdded): ObjectsAdded & ChangeOfPods {
  const { declared, added: held } = withReleased(next, cluster);
  const { store } = cluster;
  const deletion = deletedByUpdates(held, { before, after: declared, store });
  return { declared: deletion.declared, added: held, deletedPods: deletion.pods };
}

/** Creates what is not there and replaces what is, as `kubectl apply` does: of several of one name the last holds. @throws Problem */
export function applyObjects(known: Declared, cluster: Cluster, { text, file }: TextOfObjects) {
  const read = added(known, text, file);
  const keys = read.added.map(({ key }) => key);
  const declared = withWrittenPods(known, cluster, keys);
  const next = declared === known ? read : added(declared, text, file);
  requireUpdatable(declared, cluster, next.added);
  const [one, second] = next.added;
  // One object may have been read before; of several, each says what it says.
  if (one !== undefined && second === undefined) return replaceObject(declared, cluster, one.key, { text, file });
  const gone = new Set(overwritten(next.added));
  const held = next.added.filter((object) => !gone.has(object));
  return withControllers(declared, cluster, { ...next, added: held });
}

/** A request that is about one object of this name. @throws Problem */
export function oneObject(declared: Declared, key: ObjectKey, { text, file }: TextOfObjects) {
  const next = added(declared, text, file);
  const [one, second] = next.added;
  if (one === undefined || second !== undefined) throw new Problem('bad-object', 'expected one object');
  if (one.id !== formatKey(key))
    throw new Problem('bad-object', `the request is about ${withGroup(key)}, its object is ${withGroup(one.key)}`, [
      {
        message: 'another name than the one of the path',
        file,
        line: one.document.source.line,
        field: 'metadata.name',
      },
    ]);
  return { declared: next.declared, added: one };
}

/** One object of a name, in place of the one that is there. @throws Problem */
export function inPlace(declared: Declared, cluster: Cluster, key: ObjectKey, text: TextOfObjects): ObjectsAdded {
  const next = oneObject(declared, key, text);
  requireUpdatable(declared, cluster, [next.added]);
  return { declared: next.declared, added: [next.added] };
}

/** @throws Problem where the object's own name is another, or where it may not become that */
export function replaceObject(known: Declared, cluster: Cluster, key: ObjectKey, { text, file }: TextOfObjects) {
  const declared = withWrittenPods(known, cluster, [key]);
  const next = inPlace(declared, cluster, key, { text, file });
  const [object] = next.added;
  const own = object && withoutAssigned(renderObject(object), declared.byId.get(formatKey(key)), cluster.store);
  if (own === undefined) return withControllers(declared, cluster, next);
  // Its lines are those of the text that is kept.
  const kept = { text: JSON.stringify(own, null, 2), file: file.replace(/\.\w+$/, '.json') };
  return withControllers(declared, cluster, inPlace(declared, cluster, key, kept));
}

/** What nobody declared and can go all the same: a controller's pod, for which another comes, and a namespace that is only used. */
const isDeletable = ({ store }: Cluster, { group, kind, namespace, name }: ObjectKey): boolean =>
  group === '' && (kind === 'Pod' || kind === 'Namespace') && store.get(kind, namespace, name) !== undefined;

/** The object and what goes with it. @throws Problem */
export function deleteObject(declared: Declared, cluster: Cluster, key: ObjectKey): Deletion {
  if (!isDeletable(cluster, key)) declaredObject(declared, cluster, key);
  const refused = refusedDeletion(key, declared, [key]);
  if (refused !== undefined) throw new Problem('conflict', refused, [{ message: refused, object: describeKey(key) }]);
  return deleteFrom(declared, cluster.store, [key]);
}

/** @throws Problem */
export function patchObject(
  known: Declared,
  cluster: Cluster,
  { key, patch, file }: { readonly key: ObjectKey; readonly patch: Patch; readonly file: string },
) {
  const declared = withWrittenPods(known, cluster, [key]);
  const current = declaredObject(declared, cluster, key);
  const patched = applyPatch(shownObject(current, { declared, store: cluster.store }), patch, key);
  const own = isObject(patched) ? withoutAssigned(patched, current, cluster.store) : undefined;
  const text = JSON.stringify(own ?? patched, null, 2);
  return withControllers(declared, cluster, inPlace(declared, cluster, key, { text, file }));
}
