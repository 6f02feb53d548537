/** What ends a script. */

import { ArithmeticError } from './arithmetic.js';
import { BadExpression } from './conditional.js';
import { BadSubstitution, ParameterError } from './expand.js';
import { type Dialect, ReadOnly } from './state.js';

/** Something that ends the script: what has been printed before it stays. */
export class Fatal extends Error {}
/** A program that was to take the shell's place, and is not there. */
export class Lost extends Fatal {}

const KINDS = [Fatal, ReadOnly, ArithmeticError, ParameterError, BadSubstitution, BadExpression] as const;

export const isFatal = (error: unknown): error is Error => KINDS.some((kind) => error instanceof kind);

/** Of a name that is nobody's. */
export const NOT_FOUND = 127;
/** What is there, and no program. */
export const NOT_EXECUTABLE = 126;

/** What a script ends with that an error has ended. */
export function statusOf(error: Error, dialect: Dialect): number {
  if (error instanceof Lost) return NOT_FOUND;
  if (dialect === 'sh' || error instanceof Fatal) return 2;
  return error instanceof ParameterError ? NOT_FOUND : 1;
}
