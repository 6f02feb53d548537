/**
 * Schedules of CronJobs: the five fields of cron(5) and the words for them, as github.com/robfig/cron/v3's
 * ParseStandard() takes them, and the first time that one fits. Times are minutes since 1970 in UTC.
 */

/** Values that fit, as bits; `any` where the field began with a star or a question mark. */
interface Field {
  readonly bits: bigint;
  readonly any: boolean;
}

export type CronSchedule =
  | { readonly kind: 'calendar'; readonly fields: readonly [Field, Field, Field, Field, Field] }
  | { readonly kind: 'every'; readonly minutes: number };

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const MINUTE: Bounds = { min: 0, max: 59 };
const HOUR: Bounds = { min: 0, max: 23 };
const DAY: Bounds = { min: 1, max: 31 };
const MONTH: Bounds = { min: 1, max: 12, names: MONTHS };
const WEEKDAY: Bounds = { min: 0, max: 6, names: DAYS };

const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

function parseValue(text: string, { min, max, names }: Bounds): number | undefined {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  const value = named >= 0 ? named + min : /^\d{1,9}$/.test(text) ? Number(text) : -1;
  return value >= min && value <= max ? value : undefined;
}

/** A star, `5`, `1-5`, `3/10`, `mon-fri/2`. */
function parseRange(text: string, bounds: Bounds): Field | undefined {
  const [range = '', stepText, extra] = text.split('/');
  const step = stepText === undefined ? 1 : /^\d{1,9}$/.test(stepText) ? Number(stepText) : 0;
  if (extra !== undefined || step === 0) return undefined;
  const any = range === '*' || range === '?';
  const [fromText = '', toText, more] = any ? [String(bounds.min), String(bounds.max)] : range.split('-');
  const from = parseValue(fromText, bounds);
  // A step behind a single value goes on to the end of the field.
  const alone = stepText === undefined ? from : bounds.max;
  const to = toText === undefined ? alone : parseValue(toText, bounds);
  if (more !== undefined || from === undefined || to === undefined || from > to) return undefined;
  let bits = 0n;
  for (let value = from; value <= to; value += step) bits |= 1n << BigInt(value);
  return { bits, any: any && step === 1 };
}

function parseField(text: string, bounds: Bounds): Field | undefined {
  const parts = text.split(',').map((part) => parseRange(part, bounds));
  let bits = 0n;
  let any = false;
  for (const part of parts) {
    if (part === undefined) return undefined;
    bits |= part.bits;
    any ||= part.any;
  }
  return { bits, any };
}

const UNITS: Readonly<Record<string, number>> = { h: 60, m: 1, s: 1 / 60 };

/** Of `@every 1h30m`; less than a minute counts as one. */
function parseEvery(text: string): CronSchedule | undefined {
  if (!/^(?:\d+[hms])+$/.test(text)) return undefined;
  let minutes = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/(\d+)([hms])/g)) minutes += Number(count) * (UNITS[unit] ?? 0);
  return { kind: 'every', minutes: Math.max(1, Math.floor(minutes)) };
}

/** Undefined where it is no schedule. */
export function parseCronSchedule(given: string): CronSchedule | undefined {
  const text = given.trim().replace(/^(?:CRON_)?TZ=\S+\s+/, '');
  if (text.startsWith('@every ')) return parseEvery(text.slice('@every '.length).trim());
  const words = (Object.hasOwn(DESCRIPTORS, text) ? (DESCRIPTORS[text] ?? '') : text).split(/\s+/);
  if (words.length !== 5) return undefined;
  const [minute, hour, day, month, weekday] = [MINUTE, HOUR, DAY, MONTH, WEEKDAY].map((bounds, i) =>
    parseField(words[i] ?? '', bounds),
  );
  if (!minute || !hour || !day || !month || !weekday) return undefined;
  return { kind: 'calendar', fields: [minute, hour, day, month, weekday] };
}

const MINUTES_PER_DAY = 1_440;

/** The month from 1 and the day from 1 of a day since 1970 (Howard Hinnant's civil_from_days). */
function civil(daysSince1970: number): { readonly month: number; readonly day: number } {
  const shifted = daysSince1970 + 719_468;
  const dayOfEra = shifted % 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  return {
    month: fromMarch < 10 ? fromMarch + 3 : fromMarch - 9,
    day: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  };
}

const has = ({ bits }: Field, value: number): boolean => (bits & (1n << BigInt(value))) !== 0n;

/** dayMatches(): where both kinds of day are named, one of them is enough. */
function dayFits([, , day, month, weekday]: readonly [Field, Field, Field, Field, Field], days: number): boolean {
  const date = civil(days);
  if (!has(month, date.month)) return false;
  const byDay = has(day, date.day);
  const byWeekday = has(weekday, (days + 4) % 7); // 1970 began on a Thursday
  return day.any || weekday.any ? byDay && byWeekday : byDay || byWeekday;
}

/** spec.go:Next() gives up after five years. */
const HORIZON_DAYS = 5 * 366;

/** The first minute at or after `from` that fits, or undefined where none does for years: `0 0 30 2 *`. */
export function firstRun(schedule: CronSchedule, from: number): number | undefined {
  if (schedule.kind === 'every') return from + schedule.minutes;
  const { fields } = schedule;
  const first = Math.floor(from / MINUTES_PER_DAY);
  for (let days = first; days < first + HORIZON_DAYS; days++) {
    if (!dayFits(fields, days)) continue;
    for (let minute = days === first ? from % MINUTES_PER_DAY : 0; minute < MINUTES_PER_DAY; minute++) {
      if (has(fields[1], Math.floor(minute / 60)) && has(fields[0], minute % 60))
        return days * MINUTES_PER_DAY + minute;
    }
  }
  return undefined;
}
