/** The operator `~` (filter/filter.c:val_in_range()) and the patterns it knows. */

import { asPathCount, type AsPath } from '../../packet/index.js';
import { netContainsIp, netInNet } from '../address.js';
import { comparableWithSet, type ItemSet } from './sets.js';
import { asQuad, compareWords, int, type PathMaskItem, type Value } from './value.js';

/**
 * lib/patmatch.c: `*`, `?` and `\\`, the whole text. As there, what follows an asterisk is taken for a letter, so
 * that `*?` looks for a question mark.
 */
export function patternMatches(pattern: string, text: string, p = 0, at = 0): boolean {
  let i = p;
  let j = at;
  while (i < pattern.length) {
    if (pattern[i] === '?' && j < text.length) {
      i += 1;
      j += 1;
    } else if (pattern[i] === '*') {
      const escaped = pattern[i + 1] === '\\' && i + 2 < pattern.length;
      const next = pattern[escaped ? i + 2 : i + 1];
      if (next === undefined) return true;
      for (; ; j++) {
        j = text.indexOf(next, j);
        if (j < 0) return false;
        if (patternMatches(pattern, text, i + 1, j)) return true;
      }
    } else {
      if (pattern[i] === '\\' && i + 1 < pattern.length) i += 1;
      if (pattern[i] !== text[j]) return false;
      i += 1;
      j += 1;
    }
  }
  return j === text.length;
}

/** A place of a path that a mask's item may stand for: one AS, or a whole set of which one must fit. */
type PathPlace = readonly number[];

const places = (path: AsPath): PathPlace[] =>
  path.flatMap(({ kind, asns }) => (kind === 'sequence' ? asns.map((as) => [as]) : kind === 'set' ? [asns] : []));

function itemMatches(item: PathMaskItem, place: PathPlace): boolean {
  if (item.kind === 'any') return true;
  if (item.kind === 'as') return place.some((as) => as >= item.from && as <= item.to);
  return item.kind === 'set' && place.some((as) => item.set.has(int(as)));
}

/** as_path_match(): the states that a mask can be in after each place of the path. */
function pathMatches(path: AsPath, mask: readonly PathMaskItem[]): boolean {
  const closure = (states: Set<number>): Set<number> => {
    for (const state of states) if (mask[state]?.kind === 'many' || mask[state]?.kind === 'loop') states.add(state + 1);
    return states;
  };
  let states = closure(new Set([0]));
  for (const place of places(path)) {
    const next = new Set<number>();
    for (const state of states) {
      const item = mask[state];
      if (item === undefined) continue;
      if (item.kind === 'many') next.add(state);
      else if (item.kind === 'loop') {
        const repeated = mask[state - 1];
        if (repeated !== undefined && itemMatches(repeated, place)) next.add(state);
      } else if (itemMatches(item, place)) next.add(state + 1);
    }
    states = closure(next);
  }
  return states.has(mask.length);
}

const listHas = (list: readonly number[], wanted: number): boolean => list.some((item) => item >>> 0 === wanted >>> 0);

const clistMatches = (list: readonly number[], set: ItemSet): boolean | undefined => {
  const type = set.listType;
  return type === undefined ? undefined : list.some((value) => set.has({ type, value: value >>> 0 }));
};

function inList(element: Value, list: Value): boolean | undefined {
  switch (list.type) {
    case 'path':
      return element.type === 'int' ? asPathCount(list.value, element.value) > 0 : undefined;
    case 'clist': {
      const wanted = element.type === 'pair' ? element.value : asQuad(element);
      return wanted === undefined ? undefined : listHas(list.value, wanted);
    }
    case 'eclist':
      return element.type === 'ec' ? list.value.some((each) => compareWords(each, element.value) === 0) : undefined;
    case 'lclist':
      return element.type === 'lc' ? list.value.some((each) => compareWords(each, element.value) === 0) : undefined;
    case 'string':
      return element.type === 'string' ? patternMatches(list.value, element.value) : undefined;
    case 'prefix':
      if (element.type === 'ip') return netContainsIp(list.value, element.value);
      return element.type === 'prefix' ? netInNet(element.value, list.value) : undefined;
    case 'prefix set':
      return element.type === 'prefix' ? list.value.has(element.value) : undefined;
    case 'mask':
      return element.type === 'path' ? pathMatches(element.value, list.value) : undefined;
    case 'void':
    case 'bool':
    case 'int':
    case 'pair':
    case 'quad':
    case 'ip':
    case 'ec':
    case 'lc':
    case 'enum':
    case 'opaque':
    case 'set':
      return undefined;
  }
}

/** Undefined where the two do not go together. */
export function valueMatches(element: Value, list: Value): boolean | undefined {
  if (list.type !== 'set') return inList(element, list);
  const set = list.value;
  switch (element.type) {
    case 'clist':
      return clistMatches(element.value, set);
    case 'eclist':
      return set.itemType === 'ec' ? element.value.some((value) => set.has({ type: 'ec', value })) : undefined;
    case 'lclist':
      return set.itemType === 'lc' ? element.value.some((value) => set.has({ type: 'lc', value })) : undefined;
    case 'path':
      return element.value.some(({ asns }) => asns.some((as) => set.has(int(as))));
    default:
      // An empty set has items of no type, and holds nothing.
      return set.itemType === 'void' ? false : comparableWithSet(element, set) ? set.has(element) : undefined;
  }
}
