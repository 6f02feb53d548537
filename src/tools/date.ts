/** `date [-u] [-d @SECONDS] [-I[SPEC]] [-R] [+FORMAT]` of coreutils 9.1: virtual time, which begins with that of Unix. */

import { NS_PER_S } from '../kernel/index.js';
import { civilTimeAt } from '../services/index.js';
import { type LongOption, orderedOptions } from './getopt.js';
import { failure, ok, type Tool } from './tool.js';

const LONG: readonly LongOption[] = [
  ['utc', 'u', 'flag'],
  ['universal', 'u', 'flag'],
  ['date', 'd', 'value'],
  ['iso-8601', 'I', 'optional'],
  ['rfc-email', 'R', 'flag'],
  ['rfc-3339', '3', 'value'],
];
const TRY_HELP = "Try 'date --help' for more information.";
const DAY_S = 86_400;
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = 'January February March April May June July August September October November December'.split(' ');

interface Moment {
  /** Since 1970. */
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly year: number;
  /** From 0. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** From Sunday. */
  readonly weekday: number;
  /** From 1. */
  readonly dayOfYear: number;
}

function momentOf(seconds: number, nanoseconds: number): Moment {
  const { year, month, day, clock, weekday } = civilTimeAt(seconds);
  const [hour = 0, minute = 0, second = 0] = clock.split(':').map(Number);
  const isInYear = (days: number): boolean => civilTimeAt(seconds - days * DAY_S).year === year;
  return {
    seconds,
    nanoseconds,
    year,
    day,
    hour,
    minute,
    second,
    month: MONTHS.findIndex((name) => name.startsWith(month)),
    weekday: WEEKDAYS.findIndex((name) => name.startsWith(weekday)),
    dayOfYear: Array.from({ length: 366 }, (_, days) => days).filter(isInYear).length,
  };
}

interface Field {
  readonly of: (moment: Moment) => string | number;
  readonly width?: number;
  readonly pad?: '0' | '_';
}

const number = (width: number, of: (moment: Moment) => number, pad: '0' | '_' = '0'): Field => ({ of, width, pad });
const twelve = ({ hour }: Moment): number => hour % 12 || 12;

const FIELDS: Readonly<Record<string, Field>> = {
  '%': { of: () => '%' },
  n: { of: () => '\n' },
  t: { of: () => '\t' },
  a: { of: ({ weekday }) => (WEEKDAYS[weekday] ?? '').slice(0, 3) },
  A: { of: ({ weekday }) => WEEKDAYS[weekday] ?? '' },
  b: { of: ({ month }) => (MONTHS[month] ?? '').slice(0, 3) },
  h: { of: ({ month }) => (MONTHS[month] ?? '').slice(0, 3) },
  B: { of: ({ month }) => MONTHS[month] ?? '' },
  C: number(2, ({ year }) => Math.floor(year / 100)),
  d: number(2, ({ day }) => day),
  e: number(2, ({ day }) => day, '_'),
  H: number(2, ({ hour }) => hour),
  k: number(2, ({ hour }) => hour, '_'),
  I: number(2, twelve),
  l: number(2, twelve, '_'),
  j: number(3, ({ dayOfYear }) => dayOfYear),
  m: number(2, ({ month }) => month + 1),
  M: number(2, ({ minute }) => minute),
  N: number(9, ({ nanoseconds }) => nanoseconds),
  p: { of: ({ hour }) => (hour < 12 ? 'AM' : 'PM') },
  P: { of: ({ hour }) => (hour < 12 ? 'am' : 'pm') },
  q: number(1, ({ month }) => Math.floor(month / 3) + 1),
  s: number(1, (moment) => moment.seconds),
  S: number(2, ({ second }) => second),
  u: number(1, ({ weekday }) => weekday || 7),
  w: number(1, ({ weekday }) => weekday),
  y: number(2, ({ year }) => year % 100),
  Y: number(1, ({ year }) => year),
  z: { of: () => '+0000' },
  ':z': { of: () => '+00:00' },
  Z: { of: () => 'UTC' },
};
const SHORTHANDS: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  r: '%I:%M:%S %p',
  R: '%H:%M',
  T: '%H:%M:%S',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
};

