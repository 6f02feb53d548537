/**
 * Strategic merge patches: apimachinery/pkg/util/strategicpatch/patch.go:StrategicMergeMapPatch(). Lists whose types say so
 * are merged item by item; directives ($patch, $retainKeys, $setElementOrder, $deleteFromPrimitiveList) say what else is meant.
 * The target itself stays as it was.
 */

import {
  describe,
  field,
  isList,
  isObject,
  type Json,
  type JsonObject,
  type PatchStrategies,
  type PatchStrategy,
} from '../../kubernetes/index.js';

/** Why a patch cannot be applied, and where in it. */
export class StrategicPatchError extends Error {
  override readonly name = 'StrategicPatchError';
  readonly path: readonly string[];

  constructor(path: readonly string[], message: string) {
    super(message);
    this.path = path;
  }
}

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const SET_ELEMENT_ORDER = '$setElementOrder';
const DELETE_FROM_LIST = '$deleteFromPrimitiveList';

/** The directive of its kind, of the list that it names behind a slash. */
const ofList = (directive: string, list: string): string => `${directive}/${list}`;

const isDirective = (name: string): boolean =>
  name === DIRECTIVE ||
  name === RETAIN_KEYS ||
  [SET_ELEMENT_ORDER, DELETE_FROM_LIST].some((one) => name === one || name.startsWith(`${one}/`));

type Path = readonly string[];

/** What is new, as it is read: without directives, which are no fields, and without nulls, which are none of a type either. */
function plain(value: Json): Json {
  if (isList(value)) return value.map(plain);
  if (!isObject(value)) return value;
  const fields = Object.entries(value).filter(([name, inner]) => inner !== null && !isDirective(name));
  return Object.fromEntries(fields.map(([name, inner]) => [name, plain(inner)]));
}

const hasDirective = (value: Json): boolean => field(value, DIRECTIVE) !== undefined;

