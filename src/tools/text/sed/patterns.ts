/** `s/PATTERN/REPLACEMENT/FLAGS`, and patterns of addresses. */

import { posixTextRegExp } from '../regexp.js';
import type { ScriptCursor } from './script-cursor.js';
import { type ReplacementPart, SedError, type Substitution } from './syntax.js';

const CONTROL: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** Within brackets too GNU's sed knows them. */
const withControls = (source: string): string =>
  source.replaceAll(/\\([^])/g, (whole, letter: string) => CONTROL[letter] ?? whole);

interface PatternPlace {
  readonly cursor: ScriptCursor;
  readonly flags: string;
  readonly extended: boolean;
}

/** Undefined: the one that was looked for last. */
export function patternOf(source: string, { cursor, flags, extended }: PatternPlace): RegExp | undefined {
  if (source === '') return undefined;
  const pattern = posixTextRegExp(withControls(source), {
    kind: extended ? 'extended' : 'basic',
    flags: (/[Ii]/.test(flags) ? 'i' : '') + (/[Mm]/.test(flags) ? 'm' : ''),
  });
  return 'problem' in pattern ? cursor.fail(pattern.problem) : pattern;
}

const groupsIn = (pattern: RegExp): number => (new RegExp(`${pattern.source}|`).exec('')?.length ?? 1) - 1;

function replacementPart(whole: string): ReplacementPart {
  if (whole === '&') return { kind: 'group', number: 0 };
  const letter = whole.slice(1);
  if (!whole.startsWith('\\')) return { kind: 'text', text: whole };
  if (/\d/.test(letter)) return { kind: 'group', number: Number(letter) };
  if (/[ULEul]/.test(letter)) return { kind: 'case', letter };
  return { kind: 'text', text: CONTROL[letter] ?? letter };
}

const FLAGS = /[gpiImM]|\d+|[^\s;#}]/y;

/** @throws SedError */
export function parseSubstitution(cursor: ScriptCursor, extended: boolean): Substitution {
  const unfinished = "unterminated `s' command";
  const close = cursor.take(/[^\n\\]/y) ?? cursor.fail(unfinished);
  const source = cursor.upTo(close) ?? cursor.fail(unfinished);
  const replacement = cursor.upTo(close) ?? cursor.fail(unfinished);
  const flags: string[] = [];
  for (let flag = cursor.take(FLAGS); flag !== undefined; flag = cursor.take(FLAGS)) {
    if (flag === 'w' || flag === 'e')
      throw new SedError(`the flag ${flag} of s is not offered here: no file is written, and no program run by it`);
    if (!/^(?:[gpiImM]|\d+)$/.test(flag)) cursor.fail("unknown option to `s'");
    if (/[gp]/.test(flag) && flags.includes(flag)) cursor.fail(`multiple \`${flag}' options to \`s' command`);
    if (/\d/.test(flag) && flags.some((one) => /\d/.test(one))) cursor.fail("multiple number options to `s' command");
    if (/^0+$/.test(flag)) cursor.fail("number option to `s' command may not be zero");
    flags.push(flag);
  }
  const pattern = patternOf(source, { cursor, flags: flags.join(''), extended });
  const parts = [...replacement.matchAll(/\\[^]|&|[^\\&]+/g)].map(([whole]) => replacementPart(whole));
  const most = Math.max(0, ...parts.map((part) => (part.kind === 'group' ? part.number : 0)));
  if (pattern !== undefined && most > groupsIn(pattern))
    cursor.fail(`invalid reference \\${most} on \`s' command's RHS`);
  return {
    kind: 's',
    pattern,
    replacement: parts,
    all: flags.includes('g'),
    print: flags.includes('p'),
    number: Number(flags.find((flag) => /\d/.test(flag)) ?? 1),
  };
}

/** As the replacement says: `\U` and `\L` up to `\E`, `\u` and `\l` for a letter. */
export function replaced(parts: readonly ReplacementPart[], groups: readonly (string | undefined)[]): string {
  let result = '';
  let lasting = 'E';
  let once = '';
  for (const part of parts) {
    if (part.kind === 'case') {
      if (/[ul]/.test(part.letter)) once = part.letter;
      else lasting = part.letter;
      continue;
    }
    const text = part.kind === 'text' ? part.text : (groups[part.number] ?? '');
    let cased = lasting === 'U' ? text.toUpperCase() : lasting === 'L' ? text.toLowerCase() : text;
    if (once !== '' && cased !== '') {
      const first = cased.charAt(0);
      cased = (once === 'u' ? first.toUpperCase() : first.toLowerCase()) + cased.slice(1);
      once = '';
    }
    result += cased;
  }
  return result;
}
