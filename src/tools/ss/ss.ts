/** `ss` of iproute2 6.1 (misc/ss.c): the sockets of TCP, UDP and SCTP. */

import { type Netns, serviceOfPort, type SocketEntry, Vxlan } from '../../kernel/index.js';
import { formatIpv4, INADDR_ANY } from '../../packet/index.js';
import { filterOf } from './filter.js';
import { notShown, readSsOptions } from './options.js';
import { type SocketState, STATE_NAMES, stateOf } from './states.js';
import { SS_USAGE } from './usage.js';
import { SocketOwners } from '../processes/seen.js';
import { socketUse } from '../proc-net/mib.js';
import { failure, lines, ok, type Tool } from '../tool.js';

/** What is shown of each protocol unless states are asked for: connections. */
const CONNECTED: ReadonlySet<SocketState> = new Set(
  STATE_NAMES.filter(
    (state) => state !== 'LISTEN' && state !== 'UNCONN' && state !== 'TIME-WAIT' && state !== 'SYN-RECV',
  ),
);
const DATAGRAMS: ReadonlySet<SocketState> = new Set(['ESTAB']);
const LISTENING: ReadonlySet<SocketState> = new Set(['LISTEN', 'UNCONN']);
const ALL: ReadonlySet<SocketState> = new Set(STATE_NAMES);

/** In the order in which ss asks for them. */
const PROTOCOLS = [
  { protocol: 'udp', letter: 'u', usual: DATAGRAMS },
  { protocol: 'tcp', letter: 't', usual: CONNECTED },
  { protocol: 'sctp', letter: 'S', usual: CONNECTED },
] as const;

/** Where the kernel itself listens: a socket of each port of a VXLAN device that is up. */
function kernelSockets(netns: Netns): SocketEntry[] {
  const ports = new Set([...netns.devices].flatMap((dev) => (dev instanceof Vxlan && dev.up ? [dev.config.port] : [])));
  return [...ports].map((localPort) => ({
    protocol: 'udp',
    state: 'UNCONN',
    localAddress: INADDR_ANY,
    localPort,
    remoteAddress: INADDR_ANY,
    remotePort: 0,
    receiveQueue: 0,
    sendQueue: 0,
    uid: 0,
    device: undefined,
    process: undefined,
    because: [],
  }));
}

export const socketsOf = (netns: Netns): readonly SocketEntry[] => [
  ...netns.sockets.entries(),
  ...kernelSockets(netns),
];

interface Form {
  readonly numeric: boolean;
  readonly header: boolean;
  /** Who has them; undefined where nobody asked. */
  readonly owners: SocketOwners | undefined;
  readonly threads: boolean;
  /** Several protocols, and several states: else the column says nothing. */
  readonly netid: boolean;
  readonly state: boolean;
}

interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** What stands before it. */
  readonly before: '' | ' ';
}

const COLUMNS = {
  netid: { title: 'Netid', align: 'left', before: '' },
  state: { title: 'State', align: 'left', before: ' ' },
  receiveQueue: { title: 'Recv-Q', align: 'left', before: ' ' },
  sendQueue: { title: 'Send-Q', align: 'left', before: ' ' },
  local: { title: 'Local Address:', align: 'right', before: ' ' },
  localPort: { title: 'Port', align: 'left', before: '' },
  peer: { title: 'Peer Address:', align: 'right', before: ' ' },
  peerPort: { title: 'Port', align: 'left', before: '' },
  process: { title: 'Process', align: 'left', before: '' },
} as const satisfies Record<string, Column>;
type ColumnName = keyof typeof COLUMNS;
type Cells = Readonly<Record<ColumnName, string>>;

function portText(port: number, protocol: string, { numeric }: Form): string {
  if (port === 0) return '*';
  return (numeric ? undefined : serviceOfPort(port, protocol)) ?? String(port);
}

/** Differs: a process has one thread. */
function usersOf(entry: SocketEntry, { owners, threads }: Form): string {
  const owner = owners?.of(entry);
  if (owner === undefined) return '';
  const { process, descriptor } = owner;
  const thread = threads ? `tid=${process.pid},` : '';
  return `users:(("${process.name}",pid=${process.pid},${thread}fd=${descriptor}))`;
}

function cellsOf(entry: SocketEntry, form: Form): Cells {
  const { protocol, device } = entry;
  const on = device === undefined ? '' : `%${device}`;
  return {
    netid: protocol,
    state: stateOf(entry),
    // sock_state_print() fills these up itself.
    receiveQueue: String(entry.receiveQueue).padEnd(6),
    sendQueue: String(entry.sendQueue).padEnd(6),
    local: `${formatIpv4(entry.localAddress)}${on}:`,
    localPort: portText(entry.localPort, protocol, form),
    peer: `${formatIpv4(entry.remoteAddress)}:`,
    peerPort: portText(entry.remotePort, protocol, form),
    process: usersOf(entry, form),
  };
}

