/** Words on their way, and how IFS takes a value apart (POSIX, Shell Command Language, 2.6.5). */

import { bracketSource } from '../text/regexp.js';

/** A word, and the pattern of file names that it is. */
export interface Field {
  readonly text: string;
  /** Undefined where nothing in it stands for other names. */
  readonly pattern: string | undefined;
}

export const DEFAULT_IFS = ' \t\n';

export const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);

/** What a text without quotes is taken apart into: what stands for others, and the rest. */
export const PATTERNS = /[*?]|\[[!^]?\]?(?:\[:\w+:\]|[^\]])*\]|[^*?[]+|\[/g;
export const isPattern = (part: string): boolean => /^(?:[*?]|\[.+\])$/s.test(part);

/** `*` and `?` of names stop at slashes (POSIX, 2.13.3), those of values do not; `[!a]` is `[^a]`, and `^` a character. */
export function patternSource(text: string, anyCharacter: '[^/]' | '[^]'): string {
  if (text === '*') return `${anyCharacter}*`;
  if (text === '?') return anyCharacter;
  return bracketSource(text.replace(/^\[\^(.+)\]$/s, '[$1^]').replace(/^\[!/, '[^'));
}

/** What parts words: blanks of IFS, however many, with one other of its characters among them at most. */
function separatorOf(ifs: string): RegExp | undefined {
  if (ifs === '') return undefined;
  const set = (characters: string): string => (characters === '' ? '(?!)' : `[${escaped(characters)}]`);
  const blanks = set(ifs.replaceAll(/[^ \t\n]/g, ''));
  const others = set(ifs.replaceAll(/[ \t\n]/g, ''));
  return new RegExp(`(${blanks}*${others}${blanks}*|${blanks}+)`);
}

const isBlank = (separator: string): boolean => /^[ \t\n]+$/.test(separator);

export class Fields {
  readonly #fields: Field[] = [];
  #isOpen = false;

  add(text: string, pattern?: string): void {
    const before = this.#isOpen ? this.#fields.pop() : undefined;
    const known = before?.pattern ?? (pattern === undefined ? undefined : escaped(before?.text ?? ''));
    this.#fields.push({
      text: (before?.text ?? '') + text,
      pattern: known === undefined ? undefined : known + (pattern ?? escaped(text)),
    });
    this.#isOpen = true;
  }

  end(): void {
    this.#isOpen = false;
  }

  /** Taken apart as IFS says; what is a pattern in it is one. */
  addSplit(text: string, ifs: string): void {
    const separator = separatorOf(ifs);
    const pieces = separator === undefined ? [text] : text.split(separator);
    for (const [i, piece] of pieces.entries()) {
      if (i % 2 === 0) this.#addPatterns(piece);
      else {
        // Two that are no blanks have an empty word between them.
        if (!isBlank(piece) && !this.#isOpen) this.add('');
        this.end();
      }
    }
  }

  #addPatterns(text: string): void {
    for (const [part] of text.matchAll(PATTERNS))
      this.add(part, isPattern(part) ? patternSource(part, '[^/]') : undefined);
  }

  get all(): readonly Field[] {
    return this.#fields;
  }
}

/** A line in as many words as there are names: the last one has the rest, without blanks and one separator at its end. */
export function readWords(line: string, count: number, ifs: string): readonly string[] {
  const separator = separatorOf(ifs);
  if (separator === undefined) return [line];
  const blanks = ifs.replaceAll(/[^ \t\n]/g, '');
  const trimmed = (text: string, at: 'start' | 'end'): string => {
    if (blanks === '') return text;
    const some = `[${escaped(blanks)}]+`;
    return text.replace(new RegExp(at === 'start' ? `^${some}` : `${some}$`), '');
  };
  const words: string[] = [];
  let left = trimmed(line, 'start');
  while (words.length < count - 1) {
    const found = separator.exec(left);
    if (found === null) break;
    words.push(left.slice(0, found.index));
    left = left.slice(found.index + found[0].length);
  }
  const rest = trimmed(left, 'end');
  const [before = '', between = '', behind] = rest.split(separator);
  return [...words, behind === '' && between !== '' ? before : rest];
}
