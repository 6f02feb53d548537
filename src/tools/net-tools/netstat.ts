/** `netstat` of net-tools 2.10: sockets of TCP and UDP, routes (`-r`), devices (`-i`), groups (`-g`), counters (`-s`). */

import type { Process } from '../../cluster/index.js';
import { HostNames } from '../host-names.js';
import { type SocketEntry, serviceOfPort } from '../../kernel/index.js';
import { formatIpv4 } from '../../packet/index.js';
import { type LongOption, orderedOptions } from '../getopt.js';
import { groupsOf } from '../groups.js';
import { devicesOf } from '../ip/device.js';
import { noIpv6 } from '../not-modelled.js';
import { SocketOwners } from '../processes/seen.js';
import { socketsOf } from '../ss/ss.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from '../tool.js';
import { interfacesOf, longForm, shortForm } from './ifconfig.js';
import { routeTable } from './route.js';
import { statistics } from './statistics.js';

const SHORT = 'A:CFMN64acdeghilnoprstuvwxzWUSZ';
const LONG: readonly LongOption[] = [
  ['route', 'r', 'flag'],
  ['interfaces', 'i', 'flag'],
  ['groups', 'g', 'flag'],
  ['statistics', 's', 'flag'],
  ['masquerade', 'M', 'flag'],
  ['verbose', 'v', 'flag'],
  ['wide', 'W', 'flag'],
  ['numeric', 'n', 'flag'],
  ['numeric-hosts', 'n', 'flag'],
  ['numeric-ports', 'n', 'flag'],
  ['extend', 'e', 'flag'],
  ['programs', 'p', 'flag'],
  ['timers', 'o', 'flag'],
  ['continuous', 'c', 'flag'],
  ['listening', 'l', 'flag'],
  ['all', 'a', 'flag'],
  ['tcp', 't', 'flag'],
  ['udp', 'u', 'flag'],
  ['inet', '4', 'flag'],
  ['inet6', '6', 'flag'],
];

/** What is told of each that is not offered. */
const NOT_OFFERED: Readonly<Record<string, string>> = {
  M: 'conntrack -L shows what is masqueraded',
  c: 'each command ends here; sleep passes time between two',
  o: 'timers are not shown here',
  S: 'ss -S shows sockets of SCTP',
  w: 'raw sockets are not modelled',
  x: 'Unix sockets are not modelled',
  U: 'UDP-Lite is not modelled',
  C: 'the kernel has no routing cache',
};

/** Names that the emulation has in another form. */
const STATES: Readonly<Record<string, string>> = { ESTAB: 'ESTABLISHED', CLOSED: 'CLOSE', UNCONN: '' };

const ADDRESS_WIDTH = 23;

interface SocketForm {
  readonly numeric: boolean;
  readonly wide: boolean;
  /** Who has them; undefined where nobody asked. */
  readonly owners: SocketOwners | undefined;
  readonly names: HostNames;
}

/** addr_do_one(): a name is cut so that its port has room. */
function endText(
  end: { address: SocketEntry['localAddress']; port: number; protocol: string },
  form: SocketForm,
): string {
  const { address, port, protocol } = end;
  const service = form.numeric ? undefined : serviceOfPort(port, protocol);
  const portText = port === 0 ? '*' : (service ?? String(port));
  const host = form.numeric ? formatIpv4(address) : form.names.textOf(address);
  const room = ADDRESS_WIDTH - portText.length - 1;
  return `${form.wide ? host : host.slice(0, room)}:${portText}`.padEnd(ADDRESS_WIDTH);
}

const PROGRAM_WIDTH = 20;

/** prg_cache_load(): the first of its words, of a whole path the file alone. */
function programOf(process: Process | undefined): string {
  if (process === undefined) return '-'.padEnd(PROGRAM_WIDTH);
  const {
    pid,
    args: [path = ''],
  } = process;
  const text = `${pid}/${path.startsWith('/') ? path.slice(path.lastIndexOf('/') + 1) : path}`;
  return text.slice(0, PROGRAM_WIDTH - 1).padEnd(PROGRAM_WIDTH);
}

