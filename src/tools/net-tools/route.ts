/** `route` of net-tools 2.10, and `netstat -r`: the table main, as /proc/net/route has it. */

import { HostNames } from '../host-names.js';
import { formatIpv4, INADDR_ANY, INADDR_BROADCAST, type Ipv4Addr } from '../../packet/index.js';
import { type LongOption, orderedOptions } from '../getopt.js';
import { noIpv6 } from '../not-modelled.js';
import { failure, lines, ok, type Tool, type ToolPlace } from '../tool.js';
import { addressOfHex, onlyShows, procRows } from './proc.js';

/** include/uapi/linux/route.h. */
const RTF = { up: 0x0001, gateway: 0x0002, host: 0x0004, reject: 0x0200 } as const;

/** `-e` prints windows instead of metrics, `-ee` both. */
export interface RouteForm {
  readonly numeric: boolean;
  readonly extended: 0 | 1 | 2;
}

const HEADERS = [
  'Destination     Gateway         Genmask         Flags Metric Ref    Use Iface',
  'Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface',
  'Destination     Gateway         Genmask         Flags Metric Ref    Use Iface    MSS   Window irtt',
] as const;

const cell = (text: string, width: number): string => text.slice(0, width).padEnd(width);

function routeRow(fields: readonly string[], names: HostNames, { numeric, extended }: RouteForm): string {
  const [device = '', to = '', via = '', flagText = '', references = '', uses = '', metric = ''] = fields;
  const [maskText = '', mss = '', window = '', rtt = ''] = fields.slice(7);
  const [destination, gateway, mask] = [addressOfHex(to), addressOfHex(via), addressOfHex(maskText)];
  const flags = Number.parseInt(flagText, 16);
  const rejects = (flags & RTF.reject) !== 0;
  const text = (address: Ipv4Addr): string => (numeric ? formatIpv4(address) : names.textOf(address));
  // Only a whole network of 0 is the default; names are those of hosts.
  const isHost = mask === INADDR_BROADCAST;
  const isDefault = destination === INADDR_ANY && !numeric;
  const shownTo = isDefault ? 'default' : isHost ? text(destination) : formatIpv4(destination);
  const letters = `${rejects ? '!' : 'U'}${flags & RTF.gateway ? 'G' : ''}${flags & RTF.host ? 'H' : ''}`;
  const begin = `${cell(shownTo, 15)} ${cell(rejects ? '-' : text(gateway), 15)} ${formatIpv4(mask).padEnd(15)}`;
  const iface = rejects ? '-' : device;
  const counts = `${metric.padEnd(6)} ${(rejects ? '-' : references).padEnd(2)} ${uses.padStart(7)}`;
  const [size, limit, time] = rejects ? ['-', '-', '-'] : [mss, window, rtt];
  if (extended === 0) return `${begin} ${letters.padEnd(5)} ${counts} ${iface}`;
  if (extended === 1)
    return `${begin} ${letters.padEnd(5)} ${size.padStart(5)} ${limit.padEnd(5)} ${time.padStart(6)} ${iface}`;
  return `${begin} ${letters.padEnd(5)} ${counts} ${iface.padEnd(8)} ${size.padEnd(5)} ${limit.padEnd(6)} ${time}`;
}

export function routeTable(place: ToolPlace, program: string, form: RouteForm): string {
  const names = new HostNames(place, program);
  const rows = procRows(place, 'route').map((fields) => routeRow(fields, names, form));
  return lines(['Kernel IP routing table', HEADERS[form.extended], ...rows]);
}

const SHORT = 'A:eCFhnN64Vv?';
const LONG: readonly LongOption[] = [
  ['extend', 'e', 'flag'],
  ['verbose', 'v', 'flag'],
  ['numeric', 'n', 'flag'],
  ['fib', 'F', 'flag'],
  ['cache', 'C', 'flag'],
  ['inet6', '6', 'flag'],
];

/** `route [-n] [-e[e]]`. */
export const route: Tool = (place, args) => {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined) return failure(3, `route: invalid option -- '${bad.written.at(-1) ?? ''}'`);
  const letters = options.flatMap(({ letter }) => letter ?? []);
  const words = [...options.flatMap(({ letter, value }) => (letter === undefined ? value : [])), ...rest];
  if (letters.includes('V')) return ok('net-tools 2.10\n');
  if (letters.includes('6') || options.some(({ letter, value }) => letter === 'A' && value === 'inet6'))
    return noIpv6('route');
  if (words.length > 0) return onlyShows('route', words[0] ?? '');
  if (letters.includes('C'))
    return ok(
      'Kernel IP routing cache\nSource          Destination     Gateway         Flags Metric Ref    Use Iface\n',
    );
  const times = letters.filter((letter) => letter === 'e').length;
  const extended = times === 0 ? 0 : times === 1 ? 1 : 2;
  return ok(routeTable(place, 'route', { numeric: letters.includes('n'), extended }));
};
