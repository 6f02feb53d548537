/** `pgrep` of procps-ng 4.0.2: the processes whose name, or whose words, a regular expression finds. */

import type { Process } from '../../cluster/index.js';
import { type LongOption, optionProblem, orderedOptions } from '../getopt.js';
import { posixRegExp } from '../text/regexp.js';
import { failure, ok, type Tool, type ToolResult } from '../tool.js';
import { seenProcesses } from './seen.js';

const SHORT = 'cd:lavwfg:G:inoO:P:s:t:u:U:xF:Lr:AhV';
const LONG: readonly LongOption[] = [
  ['delimiter', 'd', 'value'],
  ['list-name', 'l', 'flag'],
  ['list-full', 'a', 'flag'],
  ['inverse', 'v', 'flag'],
  ['lightweight', 'w', 'flag'],
  ['count', 'c', 'flag'],
  ['full', 'f', 'flag'],
  ['pgroup', 'g', 'value'],
  ['group', 'G', 'value'],
  ['ignore-case', 'i', 'flag'],
  ['newest', 'n', 'flag'],
  ['oldest', 'o', 'flag'],
  ['older', 'O', 'value'],
  ['parent', 'P', 'value'],
  ['session', 's', 'value'],
  ['terminal', 't', 'value'],
  ['euid', 'u', 'value'],
  ['uid', 'U', 'value'],
  ['exact', 'x', 'flag'],
  ['pidfile', 'F', 'value'],
  ['logpidfile', 'L', 'flag'],
  ['runstates', 'r', 'value'],
  ['ignore-ancestors', 'A', 'flag'],
  ['ns', 'ns', 'value'],
  ['nslist', 'nslist', 'value'],
  ['help', 'h', 'flag'],
  ['version', 'V', 'flag'],
];
/** What is not offered: process groups, files and states other than that of a process that waits. */
const NOT_OFFERED = new Set(['g', 'F', 'L', 'r', 'O', 't', 'nslist']);

const USAGE = `
Usage:
 pgrep [options] <pattern>

Options:
 -d, --delimiter <string>  specify output delimiter
 -l, --list-name           list PID and process name
 -a, --list-full           list PID and full command line
 -v, --inverse             negates the matching
 -w, --lightweight         list all TID
 -c, --count               count of matching processes
 -f, --full                use full process name to match
 -g, --pgroup <PGID,...>   match listed process group IDs
 -G, --group <GID,...>     match real group IDs
 -i, --ignore-case         match case insensitively
 -n, --newest              select most recently started
 -o, --oldest              select least recently started
 -O, --older <seconds>     select where older than seconds
 -P, --parent <PPID,...>   match only child processes of the given parent
 -s, --session <SID,...>   match session IDs
 -t, --terminal <tty,...>  match by controlling terminal
 -u, --euid <ID,...>       match by effective IDs
 -U, --uid <ID,...>        match by real IDs
 -x, --exact               match exactly with the command name
 -F, --pidfile <file>      read PIDs from file
 -L, --logpidfile          fail if PID file is not locked
 -r, --runstates <state>   match runstates [D,S,Z,...]
 -A, --ignore-ancestors    exclude our ancestors from results
 --cgroup <grp,...>        match by cgroup v2 names
 --ns <PID>                match the processes that belong to the same
                           namespace as <pid>
 --nslist <ns,...>         list which namespaces will be considered for
                           the --ns option.
                           Available namespaces: ipc, mnt, net, pid, user, uts

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see pgrep(1).`;
const TRY_HELP = "Try `pgrep --help' for more information.";
/** Longer ones are cut, and a pattern that is longer finds none. */
const NAME_OCTETS = 15;
const WRONG = 2;

interface Asked {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly pattern: string | undefined;
}

const textOf = ({ name, args }: Process, isFull: boolean): string => (isFull ? args.join(' ') : name);

/** Whether it is in each of the lists that are given. */
function isListed(process: Process, { values }: Asked, seen: readonly Process[]): boolean {
  const has = (letter: string, ...wanted: readonly string[]): boolean => {
    const list = values.get(letter)?.split(',');
    return list === undefined || list.some((one) => wanted.includes(one));
  };
  const sameAs = values.get('ns');
  const other = sameAs === undefined ? process : seen.find(({ pid }) => pid === Number(sameAs));
  return (
    has('P', String(process.parent)) &&
    has('s', String(process.session)) &&
    ['u', 'U', 'G'].every((letter) => has(letter, 'root', '0')) &&
    other?.netns === process.netns
  );
}

function found(asked: Asked, seen: readonly Process[], wanted: RegExp): readonly Process[] {
  const { flags } = asked;
  const isFound = (process: Process): boolean =>
    isListed(process, asked, seen) && textOf(process, flags.has('f')).search(wanted) >= 0;
  const all = seen.filter((process) => isFound(process) !== flags.has('v'));
  // Of those that began together the highest number is the newest.
  const byAge = [...all].sort((a, b) => a.startedNs - b.startedNs || a.pid - b.pid);
  if (flags.has('n')) return byAge.slice(-1);
  return flags.has('o') ? byAge.slice(0, 1) : all;
}

function shown({ flags, values }: Asked, processes: readonly Process[]): ToolResult {
  const exitCode = processes.length === 0 ? 1 : 0;
  if (flags.has('c')) return { exitCode, stdout: `${processes.length}\n`, stderr: '' };
  const rows = processes.map((process) => {
    if (flags.has('a')) return `${process.pid} ${process.args.join(' ')}`;
    return flags.has('l') ? `${process.pid} ${process.name}` : String(process.pid);
  });
  return { exitCode, stdout: rows.length === 0 ? '' : `${rows.join(values.get('d') ?? '\n')}\n`, stderr: '' };
}

export const pgrep: Tool = (place, args) => {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined) return failure(WRONG, `pgrep: ${optionProblem(bad)}\n${USAGE}`);
  const values = new Map(options.flatMap(({ letter, value }) => (letter === undefined ? [] : [[letter, value ?? '']])));
  const flags = new Set(values.keys());
  const missing = [...flags].find((letter) => NOT_OFFERED.has(letter));
  if (flags.has('h')) return ok(`${USAGE}\n`);
  if (flags.has('V')) return ok('pgrep from procps-ng 4.0.2\n');
  if (missing !== undefined) return failure(WRONG, `pgrep: -${missing} is not offered here`);
  const words = [...options.flatMap(({ letter, value }) => (letter === undefined ? [value] : [])), ...rest];
  const [pattern] = words;
  if (words.length > 1) return failure(WRONG, `pgrep: only one pattern can be provided\n${TRY_HELP}`);
  const isListing = ['P', 's', 'u', 'U', 'G', 'ns'].some((letter) => flags.has(letter));
  if (pattern === undefined && !isListing) return failure(WRONG, `pgrep: no matching criteria specified\n${TRY_HELP}`);
  const whole = flags.has('x') ? 'line' : undefined;
  const wanted = posixRegExp([pattern ?? ''], { kind: 'extended', ignoreCase: flags.has('i'), whole });
  if ('problem' in wanted) return failure(WRONG, `pgrep: regex error: ${wanted.problem}`);
  const result = shown({ flags, values, pattern }, found({ flags, values, pattern }, seenProcesses(place), wanted));
  if (result.exitCode === 0 || flags.has('f') || (pattern ?? '').length <= NAME_OCTETS) return result;
  const advice = `pgrep: pattern that searches for process name longer than 15 characters will result in zero matches
Try \`pgrep -f' option to match against the complete command line.
`;
  return { ...result, stderr: advice };
};
