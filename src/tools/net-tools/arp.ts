/** `arp` of net-tools 2.10: the neighbours that ARP has found, as /proc/net/arp has them. */

import { HostNames } from '../host-names.js';
import { formatIpv4, parseIpv4 } from '../../packet/index.js';
import { type LongOption, orderedOptions } from '../getopt.js';
import { resolve, resolveFailure } from '../resolve.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from '../tool.js';
import { onlyShows, procRows } from './proc.js';

const SHORT = 'A:H:adfp:nsei:t:vhDV';
const LONG: readonly LongOption[] = [
  ['verbose', 'v', 'flag'],
  ['all', 'a', 'flag'],
  ['delete', 'd', 'flag'],
  ['file', 'f', 'flag'],
  ['numeric', 'n', 'flag'],
  ['set', 's', 'flag'],
  ['protocol', 'A', 'value'],
  ['hw-type', 'H', 'value'],
  ['device', 'i', 'value'],
  ['use-device', 'D', 'flag'],
];

/** include/uapi/linux/if_arp.h. */
const ATF = { complete: 0x02, permanent: 0x04, published: 0x08 } as const;

interface Entry {
  readonly address: string;
  readonly flags: number;
  readonly mac: string;
  readonly device: string;
}

const entriesOf = (place: ToolPlace): readonly Entry[] =>
  procRows(place, 'arp').map(([address = '', , flags = '', mac = '', , device = '']) => ({
    address,
    flags: Number(flags),
    mac,
    device,
  }));

const has = ({ flags }: Entry, flag: number): boolean => (flags & flag) !== 0;

/** arp_disp_2(): a table. */
function tableRow(entry: Entry, name: string): string {
  const known = has(entry, ATF.complete)
    ? ['ether', entry.mac]
    : has(entry, ATF.published)
      ? ['*', '<from_interface>']
      : ['', '(incomplete)'];
  const [type = '', mac = ''] = known;
  const flags = Object.entries({ C: ATF.complete, M: ATF.permanent, P: ATF.published })
    .filter(([, flag]) => has(entry, flag))
    .map(([letter]) => letter)
    .join('');
  return `${name.slice(0, 23).padEnd(23)}  ${type.padEnd(8)}${mac.padEnd(20)}${flags.padEnd(6)}${''.padEnd(15)} ${entry.device}`;
}

/** arp_disp(): `-a`, as BSD has it. */
function sentence(entry: Entry, name: string | undefined): string {
  const known = has(entry, ATF.complete)
    ? `${entry.mac} [ether]`
    : has(entry, ATF.published)
      ? '<from_interface>'
      : '<incomplete>';
  const marks = `${has(entry, ATF.permanent) ? ' PERM' : ''}${has(entry, ATF.published) ? ' PUB' : ''}`;
  return `${name ?? '?'} (${entry.address}) at ${known}${marks} on ${entry.device}`;
}

const HEADER = `Address${' '.repeat(18)}HWtype  HWaddress${' '.repeat(11)}Flags Mask${' '.repeat(12)}Iface`;

interface Asked {
  readonly flags: ReadonlySet<string>;
  readonly device: string | undefined;
  readonly host: string | undefined;
}

function read(args: readonly string[]): Asked | ToolResult {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined) return failure(3, `arp: invalid option -- '${bad.written.at(-1) ?? ''}'`);
  const flags = new Set<string>();
  const words: string[] = [...rest];
  let device: string | undefined;
  for (const { letter, value } of options) {
    if (letter === undefined) words.unshift(value);
    else if (letter === 'i') device = value;
    else flags.add(letter);
  }
  const change = ['d', 's', 'f', 'D'].find((letter) => flags.has(letter));
  return change === undefined ? { flags, device, host: words.at(-1) } : onlyShows('arp', `-${change}`);
}

/** arp_show(). */
export const arp: Tool = (place, args) => {
  const asked = read(args);
  if ('exitCode' in asked) return asked;
  const { flags, device, host } = asked;
  if (flags.has('V')) return ok('net-tools 2.10\n');
  const resolved = host === undefined ? undefined : resolve(place, host, 'arp');
  if (resolved?.kind === 'failed') return failure(255, `${host}: ${resolveFailure(resolved.why)}`);
  const wanted = resolved === undefined ? undefined : formatIpv4(resolved.address);
  const all = entriesOf(place);
  const shown = all.filter(
    (entry) => (device === undefined || entry.device === device) && (wanted === undefined || entry.address === wanted),
  );
  const names = new HostNames(place, 'arp');
  const nameOf = ({ address }: Entry): string | undefined => {
    const parsed = flags.has('n') ? undefined : parseIpv4(address);
    return parsed === undefined ? undefined : names.nameOf(parsed);
  };
  const rows = flags.has('a')
    ? shown.map((entry) => sentence(entry, nameOf(entry)))
    : shown.map((entry) => tableRow(entry, nameOf(entry) ?? entry.address));
  const told: string[] = shown.length > 0 && !flags.has('a') ? [HEADER, ...rows] : [...rows];
  if (flags.has('v'))
    told.push(`Entries: ${all.length}\tSkipped: ${all.length - shown.length}\tFound: ${shown.length}`);
  if (shown.length === 0) {
    if (host !== undefined && !flags.has('a')) told.push(`${host} (${wanted}) -- no entry`);
    else if (host !== undefined || device !== undefined) told.push(`arp: in ${all.length} entries no match found.`);
  }
  return ok(lines(told));
};
