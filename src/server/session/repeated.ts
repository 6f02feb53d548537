/** Objects that stand in one request more than once. */

import { type DeclaredObject, describeKey } from '../../kubernetes/index.js';
import { Problem } from '../problem.js';

/** Those that stand in a request before another of their name. */
export const overwritten = (objects: readonly DeclaredObject[]): readonly DeclaredObject[] => {
  const last = new Map(objects.map((one) => [one.id, one]));
  return objects.filter((one) => last.get(one.id) !== one);
};

/** The API server would create the first and refuse the second; here it is all or nothing. @throws Problem */
export function requireOnce(objects: readonly DeclaredObject[]): void {
  const first = new Map(objects.toReversed().map((one) => [one.id, one]));
  const again = objects.filter((one) => first.get(one.id) !== one);
  if (again.length === 0) return;
  const mistakes = again.map(({ key, document }) => ({
    message: `${describeKey(key)} stands in the request before`,
    object: describeKey(key),
    ...document.source.position([]),
  }));
  const names = [...new Set(mistakes.map(({ object }) => object))];
  throw new Problem('conflict', `${names.join(', ')}: more than once in the request`, mistakes);
}
