/** `ps` of procps-ng 4.0.2: the processes that the emulation knows. Differs: all are root's, and none has a terminal. */

import type { Process } from '../../cluster/index.js';
import { failure, lines, ok, type Tool, type ToolResult } from '../tool.js';
import { type PsColumn, processRow, psRow, PS_COLUMNS, type PsView } from './ps-columns.js';
import { type PsOptions, type PsSelection, readPsOptions } from './ps-options.js';
import { commandItself, seenProcesses } from './seen.js';

const USAGE = `
Usage:
 ps [options]

 Try 'ps --help <simple|list|output|threads|misc|all>'
  or 'ps --help <s|l|o|t|m|a>'
 for additional help text.

For more details see ps(1).`;
const VERSION = 'ps from procps-ng 4.0.2\n';

const columns = (names: string): readonly PsColumn[] => names.split(' ').flatMap((name) => PS_COLUMNS[name] ?? []);

/** select_bits_setup(), generate_sysv_list(): what is shown without `-o`. */
function usualColumns({ flags, isBsd }: PsOptions): readonly PsColumn[] {
  const has = (...letters: readonly string[]): boolean => letters.some((letter) => flags.has(letter));
  if (has('u')) return columns('user pid %cpu %mem vsz rss tname stat start_time bsdtime args');
  if (has('j')) return columns('ppid pid pgid sid tname tpgid stat uid bsdtime args');
  if (has('l')) return columns('f uid pid ppid priority ni vsz rss wchan stat tname bsdtime args');
  if (isBsd && !has('-f', '-F', '-j', '-l')) return columns('pid tname stat bsdtime args');
  const isFull = has('-f', '-F');
  const isLong = has('-l');
  const names = [
    ...(isLong ? [...(has('-y') ? [] : ['f']), 's'] : []),
    ...(isFull ? ['uid_hack'] : isLong ? ['uid'] : []),
    'pid',
    ...(isFull || isLong ? ['ppid'] : []),
    ...(has('-j') ? ['pgid', 'sid'] : []),
    ...(has('-c') ? ['class', 'pri'] : isFull || isLong ? ['c'] : []),
    ...(isLong ? ['opri', 'ni', ...(has('-y') ? ['rss', 'sz'] : ['addr_sz']), 'wchan'] : []),
    ...(has('-F') ? ['sz', 'rss'] : []),
    ...(has('-F', '-P') ? ['psr'] : []),
    ...(isFull ? ['stime'] : []),
    'tname',
    ...(isBsd ? ['stat', 'bsdtime'] : ['time']),
    isFull ? 'cmd' : 'ucmd',
  ];
  return columns(names.join(' '));
}

function matches({ by, values }: PsSelection, process: Process): boolean {
  if (by === 'pid') return values.some((one) => Number(one) === process.pid);
  if (by === 'ppid') return values.some((one) => Number(one) === process.parent);
  if (by === 'name') return values.some((one) => one.slice(0, 15) === process.name);
  if (by === 'user') return values.some((one) => one === 'root' || one === '0');
  return values.some((one) => Number(one) === process.session);
}

/** Without a terminal, whoever asks for those that have one gets none. */
function isChosen(process: Process, { flags, selections, isBsd }: PsOptions, view: PsView): boolean {
  const isRunning = process.pid === view.ownPid;
  const lists = selections.some((one) => matches(one, process));
  const all = flags.has('-e') || flags.has('-A') || flags.has('x') || flags.has('T');
  const asksElse = selections.length > 0 || flags.has('-a') || flags.has('-d');
  const usual = !asksElse && !all && (!isBsd || flags.has('-f') || flags.has('-l') || flags.has('-j'));
  const leaders = flags.has('-d') && process.pid !== process.session;
  const chosen = (lists || all || leaders || usual) && (!flags.has('r') || isRunning);
  return chosen !== (flags.has('-N') || flags.has('N'));
}

interface TreeEntry {
  readonly process: Process;
  readonly depth: number;
  /** For each level above, whether another branch follows there. */
  readonly goesOn: readonly boolean[];
}