function socketRow(entry: SocketEntry, form: SocketForm): string {
  const { protocol, state } = entry;
  const listens = state === 'LISTEN';
  const queues = [entry.receiveQueue, listens ? 0 : entry.sendQueue].map((octets) => String(octets).padStart(6));
  const local = endText({ address: entry.localAddress, port: entry.localPort, protocol }, form);
  const remote = endText({ address: entry.remoteAddress, port: entry.remotePort, protocol }, form);
  const row = `${protocol.padEnd(4)}  ${queues.join(' ')} ${local} ${remote} ${(STATES[state] ?? state).padEnd(11)}`;
  return form.owners === undefined ? row : `${row} ${programOf(form.owners.of(entry)?.process)}`;
}

const HEADER = 'Proto Recv-Q Send-Q Local Address           Foreign Address         State      ';

function sockets(place: ToolPlace, flags: ReadonlySet<string>): string {
  const chosen = (['tcp', 'udp'] as const).filter((protocol) => flags.has(protocol.charAt(0)));
  const protocols = chosen.length === 0 ? (['tcp', 'udp'] as const) : chosen;
  const waits = ({ state }: SocketEntry): boolean => state === 'LISTEN' || state === 'UNCONN';
  const all = socketsOf(place.netns);
  const entries = all.filter((entry) => flags.has('a') || (flags.has('l') ? waits(entry) : !waits(entry)));
  const form: SocketForm = {
    numeric: flags.has('n'),
    wide: flags.has('W'),
    owners: flags.has('p') ? new SocketOwners(place, place.netns, all) : undefined,
    names: new HostNames(place, 'netstat'),
  };
  const which = flags.has('a') ? 'servers and established' : flags.has('l') ? 'only servers' : 'w/o servers';
  const rows = protocols.flatMap((protocol) =>
    entries.filter((entry) => entry.protocol === protocol).map((entry) => socketRow(entry, form)),
  );
  const header = flags.has('p') ? `${HEADER} ${'PID/Program name'.padEnd(20)}` : HEADER;
  return lines([`Active Internet connections (${which})`, header, ...rows]);
}

function groups({ netns }: ToolPlace): string {
  const rows = devicesOf(netns).flatMap((dev) =>
    groupsOf(dev).map((group) => `${dev.name.padEnd(15)} 1      ${group}`),
  );
  return lines([
    'IPv6/IPv4 Group Memberships',
    'Interface       RefCnt Group',
    '--------------- ------ ---------------------',
    ...rows,
  ]);
}

const INTERFACE_HEADER = 'Iface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg';

function show(place: ToolPlace, flags: ReadonlySet<string>, extended: number): ToolResult {
  if (flags.has('i')) {
    const all = interfacesOf(place.netns, flags.has('a'));
    const title = 'Kernel Interface table\n';
    if (extended > 0) return ok(title + all.map(longForm).join(''));
    return ok(title + lines([INTERFACE_HEADER, ...all.map(shortForm)]));
  }
  if (flags.has('g')) return ok(groups(place));
  // Without a second -e windows are shown, not metrics.
  if (flags.has('r'))
    return ok(
      routeTable(place, 'netstat', { numeric: flags.has('n'), extended: extended > 1 ? 2 : extended === 1 ? 0 : 1 }),
    );
  if (flags.has('s')) return ok(statistics(place.netns, flags));
  return ok(sockets(place, flags));
}

export const netstat: Tool = (place, args) => {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined) return failure(3, `netstat: invalid option -- '${bad.written.at(-1) ?? ''}'`);
  const letters = options.flatMap(({ letter }) => letter ?? []);
  const flags = new Set(letters);
  if (flags.has('6') && !flags.has('4')) return noIpv6('netstat');
  const missing = Object.keys(NOT_OFFERED).find((letter) => flags.has(letter) && !(letter === 'w' && flags.has('s')));
  if (missing !== undefined) return failure(2, `netstat: -${missing}: ${NOT_OFFERED[missing]}`);
  if (rest.length > 0 || options.some(({ letter }) => letter === undefined))
    return failure(3, 'netstat: no words are taken but options');
  return show(place, flags, letters.filter((letter) => letter === 'e').length);
};
