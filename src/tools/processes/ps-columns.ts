/** The columns of `ps` (procps-ng 4.0.2, src/ps/output.c), and how a row is made of them. */

import type { Process } from '../../cluster/index.js';
import { NS_PER_S } from '../../kernel/index.js';
import { civilTime } from '../../services/index.js';

/** What a column may ask of besides the process. */
export interface PsView {
  readonly nowNs: number;
  /** That of the command itself, which runs. */
  readonly ownPid: number;
  /** What stands before a command in a tree. */
  readonly branchOf: (process: Process) => string;
  /** `c`: the name of the program in place of its words. */
  readonly namesAlone: boolean;
}

export interface PsColumn {
  readonly title: string;
  readonly width: number;
  readonly align: 'left' | 'right';
  readonly of: (process: Process, view: PsView) => string;
  /** Sorted as numbers; absent of texts. */
  readonly numeric?: true;
  /** What is too long ends with a plus sign. */
  readonly cut?: 'marked';
}

/** What stands in the column: as much as it is wide, of the last one all. */
function cellOf(column: PsColumn, text: string, isLast: boolean): string {
  if (column.align === 'right' || text.length <= column.width) return text;
  if (column.cut === 'marked') return `${text.slice(0, column.width - 1)}+`;
  return isLast ? text : text.slice(0, column.width);
}

const left = (title: string, width: number, of: PsColumn['of']): PsColumn => ({ title, width, align: 'left', of });
const right = (title: string, width: number, of: PsColumn['of']): PsColumn => ({ title, width, align: 'right', of });
const count = (title: string, width: number, of: (process: Process, view: PsView) => number): PsColumn => ({
  title,
  width,
  align: 'right',
  numeric: true,
  of: (process, view) => String(of(process, view)),
});

/** Of 4,194,304. */
const PID_WIDTH = 7;
const DAY_S = 86_400;

const commandOf = (process: Process, { branchOf, namesAlone }: PsView): string =>
  branchOf(process) + (namesAlone ? process.name : process.args.join(' '));
const nameOf = (process: Process, { branchOf }: PsView): string => branchOf(process) + process.name;

const sessionOf = ({ session }: Process): number => session;
const stateOf = ({ pid }: Process, { ownPid }: PsView): string => (pid === ownPid ? 'R' : 'S');
const statOf = (process: Process, view: PsView): string =>
  stateOf(process, view) + (process.pid === process.session ? 's' : '');

const ageOf = ({ startedNs }: Process, { nowNs }: PsView): number => Math.floor((nowNs - startedNs) / NS_PER_S);
const isOfToday = (process: Process, view: PsView): boolean => ageOf(process, view) < DAY_S;

const two = (value: number): string => String(value).padStart(2, '0');

