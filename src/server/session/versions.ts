/**
 * resourceVersions as the cluster goes on: what has become another since it was last looked at has that of now. A write that
 * changes nothing gives none, as in the API server (etcd3/store.go:GuaranteedUpdate()).
 */

import { isDeepStrictEqual } from 'node:util';
import {
  type Declared,
  type DeclaredObject,
  describeKey,
  field,
  formatKey,
  isObject,
  type JsonObject,
  type Kind,
  KINDS,
  type ObjectKey,
  renderObject,
  type Store,
  writtenVersion,
} from '../../kubernetes/index.js';
import { Problem } from '../problem.js';

/** Kinds of which controllers make objects, or give something to those that somebody wrote. */
const FOLLOWED = ['Pod', 'Node', 'Service', 'EndpointSlice', 'ReplicaSet', 'Job'] as const satisfies readonly Kind[];
type Followed = (typeof FOLLOWED)[number];

type Named = Readonly<Record<'namespace' | 'name', string>>;
type Lists = ReadonlyMap<Followed, readonly Named[]>;

const listsOf = (store: Store): Lists => new Map(FOLLOWED.map((kind) => [kind, store.list(kind)]));

const idOf = (kind: Followed, { namespace, name }: Named): string => {
  const [group = ''] = KINDS[kind].groups;
  return formatKey({ group, kind, namespace, name });
};

/** Slices are made when somebody asks for them: what is kept of a cluster does not name them. */
const isSlice = (id: string): boolean => id.startsWith('discovery.k8s.io/EndpointSlice/');

const nameOf = ({ namespace, name }: Named): string => `${namespace}/${name}`;

/** Of one kind, those that are others than before, and those that are gone. */
function differing(before: readonly Named[], after: readonly Named[]) {
  if (before === after) return { changed: [], gone: [] };
  const held = new Set(before);
  const there = new Set(after);
  const old = new Map(before.flatMap((one) => (there.has(one) ? [] : [[nameOf(one), one] as const])));
  const changed: Named[] = [];
  for (const one of after) {
    if (held.has(one)) continue;
    if (!isDeepStrictEqual(old.get(nameOf(one)), one)) changed.push(one);
    old.delete(nameOf(one));
  }
  return { changed, gone: [...old.values()] };
}

/** The object as it is compared: its version says nothing of it. */
function plain(object: DeclaredObject): JsonObject {
  const rendered = renderObject(object);
  const { metadata } = rendered;
  if (!isObject(metadata)) return rendered;
  const { resourceVersion: _, managedFields: given, ...rest } = metadata;
  const managedFields = object.managedFields ?? given ?? [];
  return { ...rendered, metadata: { ...rest, managedFields } };
}

const isSame = (one: DeclaredObject | undefined, other: DeclaredObject): boolean =>
  one === other ||
  (one !== undefined &&
    ((one.document === other.document && one.managedFields === other.managedFields) ||
      isDeepStrictEqual(plain(one), plain(other))));

export class FollowedVersions {
  #declared: Declared | undefined = undefined;
  #lists: Lists = new Map();

  /** The objects with versions of what has become another since the last time; the first time nothing has. */
  follow(next: Declared, store: Store): Declared {
    const lists = listsOf(store);
    const before = this.#declared;
    const followed = before === undefined ? next : this.#numbered(before, next, lists);
    this.#declared = followed;
    this.#lists = lists;
    return followed;
  }

  #numbered(before: Declared, next: Declared, lists: Lists): Declared {
    const changed = new Set<string>();
    const gone = new Set<string>();
    for (const kind of FOLLOWED) {
      const found = differing(this.#lists.get(kind) ?? [], lists.get(kind) ?? []);
      for (const one of found.changed) changed.add(idOf(kind, one));
      for (const one of found.gone) gone.add(idOf(kind, one));
    }
    const kept = new Map<string, number>();
    if (before.byId !== next.byId)
      for (const [id, object] of next.byId) {
        const was = before.byId.get(id);
        if (!isSame(was, object)) changed.add(id);
        // It may have been written with another number than it has.
        else if (was?.document !== object.document) kept.set(id, Number(before.versionOf(id)));
      }
    for (const id of before.byId.keys()) if (!next.byId.has(id) && !changed.has(id)) gone.add(id);
    return renumbered(next, { changed, gone, kept });
  }
}

