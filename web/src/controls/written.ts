/** Objects as somebody writes them, of what is read. */

import type { ListedObject } from '../api-types.js';

/** Without what only the API server writes: whose each field is. */
export function written(object: ListedObject['object'] = {}): Readonly<Record<string, unknown>> {
  const { metadata } = object;
  if (typeof metadata !== 'object' || metadata === null) return object;
  return { ...object, metadata: { ...metadata, managedFields: undefined } };
}
