/** A script of sed, and how far it has been read. */

import { SedError } from './syntax.js';

export class ScriptCursor {
  readonly text: string;
  #at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get next(): string {
    return this.text[this.#at] ?? '';
  }

  get atEnd(): boolean {
    return this.#at >= this.text.length;
  }

  /** Passes over what a sticky expression finds here. */
  take(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  /**
   * Up to what closes it, which is passed over (match_slash()). Behind a backslash it is that character itself.
   * Undefined where nothing closes it: a newline does not.
   */
  upTo(close: string): string | undefined {
    let text = '';
    while (!this.atEnd) {
      const one = this.next;
      this.#at += 1;
      if (one === close) return text;
      if (one !== '\\') {
        text += one;
        continue;
      }
      const escaped = this.next;
      this.#at += 1;
      text += escaped === close && close !== '&' ? close : `\\${escaped}`;
    }
    return undefined;
  }

  /** @throws SedError, `ahead` characters further on */
  fail(problem: string, ahead = 0): never {
    throw new SedError(`-e expression #1, char ${Math.min(this.#at + ahead, this.text.length)}: ${problem}`);
  }
}
