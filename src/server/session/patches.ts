/** Patches of objects: merge patches (RFC 7396), JSON Patches (RFC 6902), and Kubernetes' strategic merge patches. */

import {
  isList,
  isObject,
  type Json,
  type JsonObject,
  type ObjectKey,
  patchStrategiesOf,
} from '../../kubernetes/index.js';
import { Problem } from '../problem.js';
import { carriedOut, copiedBy, formatPointer, OperationError } from './json-patch.js';
import { StrategicPatchError, strategicMergePatch } from './strategic-merge-patch.js';

export const PATCH_FORMS = ['merge', 'json', 'strategic'] as const;

export interface Patch {
  /** RFC 7396, RFC 6902, or by the types of Kubernetes' own kinds. */
  readonly kind: (typeof PATCH_FORMS)[number];
  readonly patch: Json;
  /** JSON Pointer to it in the request, where it is not all of that. */
  readonly at?: string;
}

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

/** Octets that the operations copy, one after the other. */
class Copied {
  #octets = 0;

  /** @throws Problem, OperationError */
  take(document: Json, operation: JsonObject): void {
    const value = copiedBy(document, operation);
    if (value === undefined) return;
    this.#octets += JSON.stringify(value).length;
    if (this.#octets > MAX_COPIED) throw new Problem('too-large', `the patch copies more than ${MAX_COPIED} octets`);
  }
}

/** @throws Problem */
function jsonPatch(target: JsonObject, patch: Json, at: string): Json {
  if (!isList(patch)) throw new Problem('bad-request', 'a JSON Patch is a list of operations (RFC 6902)');
  if (patch.length > MAX_OPERATIONS)
    throw new Problem('too-large', `a JSON Patch has at most ${MAX_OPERATIONS} operations, not ${patch.length}`);
  const copied = new Copied();
  let document: Json = target;
  for (const [i, operation] of patch.entries()) {
    if (!isObject(operation))
      throw inapplicable(`operation ${i} is no operation: an object with op and path`, `${at}/${i}`);
    try {
      copied.take(document, operation);
      document = carriedOut(document, operation);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      const message = `operation ${i}${described(operation)}: ${error.message}`;
      throw inapplicable(message, `${at}/${i}/${error.member}`, 'invalid');
    }
  }
  return document;
}

/** ` (move /a from /b)`. */
function described({ op, path, from }: JsonObject): string {
  const shown = (value: Json | undefined): string =>
    typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return ` (${shown(op)} ${shown(path)}${from === undefined ? '' : ` from ${shown(from)}`})`;
}

/** What is read and cannot be carried out is `invalid`, as of the API server (endpoints/handlers/patch.go:applyJSPatch()). */
const inapplicable = (message: string, field: string, kind: 'bad-request' | 'invalid' = 'bad-request'): Problem =>
  new Problem(kind, `the patch does not apply: ${message}`, [{ message, field }]);

/** @throws Problem where it is of no kind of Kubernetes' own, as the API server does */
function strategicPatch(target: JsonObject, patch: Json, { group, kind }: ObjectKey, at: string): Json {
  const strategies = patchStrategiesOf({ group, kind });
  if (strategies === undefined) {
    const message = `${kind} of the group ${group} is no kind of Kubernetes' own, and takes a merge patch or a JSON Patch, not a strategic merge patch`;
    throw new Problem('unsupported-media-type', message, [{ message, field: at === '' ? 'content-type' : at }]);
  }
  if (!isObject(patch)) throw new Problem('bad-request', 'a strategic merge patch is an object');
  try {
    return strategicMergePatch(target, patch, strategies);
  } catch (error) {
    if (!(error instanceof StrategicPatchError)) throw error;
    throw inapplicable(error.message, `${at}${formatPointer(error.path)}`);
  }
}

/** Of the object of this name. @throws Problem */
export function applyPatch(target: JsonObject, { kind, patch, at = '' }: Patch, key: ObjectKey): Json {
  if (kind === 'strategic') return strategicPatch(target, patch, key, at);
  return kind === 'merge' ? mergePatch(target, patch) : jsonPatch(target, patch, at);
}
