/**
 * JSON (RFC 8259) where `JSON.parse` has nothing to say: where a field stands, what is wrong and where, and
 * where one of several documents in a text ends.
 */

import type { FieldPath } from './json.js';
import type { Flaw } from './yaml-full.js';

const LITERAL = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null/y;

/** A backslash, or a control character, which must be written by one: all that is not from the blank on without that. */
const ESCAPED = /[^ -[\]-\uffff]/;

/** Between its quotes. */
function isJsonString(text: string): boolean {
  if (!ESCAPED.test(text)) return true;
  try {
    return typeof JSON.parse(text) === 'string';
  } catch {
    return false;
  }
}

class Unexpected extends Error {
  readonly flaw: Flaw;

  constructor(text: string, offset: number, expected: string) {
    super(expected);
    const got = offset >= text.length ? 'the end of the text' : JSON.stringify(text.slice(offset, offset + 12));
    this.flaw = { offset, expected, got };
  }
}

class Scanner {
  readonly #text: string;
  at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    const matched = pattern.test(this.#text);
    if (matched) this.at = pattern.lastIndex;
    return matched;
  }

  skipBlanks(): void {
    let char = this.#text.charCodeAt(this.at);
    while (char === 0x20 || char === 0x0a || char === 0x0d || char === 0x09) char = this.#text.charCodeAt(++this.at);
  }

  #take(char: string): boolean {
    this.skipBlanks();
    if (this.#text.charAt(this.at) !== char) return false;
    this.at++;
    return true;
  }

  #fail(expected: string): never {
    throw new Unexpected(this.#text, this.at, expected);
  }

  /** Past a string, if one begins here. Its escapes are JSON.parse's to judge. */
  #string(): boolean {
    if (this.#text.charAt(this.at) !== '"') return false;
    for (let end = this.#text.indexOf('"', this.at + 1); end >= 0; end = this.#text.indexOf('"', end + 1)) {
      let backslashes = 0;
      while (this.#text.charAt(end - 1 - backslashes) === '\\') backslashes++;
      if (backslashes % 2 === 1) continue;
      if (!isJsonString(this.#text.slice(this.at, end + 1)))
        this.#fail('a string without raw control characters or unknown escapes');
      this.at = end + 1;
      return true;
    }
    return this.#fail('a closing quote');
  }

  /** Past one value, without recursion: a text may be nested deeper than the stack. */
  skipValue(): void {
    const closers: string[] = [];
    for (;;) {
      const closer = this.#open();
      if (closer !== undefined) {
        closers.push(closer);
        if (this.#take(closer)) closers.pop();
        else {
          if (closer === '}') this.#name();
          continue;
        }
      }
      if (!this.#afterValue(closers)) return;
    }
  }

  /** The closing bracket of the collection that begins here, or undefined past a scalar. */
  #open(): string | undefined {
    if (this.#take('{')) return '}';
    if (this.#take('[')) return ']';
    if (!this.#string() && !this.#match(LITERAL)) this.#fail('a JSON value');
    return undefined;
  }

  /** Past commas and closing brackets; false where the outermost value ends. */
  #afterValue(closers: string[]): boolean {
    for (;;) {
      const closer = closers.at(-1);
      if (closer === undefined) return false;
      if (this.#take(',')) {
        if (closer === '}') this.#name();
        return true;
      }
      if (!this.#take(closer)) this.#fail(`"," or "${closer}"`);
      closers.pop();
    }
  }

  /** Past `"name":`; the name with its quotes. */
  #name(): string {
    this.skipBlanks();
    const start = this.at;
    if (!this.#string()) this.#fail('a name in double quotes');
    const name = this.#text.slice(start, this.at);
    if (!this.#take(':')) this.#fail('":"');
    return name;
  }

  /** Where each element of the list that begins here starts. */
  elements(): readonly number[] {
    const starts: number[] = [];
    if (!this.#take('[') || this.#take(']')) return starts;
    do {
      this.skipBlanks();
      starts.push(this.at);
      this.skipValue();
    } while (this.#take(','));
    return starts;
  }

  /** Goes to the field that `step` names in the collection that begins here; false where there is none. */
  enter(step: string | number): boolean {
    if (typeof step === 'number') {
      if (!this.#take('[')) return false;
      for (let i = 0; i < step; i++) {
        this.skipValue();
        if (!this.#take(',')) return false;
      }
      this.skipBlanks();
      return this.#text.charAt(this.at) !== ']';
    }
    if (!this.#take('{') || this.#take('}')) return false;
    const wanted = JSON.stringify(step);
    for (;;) {
      const name = this.#name();
      this.skipBlanks();
      if (name === wanted || (name.includes('\\') && JSON.parse(name) === step)) return true;
      this.skipValue();
      if (!this.#take(',')) return false;
    }
  }
}

/** Where fields stand in a text that is known to be valid. The items of a list are found once. */
export class JsonOffsets {
  readonly #text: string;
  readonly #start: number;
  #items: readonly number[] | undefined = undefined;

  constructor(text: string, start: number) {
    this.#text = text;
    this.#start = start;
  }

  /** Where the value at `path` stands, or the nearest thing around it that exists. */
  of(path: FieldPath): number {
    const [first, index, ...rest] = path;
    if (first === 'items' && typeof index === 'number') {
      this.#items ??= this.#findItems();
      const item = this.#items[index];
      if (item !== undefined) return this.#from(item, rest);
    }
    return this.#from(this.#start, path);
  }

  #findItems(): readonly number[] {
    const scanner = new Scanner(this.#text, this.#start);
    return scanner.enter('items') ? scanner.elements() : [];
  }

  #from(start: number, path: FieldPath): number {
    const scanner = new Scanner(this.#text, start);
    scanner.skipBlanks();
    let offset = scanner.at;
    for (const step of path) {
      if (!scanner.enter(step)) break;
      offset = scanner.at;
    }
    return offset;
  }
}

/** The end of the value that starts at `start`, or what is wrong with it. */
export function scanJson(text: string, start: number): { readonly end: number } | { readonly flaw: Flaw } {
  const scanner = new Scanner(text, start);
  try {
    scanner.skipValue();
    scanner.skipBlanks();
    return { end: scanner.at };
  } catch (error) {
    if (error instanceof Unexpected) return { flaw: error.flaw };
    throw error;
  }
}
