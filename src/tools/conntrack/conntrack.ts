/**
 * `conntrack` as conntrack-tools 1.4.7: what lists, looks up, counts, deletes and empties. Connections are the kernel's
 * own, so that they may go; those that nobody has sent are not made here.
 */

import { type CtEntry, formatStatistics, tuplesEqual } from '../../kernel/index.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from '../tool.js';
import { filterOf, tupleOf } from './filter.js';
import { savedOptions, XML_BEGIN, XML_END, xmlOf } from './formats.js';
import { type Asked, type Command, readConntrack } from './options.js';
import { fail, NAME, NO_LABELS, refuse, Refused } from './refused.js';
import { CONNTRACK_USAGE } from './usage.js';

const OUTPUTS = ['xml', 'extended', 'timestamp', 'id', 'ktimestamp', 'labels', 'userspace', 'save'] as const;
type Output = (typeof OUTPUTS)[number];

/** parse_parameter(): names may be cut short, in any case. @throws Refused */
function outputsOf({ options }: Asked): ReadonlySet<Output> {
  const words = options.get('o')?.split(',') ?? [];
  const named = words.map(
    (word) =>
      OUTPUTS.find((name) => word !== '' && name.startsWith(word.toLowerCase())) ?? refuse(`Bad parameter \`${word}'`),
  );
  const outputs = new Set(named);
  if (outputs.has('save') && outputs.size > 1)
    fail('cannot combine save output with any other output type, use -o save only');
  return outputs;
}

interface PrintForm {
  readonly outputs: ReadonlySet<Output>;
  readonly command: 'L' | 'G' | 'D';
}

/** The document begins before the first, and ends where the list does; of what is deleted there is none. */
function document(flows: string, command: PrintForm['command']): string {
  if (flows === '' || command === 'D') return flows;
  return `${XML_BEGIN}${flows}${command === 'L' ? XML_END : ''}`;
}

function print({ netns }: ToolPlace, entries: readonly CtEntry[], { outputs, command }: PrintForm): string {
  const { conntrack: table } = netns;
  // Whoever looks one up holds it.
  const use = command === 'G' ? 2 : 1;
  const each = (format: (entry: CtEntry) => string): string => lines(entries.map(format));
  if (outputs.has('xml'))
    return document(
      each((entry) => xmlOf(table.snapshot(entry), use)),
      command,
    );
  if (outputs.has('save')) return each((entry) => savedOptions(table.snapshot(entry), command === 'D' ? 'D' : 'A'));
  const form = { extended: outputs.has('extended'), id: outputs.has('id'), use };
  return each((entry) => table.format(entry, form));
}

const told = (outputs: ReadonlySet<Output>): string => (outputs.has('labels') ? NO_LABELS : '');
const counted = (count: number, what: string): string => `${NAME}: ${count} ${what}.\n`;
const shown = (count: number): string => counted(count, 'flow entries have been shown');

/** Filters with which `-z` cannot be: the counters of all are set to zero. */
const NOT_WITH_ZERO = ['s', 'd', 'r', 'q', 'p', 'u', 'm'];

function list(place: ToolPlace, asked: Asked): ToolResult {
  const outputs = outputsOf(asked);
  const { holds, warnings } = filterOf(asked);
  if (asked.table === 'expect') return { ...ok(''), stderr: counted(0, 'expectations have been shown') };
  const zero = asked.options.has('z');
  if (zero && NOT_WITH_ZERO.some((letter) => asked.options.has(letter)))
    refuse("Can't use -z with filtering parameters");
  const found = asked.table === 'conntrack' ? place.netns.conntrack.entries().filter(holds) : [];
  const stdout = print(place, found, { outputs, command: 'L' });
  if (zero) for (const entry of place.netns.conntrack.entries()) zeroCounters(entry);
  return { exitCode: 0, stdout, stderr: `${told(outputs)}${warnings}${shown(found.length)}` };
}

/** IPCTNL_MSG_CT_GET_CTRZERO. */
function zeroCounters(entry: CtEntry): void {
  if (entry.accounted) entry.startAccounting();
}

const notModelled = (what: string): never => fail(`${what} not modelled`);

function get(place: ToolPlace, asked: Asked): ToolResult {
  if (asked.table === 'expect') notModelled('expectations are');
  const outputs = outputsOf(asked);
  const tuple = tupleOf(asked);
  const entry = place.netns.conntrack.lookup(tuple)?.entry;
  if (entry === undefined) return fail("Operation failed: such conntrack doesn't exist");
  // The kernel finds it by either tuple, and the tool holds it against what it has asked for.
  if (!tuplesEqual(entry.original, tuple)) return { ...failure(1, ''), stderr: shown(0) };
  return {
    exitCode: 0,
    stdout: print(place, [entry], { outputs, command: 'G' }),
    stderr: `${told(outputs)}${shown(1)}`,
  };
}

function remove(place: ToolPlace, asked: Asked): ToolResult {
  if (asked.table === 'expect') notModelled('expectations are');
  const outputs = outputsOf(asked);
  const { holds, warnings } = filterOf(asked);
  const { conntrack: table } = place.netns;
  const timeout = asked.options.get('t');
  const lasts = (entry: CtEntry): boolean =>
    timeout === undefined || table.snapshot(entry).timeoutSeconds === Number.parseInt(timeout, 10);
  const found = table.entries().filter((entry) => holds(entry) && lasts(entry));
  const stdout = print(place, found, { outputs, command: 'D' });
  for (const entry of found) table.kill(entry);
  const stderr = `${told(outputs)}${warnings}${counted(found.length, 'flow entries have been deleted')}`;
  return { exitCode: found.length === 0 ? 1 : 0, stdout, stderr };
}

function flush({ netns }: ToolPlace, asked: Asked): ToolResult {
  filterOf(asked);
  const what = asked.table === 'expect' ? 'expectation' : 'connection tracking';
  if (asked.table === 'conntrack') netns.conntrack.flush();
  return { ...ok(''), stderr: `${NAME}: ${what} table has been emptied.\n` };
}

const count = ({ netns }: ToolPlace, { table }: Asked): ToolResult =>
  ok(`${table === 'expect' ? 0 : netns.conntrack.count}\n`);

const statistics = ({ netns }: ToolPlace, { table }: Asked): ToolResult =>
  ok(
    table === 'expect'
      ? 'cpu=0   \texpect_new=0 expect_create=0 expect_delete=0 \n'
      : `${formatStatistics(netns.conntrack.statistics)}\n`,
  );

const making = (_: ToolPlace, { command }: Asked): ToolResult =>
  failure(2, `${NAME}: -${command}: connections are made by packets alone here`);

const events = (): ToolResult =>
  failure(2, `${NAME}: -E: events are not modelled; conntrack -L shows what is there between two commands`);

type Run = (place: ToolPlace, asked: Asked) => ToolResult;

const COMMANDS: Readonly<Record<Command, Run>> = {
  L: list,
  G: get,
  D: remove,
  F: flush,
  C: count,
  S: statistics,
  E: events,
  I: making,
  A: making,
  U: making,
  V: () => ok(`${NAME}\n`),
  h: () => ok(CONNTRACK_USAGE),
};

export const conntrack: Tool = (place, args) => {
  try {
    const asked = readConntrack(args);
    return COMMANDS[asked.command](place, asked);
  } catch (error) {
    if (error instanceof Refused) return error.result;
    throw error;
  }
};
