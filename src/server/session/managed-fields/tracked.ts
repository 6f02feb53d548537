/** Whose the fields of declared objects are, after writes and applies of them. */

import type { Cluster } from '../../../cluster/index.js';
import {
  type Declared,
  type DeclaredObject,
  fieldTypeOf,
  type JsonObject,
  renderObject,
} from '../../../kubernetes/index.js';
import { isThere, type ObjectsAdded } from '../pods-of-controllers.js';
import { managedAfterUpdate, managedFieldsOf, type Writer } from './managers.js';
import { TypedError } from './typed.js';

/** RFC 3339, to the second, as metav1.Time: virtual time begins at the Unix epoch. */
export const timeOf = (nowNs: number): string => new Date(nowNs / 1e6).toISOString().replace(/\.\d+Z$/, 'Z');

const entriesOf = ({ managedFields, document }: DeclaredObject): readonly JsonObject[string][] =>
  managedFields ?? managedFieldsOf(document.value) ?? [];

type Entries = ReadonlyMap<string, readonly JsonObject[]>;

export function withEntries<Next extends ObjectsAdded>(next: Next, entries: Entries): Next {
  const added = next.added.map((object) => {
    const managedFields = entries.get(object.id);
    return managedFields === undefined ? object : { ...object, managedFields };
  });
  return { ...next, declared: next.declared.withManagedFields(entries), added };
}

/** UpdateNoErrors(): what cannot be told by the fields' types is whose it was. */
function entriesAfter(object: DeclaredObject, was: Was, writer: Writer): readonly JsonObject[] | undefined {
  const { before, entries } = was;
  try {
    const type = fieldTypeOf(object.key);
    return managedAfterUpdate({ before, after: renderObject(object), entries, type, writer });
  } catch (error) {
    if (!(error instanceof TypedError)) throw error;
    return undefined;
  }
}

interface Was {
  readonly before: JsonObject | undefined;
  readonly entries: readonly JsonObject[string][];
}

function wasOf(known: Declared, cluster: Cluster, { id, key }: DeclaredObject): Was {
  const was = known.byId.get(id);
  if (was !== undefined) return { before: renderObject(was), entries: entriesOf(was) };
  return { before: isThere(known, cluster, key) ? {} : undefined, entries: [] };
}

/** Objects that were created, replaced or patched, in place of those that are `known`. */
export function tracked<Next extends ObjectsAdded>(
  known: Declared,
  cluster: Cluster,
  next: Next,
  writer: Writer,
): Next {
  const entries = next.added.flatMap((object) => {
    const was = wasOf(known, cluster, object);
    const after = entriesAfter(object, was, writer);
    const isSaid = after !== undefined && (after.length > 0 || entriesOf(object).length > 0);
    return isSaid ? [[object.id, after] as const] : [];
  });
  return withEntries(next, new Map(entries));
}
