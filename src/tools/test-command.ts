/** `test` and `[` (POSIX): strings, numbers, and files that are there. */

import { isThere, wholePath } from './files.js';
import { failure, type Tool, type ToolPlace, type ToolResult } from './tool.js';

/** Thrown by the operators below. */
class Wrong extends Error {}

const numberOf = (word: string): number => {
  if (!/^\s*[-+]?\d+\s*$/.test(word)) throw new Wrong(`Illegal number: ${word}`);
  return Number(word);
};

const numbers =
  (holds: (a: number, b: number) => boolean) =>
  (a: string, b: string): boolean =>
    holds(numberOf(a), numberOf(b));

export const BINARY: Readonly<Record<string, (a: string, b: string, place: ToolPlace) => boolean>> = {
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  // Everything was written when time began.
  '-nt': () => false,
  '-ot': () => false,
  '-ef': (a, b, place) => isThere(place, a) !== undefined && wholePath(place, a) === wholePath(place, b),
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

const exists = (place: ToolPlace, path: string): boolean => isThere(place, path) !== undefined;
const never = (): boolean => false;

/** Everything is root's; there are no links, devices and sockets, and no terminal. */
export const UNARY: Readonly<Record<string, (place: ToolPlace, word: string) => boolean>> = {
  '-n': (_, word) => word !== '',
  '-z': (_, word) => word === '',
  '-e': exists,
  '-f': (place, path) => isThere(place, path)?.folder === false,
  '-d': (place, path) => isThere(place, path)?.folder === true,
  '-r': exists,
  '-w': exists,
  '-O': exists,
  '-G': exists,
  '-x': (place, path) => isThere(place, path)?.executable === true,
  '-s': (place, path) => (isThere(place, path)?.octets ?? 0) > 0,
  '-b': never,
  '-c': never,
  '-g': never,
  '-h': never,
  '-k': never,
  '-L': never,
  '-p': never,
  '-S': never,
  '-t': never,
  '-u': never,
};

class Expression {
  readonly #place: ToolPlace;
  readonly #words: string[];
  /** What has been read last. */
  #last = '';

  constructor(place: ToolPlace, words: readonly string[]) {
    this.#place = place;
    this.#words = [...words];
  }

  holds(): boolean {
    if (this.#words.length === 0) return false;
    const result = this.#or();
    if (this.#words.length > 0) throw new Wrong(`${this.#last}: unexpected operator`);
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
    const isCompared = this.#words.length > 2 && Object.hasOwn(BINARY, this.#words[1] ?? '');
    return this.#words.length > 1 && !isCompared && this.#take('!') ? !this.#not() : this.#primary();
  }

  #primary(): boolean {
    const [word = '', operator = '', other] = this.#words;
    const binary = Object.hasOwn(BINARY, operator) ? BINARY[operator] : undefined;
    if (binary !== undefined && other !== undefined) {
      this.#pass(3);
      return binary(word, other, this.#place);
    }
    if (binary !== undefined && this.#words.length === 2) throw new Wrong(`${operator}: argument expected`);
    const unary = Object.hasOwn(UNARY, word) ? UNARY[word] : undefined;
    if (unary !== undefined && this.#words.length > 1) {
      this.#pass(2);
      return unary(this.#place, operator);
    }
    if (word === '(' && this.#words.length > 2) {
      this.#pass(1);
      const result = this.#or();
      if (!this.#take(')')) throw new Wrong('closing paren expected');
      return result;
    }
    if (this.#words.length === 0) throw new Wrong('argument expected');
    this.#pass(1);
    return word !== '';
  }

  #pass(count: number): void {
    this.#last = this.#words.splice(0, count).at(-1) ?? '';
  }

  #take(word: string): boolean {
    if (this.#words[0] !== word) return false;
    this.#pass(1);
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