/** `[[DD-]HH:]MM:SS`. */
function elapsed(seconds: number): string {
  const [days, hours] = [Math.floor(seconds / DAY_S), Math.floor(seconds / 3_600) % 24];
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${days > 0 ? `${two(days)}-` : ''}${days > 0 || hours > 0 ? `${two(hours)}:` : ''}${minutes}`;
}

/** `00:42`, of another day `Jan01`, of another year the year. */
function shortStart({ startedNs }: Process, { nowNs }: PsView): string {
  const [start, now] = [civilTime(startedNs), civilTime(nowNs)];
  if (start.year !== now.year) return String(start.year).padStart(5);
  if (start.month === now.month && start.day === now.day) return start.clock.slice(0, 5);
  return start.month + two(start.day);
}

const clockStart = (process: Process, view: PsView): string => {
  const { month, day, clock } = civilTime(process.startedNs);
  return isOfToday(process, view) ? clock : `  ${month} ${two(day)}`;
};

const bsdStart = (process: Process, view: PsView): string => {
  const { month, day, clock } = civilTime(process.startedNs);
  return isOfToday(process, view) ? ` ${clock.slice(0, 5)}` : `${month} ${two(day)}`;
};

const longStart = ({ startedNs }: Process): string => {
  const { weekday, month, day, clock, year } = civilTime(startedNs);
  return `${weekday} ${month} ${String(day).padStart(2)} ${clock} ${year}`;
};

const root = (): string => 'root';
const zero = (): number => 0;
const none = (): string => '-';
const noTerminal = (): string => '?';
const pidOf = ({ pid }: Process): number => pid;

const user = (title: string): PsColumn => ({ ...left(title, 8, root), cut: 'marked' });
const id = (title: string): PsColumn => count(title, 5, zero);
const pid = (title: string, of: (process: Process, view: PsView) => number = pidOf): PsColumn =>
  count(title, PID_WIDTH, of);
const command = (title: string): PsColumn => left(title, 27, commandOf);
const name = (title: string): PsColumn => left(title, 15, nameOf);

/** By the names that `-o` has for them. Differs: what a process takes of processor and memory is 0. */
export const PS_COLUMNS: Readonly<Record<string, PsColumn>> = {
  '%cpu': right('%CPU', 4, () => '0.0'),
  '%mem': right('%MEM', 4, () => '0.0'),
  addr_sz: right('ADDR SZ', 7, () => '-     0'),
  args: command('COMMAND'),
  bsdstart: right('START', 6, bsdStart),
  bsdtime: right('TIME', 6, () => '0:00'),
  c: count('C', 2, zero),
  cgroup: left('CGROUP', 27, none),
  class: left('CLS', 3, () => 'TS'),
  cls: right('CLS', 3, () => 'TS'),
  cmd: command('CMD'),
  comm: name('COMMAND'),
  command: command('COMMAND'),
  cp: count('CP', 3, zero),
  cputime: right('TIME', 8, () => '00:00:00'),
  cputimes: count('TIME', 8, zero),
  egid: id('EGID'),
  egroup: user('EGROUP'),
  etime: right('ELAPSED', 11, (process, view) => elapsed(ageOf(process, view))),
  etimes: count('ELAPSED', 7, ageOf),
  euid: id('EUID'),
  euser: user('EUSER'),
  f: right('F', 1, () => '4'),
  flag: right('F', 1, () => '4'),
  flags: right('F', 1, () => '4'),
  fname: left('COMMAND', 8, (process) => process.name.slice(0, 8)),
  gid: id('GID'),
  group: user('GROUP'),
  lstart: right('STARTED', 24, longStart),
  lwp: pid('LWP'),
  netns: count('NETNS', 10, ({ netns }) => netns.inode),
  ni: count('NI', 3, zero),
  nice: count('NI', 3, zero),
  nlwp: count('NLWP', 4, () => 1),
  opri: count('PRI', 3, () => 80),
  pcpu: right('%CPU', 4, () => '0.0'),
  pgid: pid('PGID', sessionOf),
  pgrp: pid('PGRP', sessionOf),
  pid: pid('PID'),
  pmem: right('%MEM', 4, () => '0.0'),
  ppid: pid('PPID', ({ parent }) => parent),
  pri: count('PRI', 3, () => 19),
  priority: count('PRI', 3, () => 20),
  psr: count('PSR', 3, zero),
  rgid: id('RGID'),
  rgroup: user('RGROUP'),
  rss: count('RSS', 5, zero),
  rssize: count('RSS', 5, zero),
  rsz: count('RSZ', 5, zero),
  ruid: id('RUID'),
  ruser: user('RUSER'),
  s: left('S', 1, stateOf),
  sess: pid('SESS', sessionOf),
  session: pid('SESS', sessionOf),
  sid: pid('SID', sessionOf),
  start: right('STARTED', 8, clockStart),
  start_time: right('START', 5, shortStart),
  stat: left('STAT', 4, statOf),
  state: left('S', 1, stateOf),
  stime: right('STIME', 5, shortStart),
  sz: count('SZ', 5, zero),
  spid: pid('SPID'),
  tgid: pid('TGID'),
  tid: pid('TID'),
  time: right('TIME', 8, () => '00:00:00'),
  tname: left('TTY', 8, noTerminal),
  tpgid: right('TPGID', PID_WIDTH, () => '-1'),
  tt: left('TT', 8, noTerminal),
  tty: left('TT', 8, noTerminal),
  ucmd: name('CMD'),
  ucomm: name('COMMAND'),
  uid: id('UID'),
  uid_hack: user('UID'),
  uname: user('USER'),
  user: user('USER'),
  vsize: count('VSZ', 6, zero),
  vsz: count('VSZ', 6, zero),
  wchan: left('WCHAN', 6, none),
};

/** A row of the table. */
export const processRow = (process: Process, columns: readonly PsColumn[], view: PsView): string =>
  psRow(
    columns.map((column, i) => cellOf(column, column.of(process, view), i === columns.length - 1)),
    columns,
  );

/** What is wider than its column takes blanks of the next one (show_one_proc()). */
export function psRow(cells: readonly string[], columns: readonly PsColumn[]): string {
  let row = '';
  let begin = 0;
  for (const [i, { width, align }] of columns.entries()) {
    const cell = cells[i] ?? '';
    const isLast = i === columns.length - 1;
    if (i > 0) row = row.length < begin ? row.padEnd(begin) : `${row} `;
    if (align === 'right') row += cell.padStart(begin + width - row.length);
    else if (isLast) row += cell;
    else row += cell.padEnd(begin + width - row.length);
    begin += width + 1;
  }
  return row;
}
