/** `grep`, `egrep`, `fgrep` of GNU grep 3.8: lines in which a pattern is found. */

import { type LongOption, type OrderedOption, orderedOptions } from '../getopt.js';
import { failure, lines, type Tool, type ToolResult } from '../tool.js';
import { linesOf, readTexts, type TextFile } from './input.js';
import { posixRegExp, type RegExpKind } from './regexp.js';

const SHORT = 'A:B:C:EFGHLPce:hilm:noqrsvwxy';
const LONG: readonly LongOption[] = [
  ['after-context', 'A', 'value'],
  ['before-context', 'B', 'value'],
  ['context', 'C', 'value'],
  ['color', '', 'optional'],
  ['colour', '', 'optional'],
  ['count', 'c', 'flag'],
  ['extended-regexp', 'E', 'flag'],
  ['files-with-matches', 'l', 'flag'],
  ['files-without-match', 'L', 'flag'],
  ['fixed-strings', 'F', 'flag'],
  ['basic-regexp', 'G', 'flag'],
  ['perl-regexp', 'P', 'flag'],
  ['ignore-case', 'i', 'flag'],
  ['invert-match', 'v', 'flag'],
  ['line-number', 'n', 'flag'],
  ['line-regexp', 'x', 'flag'],
  ['max-count', 'm', 'value'],
  ['no-filename', 'h', 'flag'],
  ['no-messages', 's', 'flag'],
  ['only-matching', 'o', 'flag'],
  ['quiet', 'q', 'flag'],
  ['silent', 'q', 'flag'],
  ['regexp', 'e', 'value'],
  ['with-filename', 'H', 'flag'],
  ['word-regexp', 'w', 'flag'],
];

const USAGE = "Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.";
const KINDS: Readonly<Record<string, RegExpKind>> = { E: 'extended', F: 'fixed', G: 'basic', P: 'perl' };

interface Search {
  readonly pattern: RegExp;
  readonly flags: ReadonlySet<string>;
  readonly before: number;
  readonly after: number;
  /** `-m`. */
  readonly most: number;
  readonly named: boolean;
}

/** `NUMBER:` behind a selected line's name, `NUMBER-` behind that of its context. */
function prefix(file: TextFile, number: number, { flags, named }: Search, sign: ':' | '-'): string {
  const name = file.name === '-' ? '(standard input)' : file.name;
  return (named ? name + sign : '') + (flags.has('n') ? `${number}${sign}` : '');
}

interface Found {
  readonly rows: readonly string[];
  readonly count: number;
}

/** Lines around those at `selected` too, and `--` where some are left out between them. */
function withContext(file: TextFile, all: readonly string[], selected: readonly number[], search: Search): string[] {
  const rows: string[] = [];
  const isSelected = new Set(selected);
  const hasContext = search.before > 0 || search.after > 0;
  let next = 0;
  selected.forEach((at, i) => {
    const first = Math.max(next, at - search.before);
    if (hasContext && i > 0 && first > next) rows.push('--');
    // Behind the last line that `-m` allows its context goes on to what would be selected next.
    const last = Math.min(all.length - 1, at + search.after);
    for (next = first; next <= last && (next <= at || !isSelected.has(next)); next++)
      rows.push(prefix(file, next + 1, search, next === at ? ':' : '-') + (all[next] ?? ''));
  });
  return rows;
}

function searchFile(file: TextFile, search: Search): Found {
  const { pattern, flags, most } = search;
  const all = linesOf(file.text);
  const selected: number[] = [];
  for (let i = 0; i < all.length && selected.length < most; i++)
    if ((all[i] ?? '').search(pattern) >= 0 !== flags.has('v')) selected.push(i);
  const count = selected.length;
  if (flags.has('q')) return { count, rows: [] };
  if (flags.has('l') || flags.has('L')) {
    const name = file.name === '-' ? '(standard input)' : file.name;
    return { count, rows: count > 0 === flags.has('l') ? [name] : [] };
  }
  if (flags.has('c')) return { count, rows: [prefix(file, 0, { ...search, flags: new Set() }, ':') + count] };
  if (!flags.has('o')) return { count, rows: withContext(file, all, selected, search) };
  const parts = (at: number): string[] =>
    flags.has('v') ? [] : [...(all[at] ?? '').matchAll(pattern)].map(([part]) => part).filter((part) => part !== '');
  return { count, rows: selected.flatMap((at) => parts(at).map((part) => prefix(file, at + 1, search, ':') + part)) };
}

