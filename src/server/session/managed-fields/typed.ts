/**
 * What is done with objects by the types of their fields: sigs.k8s.io/structured-merge-diff/typed. An item that stands
 * several times in a list of keys or a set is one field, and compared as a whole.
 */

import { isDeepStrictEqual } from 'node:util';
import { field, type FieldType, isList, isObject, type Json, STRUCT, WHOLE } from '../../../kubernetes/index.js';
import {
  belowOf,
  EMPTY,
  type FieldSet,
  fieldStep,
  formatFieldPath,
  isEmpty,
  itemStep,
  under,
  union,
  valueStep,
} from './field-set.js';

/** What an applied object has that no such object may have. */
export class TypedError extends Error {
  override readonly name = 'TypedError';
}

type ListType = Extract<FieldType, { kind: 'list' | 'set' }>;

const isListType = (type: FieldType): type is ListType => type.kind === 'list' || type.kind === 'set';

/** What is not listed is as it comes. */
const plainType = (value: Json | undefined): FieldType => (isList(value) ? WHOLE : STRUCT);

const typeBelow = (type: FieldType, name: string, value: Json | undefined): FieldType => {
  const known = type.kind === 'struct' && Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
  return known ?? plainType(value);
};

const itemType = (type: ListType): FieldType => (type.kind === 'set' ? WHOLE : type.items);