/** What comes where nothing was: parts that have a directive say nothing there. */
function added(value: Json): Json | undefined {
  if (hasDirective(value)) return undefined;
  if (isList(value)) return value.flatMap((item) => added(item) ?? []);
  if (!isObject(value)) return value;
  const fields = Object.entries(value).flatMap(([name, inner]) => {
    const kept = inner === null || isDirective(name) ? undefined : added(inner);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  return Object.fromEntries(fields);
}

/** @throws StrategicPatchError where it is no list */
function directiveList(patch: JsonObject, name: string, path: Path): readonly Json[] | undefined {
  const list = field(patch, name);
  if (list === undefined || isList(list)) return list;
  throw new StrategicPatchError([...path, name], `${name} is a list, not ${describe(list)}`);
}

/** Fields of the target that the patch retains, where it says which. */
function retained(target: JsonObject, patch: JsonObject, path: Path): JsonObject {
  const keys = directiveList(patch, RETAIN_KEYS, path);
  if (keys === undefined) return target;
  const missing = Object.keys(patch).find((name) => patch[name] !== null && !isDirective(name) && !keys.includes(name));
  if (missing !== undefined)
    throw new StrategicPatchError([...path, missing], `${missing} is given, and $retainKeys does not have it`);
  return Object.fromEntries(Object.entries(target).filter(([name]) => keys.includes(name)));
}

/** Names of the fields that a patch is about, those of directives too. */
function fieldsOf(patch: JsonObject, path: Path): ReadonlySet<string> {
  const names = Object.keys(patch).flatMap((name) => {
    if (name === DIRECTIVE || name === RETAIN_KEYS) return [];
    const directive = [SET_ELEMENT_ORDER, DELETE_FROM_LIST].find((one) => name === one || name.startsWith(`${one}/`));
    if (directive === undefined) return [name];
    if (name.length > directive.length + 1) return [name.slice(directive.length + 1)];
    throw new StrategicPatchError([...path, name], `${directive} names a list: ${directive}/FIELD`);
  });
  return new Set(names);
}

function mergeMap(target: JsonObject, patch: JsonObject, strategies: PatchStrategies, path: Path): JsonObject {
  const directive = field(patch, DIRECTIVE);
  if (directive === 'delete') return {};
  if (directive === 'replace') return replacement(patch);
  if (directive !== undefined)
    throw new StrategicPatchError(
      [...path, DIRECTIVE],
      `$patch of a map is replace or delete, not ${describe(directive)}`,
    );
  const result: Record<string, Json> = { ...retained(target, patch, path) };
  for (const name of fieldsOf(patch, path)) {
    const strategy = Object.hasOwn(strategies, name) ? (strategies[name] ?? {}) : {};
    const merged = mergeField(field(result, name), { patch, name, strategy, path: [...path, name] });
    if (merged === undefined) delete result[name];
    else result[name] = merged;
  }
  return result;
}

const replacement = (patch: JsonObject): JsonObject => {
  const result = plain(patch);
  return isObject(result) ? result : {};
};

/** A field of a map, and what a patch of that says about it. */
interface FieldPatch {
  readonly patch: JsonObject;
  readonly name: string;
  readonly strategy: PatchStrategy;
  readonly path: Path;
}

const isOneType = (a: Json, b: Json): boolean =>
  typeof a === typeof b && isList(a) === isList(b) && isObject(a) === isObject(b);

function mergeField(held: Json | undefined, { patch, name, strategy, path }: FieldPatch): Json | undefined {
  const parent = path.slice(0, -1);
  const order = directiveList(patch, ofList(SET_ELEMENT_ORDER, name), parent);
  const deleted = directiveList(patch, ofList(DELETE_FROM_LIST, name), parent);
  const given = field(patch, name);
  const merged = given === undefined ? held : mergeValue(held, given, strategy, path);
  if (!isList(merged)) return merged;
  const ordered = order === undefined ? merged : inOrder(merged, { held, given, order, strategy, path });
  return deleted === undefined ? ordered : ordered.filter((item) => !deleted.includes(item));
}

function mergeValue(held: Json | undefined, given: Json, strategy: PatchStrategy, path: Path): Json | undefined {
  if (given === null) return undefined;
  if (held === undefined || !isOneType(held, given)) return added(given);
  if (isObject(held) && isObject(given))
    return strategy.replaced === true ? plain(given) : mergeMap(held, given, strategy.fields ?? {}, path);
  if (isList(held) && isList(given))
    return strategy.mergeKey === undefined ? plain(given) : mergeList(held, given, strategy, path);
  return given;
}

type KeyOf = (item: Json) => Json | undefined;

/** By what an item is told from others: a map by its merge key, anything else by itself. */
const keyIn =
  (mergeKey: string): KeyOf =>
  (item) =>
    isObject(item) ? field(item, mergeKey) : item;

type Places = ReadonlyMap<Json | undefined, number>;

/** The first place of each of the keys. */
const placesOf = (keys: readonly (Json | undefined)[]): Places =>
  new Map(keys.map((key, i) => [key, i] as const).toReversed());

/** @throws StrategicPatchError where they are of several types */
function requireOneType(items: readonly Json[], path: Path): void {
  if (items.some(isList)) throw new StrategicPatchError(path, 'lists of lists cannot be merged');
  if (items.some(isObject) && !items.every(isObject))
    throw new StrategicPatchError(path, 'items of the list are of several types');
}

/** mergeSlice(). */
function mergeList(held: readonly Json[], given: readonly Json[], strategy: PatchStrategy, path: Path): Json {
  const { mergeKey = '' } = strategy;
  const all = [...held, ...given];
  requireOneType(all, path);
  if (!all.some(isObject)) return arranged([...new Set(all)], { keys: given, held, keyOf: keyIn('') });
  const left = withoutDeleted(held, given, mergeKey, path);
  if (left === undefined) return given.filter((item) => !hasDirective(item)).map(plain);
  const items = given.flatMap((item, i) =>
    hasDirective(item) || !isObject(item) ? [] : [{ item, path: [...path, String(i)] }],
  );
  const keyOf = keyIn(mergeKey);
  const keys = items.map(({ item }) => keyOf(item));
  return arranged(mergeItems(left, items, strategy), { keys, held: left, keyOf });
}

interface ItemPatch {
  readonly item: JsonObject;
  readonly path: Path;
}

/** mergeSliceWithoutSpecialElements(). */
function mergeItems(held: readonly Json[], items: readonly ItemPatch[], strategy: PatchStrategy): readonly Json[] {
  const { mergeKey = '', fields = {} } = strategy;
  const result = [...held];
  const places = new Map(placesOf(held.map(keyIn(mergeKey))));
  for (const { item, path } of items) {
    const key = requireKey(item, mergeKey, path);
    const place = places.get(key) ?? result.length;
    places.set(key, place);
    const old = result[place];
    result[place] = isObject(old) ? mergeMap(old, item, fields, path) : plain(item);
  }
  return result;
}

/** What is left of a list after `$patch: delete`; undefined where one says `$patch: replace`. */
function withoutDeleted(
  held: readonly Json[],
  given: readonly Json[],
  mergeKey: string,
  path: Path,
): readonly Json[] | undefined {
  let left = held;
  let isReplaced = false;
  for (const [i, item] of given.entries()) {
    const directive = field(item, DIRECTIVE);
    const at = [...path, String(i)];
    if (directive === 'replace') isReplaced = true;
    else if (directive === 'delete') {
      const key = requireKey(item, mergeKey, at);
      left = left.filter((one) => field(one, mergeKey) !== key);
    } else if (directive !== undefined)
      throw new StrategicPatchError(
        [...at, DIRECTIVE],
        `$patch of an item is replace or delete, not ${describe(directive)}`,
      );
  }
  return isReplaced ? undefined : left;
}

/** @throws StrategicPatchError */
function requireKey(item: Json, mergeKey: string, path: Path): Json {
  const key = field(item, mergeKey);
  if (key !== undefined) return key;
  throw new StrategicPatchError(path, `an item of this list is known by its ${mergeKey}, which is missing`);
}

interface Arrangement {
  readonly keys: readonly (Json | undefined)[];
  /** The list that was there. */
  readonly held: readonly Json[];
  readonly keyOf: KeyOf;
}

/** Those with these keys in the order of the keys, the others in that of the list that was there: normalizeElementOrder(). */
function arranged(items: readonly Json[], { keys, held, keyOf }: Arrangement): readonly Json[] {
  const order = placesOf(keys);
  const placeOf = (item: Json): number => order.get(keyOf(item)) ?? -1;
  const given = items.filter((item) => placeOf(item) >= 0).toSorted((a, b) => placeOf(a) - placeOf(b));
  const own = items.filter((item) => placeOf(item) < 0);
  const places = placesOf(held.map(keyOf));
  return interleaved(own, given, (item) => places.get(keyOf(item)));
}

/** mergeSortedSlice(): each of `own` comes before the first of `given` that stood behind it. */
function interleaved(
  own: readonly Json[],
  given: readonly Json[],
  placeOf: (item: Json) => number | undefined,
): readonly Json[] {
  const result: Json[] = [];
  let next = 0;
  for (const item of given) {
    const place = placeOf(item) ?? -1;
    for (let one = own[next]; one !== undefined; one = own[next]) {
      if ((placeOf(one) ?? place) >= place) break;
      result.push(one);
      next += 1;
    }
    result.push(item);
  }
  return [...result, ...own.slice(next)];
}

interface Ordering {
  readonly held: Json | undefined;
  readonly given: Json | undefined;
  readonly order: readonly Json[];
  readonly strategy: PatchStrategy;
  readonly path: Path;
}

/**
 * The order that the list is taken to have had: upstream's slice is changed in place before it is looked at, so that new
 * items stand where it has become free behind those that are left.
 */
function orderBefore(held: readonly Json[], given: readonly Json[], keyOf: KeyOf): readonly Json[] {
  const gone = new Set(given.filter((item) => field(item, DIRECTIVE) === 'delete').map(keyOf));
  const left = held.filter((item) => !gone.has(keyOf(item)));
  const known = new Set(left.map(keyOf));
  const fresh = given.filter((item) => !hasDirective(item) && !known.has(keyOf(item)));
  return [...left, ...fresh.slice(0, held.length - left.length)];
}

/** By $setElementOrder, which names all that the patch gives, in the patch's own order. */
function inOrder(merged: readonly Json[], { held, given, order, strategy, path }: Ordering): readonly Json[] {
  const keyOf = keyIn(strategy.mergeKey ?? '');
  const keys = order.map(keyOf);
  const places = placesOf(keys);
  const named = (isList(given) ? given : []).filter((item) => !hasDirective(item));
  const wanted = named.map((item) => places.get(keyOf(item)) ?? -1);
  if (wanted.some((place, i) => place <= (wanted[i - 1] ?? -1)))
    throw new StrategicPatchError(path, `${SET_ELEMENT_ORDER} does not have all items of the list in their order`);
  const before = isList(held) ? orderBefore(held, isList(given) ? given : [], keyOf) : [];
  return arranged(merged, { keys, held: before, keyOf });
}

/** @throws StrategicPatchError */
export const strategicMergePatch = (target: JsonObject, patch: JsonObject, strategies: PatchStrategies): JsonObject =>
  mergeMap(target, patch, strategies, []);
