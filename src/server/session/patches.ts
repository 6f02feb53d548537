/** Patches of objects: merge patches (RFC 7396) and JSON Patches (RFC 6902). */

import fastJsonPatch, { type Operation } from 'fast-json-patch';
import { field, isList, isObject, type Json, type JsonObject } from '../../kubernetes/index.js';
import { Problem } from '../problem.js';

export type Patch =
  /** RFC 7396. */
  | { readonly kind: 'merge'; readonly patch: Json }
  /** RFC 6902. */
  | { readonly kind: 'json'; readonly patch: Json };

/** RFC 7396 §2. */
function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: Record<string, Json> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(Object.hasOwn(result, name) ? result[name] : undefined, value);
  }
  return result;
}

/** staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go:maxJSONPatchOperations. */
const MAX_OPERATIONS = 10_000;
/** Of all values that are copied: a copy into what is copied doubles it. */
const MAX_COPIED = 3 << 20;

/** A pointer to a prototype, which is no part of the document. */
const PROTOTYPE = /\/(?:__proto__|constructor\/prototype)(?:\/|$)/;

/** @throws Problem */
function requireNoPrototype(index: number, operation: Json): void {
  for (const member of ['path', 'from']) {
    const pointer = field(operation, member);
    if (typeof pointer !== 'string' || !PROTOTYPE.test(pointer)) continue;
    const message = `operation ${index}: ${pointer} leads to a prototype, which is no part of the object`;
    const at = `/${index}/${member}`;
    throw new Problem('bad-request', `the patch does not apply: ${message}`, [{ message, field: at }]);
  }
}

/** Octets that the operations copy, one after the other. @throws Problem */
class Copied {
  #octets = 0;

  take(document: Json, operation: Json): void {
    if (field(operation, 'op') !== 'copy') return;
    const from = field(operation, 'from');
    if (typeof from !== 'string') return;
    const value: unknown = fastJsonPatch.getValueByPointer(document, from);
    this.#octets += JSON.stringify(value ?? null).length;
    if (this.#octets > MAX_COPIED) throw new Problem('too-large', `the patch copies more than ${MAX_COPIED} octets`);
  }
}

/** @throws Problem */
function jsonPatch(target: JsonObject, patch: Json): Json {
  if (!isList(patch)) throw new Problem('bad-request', 'a JSON Patch is a list of operations (RFC 6902)');
  if (patch.length > MAX_OPERATIONS)
    throw new Problem('too-large', `a JSON Patch has at most ${MAX_OPERATIONS} operations, not ${patch.length}`);
  const copied = new Copied();
  let document: Json = structuredClone(target);
  for (const [i, operation] of patch.entries()) {
    // The library looks at it itself.
    const one: unknown = operation;
    requireNoPrototype(i, operation);
    try {
      copied.take(document, operation);
      document = fastJsonPatch.applyPatch(document, [one as Operation], true).newDocument;
    } catch (error) {
      throw error instanceof Problem ? error : inapplicable(i, operation, error);
    }
  }
  return document;
}

/** The member of an operation that is at fault, by the library's name of the mistake. */
const AT_FAULT: Readonly<Record<string, string>> = {
  OPERATION_OP_INVALID: 'op',
  OPERATION_FROM_REQUIRED: 'from',
  OPERATION_FROM_UNRESOLVABLE: 'from',
  OPERATION_VALUE_REQUIRED: 'value',
  OPERATION_VALUE_CANNOT_CONTAIN_UNDEFINED: 'value',
};

const shown = (value: Json | undefined): string => (typeof value === 'string' ? value : JSON.stringify(value ?? null));

/** Which of the operations, and what it wanted. */
function inapplicable(index: number, operation: Json, error: unknown): Problem {
  if (!isObject(operation)) {
    const message = `operation ${index} is no operation: an object with op and path`;
    return new Problem('bad-request', `the patch does not apply: ${message}`, [{ message, field: `/${index}` }]);
  }
  const [why = 'it cannot be applied'] = (error instanceof Error ? error.message : String(error)).split('\n');
  const { op, path, from } = operation;
  const source = from === undefined ? '' : ` from ${shown(from)}`;
  const message = `operation ${index} (${shown(op)} ${shown(path)}${source}): ${why}`;
  const at = error instanceof Error ? (AT_FAULT[error.name] ?? 'path') : 'path';
  return new Problem('bad-request', `the patch does not apply: ${message}`, [{ message, field: `/${index}/${at}` }]);
}

/** @throws Problem */
export const applyPatch = (target: JsonObject, { kind, patch }: Patch): Json =>
  kind === 'merge' ? mergePatch(target, patch) : jsonPatch(target, patch);
