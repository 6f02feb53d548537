/** Reads what stands between bash's `[[` and `]]`. */

import { BINARY_CONDITIONS, UNARY_CONDITIONS } from './conditional.js';
import type { Condition } from './syntax.js';
import { type Cursor, literal, syntaxError, type WordReader } from './word-reader.js';

const SPACE = /(?:\s|\\\n)+/y;

export class ConditionReader {
  readonly #cursor: Cursor;
  readonly #words: WordReader;

  constructor(cursor: Cursor, words: WordReader) {
    this.#cursor = cursor;
    this.#words = words;
  }

  /** Up to the `]]`, which is passed over. */
  whole(): Condition {
    const condition = this.#or();
    if (!this.#take(/\]\](?=[\s;&|<>()]|$)/y)) syntaxError('in conditional expression');
    return condition;
  }

  #take(expression: RegExp): boolean {
    this.#cursor.take(SPACE);
    return this.#cursor.take(expression) !== undefined;
  }

  #or(): Condition {
    let left = this.#and();
    while (this.#take(/\|\|/y)) left = { kind: 'or', left, right: this.#and() };
    return left;
  }

  #and(): Condition {
    let left = this.#not();
    while (this.#take(/&&/y)) left = { kind: 'and', left, right: this.#not() };
    return left;
  }

  #not(): Condition {
    if (this.#take(/!(?=\s)/y)) return { kind: 'not', of: this.#not() };
    if (!this.#take(/\(/y)) return this.#primary();
    const inside = this.#or();
    if (!this.#take(/\)/y)) syntaxError("expected ')'");
    return inside;
  }

  #primary(): Condition {
    this.#cursor.take(SPACE);
    const unary = this.#cursor.take(/-[a-zA-Z](?=\s)/y);
    if (unary !== undefined && UNARY_CONDITIONS.has(unary)) {
      this.#cursor.take(SPACE);
      if (this.#cursor.startsWith(']]')) syntaxError("unexpected argument ']]' to conditional unary operator");
      return { kind: 'unary', operator: unary, word: this.#words.word() };
    }
    const left = this.#words.word();
    if (left.length === 0 || literal(left) === ']]') syntaxError('in conditional expression');
    this.#cursor.take(SPACE);
    const operator = this.#cursor.take(/-[a-z]{2}(?=\s)|=~|[=!]=|[=<>]/y);
    if (operator === undefined) return { kind: 'word', word: left };
    if (!BINARY_CONDITIONS.has(operator)) syntaxError('conditional binary operator expected');
    this.#cursor.take(SPACE);
    const right = operator === '=~' ? this.#words.expression() : this.#words.word();
    if (right.length === 0) syntaxError('unexpected argument to conditional binary operator');
    return { kind: 'binary', operator, left, right };
  }
}
