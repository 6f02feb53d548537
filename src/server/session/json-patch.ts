/** JSON Patches (RFC 6902): operations on a document by JSON Pointers (RFC 6901). The document itself stays as it was. */

import { isDeepStrictEqual } from 'node:util';
import { describe, field, isList, isObject, type Json, type JsonObject } from '../../kubernetes/index.js';

type Member = 'op' | 'path' | 'from' | 'value';

/** Why an operation cannot be carried out, and which of its members is at fault. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  readonly member: Member;

  constructor(member: Member, message: string) {
    super(message);
    this.member = member;
  }
}

interface Pointer {
  readonly member: 'path' | 'from';
  /** Without escapes; none for the whole document. */
  readonly steps: readonly string[];
}

/** No document is nested deeper (bodies.ts). */
const MAX_STEPS = 256;

/** Pointers to prototypes, which are no part of a document. */
const leadsToPrototype = (steps: readonly string[]): boolean =>
  steps.some((step, i) => step === '__proto__' || (step === 'constructor' && steps[i + 1] === 'prototype'));

/** RFC 6901 §3 and §4. */
function pointerOf(operation: JsonObject, member: 'path' | 'from'): Pointer {
  const text = field(operation, member);
  if (typeof text !== 'string')
    throw new OperationError(member, `${member} is ${text === undefined ? 'missing' : 'no text'}: a JSON Pointer`);
  if (text !== '' && !text.startsWith('/'))
    throw new OperationError(member, `"${text}" is no JSON Pointer: it begins with "/", or is empty`);
  const [escape] = /~(?![01]).?/u.exec(text) ?? [];
  if (escape !== undefined)
    throw new OperationError(member, `"${escape}" is no escape of a JSON Pointer: "~" is written ~0, and "/" ~1`);
  const steps = text
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (steps.length > MAX_STEPS) throw new OperationError(member, `a JSON Pointer has at most ${MAX_STEPS} steps`);
  if (leadsToPrototype(steps))
    throw new OperationError(member, `${text} leads to a prototype, which is no part of the object`);
  return { member, steps };
}

export const formatPointer = (steps: readonly string[]): string =>
  steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** The place of the first steps, as messages call it. */
const placeOf = ({ steps }: Pointer, length: number): string =>
  length === 0 ? 'the object itself' : formatPointer(steps.slice(0, length));

/** RFC 6901 §4: digits, without zeros before them. */
const INDEX = /^(?:0|[1-9]\d*)$/;

/** Of one of a list's items; `added` also of the place behind them. */
function indexOf(pointer: Pointer, depth: number, { length }: readonly Json[], added: 0 | 1 = 0): number {
  const { member, steps } = pointer;
  const step = steps[depth] ?? '';
  const list = placeOf(pointer, depth);
  if (step === '-')
    throw new OperationError(member, `"-" is the place behind the last item of ${list}, where nothing is yet`);
  if (!INDEX.test(step))
    throw new OperationError(member, `"${step}" is no index of the list ${list}: digits, without zeros before them`);
  const index = Number(step);
  if (index < length + added) return index;
  throw new OperationError(member, `there is no ${placeOf(pointer, depth + 1)}: ${list} is a list of ${length}`);
}

/** What a step leads to, which is there. */
function innerOf(value: Json, pointer: Pointer, depth: number): Json {
  const { member, steps } = pointer;
  if (isList(value)) return value[indexOf(pointer, depth, value)] ?? null;
  const inner = field(value, steps[depth] ?? '');
  if (inner !== undefined) return inner;
  const why = isObject(value) ? '' : `: ${placeOf(pointer, depth)} is ${describe(value)}`;
  throw new OperationError(member, `there is no ${placeOf(pointer, depth + 1)}${why}`);
}

const valueAt = (document: Json, pointer: Pointer): Json =>
  pointer.steps.reduce<Json>((value, _step, depth) => innerOf(value, pointer, depth), document);

/** A copy in which `change` has been made to what holds the last step of the pointer. */
function changed(value: Json, pointer: Pointer, change: (holder: Json, depth: number) => Json, depth = 0): Json {
  if (depth === pointer.steps.length - 1) return change(value, depth);
  const inner = changed(innerOf(value, pointer, depth), pointer, change, depth + 1);
  const step = pointer.steps[depth] ?? '';
  return isList(value) ? value.with(Number(step), inner) : { ...(isObject(value) ? value : {}), [step]: inner };
}

