/** Virtual time as a date: its zero is the Unix epoch. */

const DAY_MS = 86_400_000;
const DAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const two = (value: number): string => String(value).padStart(2, '0');

/** Year, month and day of a day since the epoch (the proleptic Gregorian calendar, counted from 1 March of year 0). */
function civil(day: number): { readonly year: number; readonly month: number; readonly date: number } {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const date = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, date };
}

function parts(ns: number): { date: ReturnType<typeof civil>; day: number; clock: string } {
  const ms = Math.floor(ns / 1e6);
  const day = Math.floor(ms / DAY_MS);
  const seconds = Math.floor((ms - day * DAY_MS) / 1000);
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return { date: civil(day), day, clock };
}

/** IMF-fixdate (RFC 9110 §5.6.7). */
export function httpDate(ns: number): string {
  const { date, day, clock } = parts(ns);
  return `${DAYS[((day % 7) + 7) % 7]}, ${two(date.date)} ${MONTHS[date.month - 1]} ${date.year} ${clock} GMT`;
}

/** Go's time.Time.String(): `1970-01-01 00:00:01.5 +0000 UTC`. */
export function goTime(ns: number): string {
  const { date, clock } = parts(ns);
  const fraction = ns % 1e9;
  const text = fraction === 0 ? '' : `.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
  return `${date.year}-${two(date.month)}-${two(date.date)} ${clock}${text} +0000 UTC`;
}
