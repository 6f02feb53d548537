/**
 * `cat`, `ls`, `readlink`: files of a host, and those that the kubelet writes for a pod. /proc/sys, /proc/net, /proc/PID and
 * /sys/class/net are made of the namespace's state when they are looked at.
 */

import { CNI_BIN_DIR } from '../cni/index.js';
import type { Netns } from '../kernel/index.js';
import { civilTime } from '../services/index.js';
import { getopt, isBadOption, optionProblem, orderedOptions } from './getopt.js';
import { seenProcesses } from './processes/seen.js';
import { procNetFiles } from './proc-net/proc-net.js';
import { sysctlFiles } from './proc-sys.js';
import { sysClassNetFiles } from './sys-class-net.js';
import { escapeRegExp } from './text/regexp.js';
import { failure, lines, ok, together, type Tool, type ToolPlace, type ToolResult } from './tool.js';

function kernelFiles(netns: Netns): readonly (readonly [string, string])[] {
  const sysctls = sysctlFiles(netns).map(([path, value]) => [`/proc/sys/${path}`, `${value}\n`] as const);
  return [...sysctls, ...procNetFiles(netns), ...sysClassNetFiles(netns)];
}

/** A name and the words of each process, each word with a zero behind it; the namespace is no text. */
const processFiles = (place: ToolPlace): readonly (readonly [string, string])[] =>
  seenProcesses(place).flatMap(({ pid, name, args }) => [
    [`/proc/${pid}/cmdline`, args.map((word) => `${word}\0`).join('')],
    [`/proc/${pid}/comm`, `${name}\n`],
    [`/proc/${pid}/ns/net`, ''],
  ]);

const OF_PROCESS = /^\/proc\/(self|\d+)\/(net|ns\/net)(?=\/|$)/;

/** The namespace of a process by a path to it, and what of it is meant. */
function processNetns(place: ToolPlace, path: string): { readonly netns: Netns; readonly of: string } | undefined {
  const [, pid, of = ''] = OF_PROCESS.exec(path) ?? [];
  if (pid === undefined) return undefined;
  const netns = pid === 'self' ? place.netns : seenProcesses(place).find((one) => one.pid === Number(pid))?.netns;
  return netns && { netns, of };
}

/** Where a path leads: /proc/PID/net is that of the process' namespace. */
function followed(place: ToolPlace, path: string): { readonly place: ToolPlace; readonly path: string } {
  const found = processNetns(place, path);
  if (found?.of !== 'net') return { place, path };
  return { place: { ...place, netns: found.netns }, path: path.replace(OF_PROCESS, '/proc/net') };
}

/** Names of programs, which are there but are no text. */
const binaries = ({ cluster, netns, pod }: ToolPlace): readonly (readonly [string, string])[] =>
  pod === undefined ? cluster.programs.plugins(netns.host).map((name) => [`${CNI_BIN_DIR}/${name}`, ''] as const) : [];

const files = (place: ToolPlace): ReadonlyMap<string, string> =>
  new Map([
    ...kernelFiles(place.netns),
    ...processFiles(place),
    ...binaries(place),
    ...place.cluster.programs.files(place.netns.host, place.pod),
  ]);

/** From the root, whatever folder a shell is in; `.` and `..` are gone. */
export function wholePath({ folder = '/' }: ToolPlace, path: string): string {
  const names: string[] = [];
  for (const name of (path.startsWith('/') ? path : `${folder}/${path}`).split('/'))
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  return `/${names.join('/')}`;
}

/** The text of a file, or why there is none. */
export function readFile(asker: ToolPlace, name: string): { readonly text: string } | { readonly problem: string } {
  const { place, path } = followed(asker, wholePath(asker, name));
  const known = files(place);
  if (processNetns(place, path)?.of === 'ns/net') return { problem: 'Invalid argument' };
  if (path === '/dev/null') return { text: '' };
  const text = path.startsWith(`${CNI_BIN_DIR}/`) ? undefined : known.get(path);
  if (text !== undefined) return { text };
  if (known.has(path)) return { problem: 'a program is no text, and is not shown here' };
  return { problem: isFolder(known, path) ? 'Is a directory' : 'No such file or directory' };
}

