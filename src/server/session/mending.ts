/** Errors of the emulator that the asker can mend, as problems. */

import { FilterError } from '../filter/lexer.js';
import { type Filter, parseFilter } from '../filter/parse.js';
import { Problem } from '../problem.js';
import type { StreamKind } from '../stream/messages.js';
import { UnknownEndpoint } from '../../cluster/index.js';
import { cannotGoOn } from '../../kernel/index.js';

/** Runs something that looks names up. @throws Problem */
export function mending<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof UnknownEndpoint)
      throw new Problem('not-found', error.message, [{ message: error.message, near: error.near }]);
    if (cannotGoOn(error)) throw new Problem('conflict', error.message);
    throw error;
  }
}

/** Of these streams. @throws Problem */
export function filterOf(text: string | undefined, fieldName: string, kinds: readonly StreamKind[]): Filter {
  try {
    return parseFilter(text ?? '', kinds);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new Problem('bad-filter', error.message, [
      { message: error.message, field: fieldName, line: 1, column: error.at + 1 },
    ]);
  }
}
