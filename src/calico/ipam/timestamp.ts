/** RFC 3339 in UTC, as Kubernetes writes times, from and to nanoseconds since 1970. */

const NS_PER_S = 1_000_000_000n;
const S_PER_DAY = 86_400;
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z$/;

/** Days from 1970-01-01 in the Gregorian calendar; years are counted from March, so that February ends one. */
function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return 365 * y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468;
}

function dateOf(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** Undefined where the text is no such time. */
export function parseTimestamp(text: string): bigint | undefined {
  const [, ...parts] = TIMESTAMP.exec(text) ?? [];
  if (parts.length === 0) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(0, 6).map(Number);
  const seconds = daysOf(year, month, day) * S_PER_DAY + hour * 3600 + minute * 60 + second;
  return BigInt(seconds) * NS_PER_S + BigInt((parts[6] ?? '').padEnd(9, '0'));
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Whole seconds: as far as metav1.Time goes. */
export function formatTimestamp(ns: bigint): string {
  const seconds = Number(ns / NS_PER_S);
  const { year, month, day } = dateOf(Math.floor(seconds / S_PER_DAY));
  const rest = seconds % S_PER_DAY;
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(two).join(':');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${time}Z`;
}