/** Files and folders that a shell's pattern names, as the source of a regular expression. */
export function matchingPaths(place: ToolPlace, pattern: string): readonly string[] {
  const isWhole = pattern.startsWith('/') || pattern.startsWith(String.raw`\/`);
  const own = isWhole ? '' : `${wholePath(place, '.').replace(/\/$/, '')}/`;
  const wanted = new RegExp(`^${escapeRegExp(own)}(?:${pattern})$`);
  const paths = new Set<string>();
  for (const path of files(place).keys())
    for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
      const one = end < 0 ? path : path.slice(0, end);
      if (wanted.test(one)) paths.add(one);
      if (end < 0) break;
    }
  return [...paths].sort().map((path) => path.slice(own.length));
}

const isFolder = (known: ReadonlyMap<string, string>, path: string): boolean =>
  [...known.keys()].some((one) => one.startsWith(`${path.replace(/\/+$/, '')}/`));

/** `cat -n`: the lines of all files are counted through. */
function numbered(text: string): string {
  let number = 0;
  return text.replaceAll(/^(?=[^])/gm, () => `${String((number += 1)).padStart(6)}\t`);
}

/** `cat [-n] FILE...`. */
export const cat: Tool = (place, args, input = '') => {
  const given = getopt(args, 'nu');
  if (isBadOption(given)) return failure(1, `cat: ${given.problem}\nTry 'cat --help' for more information.`);
  const result = together(
    (given.rest.length === 0 ? ['-'] : given.rest).map((path): ToolResult => {
      const file = path === '-' ? { text: input } : readFile(place, path);
      return 'text' in file ? ok(file.text) : failure(1, `cat: ${path}: ${file.problem}`);
    }),
  );
  return given.flags.has('n') ? { ...result, stdout: numbered(result.stdout) } : result;
};

interface Entry {
  readonly name: string;
  readonly folder: boolean;
  readonly octets: number;
  readonly program: boolean;
  /** Folders within a folder, and itself: what a file system counts as its links. */
  readonly links: number;
}

const FOLDER_OCTETS = 4_096;

function entryOf(known: ReadonlyMap<string, string>, path: string, name: string): Entry {
  const content = known.get(path);
  if (content !== undefined) {
    const octets = new TextEncoder().encode(content).length;
    return { name, folder: false, octets, program: path.startsWith(`${CNI_BIN_DIR}/`), links: 1 };
  }
  const inside = namesIn(known, path).filter((one) => isFolder(known, `${path}/${one}`));
  return { name, folder: true, octets: FOLDER_OCTETS, program: false, links: 2 + inside.length };
}

function namesIn(known: ReadonlyMap<string, string>, folder: string): readonly string[] {
  const names = new Set<string>();
  for (const path of known.keys())
    if (path.startsWith(`${folder}/`)) names.add(path.slice(folder.length + 1).split('/')[0] ?? '');
  return [...names].sort();
}

/** A file or folder of that name. */
export function isThere(
  place: ToolPlace,
  path: string,
): (Pick<Entry, 'folder' | 'octets'> & { readonly executable: boolean }) | undefined {
  const { place: there, path: clean } = followed(place, wholePath(place, path));
  const known = files(there);
  if (path === '' || (clean !== '/' && !known.has(clean) && !isFolder(known, clean))) return undefined;
  const entry = entryOf(known, clean, path);
  return { ...entry, executable: entry.folder || entry.program };
}

/** Differs: everything is root's, and was written when time began. */
function longLines(entries: readonly Entry[]): readonly string[] {
  const { month, day, clock } = civilTime(0);
  const date = `${month} ${String(day).padStart(2)} ${clock.slice(0, 5)}`;
  const linkWidth = Math.max(...entries.map(({ links }) => String(links).length));
  const sizeWidth = Math.max(...entries.map(({ octets }) => String(octets).length));
  return entries.map(({ name, folder, octets, program, links }) => {
    const mode = folder ? 'drwxr-xr-x' : program ? '-rwxr-xr-x' : '-rw-r--r--';
    return `${mode} ${String(links).padStart(linkWidth)} root root ${String(octets).padStart(sizeWidth)} ${date} ${name}`;
  });
}

