/** `sysctl` of procps 4.0.2: what shows. */

import { type LongOption, orderedOptions, type WrongOption } from './getopt.js';
import { sysctlFiles } from './proc-sys.js';
import { failure, ok, type Tool, type ToolResult } from './tool.js';

const USAGE = `
Usage:
 sysctl [options] [variable[=value] ...]

Options:
  -a, --all            display all variables
  -A                   alias of -a
  -X                   alias of -a
      --deprecated     include deprecated parameters to listing
      --dry-run        Print the key and values but do not write
  -b, --binary         print value without new line
  -e, --ignore         ignore unknown variables errors
  -N, --names          print variable names without values
  -n, --values         print only values of the given variable(s)
  -p, --load[=<file>]  read values from file
  -f                   alias of -p
      --system         read values from all system directories
  -r, --pattern <expression>
                       select setting that match expression
  -q, --quiet          do not echo variable set
  -w, --write          enable writing a value to variable
  -o                   does nothing
  -x                   does nothing
  -d                   alias of -h

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see sysctl(8).
`;

const SHORT = '-aAXbeNnp::fr:qwoxdhV';
const LONG: readonly LongOption[] = [
  ['all', 'a', 'flag'],
  ['deprecated', 'x', 'flag'],
  ['dry-run', 'x', 'flag'],
  ['binary', 'b', 'flag'],
  ['ignore', 'e', 'flag'],
  ['names', 'N', 'flag'],
  ['values', 'n', 'flag'],
  ['load', 'p', 'optional'],
  ['system', 'system', 'flag'],
  ['pattern', 'r', 'value'],
  ['quiet', 'q', 'flag'],
  ['write', 'w', 'flag'],
  ['help', 'h', 'flag'],
  ['version', 'V', 'flag'],
];

/** What other letters stand for. */
const SAME: Readonly<Record<string, string>> = { A: 'a', X: 'a', d: 'h', f: 'p', system: 'p' };

interface Asked {
  readonly flags: ReadonlySet<string>;
  readonly pattern: RegExp | undefined;
  readonly keys: readonly string[];
}

/** A regular expression; one that is none matches nothing. */
function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    return /(?!)/;
  }
}

/** getopt_long()'s own words, and the usage, which is no error. */
function wrongOption({ written, why }: WrongOption): ToolResult {
  const letter = `-- '${written.at(-1) ?? ''}'`;
  const isLong = written.startsWith('--');
  const unknown = isLong ? `unrecognized option '${written}'` : `invalid option ${letter}`;
  const valueless = isLong ? `option '${written}' requires an argument` : `option requires an argument ${letter}`;
  return { exitCode: 0, stdout: USAGE, stderr: `sysctl: ${why === 'unknown' ? unknown : valueless}\n` };
}

function read(args: readonly string[]): Asked | ToolResult {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined) return wrongOption(bad);
  const flags = new Set<string>();
  const keys: string[] = [];
  let pattern: RegExp | undefined;
  for (const { letter, value } of options) {
    if (letter === undefined) keys.push(value);
    else if (letter === 'r') pattern = patternOf(value ?? '');
    else flags.add(SAME[letter] ?? letter);
  }
  return { flags, pattern, keys: [...keys, ...rest] };
}

function row({ flags }: Asked, path: string, value: string): string {
  if (flags.has('N')) return `${path}\n`;
  if (flags.has('b')) return value;
  return flags.has('n') ? `${value}\n` : `${path} = ${value}\n`;
}

const exchanged = (text: string): string => text.replaceAll(/[./]/g, (one) => (one === '.' ? '/' : '.'));

/** slashdot(): the first separator is the one between folders; the other belongs to a name, as of `vxlan.calico`. */
const fileNamed = (key: string): string => (/^[^./]*\./.test(key) ? exchanged(key) : key).replace(/\/+$/, '');

type Variable = readonly [file: string, value: string];

/** The variable of that name, or all in the folder. */
function chosenBy(key: string, all: readonly Variable[]): readonly Variable[] {
  const wanted = fileNamed(key);
  const itself = all.filter(([file]) => file === wanted);
  return itself.length > 0 ? itself : all.filter(([file]) => file.startsWith(`${wanted}/`));
}

const noSuch = (key: string): string => `sysctl: cannot stat /proc/sys/${fileNamed(key)}: No such file or directory\n`;

/** What is shown does not depend on where it stands in `-a`, or is asked for by name. */
function show(asked: Asked, variables: readonly Variable[]): string {
  return variables
    .map(([file, value]) => [exchanged(file), value] as const)
    .filter(([name]) => asked.pattern?.test(name) !== false)
    .map(([name, value]) => row(asked, name, value))
    .join('');
}

export const sysctl: Tool = ({ netns }, args) => {
  if (args.length === 0) return { exitCode: 1, stdout: '', stderr: USAGE };
  const asked = read(args);
  if ('exitCode' in asked) return asked;
  const { flags, keys } = asked;
  if (flags.has('h')) return ok(USAGE);
  if (flags.has('V')) return ok('sysctl from procps-ng 4.0.2\n');
  if (flags.has('p')) return failure(1, 'sysctl: files of values are not read: only what shows is offered here');
  const all = [...sysctlFiles(netns)];
  if (flags.has('a')) return ok(show(asked, all));
  if (keys.length === 0) return failure(1, "sysctl: no variables specified\nTry `sysctl --help' for more information.");
  let stdout = '';
  let stderr = '';
  for (const key of keys) {
    if (key.includes('=')) return failure(1, `sysctl: ${key}: only what shows is offered here`);
    if (flags.has('w')) return failure(1, 'sysctl: command line(0): invalid syntax, continuing...');
    const found = chosenBy(key, all);
    if (found.length === 0 && !flags.has('e')) stderr += noSuch(key);
    stdout += show(asked, found);
  }
  return { exitCode: stderr === '' ? 0 : 1, stdout, stderr };
};