const HEADER: Cells = {
  netid: COLUMNS.netid.title,
  state: COLUMNS.state.title,
  receiveQueue: COLUMNS.receiveQueue.title,
  sendQueue: COLUMNS.sendQueue.title,
  local: COLUMNS.local.title,
  localPort: COLUMNS.localPort.title,
  peer: COLUMNS.peer.title,
  peerPort: COLUMNS.peerPort.title,
  process: COLUMNS.process.title,
};

/** render(): each column as wide as the longest in it; the header is not filled up behind its last word. */
function table(rows: readonly Cells[], form: Form): string {
  const all = form.header ? [HEADER, ...rows] : rows;
  const names = (Object.keys(COLUMNS) satisfies string[])
    .filter((name): name is ColumnName => Object.hasOwn(COLUMNS, name))
    .filter((name) => (name !== 'netid' || form.netid) && (name !== 'state' || form.state));
  const widths = new Map(names.map((name) => [name, Math.max(...all.map((row) => row[name].length))]));
  const line = (row: Cells): string =>
    names
      .map((name, i) => {
        const { align, before } = COLUMNS[name];
        const width = widths.get(name) ?? 0;
        const text = align === 'right' ? row[name].padStart(width) : row[name].padEnd(width);
        return `${i === 0 || width === 0 ? '' : before}${text}`;
      })
      .join('');
  return all.map((row) => `${line(row)}\n`).join('');
}

/** print_summary(). */
function summaryOf(netns: Netns): string {
  const { used, tcp, udp, fragments } = socketUse(netns);
  const hashed = tcp.inUse + tcp.timeWait;
  const closed = tcp.allocated - (hashed - tcp.timeWait);
  const counts = `estab ${tcp.established}, closed ${closed}, orphaned ${tcp.orphans}, timewait ${tcp.timeWait}`;
  const row = (name: string, count: number): string =>
    `${name}\t  ${[count, count, 0].map((number) => String(number).padEnd(9)).join(' ')}`;
  return lines([
    `Total: ${used}`,
    `TCP:   ${tcp.allocated + tcp.timeWait} (${counts})`,
    '',
    'Transport Total     IP        IPv6',
    row('RAW', 0),
    row('UDP', udp),
    row('TCP', tcp.inUse),
    row('INET', udp + tcp.inUse),
    row('FRAG', fragments.queues),
    '',
  ]);
}

export const ss: Tool = (place, args) => {
  const asked = readSsOptions(args);
  if ('exitCode' in asked) return asked;
  const { flags, tables, words } = asked;
  if (flags.has('h')) return ok(`${SS_USAGE}\n`);
  if (flags.has('V')) return ok('ss utility, iproute2-6.1.0\n');
  const netns = asked.netns === undefined ? place.netns : place.netns.host.namedNetns(asked.netns);
  if (netns === undefined)
    return failure(1, `Cannot open network namespace "${asked.netns}": No such file or directory`);
  const missing = notShown(asked);
  if (missing !== undefined) return missing;
  const filter = filterOf(words);
  if ('exitCode' in filter) return filter;
  const summary = flags.has('s') ? summaryOf(netns) : '';
  // Alone it is all that is shown; else sockets are listed behind it.
  if (summary !== '' && words.length === 0 && tables.size === 0 && !flags.has('4')) return ok(summary);
  const some = PROTOCOLS.filter(({ letter }) => tables.has(letter));
  const chosen = some.length === 0 ? PROTOCOLS : some;
  const states = (usual: ReadonlySet<SocketState>): ReadonlySet<SocketState> =>
    filter.states ?? (flags.has('a') ? ALL : flags.has('l') ? LISTENING : usual);
  const every = new Set(chosen.flatMap(({ usual }) => [...states(usual)]));
  const entries = socketsOf(netns);
  const form: Form = {
    numeric: flags.has('n'),
    header: !flags.has('H'),
    owners: flags.has('p') || flags.has('T') ? new SocketOwners(place, netns, entries) : undefined,
    threads: flags.has('T'),
    netid: chosen.length > 1,
    state: every.size > 1,
  };
  const rows = chosen.flatMap(({ protocol, usual }) =>
    entries
      .filter((entry) => entry.protocol === protocol && states(usual).has(stateOf(entry)) && filter.holds(entry))
      .map((entry) => cellsOf(entry, form)),
  );
  return ok(summary + table(rows, form));
};
