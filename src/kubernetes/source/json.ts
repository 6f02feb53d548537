/** What YAML and JSON documents are made of once read, and the path to a field in them. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Keys and list indexes from the top of a document: `['spec', 'ports', 0, 'port']`. */
export type FieldPath = readonly (string | number)[];

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/** An own field, or undefined: `constructor` and its like are not fields. */
export const field = (value: Json | undefined, name: string): Json | undefined =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

/** Every place that `path` leads to; `*` stands for every element of a list. */
export function* places(
  value: Json,
  path: readonly string[],
  at: FieldPath = [],
): Generator<{ readonly at: FieldPath; readonly value: Json }> {
  const [step, ...rest] = path;
  if (step === undefined) yield { at, value };
  else if (step === '*') {
    if (!isList(value)) return;
    for (const [i, element] of value.entries()) yield* places(element, rest, [...at, i]);
  } else if (isObject(value)) {
    const inner = field(value, step);
    if (inner !== undefined) yield* places(inner, rest, [...at, step]);
  }
}

const PLAIN_NAME = /^[A-Za-z_][\w-]*$/;

/** `spec.ports[0].port`; a key with dots in it is quoted: `metadata.labels["app.kubernetes.io/name"]`. */
export function formatPath(path: FieldPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!PLAIN_NAME.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

const MAX_SHOWN = 60;

/** A value as a message quotes it: scalars as JSON, long ones cut, collections by name. */
export function describe(value: Json | undefined): string {
  if (value === undefined || value === null) return 'nothing';
  if (isList(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…"`;
}
