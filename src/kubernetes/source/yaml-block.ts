/**
 * A parser for YAML in the layout that kubectl and most people write: block maps and lists, plain and
 * quoted scalars, `|` texts, comments, and flow collections of a line. It is some thirty times as fast as a
 * full YAML parser and must never disagree with one: at the first thing outside that layout (longer flow
 * collections, anchors, tags, tabs, `>` texts, doubtful indentation, repeated keys, any mistake) it gives up,
 * and the full parser reads the document.
 *
 * Positions cost nothing until they are asked for: then the same text is parsed again with `Marks`.
 */

import type { Json } from './json.js';
import { parseFlow } from './yaml-flow.js';
import { resolveKey, resolvePlain } from './yaml-scalar.js';

/** Where each field of each map and list stands: the value's offset if it shares the key's line, else the key's. */
export type Marks = Map<object, Map<string | number, number>>;

export interface BlockOptions {
  /** Reads a quoted scalar with escapes or line folds: the full parser's work. */
  readonly quoted: (text: string) => string | undefined;
  readonly marks?: Marks;
}

export interface BlockDocument {
  readonly value: Json;
  /** Offsets of the lines on which the items of a top-level `items:` start. */
  readonly itemOffsets: readonly number[];
}

/** Thrown and caught in this file only: the text is not in the layout. */
class OtherLayout extends Error {}

const MAX_DEPTH = 100;
const SPACE = 0x20;
const TAB = 0x09;
const NEWLINE = 0x0a;
const HASH = 0x23;
const DASH = 0x2d;

/** A key without quotes has no blank in it and begins with no indicator; a colon inside needs something behind it. */
const KEY = /(?:([A-Za-z0-9_.$/^(<=+\\][^\s:]*(?::[^\s:]+)*)|"([^"\\\n]*)"|'([^'\n]*)')[ ]*:(?=[ \n]|$)/y;
/** Characters that a plain scalar does not begin with, in this layout. */
const INDICATORS: ReadonlySet<string> = new Set('[]{},&*!|>%@`#?:-"\''.split(''));
const TRAILING_BLANKS = / +$/;
const LITERAL = /\|([-+]?)([1-9]?)([-+]?)[ ]*(?=\n|$)/y;

class BlockParser {
  readonly #text: string;
  readonly #end: number;
  readonly #quoted: (text: string) => string | undefined;
  readonly #marks: Marks | undefined;
  readonly itemOffsets: number[] = [];
  /** The line in hand: where it starts, where its content starts and how far that is indented, where it ends. */
  #lineStart = 0;
  #content = 0;
  #indent = 0;
  #lineEnd = -1;
  #done = false;
  #depth = 0;

  constructor(text: string, { quoted, marks }: BlockOptions) {
    this.#text = text;
    this.#end = text.length;
    this.#quoted = quoted;
    this.#marks = marks;
  }

