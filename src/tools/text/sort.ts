/** `sort` and `uniq` of coreutils 9.1. Differs: text is compared as in the locale C. */

import { getopt, isBadOption, orderedOptions } from '../getopt.js';
import { failure, lines, type Tool, type ToolResult } from '../tool.js';
import { linesOf, readTexts } from './input.js';

type Compare = (a: string, b: string) => number;

const byText: Compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
/** What begins with no number is 0. */
const numberOf = (text: string): number => Number(/^\s*(-?\d*\.?\d+)/.exec(text)?.[1] ?? 0);
const UNITS = 'KMGTPE';
function humanNumber(text: string): number {
  const [, unit = ''] = /^\s*-?\d*\.?\d+([kKMGTPE]?)/.exec(text) ?? [];
  return numberOf(text) * 1_024 ** (unit === '' ? 0 : UNITS.indexOf(unit.toUpperCase()) + 1);
}

/** Letters before all other characters, and `~` before the end. */
function versionRank(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  return /[a-zA-Z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256;
}

/** gnulib's verrevcmp(): what is between numbers by its characters, numbers by their values. */
const byVersion: Compare = (a, b) => {
  const pieces = (text: string): readonly string[] => [...text.matchAll(/(\D*)(\d*)/g)].flatMap(([, ...two]) => two);
  const [left, right] = [pieces(a), pieces(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [one = '', other = ''] = [left[i], right[i]];
    if (i % 2 === 1 && one !== other) return Number(one) - Number(other);
    for (let at = 0; at < Math.max(one.length, other.length); at++) {
      const order = versionRank(one[at]) - versionRank(other[at]);
      if (order !== 0) return order;
    }
  }
  return 0;
};

const ORDERS: Readonly<Record<string, Compare>> = {
  n: (a, b) => numberOf(a) - numberOf(b),
  h: (a, b) => humanNumber(a) - humanNumber(b),
  V: byVersion,
  f: (a, b) => byText(a.toUpperCase(), b.toUpperCase()),
};

/** `-k 2,3nr`: from a field to another, both from 1. */
interface Key {
  readonly first: number;
  readonly last: number;
  readonly letters: string;
}

function keyOf(text: string): Key | undefined {
  const [, first = '', own = '', last, behind = ''] = /^(\d+)([a-zA-Z]*)(?:,(\d+)([a-zA-Z]*))?$/.exec(text) ?? [];
  if (first === '' || first === '0') return undefined;
  return { first: Number(first), last: Number(last ?? Number.MAX_SAFE_INTEGER), letters: own + behind };
}

/** Fields begin with the blanks before them, or are parted by `-t`. */
function keyText(line: string, { first, last }: Key, separator: string | undefined): string {
  const fields = separator === undefined ? (line.match(/[ \t]*[^ \t]+/g) ?? []) : line.split(separator);
  return fields.slice(first - 1, last).join(separator ?? '');
}

function compareWith(letters: string): Compare {
  const order = ORDERS[Object.keys(ORDERS).find((letter) => letters.includes(letter)) ?? ''] ?? byText;
  const blanks = letters.includes('b') ? (text: string): string => text.trimStart() : (text: string): string => text;
  const sign = letters.includes('r') ? -1 : 1;
  return (a, b) => sign * order(blanks(a), blanks(b));
}

interface SortForm {
  readonly letters: string;
  readonly keys: readonly Key[];
  readonly separator: string | undefined;
}

/** By the keys in their order; the whole line is asked last. */
function comparison({ letters, keys, separator }: SortForm): Compare {
  const byKeys = keys.map((key): Compare => {
    const compare = compareWith(key.letters === '' ? letters : key.letters);
    return (a, b) => compare(keyText(a, key, separator), keyText(b, key, separator));
  });
  const steps = keys.length === 0 ? [compareWith(letters)] : byKeys;
  return (a, b) => {
    for (const step of steps) {
      const order = step(a, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

function readSort(args: readonly string[]): (SortForm & { readonly names: readonly string[] }) | ToolResult {
  const { options, rest, bad } = orderedOptions(args, { short: 'bfhk:nrst:uVc', long: [] });
  if (bad !== undefined) return failure(2, `sort: invalid option -- '${bad.written.at(-1) ?? ''}'`);
  const names: string[] = [];
  const keys: Key[] = [];
  let letters = '';
  let separator: string | undefined;
  for (const { letter, value = '' } of options) {
    if (letter === undefined) names.push(value);
    else if (letter === 't') separator = value === '\\0' ? '\0' : value;
    else if (letter === 'k') {
      const key = keyOf(value);
      if (key === undefined) return failure(2, `sort: -k ${value}: only whole fields are offered here`);
      keys.push(key);
    } else letters += letter;
  }
  return { names: [...names, ...rest], keys, letters, separator };
}

export const sort: Tool = (place, args, input = '') => {
  const form = readSort(args);
  if ('exitCode' in form) return form;
  const { files, problems } = readTexts(place, form.names, input);
  const [problem] = problems;
  if (problem !== undefined) return failure(2, `sort: cannot read: ${problem}`);
  const compare = comparison(form);
  const last = form.letters.includes('r') ? (a: string, b: string): number => byText(b, a) : byText;
  const isWhole = form.letters.includes('u') || form.letters.includes('s');
  const all = files.flatMap(({ text }) => linesOf(text));
  const sorted = all.sort((a, b) => compare(a, b) || (isWhole ? 0 : last(a, b)));
  if (!form.letters.includes('u')) return { exitCode: 0, stdout: lines(sorted), stderr: '' };
  const once = sorted.filter((line, i) => i === 0 || compare(sorted[i - 1] ?? '', line) !== 0);
  return { exitCode: 0, stdout: lines(once), stderr: '' };
};

/** `uniq [-cdui]`: of equal lines that follow one another the first. */
export const uniq: Tool = (place, args, input = '') => {
  const given = getopt(args, 'cdiu');
  if (isBadOption(given)) return failure(1, `uniq: ${given.problem}\nTry 'uniq --help' for more information.`);
  const { flags, rest } = given;
  const { files, problems } = readTexts(place, rest.slice(0, 1), input);
  const [problem] = problems;
  if (problem !== undefined) return failure(1, `uniq: ${problem}`);
  const same = (text: string): string => (flags.has('i') ? text.toLowerCase() : text);
  const groups: { readonly line: string; count: number }[] = [];
  for (const line of files.flatMap(({ text }) => linesOf(text))) {
    const before = groups.at(-1);
    if (before !== undefined && same(before.line) === same(line)) before.count += 1;
    else groups.push({ line, count: 1 });
  }
  const kept = groups.filter(({ count }) => (count > 1 ? !flags.has('u') : !flags.has('d')));
  const row = ({ line, count }: { line: string; count: number }): string =>
    flags.has('c') ? `${String(count).padStart(7)} ${line}` : line;
  return { exitCode: 0, stdout: lines(kept.map(row)), stderr: '' };
};
