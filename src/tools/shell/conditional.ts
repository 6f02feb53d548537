/** bash's `[[ … ]]`: words are not taken apart, patterns and regular expressions are compared (bash(1), Conditional Constructs). */

import { posixTextRegExp } from '../text/regexp.js';
import { BINARY, UNARY } from '../test-command.js';
import type { ToolPlace } from '../tool.js';
import { reckon } from './arithmetic.js';
import type { Expansion } from './expand.js';
import type { ShellState } from './state.js';
import type { Condition, Word } from './syntax.js';

/** Of a regular expression that is none. */
export class BadExpression extends Error {}

const NUMBERS = new Set(['-eq', '-ne', '-lt', '-le', '-gt', '-ge']);
export const UNARY_CONDITIONS: ReadonlySet<string> = new Set([...Object.keys(UNARY), '-a', '-o', '-v']);
export const BINARY_CONDITIONS: ReadonlySet<string> = new Set([...Object.keys(BINARY), '=~']);

export interface ConditionContext {
  readonly state: ShellState;
  readonly expansion: Expansion;
  readonly place: ToolPlace;
}

export function holds(condition: Condition, context: ConditionContext): boolean {
  const { expansion } = context;
  switch (condition.kind) {
    case 'not':
      return !holds(condition.of, context);
    case 'and':
      return holds(condition.left, context) && holds(condition.right, context);
    case 'or':
      return holds(condition.left, context) || holds(condition.right, context);
    case 'unary':
      return unary(condition.operator, expansion.text(condition.word), context);
    case 'binary':
      return binary(condition.operator, expansion.text(condition.left), condition.right, context);
    default:
      return expansion.text(condition.word) !== '';
  }
}

function unary(operator: string, word: string, { state, place }: ConditionContext): boolean {
  if (operator === '-v') return state.variables.has(word) || state.arrays.has(word);
  if (operator === '-o') return state.options.has(word);
  return UNARY[operator === '-a' ? '-e' : operator]?.(place, word) ?? false;
}

function binary(operator: string, left: string, right: Word, context: ConditionContext): boolean {
  const { state, expansion, place } = context;
  if (operator === '=~') return searched(left, expansion.expression(right), state);
  if (operator === '!=') return !expansion.matches(left, right);
  if (operator === '=' || operator === '==') return expansion.matches(left, right);
  const words: [string, string] = [left, expansion.text(right)];
  const [a, b] = NUMBERS.has(operator) ? words.map((word) => reckon(word, state)) : words;
  return BINARY[operator]?.(a ?? '', b ?? '', place) ?? false;
}

/** What is found, and what its groups have found, is BASH_REMATCH. */
function searched(text: string, source: string, { arrays }: ShellState): boolean {
  const expression = posixTextRegExp(source, { kind: 'extended', flags: '' });
  if ('problem' in expression) throw new BadExpression(expression.problem);
  const found = expression.exec(text);
  arrays.set('BASH_REMATCH', found === null ? [] : found.map((group) => group ?? ''));
  return found !== null;
}