interface Given {
  readonly words: readonly string[];
  readonly flags: ReadonlySet<string>;
  readonly patterns: readonly string[];
  readonly numbers: ReadonlyMap<string, number>;
  readonly kind: RegExpKind;
}

const NUMBERS: Readonly<Record<string, string>> = {
  A: 'invalid context length argument',
  B: 'invalid context length argument',
  C: 'invalid context length argument',
  m: 'invalid max count',
};

function sortOptions(options: readonly OrderedOption[], rest: readonly string[], kind: RegExpKind): Given | ToolResult {
  const words: string[] = [];
  const flags = new Set<string>();
  const patterns: string[] = [];
  const numbers = new Map<string, number>();
  let chosen = kind;
  for (const { letter, value = '' } of options) {
    if (letter === undefined) words.push(value);
    else if (letter === 'e') patterns.push(value);
    else if (NUMBERS[letter] !== undefined) {
      if (!/^\d+$/.test(value)) return failure(2, `grep: ${letter === 'm' ? '' : `${value}: `}${NUMBERS[letter]}`);
      numbers.set(letter, Number(value));
    } else flags.add(letter === 'y' ? 'i' : letter);
    chosen = KINDS[letter ?? ''] ?? chosen;
  }
  return { words: [...words, ...rest], flags, patterns, numbers, kind: chosen };
}

/** `-3` is `-C3`. */
const withContextOption = (args: readonly string[]): readonly string[] =>
  args.map((word) => word.replace(/^-(\d+)$/, '-C$1'));

/** One that takes basic expressions, or what its name says. */
export const grepOf =
  (kind: RegExpKind): Tool =>
  (place, args, input = '') => {
    const { options, rest, bad } = orderedOptions(withContextOption(args), { short: SHORT, long: LONG });
    if (bad !== undefined) {
      const letter = bad.written.startsWith('--') ? '' : (bad.written.at(-1) ?? '');
      const why = bad.why === 'unknown' ? 'invalid option' : 'option requires an argument';
      const what = letter === '' ? `unrecognized option '${bad.written}'` : `${why} -- '${letter}'`;
      return failure(2, `grep: ${what}\n${USAGE}`);
    }
    const given = sortOptions(options, rest, kind);
    if ('exitCode' in given) return given;
    const { flags, numbers } = given;
    const [first, ...others] = given.words;
    const patterns = given.patterns.length > 0 ? given.patterns : first === undefined ? [] : [first];
    if (patterns.length === 0) return failure(2, USAGE);
    const whole = flags.has('x') ? 'line' : flags.has('w') ? 'word' : undefined;
    const pattern = posixRegExp(patterns, { kind: given.kind, ignoreCase: flags.has('i'), whole });
    if ('problem' in pattern) return failure(2, `grep: ${pattern.problem}`);
    const names = given.patterns.length > 0 ? given.words : others;
    const { files, problems } = readTexts(place, names, input);
    const around = numbers.get('C') ?? 0;
    const search: Search = {
      pattern,
      flags,
      before: numbers.get('B') ?? around,
      after: numbers.get('A') ?? around,
      most: numbers.get('m') ?? Number.POSITIVE_INFINITY,
      named: !flags.has('h') && (flags.has('H') || names.length > 1),
    };
    const found = files.map((file) => searchFile(file, search));
    const some = found.some(({ count, rows }) => (flags.has('L') ? rows.length > 0 : count > 0));
    return {
      exitCode: problems.length > 0 && !(flags.has('q') && some) ? 2 : some ? 0 : 1,
      stdout: lines(found.flatMap(({ rows }) => rows)),
      stderr: flags.has('s') ? '' : lines(problems.map((problem) => `grep: ${problem}`)),
    };
  };
