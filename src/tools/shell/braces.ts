/** bash's `{a,b}` and `{1..5}`: one word becomes several before anything in it is looked at (bash(1), Brace Expansion). */

import type { Part, Word } from './syntax.js';

/** A `{`, `,` or `}` that nobody has quoted. */
export interface Brace {
  readonly kind: 'brace';
  readonly text: string;
}
export type MarkedWord = readonly (Part | Brace)[];

const isBrace = (part: Part | Brace | undefined, text: string): boolean => part?.kind === 'brace' && part.text === text;

const SEQUENCE = /^(?:(-?\d+)\.\.(-?\d+)|([A-Za-z])\.\.([A-Za-z]))(?:\.\.(-?\d+))?$/;
/** A sequence of more is left as it is written. */
const MOST = 10_000;

function counted(from: number, to: number, step: number): readonly number[] {
  const count = Math.floor(Math.abs(to - from) / step) + 1;
  return count > MOST ? [] : Array.from({ length: count }, (_, i) => from + (to < from ? -i : i) * step);
}

/** `1..5`, `05..10`, `a..e..2`. */
function sequence(text: string): readonly string[] {
  const [, from, to, first, last, by = '1'] = SEQUENCE.exec(text) ?? [];
  const step = Math.abs(Number(by)) || 1;
  if (first !== undefined && last !== undefined)
    return counted(first.charCodeAt(0), last.charCodeAt(0), step).map((code) => String.fromCharCode(code));
  if (from === undefined || to === undefined) return [];
  const width = [from, to].some((one) => /^-?0\d/.test(one)) ? Math.max(from.length, to.length) : 0;
  return counted(Number(from), Number(to), step).map((value) => {
    const digits = String(Math.abs(value)).padStart(value < 0 ? width - 1 : width, '0');
    return value < 0 ? `-${digits}` : digits;
  });
}

const plain = (word: MarkedWord): string | undefined =>
  word.every(({ kind }) => kind === 'text')
    ? word.map((part) => ('text' in part ? part.text : '')).join('')
    : undefined;

/** What stands between two braces: what its commas part, or a sequence. None where it is neither. */
function alternatives(inside: MarkedWord): readonly MarkedWord[] {
  const all: (Part | Brace)[][] = [[]];
  let depth = 0;
  for (const part of inside) {
    if (isBrace(part, '{')) depth += 1;
    if (isBrace(part, '}')) depth -= 1;
    if (depth === 0 && isBrace(part, ',')) all.push([]);
    else all.at(-1)?.push(part);
  }
  if (all.length > 1) return all;
  return sequence(plain(inside) ?? '').map((text) => [{ kind: 'text', text }]);
}

function closing(word: MarkedWord, open: number): number {
  let depth = 0;
  for (let i = open; i < word.length; i += 1) {
    if (isBrace(word[i], '{')) depth += 1;
    else if (isBrace(word[i], '}')) depth -= 1;
    if (depth === 0) return i;
  }
  return -1;
}

export const withoutBraces = (word: MarkedWord): Word =>
  word.map((part) => (part.kind === 'brace' ? { kind: 'text', text: part.text } : part));

export function braceExpanded(word: MarkedWord): readonly Word[] {
  for (const [open, part] of word.entries()) {
    if (!isBrace(part, '{')) continue;
    const close = closing(word, open);
    const choices = close < 0 ? [] : alternatives(word.slice(open + 1, close));
    if (choices.length === 0) continue;
    const before = withoutBraces(word.slice(0, open));
    const behind = braceExpanded(word.slice(close + 1));
    return choices.flatMap(braceExpanded).flatMap((choice) => behind.map((rest) => [...before, ...choice, ...rest]));
  }
  return [withoutBraces(word)];
}
