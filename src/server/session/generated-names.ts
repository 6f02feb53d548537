/** Names that the API server makes of `generateName` for objects that are created (apiserver/pkg/registry/rest/create.go). */

import type { Cluster } from '../../cluster/index.js';
import {
  type Declared,
  type DeclaredObject,
  field,
  formatKey,
  generateName,
  isObject,
  type JsonObject,
  Random,
  renderObject,
} from '../../kubernetes/index.js';
import type { TextOfObjects } from './objects.js';
import { isThere } from './pods-of-controllers.js';

/** Undefined where it has a name, or none is to be made. */
function prefixOf({ key, document }: DeclaredObject): string | undefined {
  const prefix = field(field(document.value, 'metadata'), 'generateName');
  return key.name === '' && typeof prefix === 'string' && prefix !== '' ? prefix : undefined;
}

function withName(object: DeclaredObject, name: string): JsonObject {
  const value = renderObject(object);
  const { metadata } = value;
  return { ...value, metadata: { ...(isObject(metadata) ? metadata : {}), name } };
}

/** The same text, or, where names are to be made, one of the same objects that have them. */
export function withGeneratedNames(
  declared: Declared,
  cluster: Cluster,
  { text, file, seed }: TextOfObjects & { readonly seed: number },
): TextOfObjects {
  const objects = declared.with({ file, text }).added;
  if (!objects.some((object) => prefixOf(object) !== undefined)) return { text, file };
  const given = new Set(objects.map(({ id }) => id));
  const written = objects.map((object) => {
    const prefix = prefixOf(object);
    if (prefix === undefined) return renderObject(object);
    const keyOf = (name: string) => ({ ...object.key, name });
    const isTaken = (name: string): boolean =>
      given.has(formatKey(keyOf(name))) || isThere(declared, cluster, keyOf(name));
    const { kind, namespace } = object.key;
    const name = generateName(prefix, Random.for(seed, `generateName/${kind}/${namespace}/${prefix}`), isTaken);
    given.add(formatKey(keyOf(name)));
    return withName(object, name);
  });
  const documents = written.map((object) => JSON.stringify(object, null, 2));
  return { text: documents.join('\n---\n'), file: file.replace(/\.\w+$/, '.yaml') };
}
