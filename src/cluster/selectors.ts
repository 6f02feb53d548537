/** Selectors of Calico's language in the input: what cannot be read is an error, and its object is left out. */

import { parseSelector, SelectorError } from '../calico/index.js';
import { type ConfigError, configError, type Kind, type ObjectOf, type Store } from '../kubernetes/index.js';

/** Why a selector cannot be read, and where in it, or undefined. */
function problem(selector: string): string | undefined {
  try {
    parseSelector(selector);
    return undefined;
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return error.offset === undefined ? error.message : `${error.message}, at character ${error.offset + 1}`;
  }
}

/** Every object of one kind, by those of its fields that are selectors. */
function takeOut<K extends Kind>(store: Store, kind: K, selectors: (object: ObjectOf<K>) => Record<string, string>) {
  const errors: ConfigError[] = [];
  for (const object of store.list(kind)) {
    for (const [field, selector] of Object.entries(selectors(object))) {
      const why = problem(selector);
      if (why === undefined) continue;
      errors.push(configError(object, ['spec', field], { expected: `a selector (${why})`, got: `"${selector}"` }));
      store.delete(kind, object.namespace, object.name);
    }
  }
  return errors;
}

export const takeOutBadSelectors = (store: Store): ConfigError[] => [
  ...takeOut(store, 'IPPool', ({ spec: { nodeSelector, namespaceSelector } }) => ({ nodeSelector, namespaceSelector })),
  ...takeOut(store, 'FelixConfiguration', ({ spec: { nodeSelector } }) => ({ nodeSelector })),
  ...takeOut(store, 'BGPPeer', ({ spec: { nodeSelector, peerSelector, localWorkloadSelector } }) => ({
    nodeSelector,
    peerSelector,
    localWorkloadSelector,
  })),
];
