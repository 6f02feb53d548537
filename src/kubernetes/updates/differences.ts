/**
 * Where two values of a field differ, as the API server compares them once its defaults are filled in
 * (k8s.io/apimachinery/pkg/api/equality): an empty list or map is as good as none, and quantities are numbers.
 */

import { type FieldPath, field, isList, isObject, type Json } from '../source/json.js';

export interface Difference {
  readonly path: FieldPath;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** What is compared as something else than it is written. */
export interface Comparison {
  /** Value of a field that is not given, by its path without indexes: `containers.ports.protocol`. */
  readonly defaults: ReadonlyMap<string, Json>;
  /** Fields that may be left out whatever they were: something else fills them in. */
  readonly filledIn: ReadonlySet<string>;
}

/** The same of what lies further down. */
export const below = (prefix: string, { defaults, filledIn }: Comparison): Comparison => ({
  defaults: new Map([...defaults].map(([name, value]) => [`${prefix}.${name}`, value])),
  filledIn: new Set([...filledIn].map((name) => `${prefix}.${name}`)),
});

const PLAIN: Comparison = { defaults: new Map(), filledIn: new Set() };

const nameOf = (path: FieldPath): string => path.filter((step) => typeof step === 'string').join('.');

const isEmpty = (value: Json | undefined): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (isList(value) && value.length === 0) ||
  (isObject(value) && Object.values(value).every(isEmpty));

const SCALE: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** k8s.io/apimachinery/pkg/api/resource/quantity.go. */
function quantityOf(text: string): number | undefined {
  const [, digits, suffix = ''] = /^([+-]?\d*\.?\d+(?:[eE][+-]?\d+)?)([numkMGTPE]i?)?$/.exec(text) ?? [];
  const scale = suffix === '' ? 1 : SCALE[suffix];
  return digits === undefined || scale === undefined ? undefined : Number(digits) * scale;
}

/** Numbers may be written as texts. */
const textOf = (scalar: Json): string => (typeof scalar === 'string' ? scalar : JSON.stringify(scalar));

function sameScalar(path: FieldPath, before: Json, after: Json): boolean {
  if (textOf(before) === textOf(after)) return true;
  if (!path.includes('resources')) return false;
  const [one, other] = [quantityOf(textOf(before)), quantityOf(textOf(after))];
  return one !== undefined && other !== undefined && Math.abs(one - other) <= 1e-9 * Math.abs(one);
}

const shapeOf = (value: Json): string => (isList(value) ? 'list' : isObject(value) ? 'map' : 'scalar');

/** Every difference at its deepest path. What has the wrong shape is the schema's to refuse, and is no difference. */
export function* differences(
  [before, after]: readonly [Json | undefined, Json | undefined],
  comparison: Comparison = PLAIN,
  path: FieldPath = [],
): Generator<Difference> {
  const name = nameOf(path);
  const otherwise = typeof path.at(-1) === 'number' ? undefined : comparison.defaults.get(name);
  const [old, now] = [before ?? otherwise, after ?? otherwise];
  if (isEmpty(old) && isEmpty(now)) return;
  if ((isEmpty(old) || isEmpty(now)) && comparison.filledIn.has(name)) return;
  if (isObject(old ?? {}) && isObject(now ?? {})) {
    const keys = new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})]);
    for (const key of keys) yield* differences([field(old, key), field(now, key)], comparison, [...path, key]);
  } else if (isList(old ?? []) && isList(now ?? []) && isList(old) && isList(now) && old.length === now.length)
    for (const [i, one] of old.entries()) yield* differences([one, now[i]], comparison, [...path, i]);
  else if (isEmpty(old) || isEmpty(now)) yield { path, before: old, after: now };
  else if (old !== undefined && now !== undefined && shapeOf(old) === shapeOf(now)) {
    if (shapeOf(old) !== 'scalar' || !sameScalar(path, old, now)) yield { path, before: old, after: now };
  }
}

/** Whether they are the same to the API server. */
export const isSame = (before: Json | undefined, after: Json | undefined, comparison?: Comparison): boolean =>
  differences([before, after], comparison).next().done === true;
