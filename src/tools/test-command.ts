/** `test` and `[` (POSIX): strings, numbers, and files that are there. */

import { isThere } from './files.js';
import { failure, type Tool, type ToolPlace, type ToolResult } from './tool.js';

/** Thrown within this module alone. */
class Wrong extends Error {}

const numberOf = (word: string): number => {
  if (!/^\s*[-+]?\d+\s*$/.test(word)) throw new Wrong(`Illegal number: ${word}`);
  return Number(word);
};

const numbers =
  (holds: (a: number, b: number) => boolean) =>
  (a: string, b: string): boolean =>
    holds(numberOf(a), numberOf(b));

const BINARY: Readonly<Record<string, (a: string, b: string) => boolean>> = {
  '=': (a, b) => a === b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '-eq': numbers((a, b) => a === b),
  '-ne': numbers((a, b) => a !== b),
  '-lt': numbers((a, b) => a < b),
  '-le': numbers((a, b) => a <= b),
  '-gt': numbers((a, b) => a > b),
  '-ge': numbers((a, b) => a >= b),
};

const UNARY: Readonly<Record<string, (place: ToolPlace, word: string) => boolean>> = {
  '-n': (_, word) => word !== '',
  '-z': (_, word) => word === '',
  '-e': (place, path) => isThere(place, path) !== undefined,
  '-f': (place, path) => isThere(place, path)?.folder === false,
  '-d': (place, path) => isThere(place, path)?.folder === true,
  '-r': (place, path) => isThere(place, path) !== undefined,
  '-s': (place, path) => (isThere(place, path)?.octets ?? 0) > 0,
};

class Expression {
  readonly #place: ToolPlace;
  readonly #words: string[];

  constructor(place: ToolPlace, words: readonly string[]) {
    this.#place = place;
    this.#words = [...words];
  }

  holds(): boolean {
    if (this.#words.length === 0) return false;
    const result = this.#or();
    if (this.#words.length > 0) throw new Wrong(`${this.#words[0]}: unexpected operator`);
    return result;
  }

  #or(): boolean {
    let result = this.#and();
    while (this.#take('-o')) result = this.#and() || result;
    return result;
  }

  #and(): boolean {
    let result = this.#not();
    while (this.#take('-a')) result = this.#not() && result;
    return result;
  }

  #not(): boolean {
    return this.#words.length > 1 && this.#take('!') ? !this.#not() : this.#primary();
  }

  #primary(): boolean {
    const [word = '', operator = '', other] = this.#words;
    const binary = Object.hasOwn(BINARY, operator) ? BINARY[operator] : undefined;
    if (binary !== undefined && other !== undefined) {
      this.#words.splice(0, 3);
      return binary(word, other);
    }
    const unary = Object.hasOwn(UNARY, word) ? UNARY[word] : undefined;
    if (unary !== undefined && this.#words.length > 1) {
      this.#words.splice(0, 2);
      return unary(this.#place, operator);
    }
    if (word === '(' && this.#words.length > 2) {
      this.#words.shift();
      const result = this.#or();
      if (!this.#take(')')) throw new Wrong('closing paren expected');
      return result;
    }
    if (this.#words.length === 0) throw new Wrong('argument expected');
    this.#words.shift();
    return word !== '';
  }

  #take(word: string): boolean {
    if (this.#words[0] !== word) return false;
    this.#words.shift();
    return true;
  }
}

function tested(name: string, place: ToolPlace, words: readonly string[]): ToolResult {
  try {
    return { exitCode: new Expression(place, words).holds() ? 0 : 1, stdout: '', stderr: '' };
  } catch (error) {
    if (error instanceof Wrong) return failure(2, `sh: ${name}: ${error.message}`);
    throw error;
  }
}

export const test: Tool = (place, args) => tested('test', place, args);

export const bracket: Tool = (place, args) =>
  args.at(-1) === ']' ? tested('[', place, args.slice(0, -1)) : failure(2, 'sh: [: missing ]');
