/** `lsns -t net` of util-linux 2.38: the network namespaces in which processes run. */

import type { Process } from '../../cluster/index.js';
import type { Netns } from '../../kernel/index.js';
import { type LongOption, optionProblem, orderedOptions } from '../getopt.js';
import { netnsNumbers } from '../ip/netns.js';
import { failure, lines, ok, type Tool, type ToolPlace } from '../tool.js';
import { seenProcesses } from './seen.js';

const SHORT = 'Jlp:o:nruhVt:WT::';
const LONG: readonly LongOption[] = [
  ['json', 'J', 'flag'],
  ['list', 'l', 'flag'],
  ['noheadings', 'n', 'flag'],
  ['output', 'o', 'value'],
  ['output-all', 'all', 'flag'],
  ['task', 'p', 'value'],
  ['raw', 'r', 'flag'],
  ['notruncate', 'u', 'flag'],
  ['nowrap', 'W', 'flag'],
  ['type', 't', 'value'],
  ['tree', 'T', 'optional'],
  ['help', 'h', 'flag'],
  ['version', 'V', 'flag'],
];
const TYPES = new Set(['mnt', 'net', 'ipc', 'user', 'pid', 'uts', 'cgroup', 'time']);

interface Row {
  readonly netns: Netns;
  /** By number. */
  readonly processes: readonly Process[];
  readonly number: number | undefined;
}

interface Column {
  readonly align: 'left' | 'right';
  readonly of: (row: Row) => string | number;
}

const firstOf = ({ processes: [first] }: Row): Process | undefined => first;

const COLUMNS: Readonly<Record<string, Column>> = {
  NS: { align: 'right', of: ({ netns }) => netns.inode },
  TYPE: { align: 'left', of: () => 'net' },
  PATH: { align: 'left', of: (row) => `/proc/${firstOf(row)?.pid ?? ''}/ns/net` },
  NPROCS: { align: 'right', of: ({ processes }) => processes.length },
  PID: { align: 'right', of: (row) => firstOf(row)?.pid ?? '' },
  PPID: { align: 'right', of: (row) => firstOf(row)?.parent ?? '' },
  COMMAND: { align: 'left', of: (row) => firstOf(row)?.args.join(' ') ?? '' },
  UID: { align: 'right', of: () => 0 },
  USER: { align: 'left', of: () => 'root' },
  NETNSID: { align: 'right', of: ({ number }) => String(number ?? 'unassigned') },
  NSFS: { align: 'left', of: ({ netns: { name } }) => (name === '' ? '' : `/run/netns/${name}`) },
};
const USUAL = ['NS', 'TYPE', 'NPROCS', 'PID', 'USER', 'NETNSID', 'NSFS', 'COMMAND'];
const ALL = ['NS', 'TYPE', 'PATH', 'NPROCS', 'PID', 'PPID', 'COMMAND', 'UID', 'USER', 'NETNSID', 'NSFS'];

function rowsOf(place: ToolPlace): readonly Row[] {
  const groups = new Map<Netns, Process[]>();
  for (const process of seenProcesses(place)) {
    const group = groups.get(process.netns);
    if (group === undefined) groups.set(process.netns, [process]);
    else group.push(process);
  }
  const numbers = netnsNumbers(place.netns);
  return [...groups]
    .map(([netns, processes]) => ({ netns, processes, number: numbers.get(netns) }))
    .sort((a, b) => a.netns.inode - b.netns.inode);
}

function table(names: readonly string[], rows: readonly Row[], isTitled: boolean): string {
  const columns = names.flatMap((name) => COLUMNS[name] ?? []);
  const cells = [...(isTitled ? [names] : []), ...rows.map((row) => columns.map(({ of }) => String(of(row))))];
  const widths = names.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => {
        const width = widths[i] ?? 0;
        if (columns[i]?.align === 'right') return cell.padStart(width);
        return i === row.length - 1 ? cell : cell.padEnd(width);
      })
      .join(' ');
  return lines(cells.map(line));
}

/** Blanks within a cell as hexadecimal numbers. */
const rawCell = (cell: string): string => cell.replaceAll(' ', String.raw`\x20`);

function raw(names: readonly string[], rows: readonly Row[], isTitled: boolean): string {
  const cells = rows.map((row) => names.map((name) => rawCell(String(COLUMNS[name]?.of(row) ?? ''))));
  return lines([...(isTitled ? [names] : []), ...cells].map((row) => row.join(' ')));
}

function json(names: readonly string[], rows: readonly Row[]): string {
  const objects = rows.map((row) => {
    const fields = names.map((name) => {
      const value = COLUMNS[name]?.of(row) ?? '';
      return `         "${name.toLowerCase()}": ${value === '' ? 'null' : JSON.stringify(value)}`;
    });
    return `{\n${fields.join(',\n')}\n      }`;
  });
  return `{\n   "namespaces": [\n      ${objects.join(',')}\n   ]\n}\n`;
}

const wrong = (problem: string) => failure(1, `lsns: ${problem}\nTry 'lsns --help' for more information.`);

export const lsns: Tool = (place, args) => {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined) return wrong(optionProblem(bad));
  const flags = new Map(options.map(({ letter, value }) => [letter ?? 'word', value]));
  const type = flags.get('t');
  if (flags.has('V')) return ok('lsns from util-linux 2.38.1\n');
  if (type !== undefined && !TYPES.has(type)) return failure(1, `lsns: unknown namespace type: ${type}`);
  if (type !== 'net' || flags.has('T') || flags.has('word') || rest.length > 0)
    return failure(2, 'lsns: namespaces of other kinds are not modelled here: lsns -t net lists those of the network');
  const asked = flags.get('o')?.split(',') ?? (flags.has('all') ? ALL : USUAL);
  const names = asked.map((name) => name.toUpperCase());
  const unknown = asked.find((_, i) => !Object.hasOwn(COLUMNS, names[i] ?? ''));
  if (unknown !== undefined) return failure(1, `lsns: unknown column: ${unknown}`);
  const task = flags.get('p');
  const rows = rowsOf(place).filter(
    ({ processes }) => task === undefined || processes.some(({ pid }) => pid === Number(task)),
  );
  if (flags.has('J')) return ok(json(names, rows));
  if (rows.length === 0) return { exitCode: 1, stdout: '', stderr: '' };
  return ok((flags.has('r') ? raw : table)(names, rows, !flags.has('n')));
};