/** Blocks of a kibioctet in a file system with blocks of four. */
const totalOf = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { octets }) => sum + Math.ceil(octets / FOLDER_OCTETS) * 4, 0);

/** `ls [-1alF] [FILE]...`: files first, then each folder under its name. */
export const ls: Tool = (place, args) => {
  const given = getopt(args, '1aAlhFdrt');
  if (isBadOption(given)) return failure(2, `ls: ${given.problem}\nTry 'ls --help' for more information.`);
  const { flags } = given;
  const asked = (given.rest.length === 0 ? ['.'] : [...given.rest].sort()).map((path) => {
    const found = followed(place, wholePath(place, path));
    return { path, clean: found.path.replace(/\/$/, ''), place: found.place };
  });
  const known = new Map(asked.flatMap((one) => [...files(one.place)]));
  const show = (entries: readonly Entry[]): readonly string[] =>
    flags.has('l') && entries.length > 0 ? longLines(entries) : entries.map(({ name }) => name);
  const missing = asked.filter(({ clean }) => !known.has(clean) && !isFolder(known, clean));
  const single = asked.filter(({ clean }) => known.has(clean) || (flags.has('d') && isFolder(known, clean)));
  const folders = asked.filter((one) => !missing.includes(one) && !single.includes(one));
  const own = show(single.map(({ path, clean }) => entryOf(known, clean, path)));
  const blocks = folders.map(({ path, clean }) => {
    const entries = [
      ...(flags.has('a') ? ['.', '..'].map((name) => ({ ...entryOf(known, clean, name), folder: true })) : []),
      ...namesIn(known, clean).map((name) => entryOf(known, `${clean}/${name}`, name)),
    ];
    const total = flags.has('l') ? [`total ${totalOf(entries)}`] : [];
    return [...(asked.length > 1 ? [`${path}:`] : []), ...total, ...show(entries)];
  });
  return {
    exitCode: missing.length > 0 ? 2 : 0,
    stdout: [...(own.length > 0 ? [own] : []), ...blocks].map(lines).join('\n'),
    stderr: lines(missing.map(({ path }) => `ls: cannot access '${path}': No such file or directory`)),
  };
};

/** `readlink [-nz] FILE...`: what is a link here is the namespace of a process. */
export const readlink: Tool = (place, args) => {
  const { options, rest, bad } = orderedOptions(args, { short: 'fenmqsvz', long: [] });
  const again = "Try 'readlink --help' for more information.";
  if (bad !== undefined) return failure(1, `readlink: ${optionProblem(bad)}\n${again}`);
  const flags = new Set(options.map(({ letter }) => letter));
  const paths = [...options.flatMap(({ letter, value }) => (letter === undefined ? [value] : [])), ...rest];
  if (paths.length === 0) return failure(1, `readlink: missing operand\n${again}`);
  const isCanonical = flags.has('f') || flags.has('e') || flags.has('m');
  const end = flags.has('z') ? '\0' : flags.has('n') && paths.length === 1 ? '' : '\n';
  return together(
    paths.map((path): ToolResult => {
      const clean = wholePath(place, path);
      const found = processNetns(place, clean);
      const inode = found?.of === 'ns/net' ? `net:[${found.netns.inode}]` : undefined;
      if (isCanonical) {
        const target = inode === undefined ? clean : clean.replace(/net$/, inode);
        const isMissing = flags.has('e') && isThere(place, path) === undefined;
        return isMissing ? { exitCode: 1, stdout: '', stderr: '' } : ok(target + end);
      }
      if (inode !== undefined) return ok(inode + end);
      const problem = isThere(place, path) === undefined ? 'No such file or directory' : 'Invalid argument';
      return { exitCode: 1, stdout: '', stderr: flags.has('v') ? `readlink: ${path}: ${problem}\n` : '' };
    }),
  );
};