interface Numbering {
  readonly changed: ReadonlySet<string>;
  readonly gone: ReadonlySet<string>;
  readonly kept: ReadonlyMap<string, number>;
}

function renumbered(next: Declared, { changed, gone, kept }: Numbering): Declared {
  const { versions } = next;
  if (changed.size + gone.size + kept.size === 0) return next;
  const current = versions.current + (changed.size + gone.size === 0 ? 0 : 1);
  const objects = new Map([...versions.objects, ...kept]);
  for (const id of gone) objects.delete(id);
  for (const id of changed) objects.set(id, current);
  return next.withVersions({ ...versions, current, objects });
}

/** Versions of a cluster that somebody kept, as far as there are such objects. */
export function heldVersions(declared: Declared, store: Store): Declared {
  const { first, objects } = declared.versions;
  const current = Math.max(declared.versions.current, first, ...new Set(objects.values()));
  const made = new Set([...listsOf(store)].flatMap(([kind, list]) => list.map((one) => idOf(kind, one))));
  const held = [...objects].filter(([id]) => !isSlice(id) && (declared.byId.has(id) || made.has(id)));
  return declared.withVersions({ first, current, objects: new Map(held) });
}

/**
 * Of a cluster that has done its changes again and had come as far as `last` before: they may have other numbers than readers know,
 * and get one that nobody has seen.
 */
export function laterVersions(declared: Declared, last: number): Declared {
  const { first, current, objects } = declared.versions;
  if (current === last) return declared;
  const later = Math.max(current, last) + 1;
  const renewed = [...objects].map(([id, number]) => [id, number > first ? later : number] as const);
  return declared.withVersions({ first, current: later, objects: new Map(renewed) });
}

export const withoutChecks = (declared: Declared): Declared =>
  declared.withVersions({ ...declared.versions, unchecked: true });

export function withChecks(declared: Declared): Declared {
  const { unchecked: _, ...versions } = declared.versions;
  return declared.withVersions(versions);
}

/** meta.UnsafeGuessKindToResource(), with the group. */
function resourceOf({ group, kind }: ObjectKey): string {
  const singular = kind.toLowerCase();
  const plural =
    singular === 'endpoints'
      ? singular
      : singular.endsWith('s')
        ? `${singular}es`
        : singular.endsWith('y')
          ? `${singular.slice(0, -1)}ies`
          : `${singular}s`;
  return group === '' ? plural : `${plural}.${group}`;
}

/** apierrors.NewConflict(). */
function conflictOf(key: ObjectKey, why: string, field: string): Problem {
  const message = `Operation cannot be fulfilled on ${resourceOf(key)} "${key.name}": ${why}`;
  return new Problem('conflict', message, [{ message, object: describeKey(key), field }]);
}

/** registry/store.go:OptimisticLockErrorMsg. */
const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

/** What the object has to be, for it to be deleted: metav1.Preconditions. */
export interface Preconditions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

/** storage/interfaces.go:Preconditions.Check(). @throws Problem */
export function requirePreconditions(
  { versions }: Declared,
  { key, object, ...wanted }: Preconditions & { readonly key: ObjectKey; readonly object: JsonObject },
): void {
  if (versions.unchecked === true) return;
  for (const [name, words] of [
    ['uid', 'UID'],
    ['resourceVersion', 'ResourceVersion'],
  ] as const) {
    const given = field(object['metadata'], name);
    const held = typeof given === 'string' ? given : '';
    if (wanted[name] !== undefined && wanted[name] !== held) {
      const why = `Precondition failed: ${words} in precondition: ${wanted[name]}, ${words} in object meta: ${held}`;
      throw conflictOf(key, why, `metadata.${name}`);
    }
  }
}

/** Of objects that shall take the place of others: who says which version is meant means the one that is there. @throws Problem */
export function requireCurrent(declared: Declared, objects: readonly DeclaredObject[]): void {
  if (declared.versions.unchecked === true) return;
  for (const { id, key, document } of objects) {
    const written = writtenVersion(document.value);
    if (written !== undefined && declared.byId.has(id) && written !== declared.versionOf(id))
      throw conflictOf(key, MODIFIED, 'metadata.resourceVersion');
  }
}
