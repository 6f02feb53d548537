/** `wc` of coreutils 9.1: lines, words, octets. */

import { getopt, isBadOption } from '../getopt.js';
import { failure, lines, type Tool } from '../tool.js';
import { readTexts } from './input.js';

const COUNTS = {
  l: (text: string): number => text.split('\n').length - 1,
  w: (text: string): number => text.match(/\S+/g)?.length ?? 0,
  /** In the locale C characters are octets. */
  m: (text: string): number => new TextEncoder().encode(text).length,
  c: (text: string): number => new TextEncoder().encode(text).length,
} as const;
const LETTERS = ['l', 'w', 'm', 'c'] as const;

/** Of what is not a regular file nobody knows the size before. */
const UNKNOWN_WIDTH = 7;

export const wc: Tool = (place, args, input = '') => {
  const given = getopt(args, 'clmwL');
  if (isBadOption(given)) return failure(1, `wc: ${given.problem}\nTry 'wc --help' for more information.`);
  if (given.flags.has('L')) return failure(1, 'wc: -L is not offered here');
  const { files, problems } = readTexts(place, given.rest, input);
  const asked = LETTERS.filter((letter) => given.flags.has(letter));
  const letters = asked.length === 0 ? (['l', 'w', 'c'] as const) : asked;
  const rows = files.map(({ name, text }) => ({ name, counts: letters.map((letter) => COUNTS[letter](text)) }));
  const total = letters.map((_, i) => rows.reduce((sum, { counts }) => sum + (counts[i] ?? 0), 0));
  const octets = files.reduce((sum, { text }) => sum + COUNTS.c(text), 0);
  const hasInput = files.some(({ name }) => name === '-');
  // compute_number_width(): one count of one file needs none.
  const alone = letters.length === 1 && given.rest.length <= 1;
  const width = alone ? 1 : hasInput ? UNKNOWN_WIDTH : String(octets).length;
  const row = (counts: readonly number[], name: string): string =>
    counts.map((count) => String(count).padStart(width)).join(' ') + (name === '' ? '' : ` ${name}`);
  const own = rows.map(({ name, counts }) => row(counts, given.rest.length === 0 ? '' : name));
  return {
    exitCode: problems.length > 0 ? 1 : 0,
    stdout: lines(given.rest.length > 1 ? [...own, row(total, 'total')] : own),
    stderr: lines(problems.map((problem) => `wc: ${problem}`)),
  };
};
