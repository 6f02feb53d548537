/** Adding to, deleting from and filtering of paths and community lists (filter/filter.c: FI_CLIST_ADD_DEL). */

import { type AsPath, asPathPrepend, type ExtendedCommunity, type LargeCommunity } from '../../packet/index.js';
import type { ListOperation } from './syntax.js';
import { asQuad, compareWords, int, type Value } from './value.js';

/** Where nothing was taken away it is the same list still, and undefined if it was (nest/a-set.c: int_set_del()). */
const kept = <T>(list: readonly T[], keeps: (item: T) => boolean): readonly T[] =>
  list.every(keeps) ? list : list.filter(keeps);

/** Text: why it cannot be done. */
type Outcome = Value | string;

function filterPath(path: AsPath, operation: ListOperation, argument: Value): Outcome {
  if (operation === 'add') return "Can't add to path";
  let member: (as: number) => boolean;
  if (argument.type === 'int') {
    if (operation === 'filter') return "Can't filter integer";
    member = (as) => as === argument.value;
  } else if (argument.type === 'set' && (argument.value.itemType === 'int' || argument.value.itemType === 'void')) {
    member = (as) => argument.value.has(int(as));
  } else return "Can't delete non-integer (set)";
  const keep = operation === 'filter';
  if (path.every(({ asns }) => asns.every((as) => member(as) === keep))) return { type: 'path', value: path };
  const value = path
    .map(({ kind, asns }) => ({ kind, asns: asns.filter((as) => member(as) === keep) }))
    .filter(({ asns }) => asns.length > 0);
  return { type: 'path', value };
}

function changeClist(list: readonly number[], operation: ListOperation, argument: Value): Outcome {
  const has = (items: readonly number[], wanted: number): boolean => items.some((item) => item >>> 0 === wanted >>> 0);
  const single = argument.type === 'pair' ? argument.value : asQuad(argument);
  if (single !== undefined) {
    if (operation === 'filter') return "Can't filter pair";
    const value =
      operation === 'delete'
        ? kept(list, (item) => item >>> 0 !== single >>> 0)
        : has(list, single)
          ? list
          : [...list, single];
    return { type: 'clist', value };
  }
  let member: (item: number) => boolean;
  if (argument.type === 'set') {
    const type = argument.value.listType;
    if (type === undefined && argument.value.itemType !== 'void') return "Can't add/delete non-pair";
    if (operation === 'add') return "Can't add set";
    member = (value) => argument.value.has({ type: type ?? 'pair', value: value >>> 0 });
  } else if (argument.type === 'clist') {
    if (operation === 'add') {
      return { type: 'clist', value: [...list, ...argument.value.filter((item) => !has(list, item))] };
    }
    member = (item) => has(argument.value, item);
  } else return "Can't add/delete non-pair";
  return { type: 'clist', value: kept(list, (item) => member(item) === (operation === 'filter')) };
}

/** Extended and large communities alike: lists of tuples. */
function changeTuples<T extends ExtendedCommunity | LargeCommunity>(
  list: readonly T[],
  operation: ListOperation,
  argument: {
    readonly one?: T | undefined;
    readonly list?: readonly T[] | undefined;
    readonly set?: ((item: T) => boolean) | undefined;
  },
): readonly T[] | string {
  const has = (items: readonly T[], wanted: T): boolean => items.some((item) => compareWords(item, wanted) === 0);
  const { one, set } = argument;
  if (one !== undefined) {
    if (operation === 'filter') return "Can't filter ec";
    if (operation === 'delete') return kept(list, (item) => compareWords(item, one) !== 0);
    return has(list, one) ? list : [...list, one];
  }
  if (set !== undefined) {
    return operation === 'add' ? "Can't add set" : kept(list, (item) => set(item) === (operation === 'filter'));
  }
  const other = argument.list;
  if (other === undefined) return "Can't add/delete non-ec";
  if (operation === 'add') return [...list, ...other.filter((item) => !has(list, item))];
  return kept(list, (item) => has(other, item) === (operation === 'filter'));
}

function changeExtended(list: readonly ExtendedCommunity[], operation: ListOperation, argument: Value): Outcome {
  const value = changeTuples(list, operation, {
    one: argument.type === 'ec' ? argument.value : undefined,
    list: argument.type === 'eclist' ? argument.value : undefined,
    set: argument.type === 'set' ? (item) => argument.value.has({ type: 'ec', value: item }) : undefined,
  });
  return typeof value === 'string' ? value : { type: 'eclist', value };
}

function changeLarge(list: readonly LargeCommunity[], operation: ListOperation, argument: Value): Outcome {
  const value = changeTuples(list, operation, {
    one: argument.type === 'lc' ? argument.value : undefined,
    list: argument.type === 'lclist' ? argument.value : undefined,
    set: argument.type === 'set' ? (item) => argument.value.has({ type: 'lc', value: item }) : undefined,
  });
  return typeof value === 'string' ? value : { type: 'lclist', value };
}

/** The list as it is after that, or why it cannot be done. */
export function changeList(list: Value, operation: ListOperation, argument: Value): Outcome {
  if (operation === 'prepend') {
    if (list.type !== 'path') return "Can't prepend to non-path";
    if (argument.type !== 'int') return "Can't prepend non-integer";
    return { type: 'path', value: asPathPrepend(list.value, argument.value) };
  }
  switch (list.type) {
    case 'path':
      return filterPath(list.value, operation, argument);
    case 'clist':
      return changeClist(list.value, operation, argument);
    case 'eclist':
      return changeExtended(list.value, operation, argument);
    case 'lclist':
      return changeLarge(list.value, operation, argument);
    default:
      return "Can't add/delete to non-[e|l]clist";
  }
}
