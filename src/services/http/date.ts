/** Virtual time as a date: its zero is the Unix epoch. */

const DAY_S = 86_400;
const DAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const two = (value: number): string => String(value).padStart(2, '0');

export interface CivilTime {
  readonly weekday: string;
  readonly year: number;
  /** `Jan`. */
  readonly month: string;
  readonly day: number;
  /** `00:00:07`. */
  readonly clock: string;
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const monthLengths = (year: number): readonly number[] => [
  31,
  isLeap(year) ? 29 : 28,
  31,
  30,
  31,
  30,
  31,
  31,
  30,
  31,
  30,
  31,
];

/** UTC at `ns` nanoseconds of virtual time. */
export const civilTime = (ns: number): CivilTime => civilTimeAt(Math.floor(ns / 1e9));

/** UTC so many seconds after the epoch. */
export function civilTimeAt(time: number): CivilTime {
  const days = Math.floor(time / DAY_S);
  const seconds = time - days * DAY_S;
  let left = days;
  let year = 1970;
  for (; left >= (isLeap(year) ? 366 : 365); year += 1) left -= isLeap(year) ? 366 : 365;
  const lengths = monthLengths(year);
  let month = 0;
  for (; left >= (lengths[month] ?? 31); month += 1) left -= lengths[month] ?? 31;
  return {
    weekday: DAYS[days % 7] ?? 'Thu',
    year,
    month: MONTHS[month] ?? 'Jan',
    day: left + 1,
    clock: `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`,
  };
}

/** IMF-fixdate (RFC 9110 §5.6.7). */
export function httpDate(ns: number): string {
  const { weekday, day, month, year, clock } = civilTime(ns);
  return `${weekday}, ${two(day)} ${month} ${year} ${clock} GMT`;
}

/** ISO 8601 (RFC 3339), without a zone. */
export function isoTime(ns: number): string {
  const { day, month, year, clock } = civilTime(ns);
  return `${year}-${two(MONTHS.indexOf(month) + 1)}-${two(day)}T${clock}`;
}