/** Why where nothing tells it from others. */
function stepOf(item: Json, type: ListType): string | TypedError {
  if (type.kind === 'set') {
    if (isObject(item)) return new TypedError("associative list without keys has an element that's a map type");
    if (isList(item)) return new TypedError('not supported: associative list with lists as elements');
    if (item === null) return new TypedError("associative list without keys has an element that's an explicit null");
    return valueStep(item);
  }
  const { keys, defaults } = type;
  if (item === null) return new TypedError('associative list with keys may not have a null element');
  if (!isObject(item)) return new TypedError('associative list with keys may not have non-map elements');
  const given = keys.flatMap((key) => {
    const value = field(item, key) ?? defaults[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  if (given.length === 0)
    return new TypedError(
      `associative list with keys has an element that omits all key fields ${JSON.stringify(keys)} (and doesn't have default values for any key fields)`,
    );
  return itemStep(Object.fromEntries(given));
}

/** What an applied object may not have: an item that nothing tells from others, or one that stands there twice. @throws TypedError */
export function requireTyped(value: Json, type: FieldType, path: readonly string[] = []): void {
  if (isObject(value) && !isListType(type) && type.kind !== 'whole')
    for (const [name, inner] of Object.entries(value))
      requireTyped(inner, typeBelow(type, name, inner), [...path, fieldStep(name)]);
  if (!isList(value) || !isListType(type)) return;
  const seen = new Set<string>();
  const refused = (message: string): TypedError => new TypedError(`${formatFieldPath(path)}: ${message}`);
  for (const [i, item] of value.entries()) {
    const step = stepOf(item, type);
    if (step instanceof TypedError) throw refused(`element ${i}: ${step.message}`);
    if (seen.has(step)) throw refused(`duplicate entries for key ${formatFieldPath([step])}`);
    seen.add(step);
    requireTyped(item, itemType(type), [...path, step]);
  }
}

/** @throws TypedError */
function requireStep(item: Json, type: ListType): string {
  const step = stepOf(item, type);
  if (step instanceof TypedError) throw step;
  return step;
}

/** Items by their steps. @throws TypedError */
function itemsOf(list: readonly Json[], type: ListType): ReadonlyMap<string, readonly Json[]> {
  const items = new Map<string, Json[]>();
  for (const item of list) {
    const step = requireStep(item, type);
    const held = items.get(step);
    if (held === undefined) items.set(step, [item]);
    else held.push(item);
  }
  return items;
}

const isVoid = (value: Json | undefined): boolean =>
  value === undefined ||
  value === null ||
  (isList(value) && value.length === 0) ||
  (isObject(value) && Object.keys(value).length === 0);

const isMapOrNone = (value: Json | undefined): boolean => value === undefined || value === null || isObject(value);
const isListOrNone = (value: Json | undefined): boolean => value === undefined || value === null || isList(value);

/** How two values of a field are looked at together: as one value, by their fields, or by their items. */
function viewOf(a: Json | undefined, b: Json | undefined, type: FieldType): 'whole' | 'fields' | 'items' {
  if (type.kind === 'whole' || (isVoid(a) && isVoid(b))) return 'whole';
  if (isListType(type)) return isListOrNone(a) && isListOrNone(b) ? 'items' : 'whole';
  return isMapOrNone(a) && isMapOrNone(b) ? 'fields' : 'whole';
}

const namesOf = (...values: readonly (Json | undefined)[]): readonly string[] => [
  ...new Set(values.flatMap((value) => (isObject(value) ? Object.keys(value) : []))),
];

/** TypedValue.ToFieldSet(): the fields that a value has. @throws TypedError */
export function fieldsIn(value: Json, type: FieldType): FieldSet {
  const view = viewOf(value, undefined, type);
  if (view === 'fields') {
    const sets = namesOf(value).map((name) => {
      const inner = field(value, name) ?? null;
      const below = typeBelow(type, name, inner);
      const leaf = viewOf(inner, undefined, below) === 'whole' && !(isList(inner) && isListType(below));
      return under(fieldStep(name), fieldsIn(inner, below), leaf || type.kind === 'map');
    });
    return union(...sets);
  }
  if (view !== 'items' || !isListType(type) || !isList(value)) return EMPTY;
  const sets = [...itemsOf(value, type)].map(([step, items]) => {
    const [item = null] = items;
    return under(step, items.length > 1 ? EMPTY : fieldsIn(item, itemType(type)), true);
  });
  return union(...sets);
}

/** Which fields of the second are not as in the first. */
export interface Comparison {
  readonly removed: FieldSet;
  readonly modified: FieldSet;
  readonly added: FieldSet;
}

const SAME: Comparison = { removed: EMPTY, modified: EMPTY, added: EMPTY };

type Difference = keyof Comparison;

const isNone = (value: Json | undefined): boolean => value === undefined || value === null;

/** What is null and what is not there are the same, as in the API server's types; what becomes null is another value. */
const differing = (before: Json | undefined, after: Json | undefined): Difference | undefined => {
  if (isNone(before) && isNone(after)) return undefined;
  if (before === undefined) return 'added';
  if (after === undefined) return 'removed';
  return isDeepStrictEqual(before, after) ? undefined : 'modified';
};

/** Below a step, which is itself what `own` says. */
const compareBelow = (step: string, inner: Comparison, own: Difference | undefined): Comparison => ({
  removed: under(step, inner.removed, own === 'removed'),
  modified: under(step, inner.modified, own === 'modified'),
  added: under(step, inner.added, own === 'added'),
});

const together = (comparisons: readonly Comparison[]): Comparison => ({
  removed: union(...comparisons.map(({ removed }) => removed)),
  modified: union(...comparisons.map(({ modified }) => modified)),
  added: union(...comparisons.map(({ added }) => added)),
});

/** TypedValue.Compare(). The objects themselves are no field. @throws TypedError */
export function compared(before: Json | undefined, after: Json | undefined, type: FieldType): Comparison {
  const view = viewOf(before, after, type);
  if (view === 'whole') return SAME;
  if (view === 'fields')
    return together(
      namesOf(before, after).map((name) => {
        const [a, b] = [field(before, name), field(after, name)];
        return comparedField(fieldStep(name), a, b, typeBelow(type, name, b ?? a));
      }),
    );
  return isListType(type) ? comparedItems(before, after, type) : SAME;
}

function comparedField(step: string, a: Json | undefined, b: Json | undefined, type: FieldType): Comparison {
  const isLeaf = viewOf(a, b, type) === 'whole';
  // A struct is always there: in the API server's types its fields have it.
  const isThere = type.kind === 'struct' && !isLeaf;
  const own = (isLeaf || a === undefined || b === undefined) && !isThere ? differing(a, b) : undefined;
  return compareBelow(step, isLeaf ? SAME : compared(a, b, type), own);
}

function comparedItems(before: Json | undefined, after: Json | undefined, type: ListType): Comparison {
  const [old, now] = [before, after].map((list) => itemsOf(isList(list) ? list : [], type));
  const steps = new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])]);
  return together([...steps].map((step) => comparedItem(step, old?.get(step) ?? [], now?.get(step) ?? [], type)));
}

/** Of one step: what stands there several times is compared as one value. */
function comparedItem(step: string, old: readonly Json[], now: readonly Json[], type: ListType): Comparison {
  const whole = (own: Difference | undefined): Comparison => compareBelow(step, SAME, own);
  if (old.length > 1 && now.length > 1) return whole(isDeepStrictEqual(old, now) ? undefined : 'modified');
  if (old.length > 1) return together([one(step, undefined, now[0], type), whole('removed')]);
  if (now.length > 1) return together([one(step, old[0], undefined, type), whole('added')]);
  return one(step, old[0], now[0], type);
}

