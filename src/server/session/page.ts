/** Pages of long lists: a page ends with a token that leads on, whatever was added or removed in between. */

import { Problem } from '../problem.js';

export interface PageRequest {
  readonly limit: number;
  /** Token of the page before. */
  readonly continue?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Of the whole list, now. */
  readonly total: number;
  /** Absent on the last page. */
  readonly continue?: string;
}

const encode = (key: string): string => Buffer.from(key).toString('base64url');

function decode(token: string): string {
  const key = Buffer.from(token, 'base64url').toString();
  if (encode(key) !== token)
    throw new Problem('bad-request', 'this is no token of a page', [{ message: 'not a token', field: '/continue' }]);
  return key;
}

interface Keyed<T> {
  readonly key: string;
  readonly row: T;
}

/** Where a key belongs among others that are in order. */
function placeOf(key: string, rows: readonly Keyed<unknown>[]): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.key ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A page of rows that are in any order, by `keyOf`, which is theirs alone and compared by code units. Of tens of thousands
 * only those of the page are put in order.
 */
export function page<T>(rows: readonly T[], keyOf: (row: T) => string, request: PageRequest): Page<T> {
  const after = request.continue === undefined ? undefined : decode(request.continue);
  // One more than is shown tells whether there are more.
  const most = request.limit + 1;
  const first: Keyed<T>[] = [];
  for (const row of rows) {
    const key = keyOf(row);
    const last = first[most - 1];
    if ((after !== undefined && key <= after) || (last !== undefined && key > last.key)) continue;
    first.splice(placeOf(key, first), 0, { key, row });
    if (first.length > most) first.pop();
  }
  const shown = first.slice(0, request.limit);
  const last = shown.at(-1);
  const more = last !== undefined && first.length > shown.length;
  return { items: shown.map(({ row }) => row), total: rows.length, ...(more ? { continue: encode(last.key) } : {}) };
}

const DIGITS = String(Number.MAX_SAFE_INTEGER).length;

/** Rows in the order in which they came, each with a number that no other had: of those that are gone neither. */
export function pageInOrder<R extends { readonly order: number }, T>(
  rows: Iterable<R>,
  itemOf: (row: R) => T,
  request: PageRequest,
): Page<T> {
  const { items, ...rest } = page([...rows], ({ order }) => String(order).padStart(DIGITS, '0'), request);
  return { ...rest, items: items.map(itemOf) };
}
