/** Selectors of Calico's language in the input: what cannot be read is an error, and its object is left out. */

import { parseSelector, SelectorError } from '../calico/index.js';
import { type ConfigError, configError, type Store } from '../kubernetes/index.js';

/** Why a selector cannot be read, or undefined. */
function problem(selector: string): string | undefined {
  try {
    parseSelector(selector);
    return undefined;
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return error.message;
  }
}

export function takeOutBadSelectors(store: Store): ConfigError[] {
  const errors: ConfigError[] = [];
  for (const pool of store.list('IPPool')) {
    for (const field of ['nodeSelector', 'namespaceSelector'] as const) {
      const why = problem(pool.spec[field]);
      if (why === undefined) continue;
      errors.push(
        configError(pool, ['spec', field], { expected: `a selector (${why})`, got: `"${pool.spec[field]}"` }),
      );
      store.delete('IPPool', '', pool.name);
    }
  }
  for (const configuration of store.list('FelixConfiguration')) {
    const { nodeSelector } = configuration.spec;
    const why = problem(nodeSelector);
    if (why === undefined) continue;
    errors.push(
      configError(configuration, ['spec', 'nodeSelector'], {
        expected: `a selector (${why})`,
        got: `"${nodeSelector}"`,
      }),
    );
    store.delete('FelixConfiguration', '', configuration.name);
  }
  return errors;
}
