/** `tr` of coreutils 9.1: `[-c] [-d] [-s] [-t] SET1 [SET2]`, of octets. */

import { orderedOptions, type LongOption } from '../getopt.js';
import { failure, ok, type Tool } from '../tool.js';

const LONG: readonly LongOption[] = [
  ['complement', 'c', 'flag'],
  ['delete', 'd', 'flag'],
  ['squeeze-repeats', 's', 'flag'],
  ['truncate-set1', 't', 'flag'],
];
const TRY_HELP = "Try 'tr --help' for more information.";
const OCTETS = 256;

/** Thrown within this module alone. */
class BadSet extends Error {}

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /[^ -~\x80-\xff]/,
  digit: /\d/,
  graph: /[\x21-\x7e]/,
  lower: /[a-z]/,
  print: /[\x20-\x7e]/,
  punct: /[\x21-\x2f:-@[-`{-~]/,
  space: /[\t-\r ]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

const ALL = Array.from({ length: OCTETS }, (_, code) => String.fromCharCode(code));
const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const CHARACTER = String.raw`\\[0-7]{1,3}|\\[^]|[^]`;
const UNIT = new RegExp(String.raw`\[:(\w+):\]|\[(${CHARACTER})\*(\d*)\]|(${CHARACTER})(?:-(${CHARACTER}))?`, 'gy');

function character(text: string): string {
  const escaped = text.startsWith('\\') ? text.slice(1) : '';
  if (escaped === '') return text;
  return /^[0-7]/.test(escaped)
    ? String.fromCharCode(Number.parseInt(escaped, 8) & 0xff)
    : (ESCAPES[escaped] ?? escaped);
}

function range(from: string, to: string): readonly string[] {
  const [first, last] = [from, to].map((one) => character(one).charCodeAt(0));
  if (first === undefined || last === undefined || last < first)
    throw new BadSet(`range-endpoints of '${from}-${to}' are in reverse collating sequence order`);
  return ALL.slice(first, last + 1);
}

/** What a set names, one after the other. `[x*]` fills it up to `length`. */
function expand(set: string, length = 0): readonly string[] {
  const before: string[] = [];
  let behind: string[] | undefined;
  let filling = '';
  for (const [, name, repeated, count = '', first = '', last] of set.matchAll(UNIT)) {
    const into = behind ?? before;
    if (name !== undefined) {
      const members = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
      if (members === undefined) throw new BadSet(`invalid character class '${name}'`);
      into.push(...ALL.filter((one) => members.test(one)));
    } else if (repeated !== undefined && Number(count) === 0) {
      filling = character(repeated);
      behind = [];
    } else if (repeated !== undefined) into.push(...Array.from({ length: Number(count) }, () => character(repeated)));
    else into.push(...(last === undefined ? [character(first)] : range(first, last)));
  }
  const rest = behind ?? [];
  const missing = Math.max(0, length - before.length - rest.length);
  return [...before, ...Array.from({ length: filling === '' ? 0 : missing }, () => filling), ...rest];
}

/** Of several alike one behind the other the first stays. */
function squeezed(text: string, members: ReadonlySet<string>): string {
  let last = '';
  let result = '';
  for (const one of text) {
    if (one !== last || !members.has(one)) result += one;
    last = one;
  }
  return result;
}

function translation(from: readonly string[], to: readonly string[], cut: boolean): ReadonlyMap<string, string> {
  if (to.length === 0) throw new BadSet('when not truncating set1, string2 must be non-empty');
  const map = new Map<string, string>();
  for (const [i, one] of from.entries()) {
    const other = to[i] ?? (cut ? undefined : to.at(-1));
    if (other !== undefined) map.set(one, other);
  }
  return map;
}

function translated(flags: ReadonlySet<string>, [set1 = '', set2]: readonly string[], text: string): string {
  const named = expand(set1);
  const from = flags.has('c') ? ALL.filter((one) => !named.includes(one)) : named;
  if (flags.has('d')) {
    const gone = new Set(from);
    const left = text
      .split('')
      .filter((one) => !gone.has(one))
      .join('');
    return flags.has('s') ? squeezed(left, new Set(expand(set2 ?? ''))) : left;
  }
  if (set2 === undefined) return squeezed(text, new Set(from));
  const to = expand(set2, from.length);
  const map = translation(from, to, flags.has('t'));
  const result = text
    .split('')
    .map((one) => map.get(one) ?? one)
    .join('');
  return flags.has('s') ? squeezed(result, new Set(to)) : result;
}

function wrongOperands(flags: ReadonlySet<string>, words: readonly string[]): string | undefined {
  const [first, second, third] = words;
  if (first === undefined) return 'missing operand';
  const both = flags.has('d') === flags.has('s');
  if (second === undefined && both) {
    const why = flags.has('d')
      ? 'Two strings must be given when both deleting and squeezing repeats.'
      : 'Two strings must be given when translating.';
    return `missing operand after '${first}'\n${why}`;
  }
  if (second !== undefined && flags.has('d') && !flags.has('s'))
    return `extra operand '${second}'\nOnly one string may be given when deleting without squeezing repeats.`;
  return third === undefined ? undefined : `extra operand '${third}'`;
}

/** Text as its octets, and back. */
const octets = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (one) => String.fromCharCode(one)).join('');
const textOf = (all: string): string => new TextDecoder().decode(Uint8Array.from(all, (one) => one.charCodeAt(0)));

export const tr: Tool = (_place, args, input = '') => {
  const { options, rest, bad } = orderedOptions(args, { short: 'cCdst', long: LONG });
  if (bad !== undefined) return failure(1, `tr: invalid option -- '${bad.written.slice(1)}'\n${TRY_HELP}`);
  const flags = new Set(options.map(({ letter = '' }) => letter.toLowerCase()));
  const words = [...options.flatMap((one) => (one.letter === undefined ? [one.value] : [])), ...rest];
  const wrong = wrongOperands(flags, words);
  if (wrong !== undefined) return failure(1, `tr: ${wrong}\n${TRY_HELP}`);
  try {
    return ok(textOf(translated(flags, words.map(octets), octets(input))));
  } catch (error) {
    if (error instanceof BadSet) return failure(1, `tr: ${error.message}`);
    throw error;
  }
};