function filled(field: Field, moment: Moment, [flags, width]: readonly [string, string]): string {
  const value = String(field.of(moment));
  const text = flags.includes('^') ? value.toUpperCase() : value;
  if (field.width === undefined || flags.includes('-')) return text;
  const pad = flags.includes('_') ? '_' : flags.includes('0') ? '0' : field.pad;
  return text.padStart(Math.max(field.width, Number(width)), pad === '_' ? ' ' : '0');
}

/** Of nanoseconds a width is how many digits of them are said. */
function formatted(format: string, moment: Moment): string {
  return format.replaceAll(/%([-_0^#]*)(\d*)(:z|[a-zA-Z%])/g, (whole, flags: string, width: string, letter: string) => {
    const shorthand = Object.hasOwn(SHORTHANDS, letter) ? SHORTHANDS[letter] : undefined;
    if (shorthand !== undefined) return formatted(shorthand, moment);
    const field = Object.hasOwn(FIELDS, letter) ? FIELDS[letter] : undefined;
    if (field === undefined) return whole;
    const text = filled(field, moment, [flags, width]);
    return letter === 'N' && width !== '' ? text.slice(0, Number(width)) : text;
  });
}

const ISO: Readonly<Record<string, string>> = {
  date: '%Y-%m-%d',
  hours: '%Y-%m-%dT%H%:z',
  minutes: '%Y-%m-%dT%H:%M%:z',
  seconds: '%Y-%m-%dT%H:%M:%S%:z',
  ns: '%Y-%m-%dT%H:%M:%S,%N%:z',
};

const DEFAULT_FORMAT = '%a %b %e %H:%M:%S %Z %Y';

export const date: Tool = ({ netns }, args) => {
  const { options, rest, bad } = orderedOptions(args, { short: 'ud:I::R', long: LONG });
  if (bad !== undefined) return failure(1, `date: invalid option -- '${bad.written.replace(/^-+/, '')}'\n${TRY_HELP}`);
  const words = [...options.flatMap((one) => (one.letter === undefined ? [one.value] : [])), ...rest];
  const values = new Map(options.map(({ letter = '', value }) => [letter, value]));
  const given = values.get('d') ?? 'now';
  const seconds = /^@(\d+)$/.exec(given)?.[1];
  if (seconds === undefined && given.startsWith('@')) return failure(1, `date: invalid date '${given}'`);
  if (seconds === undefined && given !== 'now')
    return failure(1, `date: of dates only @SECONDS and now are offered here, not '${given}'`);
  const [format, another] = words;
  if (another !== undefined) return failure(1, `date: extra operand '${another}'\n${TRY_HELP}`);
  if (format?.startsWith('+') === false) return failure(1, `date: invalid date '${format}'`);
  const iso = ISO[values.get('I') ?? 'date'];
  const chosen = values.has('I')
    ? iso
    : values.has('R')
      ? '%a, %d %b %Y %H:%M:%S %z'
      : (format?.slice(1) ?? DEFAULT_FORMAT);
  const rfc = values.get('3');
  const asked = rfc === undefined ? chosen : ISO[rfc]?.replace('T', ' ').replace(',', '.');
  if (asked === undefined)
    return failure(1, `date: invalid argument '${values.get('I') ?? rfc}' for the time specification\n${TRY_HELP}`);
  const { nowNs } = netns.emulation.clock;
  const moment =
    seconds === undefined ? momentOf(Math.floor(nowNs / NS_PER_S), nowNs % NS_PER_S) : momentOf(Number(seconds), 0);
  return ok(`${formatted(asked, moment)}\n`);
};
