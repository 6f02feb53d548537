/** The text of an input file, and where in it something stands. */

export interface SourceText {
  /** As it is to be shown: a path, or `-` for standard input. */
  readonly file: string;
  readonly text: string;
}

export interface Position {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/** Newlines are counted once for each stretch of this many characters, and only when a message needs a line. */
const STRETCH = 0x10000;

export class SourceFile {
  readonly file: string;
  readonly text: string;
  /** `#newlines[i]` is the number of newlines before character `i * STRETCH`. */
  readonly #newlines: number[] = [0];
  /** The last newline that was looked for: from where on there is none before it. */
  #next = { asked: 0, found: -1 };

  constructor(source: SourceText) {
    this.file = source.file;
    this.text = source.text.startsWith('\uFEFF') ? source.text.slice(1) : source.text;
  }

  #count(from: number, to: number): number {
    let count = 0;
    for (let at = this.#nextNewline(from); at < to; at = this.#nextNewline(at + 1)) count++;
    return count;
  }

  /** Infinite where there is none. What was found is kept: a line may be as long as the text. */
  #nextNewline(from: number): number {
    const { asked, found } = this.#next;
    if (from >= asked && from <= found) return found;
    const at = this.text.indexOf('\n', from);
    this.#next = { asked: from, found: at < 0 ? Number.POSITIVE_INFINITY : at };
    return this.#next.found;
  }

  /** The n-th line of the block scalar (`key: |`) that begins at `offset`, or undefined where there is none. */
  lineOfBlock(offset: number, line: number): Position | undefined {
    const end = this.text.indexOf('\n', offset);
    if (end < 0 || !/[|>][-+0-9]*[ \t]*(?:#.*)?\r?$/.test(this.text.slice(offset, end))) return undefined;
    const first = this.position(end + 1);
    return { ...first, line: first.line + line - 1 };
  }

  position(offset: number): Position {
    const stretch = Math.floor(offset / STRETCH);
    for (let i = this.#newlines.length; i <= stretch; i++) {
      this.#newlines.push((this.#newlines[i - 1] ?? 0) + this.#count((i - 1) * STRETCH, i * STRETCH));
    }
    const line = (this.#newlines[stretch] ?? 0) + this.#count(stretch * STRETCH, offset) + 1;
    const lineStart = offset === 0 ? 0 : this.text.lastIndexOf('\n', offset - 1) + 1;
    return { file: this.file, line, column: offset - lineStart + 1 };
  }
}
