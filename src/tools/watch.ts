/**
 * `watch` of procps 4.0.2: a command again and again while the emulation's time goes on, each time as on a screen of 80 columns.
 * Differs: the screens stand under one another, and it ends after as many as `-g`, `-q` or `-e` ask for, or three.
 */

import { NS_PER_S } from '../kernel/index.js';
import { civilTime } from '../services/index.js';
import { type LongOption, orderedOptions } from './getopt.js';
import { failure, ok, type Run, type ToolPlace, type ToolResult } from './tool.js';

/** Without an end of its own the real one goes on until somebody ends it. */
const DEFAULT_SCREENS = 3;
/** For `-g` and `-q`, whose end may never come. */
const MOST_SCREENS = 1_000;
const COLUMNS = 80;
const LINES = 24;
const LEAST_INTERVAL_S = 0.1;

const USAGE = `
Usage:
 watch [options] command

Options:
  -b, --beep             beep if command has a non-zero exit
  -c, --color            interpret ANSI color and style sequences
  -d, --differences[=<permanent>]
                         highlight changes between updates
  -e, --errexit          exit if command has a non-zero exit
  -g, --chgexit          exit when output from command changes
  -q, --equexit <cycles>
                         exit when output from command does not change
  -n, --interval <secs>  seconds to wait between updates
  -p, --precise          attempt run command in precise intervals
  -t, --no-title         turn off header
  -w, --no-wrap          turn off line wrapping
  -x, --exec             pass command to exec instead of "sh -c"

 -h, --help     display this help and exit
 -v, --version  output version information and exit

For more details see watch(1).
`;

const SHORT = 'bcd::egq:n:ptwxhv';
const LONG: readonly LongOption[] = [
  ['beep', 'b', 'flag'],
  ['color', 'c', 'flag'],
  ['differences', 'd', 'optional'],
  ['errexit', 'e', 'flag'],
  ['chgexit', 'g', 'flag'],
  ['equexit', 'q', 'value'],
  ['interval', 'n', 'value'],
  ['precise', 'p', 'flag'],
  ['no-title', 't', 'flag'],
  ['no-wrap', 'w', 'flag'],
  ['exec', 'x', 'flag'],
  ['help', 'h', 'flag'],
  ['version', 'v', 'flag'],
];

interface Asked {
  readonly flags: ReadonlySet<string>;
  readonly intervalS: number;
  /** Screens alike, one after the other, that end it. */
  readonly alike: number | undefined;
  readonly command: readonly string[];
}

function numberOf(text: string): number | ToolResult {
  const value = Number(text.replace(',', '.'));
  return text.trim() !== '' && Number.isFinite(value)
    ? value
    : failure(1, `watch: failed to parse argument: '${text}': Invalid argument`);
}

function read(args: readonly string[]): Asked | ToolResult {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG, stops: true });
  if (bad !== undefined) {
    const letter = `-- '${bad.written.at(-1) ?? ''}'`;
    const unknown = bad.written.startsWith('--') ? `unrecognized option '${bad.written}'` : `invalid option ${letter}`;
    return failure(
      1,
      `watch: ${bad.why === 'unknown' ? unknown : `option requires an argument ${letter}`}\n${USAGE}`.trimEnd(),
    );
  }
  const flags = new Set<string>();
  let [intervalS, alike]: [number, number | undefined] = [2, undefined];
  for (const { letter, value = '' } of options) {
    if (letter === 'h') return ok(USAGE);
    if (letter === 'v') return ok('watch from procps-ng 4.0.2\n');
    if (letter === 'n' || letter === 'q') {
      const number = numberOf(value);
      if (typeof number === 'object') return number;
      if (letter === 'n') intervalS = Math.max(number, LEAST_INTERVAL_S);
      else alike = Math.max(Math.trunc(number), 1);
    } else if (letter !== undefined) flags.add(letter);
  }
  if (rest.length === 0) return failure(1, USAGE.trimEnd());
  return { flags, intervalS, alike, command: rest };
}

/** The command on the left, as far as there is room, and who and when on the right. */
function header(place: ToolPlace, { intervalS, command }: Asked): string {
  const { netns } = place;
  const { weekday, month, day, clock, year } = civilTime(netns.emulation.clock.nowNs);
  const right = `${place.cluster.programs.hostname(netns.host, place.pod)}: ${weekday} ${month} ${String(day).padStart(2)} ${clock} ${year}`;
  const left = `Every ${intervalS.toFixed(1)}s: ${command.join(' ')}`;
  const room = COLUMNS - right.length - 2;
  const shown = left.length > room ? `${left.slice(0, Math.max(room - 3, 0))}...` : left;
  return `${shown.padEnd(COLUMNS - right.length)}${right}\n\n`;
}

/** As much as there is room for; a line that is too long goes on in the next one, or not with `-w`. */
function screenOf(text: string, { flags }: Asked): string {
  const room = LINES - (flags.has('t') ? 0 : 2);
  const rows = text
    .replace(/\n$/, '')
    .split('\n')
    .flatMap((row) => (flags.has('w') ? [row.slice(0, COLUMNS)] : (row.match(/.{1,80}/g) ?? [''])));
  return rows
    .slice(0, room)
    .map((row) => `${row}\n`)
    .join('');
}

export function watch(place: ToolPlace, args: readonly string[], run: Run): ToolResult {
  const asked = read(args);
  if ('exitCode' in asked) return asked;
  const { flags, alike, command } = asked;
  const words = flags.has('x') ? command : ['sh', '-c', command.join(' ')];
  const most = flags.has('g') || alike !== undefined ? MOST_SCREENS : DEFAULT_SCREENS;
  const screens: string[] = [];
  let same = 0;
  let last: string | undefined;
  let exitCode = 0;
  for (let turn = 0; turn < most; turn += 1) {
    if (turn > 0) place.netns.emulation.advance(Math.round(asked.intervalS * NS_PER_S));
    const title = flags.has('t') ? '' : header(place, asked);
    const result = run(place, words, '');
    const screen = screenOf(result.stdout + result.stderr, asked);
    if (screens.length < DEFAULT_SCREENS || screen !== last) screens.push(title + screen);
    const changed = last !== undefined && screen !== last;
    same = screen === last ? same + 1 : 0;
    last = screen;
    if (flags.has('e') && result.exitCode !== 0) {
      exitCode = result.exitCode;
      break;
    }
    if ((flags.has('g') && changed) || (alike !== undefined && same >= alike)) break;
  }
  return { exitCode, stdout: screens.join('\n'), stderr: '' };
}