/** Parents before their children, who come in the order of their numbers. */
function treeOf(chosen: readonly Process[]): readonly TreeEntry[] {
  const known = new Set(chosen.map(({ pid }) => pid));
  const entries: TreeEntry[] = [];
  const add = (process: Process, goesOn: readonly boolean[]): void => {
    entries.push({ process, depth: goesOn.length, goesOn });
    const children = chosen.filter(({ parent }) => parent === process.pid);
    for (const [i, child] of children.entries()) add(child, [...goesOn, i < children.length - 1]);
  };
  for (const process of chosen) if (!known.has(process.parent)) add(process, []);
  return entries;
}

/** `-H`. */
const indented = ({ depth }: TreeEntry): string => '  '.repeat(depth);

/** `f`: those below the first process stand at the margin. */
function drawn({ goesOn, depth }: TreeEntry, isBelowInit: boolean): string {
  const levels = isBelowInit ? goesOn.slice(1) : goesOn;
  if (levels.length === 0 || depth === 0) return '';
  return `${levels
    .slice(0, -1)
    .map((on) => (on ? ' |  ' : '    '))
    .join('')} \\_ `;
}

function sorted(chosen: readonly Process[], { sort }: PsOptions, view: PsView): readonly Process[] {
  return [...chosen].sort((a, b) => {
    for (const { column, descending } of sort) {
      const [one, other] = [column.of(a, view), column.of(b, view)];
      const order = column.numeric ? Number(one) - Number(other) : one < other ? -1 : one > other ? 1 : 0;
      if (order !== 0) return descending ? -order : order;
    }
    return a.pid - b.pid;
  });
}

/** The processes in the order in which they are shown, and what stands before each command. */
function ordered(
  chosen: readonly Process[],
  options: PsOptions,
  view: PsView,
): readonly (readonly [Process, string])[] {
  const { flags } = options;
  const isTree = flags.has('f') || flags.has('forest');
  if (!isTree && !flags.has('-H')) return sorted(chosen, options, view).map((process) => [process, '']);
  const entries = treeOf(chosen);
  let isBelowInit = false;
  return entries.map((entry) => {
    if (entry.depth === 0) isBelowInit = entry.process.pid === 1;
    return [entry.process, isTree ? drawn(entry, isBelowInit) : indented(entry)];
  });
}

function show(options: PsOptions, all: readonly Process[], nowNs: number): ToolResult {
  const { flags } = options;
  const ownPid = all.at(-1)?.pid ?? 0;
  const view: PsView = { nowNs, ownPid, branchOf: () => '', namesAlone: flags.has('c') };
  const chosen = ordered(
    all.filter((process) => isChosen(process, options, view)),
    options,
    view,
  );
  const shown = options.columns.length > 0 ? options.columns : usualColumns(options);
  const titles = shown.map(({ title }) => title);
  const isTitled = !flags.has('h') && !flags.has('no header') && titles.some((title) => title !== '');
  const rows = chosen.map(([process, branch]) => {
    return processRow(process, shown, { ...view, branchOf: () => branch });
  });
  const stdout = lines([...(isTitled ? [psRow(titles, shown)] : []), ...rows]);
  return { exitCode: rows.length > 0 ? 0 : 1, stdout, stderr: '' };
}

/** Of all that is seen from where it runs, itself among it as the last one. */
export function psOf(args: readonly string[], seen: readonly Process[], nowNs: number): ToolResult {
  const [first = ''] = args;
  if (first === '--help' || first === '--info') return ok(`${USAGE}\n`);
  if (args.some((word) => word === '-V' || word === 'V' || word === '--version')) return ok(VERSION);
  const options = readPsOptions(args);
  if ('problem' in options) return failure(1, `error: ${options.problem}\n${USAGE}`);
  return show(options, seen, nowNs);
}

export const ps: Tool = (place, args) => {
  const seen = seenProcesses(place);
  const own = commandItself(place, seen, ['ps', ...args]);
  return psOf(args, [...seen, own], place.cluster.emulation.clock.nowNs);
};
