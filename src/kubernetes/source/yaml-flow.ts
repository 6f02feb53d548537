/**
 * Flow collections that begin and end on one line, `{app: web, ports: [80, 443]}`, for the fast parser: plain scalars
 * of letters, digits and a few signs, quoted ones without escapes, and collections of these. For anything else the
 * full parser is asked.
 */

import type { Json } from './json.js';
import { resolveKey, resolvePlain } from './yaml-scalar.js';

/** Where each field stands is told, as in blocks. */
export type Mark = (container: object, key: string | number, offset: number) => void;

export interface Flow {
  readonly value: Json;
  /** Past the closing bracket. */
  readonly end: number;
}

const MAX_DEPTH = 20;
/** A colon inside has something behind it that could not end a key. */
const SCALAR = /[A-Za-z0-9_./$^(+=-](?:[A-Za-z0-9_./$@%^()+=~;-]|:(?=[A-Za-z0-9_./-])| (?=[A-Za-z0-9_./()+=]))*/y;
const DOUBLE = /"([^"\\\n]*)"/y;
const SINGLE = /'([^'\n]*)'(?!')/y;

class FlowParser {
  readonly #text: string;
  readonly #lineEnd: number;
  readonly #mark: Mark;
  #at: number;
  #depth = 0;

  constructor(text: string, at: number, options: { readonly lineEnd: number; readonly mark: Mark }) {
    this.#text = text;
    this.#at = at;
    this.#lineEnd = options.lineEnd;
    this.#mark = options.mark;
  }

  get at(): number {
    return this.#at;
  }

  /** Undefined where something else than the above is met. */
  value(): Json | undefined {
    const char = this.#text[this.#at];
    if (char !== '{' && char !== '[') return this.#scalar();
    if (++this.#depth > MAX_DEPTH) return undefined;
    this.#at += 1;
    const value = char === '{' ? this.#map() : this.#list();
    this.#depth -= 1;
    return value;
  }

  #blanks(): string {
    while (this.#text[this.#at] === ' ') this.#at += 1;
    return this.#at < this.#lineEnd ? (this.#text[this.#at] ?? '') : '';
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #quoted(): string | undefined {
    return (this.#match(DOUBLE) ?? this.#match(SINGLE))?.[1];
  }

  #scalar(): Json | undefined {
    const quoted = this.#quoted();
    if (quoted !== undefined) return quoted;
    const plain = this.#match(SCALAR)?.[0];
    // A dash before a blank would begin a list.
    return plain === undefined || plain === '-' || plain.startsWith('- ') ? undefined : resolvePlain(plain);
  }

  /** True at the end, false where another element follows, undefined for anything else. */
  #closes(bracket: string): boolean | undefined {
    const char = this.#blanks();
    if (char !== bracket && char !== ',') return undefined;
    this.#at += 1;
    return char === bracket;
  }

  #list(): Json[] | undefined {
    const list: Json[] = [];
    if (this.#blanks() === ']') {
      this.#at += 1;
      return list;
    }
    for (;;) {
      this.#blanks();
      this.#mark(list, list.length, this.#at);
      const value = this.value();
      if (value === undefined) return undefined;
      list.push(value);
      const end = this.#closes(']');
      if (end !== false) return end && list;
    }
  }

  #map(): Record<string, Json> | undefined {
    const map: Record<string, Json> = {};
    if (this.#blanks() === '}') {
      this.#at += 1;
      return map;
    }
    for (;;) {
      this.#blanks();
      const key = this.#key();
      if (key === undefined || key === '<<' || key === '__proto__' || Object.hasOwn(map, key)) return undefined;
      this.#blanks();
      this.#mark(map, key, this.#at);
      const value = this.value();
      if (value === undefined) return undefined;
      map[key] = value;
      const end = this.#closes('}');
      if (end !== false) return end && map;
    }
  }

  /** A key and its colon, with a blank behind it. */
  #key(): string | undefined {
    const quoted = this.#quoted();
    const plain = quoted === undefined ? this.#match(SCALAR)?.[0] : undefined;
    const key = quoted ?? (plain === undefined || plain.startsWith('-') ? undefined : resolveKey(plain));
    if (key === undefined || this.#text[this.#at] !== ':' || this.#text[this.#at + 1] !== ' ') return undefined;
    this.#at += 2;
    return key;
  }
}

/** The collection that begins at `at`, or undefined where it is none of this kind. */
export function parseFlow(
  text: string,
  at: number,
  options: { readonly lineEnd: number; readonly mark: Mark },
): Flow | undefined {
  const parser = new FlowParser(text, at, options);
  const value = parser.value();
  return value === undefined || parser.at > options.lineEnd ? undefined : { value, end: parser.at };
}
