/** `nstat` of iproute2 6.1 (misc/nstat.c): counters of protocols by their names. */

import { fnmatchExpression } from './fnmatch.js';
import { type LongOption, orderedOptions } from './getopt.js';
import { netstatGroups, snmpGroups } from './proc-net/mib.js';
import { failure, lines, ok, type Tool } from './tool.js';

const SHORT = 'h?vVzrnasd:t:jp';
const LONG: readonly LongOption[] = [
  ['help', 'h', 'flag'],
  ['scan', 'd', 'value'],
  ['interval', 't', 'value'],
  ['version', 'V', 'flag'],
  ['zeros', 'z', 'flag'],
  ['reset', 'r', 'flag'],
  ['nooutput', 'n', 'flag'],
  ['ignore', 'a', 'flag'],
  ['noupdate', 's', 'flag'],
  ['json', 'j', 'flag'],
  ['pretty', 'p', 'flag'],
];

const USAGE = `Usage: nstat [OPTION] [ PATTERN [ PATTERN ] ]
   -h, --help          this message
   -a, --ignore        ignore history
   -d, --scan=SECS     sample every statistics every SECS
   -j, --json          format output in JSON
   -n, --nooutput      do history only
   -p, --pretty        pretty print
   -r, --reset         reset history
   -s, --noupdate      don't update history
   -t, --interval=SECS report average over the last SECS
   -V, --version       output version information
   -z, --zeros         show entries with zero activity`;

/** What is no counter (useless_numbers[]). */
const USELESS: ReadonlySet<string> = new Set([
  'IpForwarding',
  'IpDefaultTTL',
  'TcpRtoAlgorithm',
  'TcpRtoMin',
  'TcpRtoMax',
  'TcpMaxConn',
  'TcpCurrEstab',
]);

const row = (name: string, value: number): string =>
  `${name.padEnd(32)}${String(value).padEnd(16)}${'0.0'.padStart(6)}`;

/** What would be read from, or written to, a file of what was shown before. */
const HISTORY = ['r', 'n', 'd', 't'] as const;

/** Differs: no history is kept, so that counters are always those since the start, as with -a. */
export const nstat: Tool = ({ netns }, args) => {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined) {
    const what = bad.written.startsWith('--')
      ? `unrecognized option '${bad.written}'`
      : `invalid option -- '${bad.written.at(-1) ?? ''}'`;
    return failure(255, `nstat: ${what}\n${USAGE}`);
  }
  const flags = new Set(options.map(({ letter }) => letter));
  if (flags.has('h')) return failure(255, USAGE);
  if (flags.has('V')) return ok('nstat utility, iproute2-6.1.0\n');
  const history = HISTORY.find((letter) => flags.has(letter));
  if (history !== undefined)
    return failure(2, `nstat: -${history}: no history is kept here; counters are those since the start, as with -a`);
  const patterns = [...options.flatMap(({ letter, value }) => (letter === undefined ? [value] : [])), ...rest];
  const expressions = patterns.map(fnmatchExpression);
  const shown = [...snmpGroups(netns), ...netstatGroups(netns)]
    .flatMap(({ title, counters }) => counters.map(([name, value]) => [title + name, value] as const))
    .filter(([name]) => !USELESS.has(name))
    .filter(([, value]) => value !== 0 || flags.has('z'))
    .filter(([name]) => expressions.length === 0 || expressions.some((one) => one.test(name)));
  if (!flags.has('j')) return ok(lines(['#kernel', ...shown.map(([name, value]) => row(name, value))]));
  const document = { kernel: Object.fromEntries(shown) };
  return ok(`${flags.has('p') ? JSON.stringify(document, undefined, 4) : JSON.stringify(document)}\n`);
};
