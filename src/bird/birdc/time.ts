/** Times as BIRD prints them: of 1.6 in seconds, of 2 in milliseconds; the date alone for what is older. */

import { NS_PER_MS, NS_PER_S } from '../../kernel/index.js';
import type { Dialect } from '../config/keywords.js';

const SECONDS_PER_DAY = 86_400;
/** Older than that, only the date is told. */
const SHORT_LIMIT_S = 20 * 3600;

const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');

/** Year, month and day of so many days since 1970 (proleptic Gregorian). */
function civilDate(days: number): string {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}`;
}

export interface TimeContext {
  readonly dialect: Dialect;
  readonly epochSeconds: number;
  readonly nowNs: number;
}

function timeOfDay(ns: number, { dialect, epochSeconds }: TimeContext): string {
  const seconds = epochSeconds + Math.floor(ns / NS_PER_S);
  const inDay = ((seconds % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY;
  const text = `${pad(Math.floor(inDay / 3600))}:${pad(Math.floor(inDay / 60) % 60)}:${pad(inDay % 60)}`;
  return dialect === 'bird-1.6' ? text : `${text}.${pad(Math.floor(ns / NS_PER_MS) % 1000, 3)}`;
}

const dateOf = (ns: number, { epochSeconds }: TimeContext): string =>
  civilDate(Math.floor((epochSeconds + Math.floor(ns / NS_PER_S)) / SECONDS_PER_DAY));

/** Of routes and protocols. */
export const shortTime = (ns: number, context: TimeContext): string =>
  context.nowNs - ns < SHORT_LIMIT_S * NS_PER_S ? timeOfDay(ns, context) : dateOf(ns, context);

/** Of `show status`. */
export const longTime = (ns: number, context: TimeContext): string =>
  `${dateOf(ns, context)} ${timeOfDay(ns, context)}`;

/** A time that is left: whole seconds in 1.6, milliseconds in 2. */
export const remaining = (seconds: number, { dialect }: Pick<TimeContext, 'dialect'>): string =>
  dialect === 'bird-1.6' ? String(Math.floor(seconds)) : seconds.toFixed(3);
