/** Lists a step below an object's root (`spec.tolerations`, `status.conditions`), which the API server fills in. */

import { field, isList, isObject, type Json, type JsonObject } from '../../kubernetes/index.js';

/** Empty where there is none. */
export const listAt = (object: JsonObject, part: string, name: string): readonly Json[] => {
  const found = field(object[part], name);
  return isList(found) ? found : [];
};

export const withList = (object: JsonObject, part: string, name: string, value: readonly Json[]): JsonObject => ({
  ...object,
  [part]: { ...(isObject(object[part]) ? object[part] : {}), [name]: [...value] },
});

export function withoutList(object: JsonObject, part: string, name: string): JsonObject {
  const { [part]: held, ...rest } = object;
  if (!isObject(held)) return object;
  const { [name]: _, ...left } = held;
  return { ...rest, [part]: left };
}
