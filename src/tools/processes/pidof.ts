/** `pidof` of sysvinit-utils 3.06: numbers of processes by their program, the newest first. */

import type { Process } from '../../cluster/index.js';
import { orderedOptions } from '../getopt.js';
import { ok, type Tool } from '../tool.js';
import { seenProcesses } from './seen.js';

const SHORT = 'qhco:sxzSnd:';
const USAGE = `pidof usage: [options] <program-name>

 -c           Return PIDs with the same root directory
 -d <sep>     Use the provided character as output separator
 -h           Display this help text
 -n           Avoid using stat system function on network shares
 -o <pid>     Omit results with a given PID
 -q           Quiet mode. Do not display output
 -s           Only return one PID
 -x           Return PIDs of shells running scripts with a matching name
 -z           List zombie and I/O waiting processes. May cause pidof to hang.

`;

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** By its name, or by the first of its words, with or without folders. */
const isOf = ({ name, args: [path = ''] }: Process, program: string): boolean =>
  program.includes('/') ? path === program : name === program || baseName(path) === program;

export const pidof: Tool = (place, args) => {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: [] });
  const flags = new Set(options.map(({ letter }) => letter));
  if (bad !== undefined || flags.has('h')) return ok(USAGE);
  const omitted = new Set(options.flatMap(({ letter, value = '' }) => (letter === 'o' ? value.split(',') : [])));
  const separator = options.findLast(({ letter }) => letter === 'd')?.value?.charAt(0) ?? ' ';
  const programs = [...options.flatMap(({ letter, value }) => (letter === undefined ? [value] : [])), ...rest];
  const seen = [...seenProcesses(place)].sort((a, b) => b.pid - a.pid);
  const found = programs.flatMap((program) => {
    const numbers = seen.filter((one) => isOf(one, program) && !omitted.has(String(one.pid))).map(({ pid }) => pid);
    return flags.has('s') ? numbers.slice(0, 1) : numbers;
  });
  const isQuiet = found.length === 0 || flags.has('q');
  return { exitCode: found.length === 0 ? 1 : 0, stdout: isQuiet ? '' : `${found.join(separator)}\n`, stderr: '' };
};
