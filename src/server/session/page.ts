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

/** `rows` are sorted by `keyOf`, which is theirs alone. */
export function page<T>(rows: readonly T[], keyOf: (row: T) => string, request: PageRequest): Page<T> {
  const after = request.continue === undefined ? undefined : decode(request.continue);
  const found = after === undefined ? 0 : rows.findIndex((row) => keyOf(row) > after);
  const from = found < 0 ? rows.length : found;
  const items = rows.slice(from, from + request.limit);
  const last = items.at(-1);
  const more = last !== undefined && from + items.length < rows.length;
  return { items, total: rows.length, ...(more ? { continue: encode(keyOf(last)) } : {}) };
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

/** Sorts by code units, the order in which `page` compares. */
export const byKey =
  <T>(keyOf: (row: T) => string) =>
  (a: T, b: T): number => {
    const [left, right] = [keyOf(a), keyOf(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  };