function one(step: string, a: Json | undefined, b: Json | undefined, type: ListType): Comparison {
  if (a === undefined && b === undefined) return SAME;
  const inner = itemType(type);
  const isLeaf = viewOf(a, b, inner) === 'whole';
  const own = isLeaf || a === undefined || b === undefined ? differing(a, b) : undefined;
  return compareBelow(step, isLeaf ? SAME : compared(a, b, inner), own);
}

/** TypedValue.Merge(): what is applied, which is typed, goes before what is there. @throws TypedError */
export function merged(held: Json | undefined, given: Json | undefined, type: FieldType): Json | undefined {
  const view = viewOf(held, given, type);
  if (view === 'whole') return given === undefined ? held : given;
  if (view === 'items' && isListType(type))
    return mergedItems(isList(held) ? held : [], isList(given) ? given : [], type);
  const fields = namesOf(held, given).flatMap((name) => {
    const [a, b] = [field(held, name), field(given, name)];
    const value = merged(a, b, typeBelow(type, name, b ?? a));
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(fields);
}

/**
 * mergingWalker.visitListItems(): in the order of what is given, in which each item of the other list stands before the
 * first one that has stood behind it.
 */
function mergedItems(held: readonly Json[], given: readonly Json[], type: ListType): Json {
  const [old, now] = [itemsOf(held, type), itemsOf(given, type)];
  const both = [...now.keys()].filter((step) => old.has(step));
  const out: Json[] = [];
  const done = new Set<string>();
  const left = held.map((item) => ({ item, step: requireStep(item, type) }));
  const right = [...now.keys()];
  const take = (step: string): void => {
    const items = old.get(step) ?? [];
    // What stands there several times is not merged with what is given.
    const value = merged(items.length > 1 ? null : items[0], now.get(step)?.[0], itemType(type));
    if (value !== undefined) out.push(value);
    done.add(step);
    if (both[0] === step) both.shift();
  };
  let [l, r] = [0, 0];
  while (l < left.length || r < right.length) {
    const [mine, theirs] = [left[l], right[r]];
    const isShared = mine !== undefined && now.has(mine.step);
    if (mine !== undefined && mine.step === theirs) {
      take(theirs);
      l += 1;
      r += 1;
    } else if (isShared && theirs !== undefined && both[0] !== undefined && both[0] !== mine.step) l += 1;
    else if (mine !== undefined && !isShared) {
      out.push(mine.item);
      l += 1;
    } else {
      if (mine !== undefined && done.has(mine.step)) l += 1;
      if (theirs !== undefined) take(theirs);
      r += 1;
    }
  }
  return out;
}

/** TypedValue.RemoveItems(): undefined where nothing is left. */
export function without(value: Json, gone: FieldSet, type: FieldType): Json | undefined {
  const view = viewOf(value, undefined, type);
  if (view === 'whole') return isObject(value) || isList(value) ? undefined : value;
  const inner = (step: string, held: Json, below: FieldType): readonly Json[] => {
    if (gone.members.has(step)) return [];
    const set = belowOf(gone, step);
    const left = isEmpty(set) ? held : without(held, set, below);
    return left === undefined ? [] : [left];
  };
  if (isList(value) && isListType(type)) {
    const left = value.flatMap((item) => inner(requireStep(item, type), item, itemType(type)));
    return left.length === 0 ? undefined : left;
  }
  const fields = namesOf(value).flatMap((name) => {
    const held = field(value, name) ?? null;
    return inner(fieldStep(name), held, typeBelow(type, name, held)).map((left) => [name, left] as const);
  });
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}

/** Set.EnsureNamedFieldsAreMembers(): with the structs and lists that its fields are in. */
export function withNamed({ members, below }: FieldSet, type: FieldType): FieldSet {
  const named = type.kind === 'struct' ? [...below.keys()].filter((step) => step.startsWith('f:')) : [];
  const inner = [...below].map(([step, set]) => [step, withNamed(set, typeUnder(type, step))] as const);
  return { members: new Set([...members, ...named]), below: new Map(inner) };
}

function typeUnder(type: FieldType, step: string): FieldType {
  if (isListType(type)) return itemType(type);
  return typeBelow(type, step.slice(2), undefined);
}