  document(): Json {
    this.#nextLine();
    if (this.#done) return null;
    const value = this.#node();
    if (!this.#done) throw new OtherLayout();
    return value;
  }

  /** One item of a list, for a text that begins at its dash's line. */
  item(): Json {
    this.#nextLine();
    if (this.#done || !this.#isDash()) throw new OtherLayout();
    return this.#list(this.#indent);
  }

  /** Moves to the next line that has something to say. */
  #nextLine(): void {
    for (;;) {
      const start = this.#lineEnd + 1;
      if (start >= this.#end) {
        this.#done = true;
        return;
      }
      let at = start;
      while (this.#text.charCodeAt(at) === SPACE) at++;
      const end = this.#text.indexOf('\n', at);
      this.#lineStart = start;
      this.#lineEnd = end < 0 ? this.#end : end;
      const first = this.#text.charCodeAt(at);
      if (at >= this.#lineEnd || first === HASH) continue;
      if (first === TAB) throw new OtherLayout();
      this.#content = at;
      this.#indent = at - start;
      return;
    }
  }

  /** `- something`, or a dash that ends its line. */
  #isDash(): boolean {
    if (this.#text.charCodeAt(this.#content) !== DASH) return false;
    const next = this.#text.charCodeAt(this.#content + 1);
    return next === SPACE || next === NEWLINE || Number.isNaN(next);
  }

  #node(): Json {
    if (++this.#depth > MAX_DEPTH) throw new OtherLayout();
    const value = this.#isDash() ? this.#list(this.#indent) : this.#map(this.#indent);
    this.#depth--;
    return value;
  }

  #map(indent: number): Json {
    const map: Record<string, Json> = {};
    while (!this.#done && this.#indent === indent && !this.#isDash()) {
      const keyAt = this.#content;
      const key = this.#key();
      if (key === undefined || key === '<<' || key === '__proto__' || Object.hasOwn(map, key)) throw new OtherLayout();
      const valueAt = this.#skipBlanks(KEY.lastIndex);
      this.#mark(map, key, valueAt < 0 ? keyAt : valueAt);
      map[key] = valueAt < 0 ? this.#below(indent, key) : this.#inline(valueAt, indent);
    }
    if (!this.#done && this.#indent >= indent) throw new OtherLayout();
    return map;
  }

  /** The key that the line in hand begins with; `KEY.lastIndex` is then behind its colon. */
  #key(): string | undefined {
    KEY.lastIndex = this.#content;
    const match = KEY.exec(this.#text);
    if (match === null) return undefined;
    const [, plain, double, single] = match;
    return plain === undefined ? (double ?? single) : resolveKey(plain);
  }

  /** The next character of this line that is neither blank nor in a comment, or -1. */
  #skipBlanks(from: number): number {
    let at = from;
    while (this.#text.charCodeAt(at) === SPACE) at++;
    if (at >= this.#lineEnd) return -1;
    const char = this.#text.charCodeAt(at);
    if (char === TAB) throw new OtherLayout();
    return char === HASH && at > from ? -1 : at;
  }

  /** The value of `key:` with nothing behind the colon: what stands deeper, or a list at the same depth, or null. */
  #below(indent: number, key: string): Json {
    this.#nextLine();
    if (this.#done || this.#indent < indent) return null;
    if (this.#indent > indent) return this.#recordingItems(key, indent, () => this.#node());
    return this.#isDash() ? this.#recordingItems(key, indent, () => this.#list(indent)) : null;
  }

  #recordingItems(key: string, indent: number, parse: () => Json): Json {
    if (key !== 'items' || indent !== 0 || !this.#isDash()) return parse();
    return this.#list(this.#indent, this.itemOffsets);
  }

  #list(indent: number, offsets?: number[]): Json {
    if (++this.#depth > MAX_DEPTH) throw new OtherLayout();
    const list: Json[] = [];
    while (!this.#done && this.#indent === indent && this.#isDash()) {
      offsets?.push(this.#lineStart);
      const valueAt = this.#skipBlanks(this.#content + 1);
      this.#mark(list, list.length, valueAt < 0 ? this.#content : valueAt);
      list.push(valueAt < 0 ? this.#belowDash(indent) : this.#behindDash(valueAt, indent));
    }
    if (!this.#done && this.#indent > indent) throw new OtherLayout();
    this.#depth--;
    return list;
  }

  #belowDash(indent: number): Json {
    this.#nextLine();
    return this.#done || this.#indent <= indent ? null : this.#node();
  }

  /** What follows `- ` on its line: a map or list as if it stood on a line of its own, or a scalar. */
  #behindDash(valueAt: number, indent: number): Json {
    const dashAt = this.#content;
    this.#content = valueAt;
    this.#indent = indent + (valueAt - dashAt);
    if (this.#isDash()) return this.#node();
    KEY.lastIndex = valueAt;
    return KEY.test(this.#text) ? this.#node() : this.#inline(valueAt, indent);
  }

  /** A scalar, or an empty collection, that begins on the line in hand. `indent` is its parent's. */
  #inline(at: number, indent: number): Json {
    const char = this.#text.charAt(at);
    if (!INDICATORS.has(char)) return this.#plain(at, indent);
    if (char === '"' || char === "'") return this.#quotedScalar(at, char, indent);
    if (char === '|') return this.#literal(at, indent);
    if (char === '{' || char === '[') return this.#flow(at);
    // "-1" and ":8080" are plain: an indicator only before a blank.
    const next = this.#text.charAt(at + 1);
    if ((char === '-' || char === ':' || char === '?') && next !== '' && next !== ' ' && next !== '\n') {
      return this.#plain(at, indent);
    }
    throw new OtherLayout();
  }

  #flow(at: number): Json {
    const mark = (container: object, key: string | number, offset: number): void => this.#mark(container, key, offset);
    const flow = parseFlow(this.#text, at, { lineEnd: this.#lineEnd, mark });
    if (flow === undefined) throw new OtherLayout();
    this.#endOfValue(flow.end);
    return flow.value;
  }

  #endOfValue(at: number): void {
    if (at < this.#lineEnd && this.#text.charCodeAt(at) !== SPACE) throw new OtherLayout();
    if (this.#skipBlanks(at) >= 0) throw new OtherLayout();
    this.#nextLine();
  }

  #plain(at: number, indent: number): Json {
    const first = this.#text.slice(at, this.#lineEnd);
    const comment = first.indexOf(' #');
    const text = this.#plainLine(comment < 0 ? first : first.slice(0, comment));
    const scalarEnd = this.#lineEnd;
    this.#nextLine();
    if (this.#done || this.#indent <= indent) return resolvePlain(text);
    if (comment >= 0) throw new OtherLayout();
    return resolvePlain(this.#folded(text, scalarEnd, indent));
  }

  #plainLine(line: string): string {
    if (line.includes(': ') || line.includes('\t') || line.includes(' #')) throw new OtherLayout();
    const text = line.replace(TRAILING_BLANKS, ''); // not trimEnd(): a no-break space is content
    if (text.endsWith(':')) throw new OtherLayout();
    return text;
  }

  /** A plain scalar over several lines: one line break is a blank, n of them are n - 1 newlines (YAML 1.2 §7.3.3). */
  #folded(first: string, firstEnd: number, indent: number): string {
    let text = first;
    let end = firstEnd;
    while (!this.#done && this.#indent > indent) {
      const between = this.#text.slice(end + 1, this.#lineStart);
      if (between.includes('#')) throw new OtherLayout();
      const blankLines = between === '' ? 0 : between.split('\n').length - 1;
      const line = this.#plainLine(this.#text.slice(this.#content, this.#lineEnd));
      text += (blankLines === 0 ? ' ' : '\n'.repeat(blankLines)) + line;
      end = this.#lineEnd;
      this.#nextLine();
    }
    return text;
  }

  #quotedScalar(at: number, quote: string, indent: number): string {
    const close = this.#closingQuote(at + 1, quote);
    if (close <= this.#lineEnd) {
      const inner = this.#text.slice(at + 1, close);
      this.#endOfValue(close + 1);
      return inner.includes(quote === '"' ? '\\' : "'") ? this.#unquoted(quote + inner + quote) : inner;
    }
    // Over several lines: each must be deeper than the parent.
    while (this.#lineEnd < close) {
      this.#nextLine();
      if (this.#done || this.#indent <= indent) throw new OtherLayout();
    }
    const text = this.#text.slice(at, close + 1);
    if (/\n[ ]*#/.test(text)) throw new OtherLayout(); // nextLine() took it for a comment
    this.#endOfValue(close + 1);
    return this.#unquoted(text);
  }

  #closingQuote(from: number, quote: string): number {
    for (let at = from; ; at++) {
      at = this.#text.indexOf(quote, at);
      if (at < 0) throw new OtherLayout();
      if (quote === "'") {
        if (this.#text.charAt(at + 1) !== "'") return at;
        at++;
        continue;
      }
      let backslashes = 0;
      while (this.#text.charAt(at - 1 - backslashes) === '\\') backslashes++;
      if (backslashes % 2 === 0) return at;
    }
  }

  #unquoted(text: string): string {
    const value = this.#quoted(text);
    if (value === undefined) throw new OtherLayout();
    return value;
  }

  /** `|` and its lines (YAML 1.2 §8.1). */
  #literal(at: number, parentIndent: number): string {
    LITERAL.lastIndex = at;
    const header = LITERAL.exec(this.#text);
    if (header === null || (header[1] !== '' && header[3] !== '')) throw new OtherLayout();
    const chomp = header[1] || header[3];
    const lines = this.#literalLines(header[2] === '' ? undefined : parentIndent + Number(header[2]), parentIndent);
    let last = lines.length;
    while (last > 0 && lines[last - 1] === '') last--;
    const body = lines.slice(0, last).join('\n');
    if (chomp === '-') return body;
    if (chomp === '+') return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
    return last === 0 ? '' : `${body}\n`;
  }

  #literalLines(given: number | undefined, parentIndent: number): string[] {
    let indent = given;
    const lines: string[] = [];
    let widestBlank = 0;
    let at = this.#lineEnd + 1;
    while (at < this.#end) {
      const newline = this.#text.indexOf('\n', at);
      const end = newline < 0 ? this.#end : newline;
      let content = at;
      while (this.#text.charCodeAt(content) === SPACE) content++;
      const width = Math.min(content, end) - at;
      if (content >= end) {
        if (indent === undefined) widestBlank = Math.max(widestBlank, width);
        lines.push(indent === undefined ? '' : this.#text.slice(at + indent, end));
      } else {
        indent ??= Math.max(width, parentIndent + 1);
        if (width < indent) {
          if (this.#text.charCodeAt(content) === TAB) throw new OtherLayout();
          break;
        }
        lines.push(this.#text.slice(at + indent, end));
      }
      this.#lineEnd = end;
      at = end + 1;
    }
    if (indent !== undefined && widestBlank > indent) throw new OtherLayout();
    this.#nextLine();
    return lines;
  }

  #mark(container: object, key: string | number, offset: number): void {
    if (this.#marks === undefined) return;
    const fields = this.#marks.get(container);
    if (fields === undefined) this.#marks.set(container, new Map([[key, offset]]));
    else fields.set(key, offset);
  }
}

const attempt = <T>(parse: () => T): T | undefined => {
  try {
    return parse();
  } catch (error) {
    if (error instanceof OtherLayout) return undefined;
    throw error;
  }
};

/** The document, or undefined where the text is not in this layout. */
export function parseBlock(text: string, options: BlockOptions): BlockDocument | undefined {
  if (text.includes('\r')) return undefined;
  return attempt(() => {
    const parser = new BlockParser(text, options);
    const value = parser.document();
    return { value, itemOffsets: parser.itemOffsets };
  });
}

/** A list of the one item that `text` begins with, for positions inside a long list. */
export const parseBlockItem = (text: string, options: BlockOptions): Json | undefined =>
  attempt(() => new BlockParser(text, options).item());
