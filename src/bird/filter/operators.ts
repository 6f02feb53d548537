/** Arithmetic and comparison; `=` and `&&` are in compile.ts, since they need no error or not both sides. */

import { valueMatches } from './match.js';
import type { BinaryOperator } from './syntax.js';
import { bool, compareValues, int, type Value } from './value.js';

type Arithmetic = '+' | '-' | '*' | '/';

function calculate(operator: Arithmetic, left: Value, right: Value): Value | string {
  if (left.type !== right.type) return "Can't operate with values of incompatible types";
  if (left.type === 'void') return "Can't operate with values of type void";
  if (left.type !== 'int' || right.type !== 'int') return 'Usage of unknown type';
  const [a, b] = [left.value, right.value];
  switch (operator) {
    case '+':
      return int((a + b) >>> 0);
    case '-':
      return int((a - b) >>> 0);
    case '*':
      return int(Math.imul(a, b) >>> 0);
    case '/':
      return b === 0 ? 'Mother told me not to divide by 0' : int(Math.floor(a / b));
  }
}

/** The value, or why there is none. */
export function evaluateBinary(
  operator: Exclude<BinaryOperator, '=' | '!=' | '&&' | '||'>,
  left: Value,
  right: Value,
): Value | string {
  switch (operator) {
    case '+':
    case '-':
    case '*':
    case '/':
      return calculate(operator, left, right);
    case '~':
    case '!~': {
      const matches = valueMatches(left, right);
      if (matches === undefined) return `${operator} applied on unknown type pair`;
      return bool(matches === (operator === '~'));
    }
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const compared = compareValues(left, right);
      if (compared === undefined) return "Can't compare values of incompatible types";
      if (operator === '<') return bool(compared < 0);
      if (operator === '<=') return bool(compared <= 0);
      return bool(operator === '>' ? compared > 0 : compared >= 0);
    }
  }
}