/** RFC 6902 §4.1. */
function add(document: Json, pointer: Pointer, value: Json): Json {
  if (pointer.steps.length === 0) return value;
  return changed(document, pointer, (holder, depth) => {
    const step = pointer.steps[depth] ?? '';
    if (isList(holder))
      return holder.toSpliced(step === '-' ? holder.length : indexOf(pointer, depth, holder, 1), 0, value);
    if (isObject(holder)) return { ...holder, [step]: value };
    throw new OperationError(pointer.member, `${placeOf(pointer, depth)} is ${describe(holder)}, which has no fields`);
  });
}

/** §4.2. */
function remove(document: Json, pointer: Pointer): Json {
  if (pointer.steps.length === 0) throw new OperationError(pointer.member, 'the whole object cannot be taken away');
  return changed(document, pointer, (holder, depth) => {
    innerOf(holder, pointer, depth);
    const step = pointer.steps[depth] ?? '';
    if (isList(holder)) return holder.toSpliced(Number(step), 1);
    return Object.fromEntries(Object.entries(isObject(holder) ? holder : {}).filter(([name]) => name !== step));
  });
}

/** §4.3: a field keeps its place among the others. */
function replace(document: Json, pointer: Pointer, value: Json): Json {
  if (pointer.steps.length === 0) return value;
  return changed(document, pointer, (holder, depth) => {
    innerOf(holder, pointer, depth);
    const step = pointer.steps[depth] ?? '';
    return isList(holder) ? holder.with(Number(step), value) : { ...(isObject(holder) ? holder : {}), [step]: value };
  });
}

/** §4.4. */
function move(document: Json, from: Pointer, path: Pointer): Json {
  if (from.steps.length < path.steps.length && from.steps.every((step, i) => step === path.steps[i]))
    throw new OperationError('path', `${placeOf(from, from.steps.length)} cannot be moved into itself`);
  const value = valueAt(document, from);
  return from.steps.length === 0 ? document : add(remove(document, from), path, value);
}

/** §4.6. */
function test(document: Json, pointer: Pointer, value: Json): Json {
  const held = valueAt(document, pointer);
  if (isDeepStrictEqual(held, value)) return document;
  const place = placeOf(pointer, pointer.steps.length);
  const [is, wanted] = [describe(held), describe(value)];
  throw new OperationError('path', is === wanted ? `${place} has another value` : `${place} is ${is}, not ${wanted}`);
}

function valueOf(operation: JsonObject): Json {
  const value = field(operation, 'value');
  if (value === undefined) throw new OperationError('value', 'value is missing');
  return value;
}

type Carry = (document: Json, operation: JsonObject, path: Pointer) => Json;

const OPERATIONS: Readonly<Record<string, Carry>> = {
  add: (document, operation, path) => add(document, path, valueOf(operation)),
  remove: (document, _operation, path) => remove(document, path),
  replace: (document, operation, path) => replace(document, path, valueOf(operation)),
  move: (document, operation, path) => move(document, pointerOf(operation, 'from'), path),
  copy: (document, operation, path) => add(document, path, valueAt(document, pointerOf(operation, 'from'))),
  test: (document, operation, path) => test(document, path, valueOf(operation)),
};

/** The value that a `copy` makes once more. @throws OperationError */
export const copiedBy = (document: Json, operation: JsonObject): Json | undefined =>
  field(operation, 'op') === 'copy' ? valueAt(document, pointerOf(operation, 'from')) : undefined;

/** One operation carried out. @throws OperationError */
export function carriedOut(document: Json, operation: JsonObject): Json {
  const op = field(operation, 'op');
  const carry = typeof op === 'string' && Object.hasOwn(OPERATIONS, op) ? OPERATIONS[op] : undefined;
  if (carry === undefined) throw new OperationError('op', `op is one of ${Object.keys(OPERATIONS).join(', ')}`);
  return carry(document, operation, pointerOf(operation, 'path'));
}
