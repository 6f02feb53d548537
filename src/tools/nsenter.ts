/** `nsenter` of util-linux 2.38, into the namespaces of a process, or into that of a network that has a name. */

import type { Process } from '../cluster/index.js';
import type { Netns } from '../kernel/index.js';
import { optionProblem, orderedOptions, type LongOption, type OrderedOption } from './getopt.js';
import { seenProcesses } from './processes/seen.js';
import { environmentOf, failure, ok, type Run, type ToolPlace, type ToolResult } from './tool.js';

const SHORT = 'hVat:m::u::i::n::p::C::U::T::S:G:r::w::W:FZ';
const LONG: readonly LongOption[] = [
  ['all', 'a', 'flag'],
  ['help', 'h', 'flag'],
  ['version', 'V', 'flag'],
  ['target', 't', 'value'],
  ['mount', 'm', 'optional'],
  ['uts', 'u', 'optional'],
  ['ipc', 'i', 'optional'],
  ['net', 'n', 'optional'],
  ['pid', 'p', 'optional'],
  ['user', 'U', 'optional'],
  ['cgroup', 'C', 'optional'],
  ['time', 'T', 'optional'],
  ['setuid', 'S', 'value'],
  ['setgid', 'G', 'value'],
  ['root', 'r', 'optional'],
  ['wd', 'w', 'optional'],
  ['wdns', 'W', 'value'],
  ['no-fork', 'F', 'flag'],
  ['preserve-credentials', 'preserve', 'flag'],
  ['follow-context', 'Z', 'flag'],
];
const USAGE = `
Usage:
 nsenter [options] [<program> [<argument>...]]

Run a program with namespaces of other processes.

Options:
 -a, --all              enter all namespaces
 -t, --target <pid>     target process to get namespaces from
 -m, --mount[=<file>]   enter mount namespace
 -u, --uts[=<file>]     enter UTS namespace (hostname etc)
 -i, --ipc[=<file>]     enter System V IPC namespace
 -n, --net[=<file>]     enter network namespace
 -p, --pid[=<file>]     enter pid namespace
 -C, --cgroup[=<file>]  enter cgroup namespace
 -U, --user[=<file>]    enter user namespace
 -T, --time[=<file>]    enter time namespace
 -S, --setuid <uid>     set uid in entered namespace
 -G, --setgid <gid>     set gid in entered namespace
     --preserve-credentials do not touch uids or gids
 -r, --root[=<dir>]     set the root directory
 -w, --wd[=<dir>]       set the working directory
 -W. --wdns <dir>       set the working directory in namespace
 -F, --no-fork          do not fork before exec'ing <program>
 -Z, --follow-context   set SELinux context according to --target PID

 -h, --help             display this help
 -V, --version          display version

For more details see nsenter(1).
`;
/** As /proc/PID/ns names those of each kind. */
const KINDS: Readonly<Record<string, string>> = {
  m: 'mnt',
  u: 'uts',
  i: 'ipc',
  n: 'net',
  p: 'pid',
  C: 'cgroup',
  U: 'user',
  T: 'time',
};
/** Where `ip netns add` and container runtimes keep namespaces. */
const NAMED = /^(?:\/var)?\/run\/netns\/([^/]+)$/;
const OF_PROCESS = /^\/proc\/(\d+)\/ns\/net$/;

const wrong = (problem: string): ToolResult =>
  failure(1, `nsenter: ${problem}\nTry 'nsenter --help' for more information.`);

/** The namespace of a network that a file is. */
function netnsAt({ netns: { host } }: ToolPlace, path: string, seen: readonly Process[]): Netns | undefined {
  const name = NAMED.exec(path)?.[1];
  if (name !== undefined) return host.namedNetns(name);
  const pid = OF_PROCESS.exec(path)?.[1];
  return pid === undefined ? undefined : seen.find((one) => one.pid === Number(pid))?.netns;
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);

interface Entered {
  readonly netns: Netns;
  /** Whose files are seen. */
  readonly pod: ToolPlace['pod'];
}

/** Where the options lead, one after the other. */
function entered(place: ToolPlace, options: readonly OrderedOption[]): Entered | ToolResult {
  const seen = seenProcesses(place);
  const target = options.findLast(({ letter }) => letter === 't')?.value;
  if (target !== undefined && !isNumber(target)) return failure(1, `nsenter: failed to parse pid: '${target}'`);
  const process = target === undefined ? undefined : seen.find(({ pid }) => pid === Number(target));
  let { netns, pod } = place;
  for (const { letter = '', value } of options) {
    const kinds = letter === 'a' ? ['m', 'n'] : [letter];
    for (const kind of kinds) {
      const file = KINDS[kind];
      if (file === undefined) continue;
      if (value === undefined && target === undefined)
        return failure(1, `nsenter: neither filename nor target pid supplied for ns/${file}`);
      const path = value ?? `/proc/${target}/ns/${file}`;
      const found = kind === 'n' ? netnsAt(place, path, seen) : value === undefined ? process?.netns : undefined;
      if (found === undefined) return failure(1, `nsenter: cannot open ${path}: No such file or directory`);
      if (kind === 'n') netns = found;
      if (kind === 'm') pod = process?.pod;
    }
  }
  return { netns, pod };
}

/** `nsenter -t PID -n COMMAND`, `nsenter --net=/run/netns/NAME COMMAND`. Differs: host name and processes come with the files. */
export function nsenter(place: ToolPlace, args: readonly string[], run: Run, input = ''): ToolResult {
  const { options, rest: command, bad } = orderedOptions(args, { short: SHORT, long: LONG, stops: true });
  if (bad !== undefined) return wrong(optionProblem(bad));
  if (options.some(({ letter }) => letter === 'h')) return ok(USAGE);
  if (options.some(({ letter }) => letter === 'V')) return ok('nsenter from util-linux 2.38.1\n');
  const where = entered(place, options);
  if ('exitCode' in where) return where;
  const { netns, pod } = where;
  if (command.length === 0) return failure(2, 'nsenter: a command is needed: there is no shell to talk to');
  return run({ ...place, netns, pod, environment: environmentOf(place) }, command, input);
}
