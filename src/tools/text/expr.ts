/** `expr` (POSIX; coreutils): sums, comparisons and patterns of its words. */

import type { Tool, ToolResult } from '../tool.js';
import { posixTextRegExp } from './regexp.js';

/** Thrown within this module alone. */
class Wrong extends Error {}

const isNumber = (text: string): boolean => /^-?\d+$/.test(text);

function numberOf(text: string): bigint {
  if (!isNumber(text)) throw new Wrong('non-integer argument');
  return BigInt(text);
}

const isNothing = (text: string): boolean => text === '' || /^-?0+$/.test(text);

const compared =
  (holds: (order: number) => boolean) =>
  (a: string, b: string): string => {
    const [x, y] = isNumber(a) && isNumber(b) ? [BigInt(a), BigInt(b)] : [a, b];
    return holds(x < y ? -1 : x > y ? 1 : 0) ? '1' : '0';
  };

const reckoned =
  (how: (a: bigint, b: bigint) => bigint) =>
  (a: string, b: string): string =>
    String(how(numberOf(a), numberOf(b)));

const divided = (how: (a: bigint, b: bigint) => bigint): ((a: string, b: string) => string) =>
  reckoned((a, b) => {
    if (b === 0n) throw new Wrong('division by zero');
    return how(a, b);
  });

/** What the beginning of a text matches: what is within `\(…\)`, or else how many characters. */
function matched(text: string, pattern: string): string {
  const expression = posixTextRegExp(pattern, { kind: 'basic', flags: '' });
  if ('problem' in expression) throw new Wrong(expression.problem);
  const found = expression.exec(text);
  const whole = found?.index === 0 ? found : undefined;
  return pattern.includes('\\(') ? (whole?.[1] ?? '') : String(whole?.[0].length ?? 0);
}

type Operation = (a: string, b: string) => string;

/** From the loosest to the tightest. */
const LEVELS: readonly Readonly<Record<string, Operation>>[] = [
  { '|': (a, b) => (isNothing(a) ? (isNothing(b) ? '0' : b) : a) },
  { '&': (a, b) => (isNothing(a) || isNothing(b) ? '0' : a) },
  {
    '<': compared((order) => order < 0),
    '<=': compared((order) => order <= 0),
    '=': compared((order) => order === 0),
    '==': compared((order) => order === 0),
    '!=': compared((order) => order !== 0),
    '>=': compared((order) => order >= 0),
    '>': compared((order) => order > 0),
  },
  { '+': reckoned((a, b) => a + b), '-': reckoned((a, b) => a - b) },
  { '*': reckoned((a, b) => a * b), '/': divided((a, b) => a / b), '%': divided((a, b) => a % b) },
  { ':': matched },
];

class Reckoner {
  readonly #words: string[];
  #last = '';

  constructor(words: readonly string[]) {
    this.#words = [...words];
  }

  result(): string {
    const value = this.#binary(0);
    const [left] = this.#words;
    if (left !== undefined) throw new Wrong(`syntax error: unexpected argument '${left}'`);
    return value;
  }

  #next(): string {
    const word = this.#words.shift();
    if (word === undefined) throw new Wrong(`syntax error: missing argument after '${this.#last}'`);
    this.#last = word;
    return word;
  }

  #binary(level: number): string {
    const operations = LEVELS[level];
    if (operations === undefined) return this.#primary();
    let value = this.#binary(level + 1);
    for (;;) {
      const word = this.#words[0] ?? '';
      const operation = Object.hasOwn(operations, word) ? operations[word] : undefined;
      if (operation === undefined) return value;
      this.#next();
      value = operation(value, this.#binary(level + 1));
    }
  }

  #primary(): string {
    const word = this.#next();
    switch (word) {
      case '(': {
        const value = this.#binary(0);
        if (this.#words.length === 0) throw new Wrong(`syntax error: expecting ')' after '${this.#last}'`);
        if (this.#next() !== ')') throw new Wrong(`syntax error: expecting ')' instead of '${this.#last}'`);
        return value;
      }
      case ')':
        throw new Wrong("syntax error: unexpected ')'");
      case '+':
        return this.#next();
      case 'length':
        return String(new TextEncoder().encode(this.#primary()).length);
      case 'match':
        return matched(this.#primary(), this.#primary());
      case 'index': {
        const [text, characters] = [this.#primary(), this.#primary()];
        return String(Array.from(text).findIndex((one) => characters.includes(one)) + 1);
      }
      case 'substr': {
        const [text, from, count] = [this.#primary(), Number(this.#primary()), Number(this.#primary())];
        return from >= 1 && count >= 1 ? text.slice(from - 1, from - 1 + count) : '';
      }
      default:
        return word;
    }
  }
}

export const expr: Tool = (_place, args): ToolResult => {
  const words = args[0] === '--' ? args.slice(1) : args;
  const wrong = (problem: string): ToolResult => ({ exitCode: 2, stdout: '', stderr: `expr: ${problem}\n` });
  if (words.length === 0) return wrong("missing operand\nTry 'expr --help' for more information.");
  try {
    const value = new Reckoner(words).result();
    return { exitCode: isNothing(value) ? 1 : 0, stdout: `${value}\n`, stderr: '' };
  } catch (error) {
    if (error instanceof Wrong) return wrong(error.message);
    throw error;
  }
};
