/** Reads words: quotes, `$x`, `${…}`, `$(…)`, `$((…))` and patterns of file names (POSIX, Shell Command Language, 2.2 and 2.6). */

import { ansiQuoted } from '../text/plain.js';
import { type Brace, braceExpanded, type MarkedWord, withoutBraces } from './braces.js';
import type { Dialect } from './state.js';
import type { Parameter, Part, Script, Word } from './syntax.js';

/** Thrown within this folder alone. */
export class NotRead extends Error {}

export const syntaxError = (what: string): never => {
  throw new NotRead(`Syntax error: ${what}`);
};

/** Blanks, lines that go on, comments. */
export const BLANKS = /(?:[ \t\r]|\\\n|#[^\n]*)+/y;

/** What a word says where nothing in it stands for something else. */
export const literal = (word: Word): string | undefined =>
  word.every(({ kind }) => kind === 'text')
    ? word.map((part) => ('text' in part ? part.text : '')).join('')
    : undefined;

/** What ends a word. */
const BREAK = /[\s;&|<>()]/;
const NAME = /[A-Za-z_]\w*/y;
/** `$?`, `$#`, `$@`, `$*`, `$!`, `$$`, `$-`, `$1`. */
const SPECIAL = /[?#@*!$\d-]/y;
/** Within braces numbers may be longer. */
const SPECIAL_IN_BRACES = /[?#@*!$-]|\d+/y;
const OPERATOR: Readonly<Record<Dialect, RegExp>> = {
  sh: /:?[-=+?]|%%?|##?/y,
  bash: /:?[-=+?]|%%?|##?|\/[/#%]?|\^\^?|,,?|:/y,
};
const LIST = /\[[!^]?\]?(?:\[:\w+:\]|[^\]\s$`'"\\])*\]/y;
const HOME = /~[\w.-]*(?=[/:}\s;&|<>()]|$)/y;

/** A text, and how far it has been read. */
export class Cursor {
  #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get text(): string {
    return this.#text;
  }

  /** Takes out lines further on, which are read by themselves. */
  cut(from: number, to: number): string {
    const lines = this.#text.slice(from, to);
    this.#text = this.#text.slice(0, from) + this.#text.slice(to);
    return lines;
  }

  get next(): string {
    return this.text[this.at] ?? '';
  }

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** Passes over what a sticky expression finds here. */
  take(expression: RegExp): string | undefined {
    expression.lastIndex = this.at;
    const found = expression.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  startsWith(text: string): boolean {
    return this.text.startsWith(text, this.at);
  }
}

/** Commands within words. */
export interface InnerScripts {
  readonly dialect: Dialect;
  /** Up to a `)`, which is passed over. */
  upToParenthesis(cursor: Cursor): Script;
  whole(text: string): Script;
}

/** What a backslash takes its meaning from, between double quotes and in the lines of a here-document. */
const ESCAPED = /\\[$`"\\\n]/y;
const ESCAPED_IN_LINES = /\\[$`\\\n]/y;
/** Stands nowhere else. */
const END = '\0';

export class WordReader {
  readonly #cursor: Cursor;
  readonly #scripts: InnerScripts;

  constructor(cursor: Cursor, scripts: InnerScripts) {
    this.#cursor = cursor;
    this.#scripts = scripts;
  }

  /** The lines of a here-document, of which no word is quoted. */
  lines(text: string): Word {
    return this.#within(`${text}${END}`, END, ESCAPED_IN_LINES);
  }

  /** A text of its own, as between double quotes. */
  #within(text: string, close: string, escapes: RegExp): Word {
    return new WordReader(new Cursor(text), this.#scripts).#doubleQuoted(close, escapes);
  }

  /** Empty where no word begins here. */
  word(): Word {
    return withoutBraces(this.#marked());
  }

  /** One, but for bash's `{a,b}`; what is assigned stays one. */
  words(assigned = false): readonly Word[] {
    if (assigned) return [this.value()];
    const word = this.#marked();
    if (word.length === 0) return [];
    const isBash = this.#scripts.dialect === 'bash';
    return (isBash ? braceExpanded(word) : [withoutBraces(word)]).filter(({ length }) => length > 0);
  }

  /** A regular expression, in which parentheses and strokes are of it. */
  expression(): Word {
    return withoutBraces(this.#parts((next) => /\s/.test(next)));
  }

  /** Behind `((` up to the `))`; undefined where there is none. */
  sumIfAny(): Word | undefined {
    const { at } = this.#cursor;
    try {
      return this.#arithmetic();
    } catch (error) {
      if (!(error instanceof NotRead)) throw error;
      this.#cursor.at = at;
      return undefined;
    }
  }

  sum(text: string): Word {
    return this.#within(`${text}${END}`, END, ESCAPED);
  }

  /** Behind `for ((` up to the `))`: those that semicolons part. */
  sums(): readonly Word[] {
    const { at } = this.#cursor;
    this.#arithmetic();
    return this.#cursor.text
      .slice(at, this.#cursor.at - 2)
      .split(';')
      .map((text) => this.sum(text));
  }

  #marked(): MarkedWord {
    return [...this.#home(), ...this.#parts((next) => BREAK.test(next))];
  }

  /** Of an assignment, in which every path of a list may begin at home. */
  value(): Word {
    const isEnd = (next: string): boolean => next === ':' || BREAK.test(next);
    const parts = [...this.#home(), ...withoutBraces(this.#parts(isEnd))];
    while (this.#cursor.take(/:/y) !== undefined)
      parts.push({ kind: 'text', text: ':' }, ...this.#home(), ...withoutBraces(this.#parts(isEnd)));
    return parts;
  }

  #home(): Word {
    const found = this.#cursor.take(HOME);
    return found === undefined ? [] : [{ kind: 'home', user: found.slice(1) }];
  }

  #parts(ends: (next: string) => boolean, plain: 'text' | 'bare' = 'text'): MarkedWord {
    const cursor = this.#cursor;
    const parts: (Part | Brace)[] = [];
    while (!cursor.atEnd && !ends(cursor.next)) {
      for (const part of this.#part(plain)) {
        const last = parts.at(-1);
        if (part.kind === 'bare' && last?.kind === 'bare')
          parts.splice(-1, 1, { ...part, text: last.text + part.text });
        else parts.push(part);
      }
    }
    return parts;
  }

  /** `plain`: what characters are that mean themselves. */
  #part(plain: 'text' | 'bare'): readonly (Part | Brace)[] {
    const cursor = this.#cursor;
    const isBash = this.#scripts.dialect === 'bash';
    const ansi = isBash ? cursor.take(/\$'(?:[^'\\]|\\[^])*'/y) : undefined;
    if (ansi !== undefined) return [{ kind: 'text', text: ansiQuoted(ansi.slice(2, -1)) }];
    if (isBash && cursor.startsWith('$"')) cursor.at += 1;
    const list = cursor.take(LIST);
    if (list !== undefined) return [{ kind: 'pattern', text: isBash ? list.replace(/^\[\^/, '[!') : list }];
    const { next } = cursor;
    switch (next) {
      case "'":
        return [{ kind: 'text', text: this.#singleQuoted(), quoted: true }];
      case '"':
        cursor.at += 1;
        return [{ kind: 'text', text: '' }, ...this.#doubleQuoted('"')];
      case '\\':
        cursor.at += 2;
        return [{ kind: 'text', text: cursor.text[cursor.at - 1] ?? '', quoted: true }];
      case '$':
        return [this.#dollar(false)];
      case '`':
        return [this.#backquoted(false)];
      default:
        cursor.at += 1;
        if (plain === 'text' && /[{},]/.test(next)) return [{ kind: 'brace', text: next }];
        return [{ kind: next === '*' || next === '?' ? 'pattern' : plain, text: next }];
    }
  }

  #singleQuoted(): string {
    const cursor = this.#cursor;
    const end = cursor.text.indexOf("'", cursor.at + 1);
    if (end < 0) syntaxError('Unterminated quoted string');
    const text = cursor.text.slice(cursor.at + 1, end);
    cursor.at = end + 1;
    return text;
  }

  /** Up to what closes it, which is passed over. */
  #doubleQuoted(close: string, escapes = ESCAPED): Word {
    const cursor = this.#cursor;
    const parts: Part[] = [];
    while (!cursor.startsWith(close)) {
      if (cursor.atEnd) syntaxError('Unterminated quoted string');
      const escaped = cursor.take(escapes);
      if (cursor.next === '`' && escaped === undefined) parts.push(this.#backquoted(true));
      else if (escaped !== undefined)
        parts.push({ kind: 'text', text: escaped === '\\\n' ? '' : escaped.slice(1), quoted: true });
      else if (cursor.next === '$') parts.push(this.#dollar(true));
      else {
        parts.push({ kind: 'text', text: cursor.next, quoted: true });
        cursor.at += 1;
      }
    }
    cursor.at += close.length;
    return parts;
  }

  #dollar(quoted: boolean): Part {
    const cursor = this.#cursor;
    cursor.at += 1;
    if (cursor.startsWith('((')) {
      cursor.at += 2;
      return { kind: 'arithmetic', inside: this.#arithmetic(), quoted };
    }
    if (cursor.next === '(') {
      cursor.at += 1;
      return { kind: 'output', script: this.#scripts.upToParenthesis(cursor), quoted };
    }
    if (cursor.next === '{') {
      cursor.at += 1;
      return this.#braced(quoted);
    }
    const name = cursor.take(NAME) ?? cursor.take(SPECIAL);
    if (name !== undefined) return { kind: 'parameter', name, change: undefined, quoted };
    // A dollar sign with no name behind it stands for itself.
    return { kind: 'text', text: '$' };
  }

  /** Backquotes: a backslash within is for what it would mean there. */
  #backquoted(quoted: boolean): Part {
    const cursor = this.#cursor;
    cursor.at += 1;
    const text = cursor.take(/(?:[^`\\]|\\[^])*/y) ?? '';
    if (cursor.next !== '`') syntaxError('EOF in backquote substitution');
    cursor.at += 1;
    const script = this.#scripts.whole(text.replaceAll(quoted ? /\\([$`\\"])/g : /\\([$`\\])/g, '$1'));
    return { kind: 'output', script, quoted };
  }

  /** Up to the `))` that is not of parentheses within. */
  #arithmetic(): Word {
    const cursor = this.#cursor;
    let depth = 0;
    for (let at = cursor.at; at < cursor.text.length; at += 1) {
      const one = cursor.text[at];
      if (one === '(') depth += 1;
      else if (one === ')' && depth > 0) depth -= 1;
      else if (one === ')') {
        const inner = cursor.text.slice(cursor.at, at);
        if (cursor.text[at + 1] !== ')') break;
        cursor.at = at + 2;
        return this.#within(`${inner}"`, '"', ESCAPED);
      }
    }
    return syntaxError("Missing '))'");
  }

  #braced(quoted: boolean): Parameter {
    const cursor = this.#cursor;
    const start = cursor.at;
    const isBash = this.#scripts.dialect === 'bash';
    const isLength = cursor.take(/#(?=[A-Za-z_@*#?!$\d-][\w]*(?:\[[^\]]*\])?\})/y) !== undefined;
    const indirect = isBash && cursor.take(/!(?=[A-Za-z_])/y) !== undefined;
    const name = cursor.take(NAME) ?? cursor.take(SPECIAL_IN_BRACES);
    if (name === undefined) return this.#bad(start, quoted);
    const subscript = isBash ? this.#subscript() : {};
    const parameter = { kind: 'parameter', name, quoted, indirect, ...subscript } as const;
    if (isLength) return this.#closed({ ...parameter, change: 'length' }, start);
    const operator = cursor.take(OPERATOR[this.#scripts.dialect]);
    if (operator === undefined) return this.#closed({ ...parameter, change: undefined }, start);
    if (operator === ':') {
      const word = this.#piece(/[^:}]*/y);
      const second = cursor.take(/:/y) === undefined ? undefined : this.#piece(/[^}]*/y);
      return this.#closed({ ...parameter, change: { operator, word, second } }, start);
    }
    if (operator.startsWith('/')) {
      const word = withoutBraces(this.#parts((next) => next === '/' || next === '}'));
      const second = cursor.take(/\//y) === undefined ? [] : withoutBraces(this.#parts((next) => next === '}'));
      return this.#closed({ ...parameter, change: { operator, word, second } }, start);
    }
    const isPattern = /^[%#^,]/.test(operator);
    const word =
      quoted && !isPattern
        ? this.#alternative()
        : withoutBraces([...this.#home(), ...this.#parts((next) => next === '}', isPattern ? 'text' : 'bare')]);
    return this.#closed({ ...parameter, change: { operator, word } }, start);
  }

  /** A sum within braces. */
  #piece(expression: RegExp): Word {
    return this.sum(this.#cursor.take(expression) ?? '');
  }

  #subscript(): { readonly subscript?: Word | '@' | '*' } {
    const found = this.#cursor.take(/\[[^\]\n]*\]/y)?.slice(1, -1);
    if (found === undefined) return {};
    return { subscript: found === '@' || found === '*' ? found : this.sum(found) };
  }

  /** What nobody can read is known to be wrong when somebody asks for its value. */
  #bad(start: number, quoted: boolean): Parameter {
    const cursor = this.#cursor;
    this.#parts((next) => next === '}', 'bare');
    if (cursor.next !== '}') syntaxError("Missing '}'");
    cursor.at += 1;
    return { kind: 'parameter', name: cursor.text.slice(start, cursor.at - 1), change: 'bad', quoted };
  }

  /** Of `"${x:-…}"`: double quotes within mean nothing, single ones are what they are. */
  #alternative(): Word {
    const cursor = this.#cursor;
    const parts: Part[] = [];
    while (!cursor.atEnd && cursor.next !== '}') {
      const escaped = cursor.take(/\\[$`"\\}]/y);
      if (escaped !== undefined) parts.push({ kind: 'text', text: escaped.slice(1) });
      else if (cursor.next === '$') parts.push(this.#dollar(true));
      else if (cursor.next === '`') parts.push(this.#backquoted(true));
      else if (cursor.take(/"/y) === undefined) parts.push({ kind: 'text', text: cursor.take(/[^]/y) ?? '' });
    }
    return parts;
  }

  #closed(parameter: Parameter, start: number): Parameter {
    if (this.#cursor.next !== '}') return this.#bad(start, parameter.quoted);
    this.#cursor.at += 1;
    return parameter;
  }
}
