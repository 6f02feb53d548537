/** Durations as Go prints and reads them: `1m30s`. */

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

/** In whole seconds, rounded. */
export function durationSeconds(text: string): number {
  let seconds = 0;
  for (const [, amount = '0', unit = 's'] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    seconds += Number(amount) * (UNIT_SECONDS[unit] ?? 0);
  return Math.round(seconds);
}
