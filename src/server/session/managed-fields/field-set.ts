/**
 * Sets of fields of an object: sigs.k8s.io/structured-merge-diff/fieldpath. A step of a path is written as in managedFields:
 * `f:spec` a field, `k:{"name":"app"}` an item of a list by its keys, `v:"x"` an item of a set.
 */

import { isObject, type Json, type JsonObject } from '../../../kubernetes/index.js';

export interface FieldSet {
  readonly members: ReadonlySet<string>;
  /** What is below a step, whether that is a member or not. */
  readonly below: ReadonlyMap<string, FieldSet>;
}

export const EMPTY: FieldSet = { members: new Set(), below: new Map() };

export const isEmpty = ({ members, below }: FieldSet): boolean => members.size === 0 && below.size === 0;

export const fieldStep = (name: string): string => `f:${name}`;
export const itemStep = (keys: JsonObject): string =>
  `k:${JSON.stringify(Object.fromEntries(Object.entries(keys).toSorted(([a], [b]) => (a < b ? -1 : 1))))}`;
export const valueStep = (value: Json): string => `v:${JSON.stringify(value)}`;

/** Of what is below each step, without what is empty. */
const joined = (members: Iterable<string>, below: Iterable<readonly [string, FieldSet]>): FieldSet => ({
  members: new Set(members),
  below: new Map([...below].filter(([, set]) => !isEmpty(set))),
});

/** With the step itself where it `isMember`, and what is below it. */
export const under = (step: string, set: FieldSet, isMember: boolean): FieldSet =>
  joined(isMember ? [step] : [], [[step, set]]);

export const belowOf = (set: FieldSet, step: string): FieldSet => set.below.get(step) ?? EMPTY;

export function union(...sets: readonly FieldSet[]): FieldSet {
  const filled = sets.filter((set) => !isEmpty(set));
  const [first = EMPTY] = filled;
  if (filled.length < 2) return first;
  const steps = new Set(filled.flatMap(({ below }) => [...below.keys()]));
  return joined(
    filled.flatMap(({ members }) => [...members]),
    [...steps].map((step) => [step, union(...filled.map((set) => belowOf(set, step)))] as const),
  );
}

export const intersection = (a: FieldSet, b: FieldSet): FieldSet =>
  joined(
    [...a.members].filter((step) => b.members.has(step)),
    [...a.below].map(([step, set]) => [step, intersection(set, belowOf(b, step))] as const),
  );

/** A field is not the fields below it: of `a.b` without `a` is left `a.b`. */
export const difference = (a: FieldSet, b: FieldSet): FieldSet =>
  isEmpty(b)
    ? a
    : joined(
        [...a.members].filter((step) => !b.members.has(step)),
        [...a.below].map(([step, set]) => [step, difference(set, belowOf(b, step))] as const),
      );

/** Fields first, then items of lists, then of sets, each in the order of their names. */
const placeOf = (step: string): number => 'fkvi'.indexOf(step[0] ?? '');
const inOrder = (a: string, b: string): number => placeOf(a) - placeOf(b) || (a < b ? -1 : a > b ? 1 : 0);

/** Every path of the set. */
export function pathsOf({ members, below }: FieldSet): readonly (readonly string[])[] {
  const own = [...members].toSorted(inOrder).map((step) => [step]);
  const inner = [...below.keys()]
    .toSorted(inOrder)
    .flatMap((step) => pathsOf(below.get(step) ?? EMPTY).map((path) => [step, ...path]));
  return [...own, ...inner];
}

/** Of one path. */
export function setOf(path: readonly string[]): FieldSet {
  const [step, ...rest] = path;
  if (step === undefined) return EMPTY;
  return rest.length === 0 ? joined([step], []) : joined([], [[step, setOf(rest)]]);
}

/** `.spec.containers[name="app"].image`. */
export const formatFieldPath = (path: readonly string[]): string => path.map(formatStep).join('');

function formatStep(step: string): string {
  const text = step.slice(2);
  if (step.startsWith('f:')) return `.${text}`;
  if (step.startsWith('v:')) return `[=${text}]`;
  if (!step.startsWith('k:')) return `[${text}]`;
  const keys: unknown = JSON.parse(text);
  const parts = Object.entries(keys ?? {}).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `[${parts.join(',')}]`;
}

/** As managedFields has it: metav1.FieldsV1. */
export function renderFields({ members, below }: FieldSet): JsonObject {
  const steps = [...new Set([...members, ...below.keys()])].toSorted(inOrder);
  return Object.fromEntries(
    steps.map((step) => {
      const inner = below.get(step);
      if (inner === undefined) return [step, {}];
      return [step, { ...(members.has(step) ? { '.': {} } : {}), ...renderFields(inner) }];
    }),
  );
}

const KEYS = /^k:\{.*\}$/s;
const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** As written in one way, whatever the order of keys; undefined where it is no step. */
function readStep(text: string): string | undefined {
  if (text.startsWith('f:') || /^i:\d+$/.test(text)) return text;
  if (!/^[kv]:/.test(text) || !isJson(text.slice(2))) return undefined;
  const value = JSON.parse(text.slice(2)) as Json;
  if (text.startsWith('v:')) return valueStep(value);
  return KEYS.test(text) && isObject(value) ? itemStep(value) : undefined;
}

/** Undefined where it is no set of fields. */
export function readFields(value: Json | undefined): FieldSet | undefined {
  if (!isObject(value)) return undefined;
  const members: string[] = [];
  const below: [string, FieldSet][] = [];
  for (const [name, inner] of Object.entries(value)) {
    if (name === '.') continue;
    const step = readStep(name);
    const set = readFields(inner);
    if (step === undefined || set === undefined || !isObject(inner)) return undefined;
    if (isEmpty(set) || Object.hasOwn(inner, '.')) members.push(step);
    below.push([step, set]);
  }
  return joined(members, below);
}
