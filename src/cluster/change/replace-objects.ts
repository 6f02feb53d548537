/** The objects of a store made those of another, by difference: what is the same stays the same object. */

import { isDeepStrictEqual } from 'node:util';
import {
  ALL_KINDS,
  formatObject,
  KINDS,
  type Kind,
  type ObjectOf,
  type Store,
  type Table,
} from '../../kubernetes/index.js';
import type { Cause } from '../../trace/index.js';

export interface ObjectChange {
  readonly type: 'added' | 'modified' | 'deleted';
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

/** As messages and causes name it. */
export const causeOf = ({ kind, namespace, name }: ObjectChange): Cause => ({
  kind: KINDS[kind].kind,
  ...(namespace === '' ? {} : { namespace }),
  name,
});

export const describeChange = ({ kind, namespace, name }: ObjectChange): string =>
  formatObject({ kind: KINDS[kind].kind, namespace, name });

type StoredObject = ObjectOf<Kind>;

/** Where it stands in the files is nothing of the object itself. */
const isSame = (a: StoredObject, b: StoredObject): boolean =>
  isDeepStrictEqual({ ...a, source: undefined }, { ...b, source: undefined });

/** How one object differs in two stores; undefined where it does not. */
function differenceOf(
  live: StoredObject | undefined,
  next: StoredObject | undefined,
): ObjectChange['type'] | undefined {
  if (live === undefined) return next === undefined ? undefined : 'added';
  if (next === undefined) return 'deleted';
  return isSame(live, next) ? undefined : 'modified';
}

/** What `replaceObjects` would change. Objects that are `made` are nobody's input: that the other store lacks them says nothing. */
export function compareStores(live: Store, next: Store, made: ReadonlySet<unknown>): ObjectChange[] {
  return ALL_KINDS.flatMap((kind) => {
    const [held, wanted] = [live.table(kind), next.table(kind)];
    const gone = held
      .list()
      .filter((object) => !made.has(object) && wanted.get(object.namespace, object.name) === undefined);
    return [...gone, ...wanted.list()].flatMap(({ namespace, name }): ObjectChange[] => {
      const type = differenceOf(held.get(namespace, name), wanted.get(namespace, name));
      return type === undefined ? [] : [{ type, kind, namespace, name }];
    });
  });
}

function replaceOne<T extends StoredObject>(live: Table<T>, next: Table<T>, { namespace, name }: ObjectChange): void {
  const object = next.get(namespace, name);
  if (object === undefined) live.delete(namespace, name);
  else live.put(object);
}

/** Carries out what `compareStores` found. */
export function replaceObjects(live: Store, next: Store, changes: readonly ObjectChange[]): void {
  for (const change of changes) replaceOne(live.table(change.kind), next.table(change.kind), change);
}
