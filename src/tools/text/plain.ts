/** `echo`, `true`, `false`, `sleep`: what scripts put between other commands. */

import { NS_PER_S } from '../../kernel/index.js';
import { failure, ok, type Tool } from '../tool.js';

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/** Up to `\c`, which leaves out all behind it. */
function unescaped(text: string): { readonly text: string; readonly ends: boolean } {
  const [own = '', ...rest] = text.split(/(?<!\\)(?:\\\\)*\\c/);
  const octal = (digits: string): string => String.fromCharCode(Number.parseInt(digits, 8) & 0xff);
  const plain = own.replaceAll(
    /\\(?:0([0-7]{1,3})|x([\da-fA-F]{1,2})|([^]))/g,
    (whole, o?: string, x?: string, letter: string = '') => {
      if (o !== undefined) return octal(o);
      return x === undefined ? (ESCAPES[letter] ?? whole) : String.fromCharCode(Number.parseInt(x, 16));
    },
  );
  return { text: plain, ends: rest.length > 0 };
}

/** As bash has it: `-n` leaves the newline out, and backslashes are what they are without `-e`. */
export const echo: Tool = (_place, args) => {
  const at = args.findIndex((word) => !/^-[neE]+$/.test(word));
  const words = at < 0 ? [] : args.slice(at);
  const letters = (at < 0 ? args : args.slice(0, at)).join('');
  const newline = letters.includes('n') ? '' : '\n';
  if (letters.lastIndexOf('e') <= letters.lastIndexOf('E')) return ok(words.join(' ') + newline);
  const { text, ends } = unescaped(words.join(' '));
  return ok(ends ? text : text + newline);
};

/** What stands behind a backslash of bash's `$'…'`; undefined where it means nothing. */
function ansiCharacter(one: string): string | undefined {
  const [, octal, hex] = /^(?:([0-7]{1,3})|[xu]([\da-fA-F]+))$/.exec(one) ?? [];
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  return ESCAPES[one] ?? (/['"?]/.test(one) ? one : undefined);
}

/** bash's `$'…'`. */
export const ansiQuoted = (text: string): string =>
  text.replaceAll(
    /\\([0-7]{1,3}|x[\da-fA-F]{1,2}|u[\da-fA-F]{1,4}|[^])/g,
    (whole, one: string) => ansiCharacter(one) ?? whole,
  );

export const success: Tool = () => ok('');
export const fail: Tool = () => ({ exitCode: 1, stdout: '', stderr: '' });

const UNIT_S: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 };

/** `sleep NUMBER[smhd]...`: time of the emulation, in which timers run off and packets go on. */
export const sleep: Tool = ({ netns }, args) => {
  if (args.length === 0) return failure(1, "sleep: missing operand\nTry 'sleep --help' for more information.");
  let seconds = 0;
  for (const word of args) {
    const [, number, unit = ''] = /^(\d+\.?\d*|\.\d+)([smhd]?)$/.exec(word) ?? [];
    if (number === undefined)
      return failure(1, `sleep: invalid time interval '${word}'\nTry 'sleep --help' for more information.`);
    seconds += Number(number) * (UNIT_S[unit] ?? 1);
  }
  netns.emulation.advance(Math.round(seconds * NS_PER_S));
  return ok('');
};
