/** Reads redirections and here-documents (POSIX, Shell Command Language, 2.7), and bash's `<<<`, `&>` and `>&FILE`. */

import type { Dialect } from './state.js';
import type { Redirection, Word } from './syntax.js';
import { BLANKS, type Cursor, literal, type WordReader } from './word-reader.js';

const REDIRECTION: Readonly<Record<Dialect, RegExp>> = {
  sh: /\d*(?:<<-?|<>|<&|>>|>&|>\||<|>)/y,
  bash: /&>>?|\d*(?:<<<|<<-?|<>|<&|>>|>&|>\||<|>)/y,
};

/** Standard error goes where standard output does. */
export const BOTH: Redirection = { kind: 'same', descriptor: 2, target: [{ kind: 'text', text: '1' }] };

export interface RedirectionSource {
  readonly cursor: Cursor;
  readonly words: WordReader;
  readonly dialect: Dialect;
  /** Where no word stands behind it. */
  readonly fail: (found: string | undefined) => never;
}

/** None where none begins here. */
export function readRedirection(source: RedirectionSource): readonly Redirection[] {
  const { cursor, words, dialect, fail } = source;
  const found = cursor.take(REDIRECTION[dialect]);
  if (found === undefined) return [];
  const [, digits = '', operator = ''] = /^(\d*)(.+)$/.exec(found) ?? [];
  const descriptor = digits === '' ? (operator.startsWith('<') ? 0 : 1) : Number(digits);
  cursor.take(BLANKS);
  const start = cursor.at;
  const target = words.word();
  if (target.length === 0) fail(cursor.take(REDIRECTION[dialect]));
  if (operator === '<<<') return [{ kind: 'lines', descriptor, lines: [...target, { kind: 'text', text: '\n' }] }];
  if (operator.startsWith('<<')) {
    const written = cursor.text.slice(start, cursor.at);
    const isQuoted = /['"\\]/.test(written);
    const text = hereDocument(cursor, literal(target) ?? written, operator === '<<-');
    return [{ kind: 'lines', descriptor, lines: isQuoted ? [{ kind: 'text', text }] : words.lines(text) }];
  }
  const isBoth = operator.startsWith('&') || (dialect === 'bash' && found === '>&' && !isDescriptor(target));
  if (isBoth) return [{ kind: 'output', descriptor: 1, target }, BOTH];
  const kind = operator.endsWith('&') ? 'same' : operator.startsWith('<') ? 'input' : 'output';
  return [{ kind, descriptor, target }];
}

const isDescriptor = (target: Word): boolean => !/[^\d-]/.test(literal(target) ?? '');

/** The lines behind this one up to that which ends them: they are taken out of what is read further. */
function hereDocument(cursor: Cursor, end: string, withoutTabs: boolean): string {
  const { text, at } = cursor;
  const newline = text.indexOf('\n', at);
  const from = newline < 0 ? text.length : newline + 1;
  const lines: string[] = [];
  let to = from;
  while (to < text.length) {
    const next = text.indexOf('\n', to);
    const whole = text.slice(to, next < 0 ? undefined : next);
    to = next < 0 ? text.length : next + 1;
    const line = withoutTabs ? whole.replace(/^\t+/, '') : whole;
    if (line === end) break;
    lines.push(next < 0 ? line : `${line}\n`);
  }
  cursor.cut(from, to);
  return lines.join('');
}
