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

interface PlacedValue {
  readonly at: FieldPath;
  readonly value: Json;
}

/** Every place that `path` leads to, with its value; `*` stands for every element of a list. */
export function places(document: Json, path: readonly string[]): readonly PlacedValue[] {
  const found: PlacedValue[] = [];
  collect(found, { path, depth: 0, indexes: [] }, document);
  return found;
}

/** How far along a path one has come, and by which elements of lists. */
interface Way {
  readonly path: readonly string[];
  readonly depth: number;
  readonly indexes: readonly number[];
}

/** Most paths lead nowhere, in a hundred thousand pods: what is made for that is little. */
function collect(found: PlacedValue[], { path, depth, indexes }: Way, from: Json): void {
  let value = from;
  for (let at = depth; at < path.length; at++) {
    const step = path[at] ?? '';
    if (step === '*') {
      if (isList(value))
        for (const [i, element] of value.entries())
          collect(found, { path, depth: at + 1, indexes: [...indexes, i] }, element);
      return;
    }
    const inner = field(value, step);
    if (inner === undefined) return;
    value = inner;
  }
  let passed = 0;
  found.push({ at: path.map((step) => (step === '*' ? (indexes[passed++] ?? 0) : step)), value });
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
