/** Bodies of requests: how they are read and checked, by their media type. */

import { Ajv } from 'ajv';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { loadDocuments } from '../kubernetes/index.js';
import { pointerStep } from './json-pointer.js';
import { type Mistake, mistakeOf, Problem } from './problem.js';

export const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml', 'text/plain'];
export const CBOR_TYPE = 'application/cbor';
export const MERGE_PATCH_TYPE = 'application/merge-patch+json';
export const JSON_PATCH_TYPE = 'application/json-patch+json';
export const APPLY_PATCH_TYPE = 'application/apply-patch+yaml';
export const STRATEGIC_PATCH_TYPE = 'application/strategic-merge-patch+json';

/** Where it stops to be JSON, which the parser does not say; undefined where it is JSON. */
function syntaxErrorOf(text: string): Mistake | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch {
    const [first] = loadDocuments([{ file: 'request.json', text }]).errors;
    return first && mistakeOf(first);
  }
}

/** Objects of Kubernetes are a dozen levels deep; what is nested without end is no request. */
const MAX_DEPTH = 256;

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Whether a value is nested no deeper; looked at level by level, since recursion has an end of its own. */
function isShallow(value: unknown): boolean {
  let level: readonly object[] = isNested(value) ? [value] : [];
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
    if (level.length === 0) return true;
    // A long list is looked through, and not copied.
    const inner: object[] = [];
    for (const one of level)
      for (const next of Array.isArray(one) ? one : Object.values(one)) if (isNested(next)) inner.push(next);
    level = inner;
  }
  return false;
}

/** Whoever copies such a field by its name changes what all objects have. */
const isPrototype = (name: string, value: unknown): boolean =>
  name === '__proto__' || (name === 'constructor' && isNested(value) && Object.hasOwn(value, 'prototype'));

/** JSON pointer (RFC 6901) of the first such field in a value that is shallow. */
function prototypeField(value: unknown): string | undefined {
  if (!isNested(value)) return undefined;
  for (const name in value) {
    const inner: unknown = Reflect.get(value, name);
    if (isPrototype(name, inner)) return pointerStep(name);
    const below = prototypeField(inner);
    if (below !== undefined) return `${pointerStep(name)}${below}`;
  }
  return undefined;
}

/** What is wrong with a body though it is JSON. */
function refusedBody(value: unknown): Problem | undefined {
  if (!isShallow(value)) return new Problem('bad-request', `the body is nested more than ${MAX_DEPTH} levels deep`);
  const field = prototypeField(value);
  if (field === undefined) return undefined;
  const message = `${field} is a name of prototypes, and no field`;
  return new Problem('bad-request', `body: ${message}`, [{ message, field }]);
}

export function useBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('ignore', 'ignore');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser(
    ['application/json', MERGE_PATCH_TYPE, JSON_PATCH_TYPE, STRATEGIC_PATCH_TYPE],
    { parseAs: 'string' },
    (request, text: string, done) => {
      if (text === '') {
        done(null);
        return;
      }
      void parse(request, text, (error, value?: unknown) => {
        if (error === null || error === undefined) {
          done(refusedBody(value) ?? null, value);
          return;
        }
        const mistake = syntaxErrorOf(text) ?? { message: error.message };
        done(new Problem('bad-request', `the body is no JSON: ${mistake.message}`, [mistake]));
      });
    },
  );
  app.addContentTypeParser([...YAML_TYPES, APPLY_PATCH_TYPE], { parseAs: 'string' }, (_request, text, done) =>
    done(null, text),
  );
  app.addContentTypeParser(CBOR_TYPE, { parseAs: 'buffer' }, (_request, bytes, done) => done(null, bytes));
  useValidators(app);
}

const JSON_TYPE = 'application/json';

/** What a route's body may be: what it says that it takes, else JSON; undefined for a route without a body. */
function takenTypes({ routeOptions }: FastifyRequest): readonly string[] | undefined {
  const { schema } = routeOptions;
  return schema?.consumes ?? (schema?.body === undefined ? undefined : [JSON_TYPE]);
}

/** A Content-Type header's media type, which has no case: RFC 9110 §8.3.1. */
export const mediaTypeOf = (contentType: string | undefined): string =>
  contentType?.split(';')[0]?.trim().toLowerCase() ?? '';

/** In this scope, a body of another type than the route takes is refused before it is read: RFC 9110 §15.5.16. */
export function useMediaTypes(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const { headers, method } = request;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    if (!hasBody) {
      // A type of nothing says nothing.
      delete headers['content-type'];
      return;
    }
    const taken = takenTypes(request);
    if (taken === undefined) return;
    const given = mediaTypeOf(headers['content-type']);
    if (taken.includes(given)) return;
    // RFC 5789 §3.1 for patches.
    void reply.header(method === 'PATCH' ? 'accept-patch' : 'accept', taken.join(', '));
    const path = request.url.split('?')[0];
    const what = given === '' ? 'a body without a content type' : given;
    const message = `${method} ${path} takes ${taken.join(', ')}, not ${what}`;
    throw new Problem('unsupported-media-type', message, [
      { message, field: 'content-type', expected: taken.join(', '), got: given },
    ]);
  });
}

/** A request without a body is one whose fields all have their defaults. */
export async function emptyBody(request: FastifyRequest): Promise<void> {
  request.body ??= {};
}

/** In this scope, objects of JSON or YAML stay texts: their loader knows lines. */
export function keepTexts(app: FastifyInstance): void {
  app.removeContentTypeParser(['application/json', ...YAML_TYPES]);
  app.addContentTypeParser(['application/json', ...YAML_TYPES], { parseAs: 'string' }, (_request, text, done) =>
    done(null, text),
  );
}

/** Query strings and paths are texts that stand for numbers; bodies say what they mean. */
function useValidators(app: FastifyInstance): void {
  const options = {
    allErrors: true,
    useDefaults: true,
    removeAdditional: false,
    strict: false,
    validateFormats: false,
  };
  const lenient = new Ajv({ ...options, coerceTypes: 'array' });
  const strict = new Ajv({ ...options, allErrors: false, discriminator: true, verbose: true });
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? strict : lenient).compile(schema as object),
  );
}
