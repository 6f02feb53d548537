/** Options that begin with keywords: the longest sequence that a table knows decides. */

import type { Parsing } from './parsing.js';

export type OptionHandler<D> = (p: Parsing, draft: D) => void;

export class OptionTable<D> {
  readonly #handlers: ReadonlyMap<string, OptionHandler<D>>;
  readonly #beginnings = new Set<string>();

  constructor(handlers: Readonly<Record<string, OptionHandler<D>>>) {
    this.#handlers = new Map(Object.entries(handlers));
    for (const name of this.#handlers.keys()) {
      const words = name.split(' ');
      for (let i = 1; i <= words.length; i++) this.#beginnings.add(words.slice(0, i).join(' '));
    }
  }

  /** Reads the option that stands here; false where the table has none. */
  parse(p: Parsing, draft: D): boolean {
    let name = '';
    let found: { handler: OptionHandler<D>; words: number } | undefined;
    for (let ahead = 0; p.is('keyword', undefined, ahead); ahead++) {
      name = ahead === 0 ? p.peek().text : `${name} ${p.peek(ahead).text}`;
      if (!this.#beginnings.has(name)) break;
      const handler = this.#handlers.get(name);
      if (handler !== undefined) found = { handler, words: ahead + 1 };
    }
    if (found === undefined) return false;
    for (let i = 0; i < found.words; i++) p.next();
    found.handler(p, draft);
    return true;
  }
}
