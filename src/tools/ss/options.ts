/** The command line of `ss` (misc/ss.c:main()). */

import { type LongOption, orderedOptions } from '../getopt.js';
import { noIpv6 } from '../not-modelled.js';
import { failure, type ToolResult } from '../tool.js';
import { SS_USAGE } from './usage.js';

/** `-o`, `-e`, `-m` and `-i` say more of a socket than is known here. */
const SHORT = '-halBrinmoeptTuSwx46HOVM0sEf:A:KN:D:F:zZb';
const LONG: readonly LongOption[] = [
  ['numeric', 'n', 'flag'],
  ['resolve', 'r', 'flag'],
  ['options', 'o', 'flag'],
  ['extended', 'e', 'flag'],
  ['memory', 'm', 'flag'],
  ['info', 'i', 'flag'],
  ['processes', 'p', 'flag'],
  ['threads', 'T', 'flag'],
  ['bpf', 'b', 'flag'],
  ['tcp', 't', 'flag'],
  ['mptcp', 'M', 'flag'],
  ['sctp', 'S', 'flag'],
  ['udp', 'u', 'flag'],
  ['raw', 'w', 'flag'],
  ['unix', 'x', 'flag'],
  ['all', 'a', 'flag'],
  ['listening', 'l', 'flag'],
  ['bound-inactive', 'B', 'flag'],
  ['ipv4', '4', 'flag'],
  ['ipv6', '6', 'flag'],
  ['packet', '0', 'flag'],
  ['family', 'f', 'value'],
  ['socket', 'A', 'value'],
  ['query', 'A', 'value'],
  ['summary', 's', 'flag'],
  ['events', 'E', 'flag'],
  ['diag', 'D', 'value'],
  ['filter', 'F', 'value'],
  ['version', 'V', 'flag'],
  ['help', 'h', 'flag'],
  ['context', 'Z', 'flag'],
  ['contexts', 'z', 'flag'],
  ['net', 'N', 'value'],
  ['kill', 'K', 'flag'],
  ['no-header', 'H', 'flag'],
  ['oneline', 'O', 'flag'],
];

/** Tables by the letters of their options; what others have is not modelled. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  all: ['u', 't', 'S'],
  inet: ['u', 't', 'S'],
  tcp: ['t'],
  udp: ['u'],
  sctp: ['S'],
  raw: ['w'],
  unix: ['x'],
  unix_stream: ['x'],
  unix_dgram: ['x'],
  unix_seqpacket: ['x'],
  u_str: ['x'],
  u_dgr: ['x'],
  u_seq: ['x'],
  packet: ['0'],
  packet_raw: ['0'],
  packet_dgram: ['0'],
  p_raw: ['0'],
  p_dgr: ['0'],
  mptcp: ['M'],
  dccp: ['dccp'],
  netlink: ['netlink'],
  vsock: ['vsock'],
  vsock_stream: ['vsock'],
  vsock_dgram: ['vsock'],
  tipc: ['tipc'],
  xdp: ['xdp'],
};
const FAMILIES: Readonly<Record<string, string>> = {
  inet: '4',
  inet6: '6',
  link: '0',
  unix: 'x',
  netlink: 'netlink',
  vsock: 'vsock',
  tipc: 'tipc',
  xdp: 'xdp',
};

/** What there is none of here. */
const NOT_OFFERED: Readonly<Record<string, string>> = {
  w: '-w: raw sockets are',
  x: '-x: Unix sockets are',
  E: '-E: events are',
  '0': '-0: packet sockets are',
  M: '-M: MPTCP is',
  b: '-b: filters of sockets are',
  D: '-D: files of what the kernel says are',
  F: '-F: files of filters are',
  dccp: '-A dccp: DCCP is',
  netlink: 'netlink sockets are',
  vsock: 'sockets of virtual machines are',
  tipc: 'TIPC is',
  xdp: 'XDP sockets are',
};

export interface SsOptions {
  readonly flags: ReadonlySet<string>;
  /** Letters of the tables that are asked for; none: all of them. */
  readonly tables: ReadonlySet<string>;
  /** `-N`: a namespace by its name. */
  readonly netns: string | undefined;
  readonly words: readonly string[];
}

const wrongUse = (what: string): ToolResult => failure(255, `ss: ${what}\n${SS_USAGE}`);

/** `-A tcp,!udp`: in place of what stands before the first of them. */
function queried(text: string, tables: Set<string>, isFirst: boolean): ToolResult | undefined {
  const isLess = text.startsWith('!');
  if (isFirst) tables.clear();
  for (const name of (isLess ? text.slice(1) : text).split(',')) {
    const letters = Object.hasOwn(TABLES, name) ? TABLES[name] : undefined;
    if (letters === undefined) return wrongUse(`"${name}" is illegal socket table id`);
    for (const letter of letters)
      if (isLess) tables.delete(letter);
      else tables.add(letter);
  }
  return tables.size === 0 ? failure(0, 'ss: no socket tables to show with such filter.') : undefined;
}

const isTable = (letter: string): boolean => 'utSwx0M'.includes(letter);

export function readSsOptions(args: readonly string[]): SsOptions | ToolResult {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  const flags = new Set<string>();
  const tables = new Set<string>();
  const words: string[] = [];
  let [netns, isFirst]: [string | undefined, boolean] = [undefined, true];
  for (const { letter, value = '' } of options) {
    if (letter === undefined) words.push(value);
    else if (letter === 'f') {
      const family = Object.hasOwn(FAMILIES, value) ? FAMILIES[value] : undefined;
      if (family === undefined) return wrongUse(`"${value}" is invalid family`);
      flags.add(family);
    } else if (letter === 'A') {
      const wrong = queried(value, tables, isFirst);
      if (wrong !== undefined) return wrong;
      isFirst = false;
    } else if (letter === 'z' || letter === 'Z') return failure(1, 'ss: SELinux is not enabled.');
    else if (letter === 'N') netns = value;
    else {
      flags.add(letter);
      if (isTable(letter)) tables.add(letter);
    }
  }
  if (bad !== undefined) {
    const letter = `-- '${bad.written.at(-1) ?? ''}'`;
    const unknown = bad.written.startsWith('--') ? `unrecognized option '${bad.written}'` : `invalid option ${letter}`;
    return wrongUse(bad.why === 'unknown' ? unknown : `option requires an argument ${letter}`);
  }
  return { flags, tables, netns, words: [...words, ...rest] };
}

/** What is asked for and not modelled, or undefined. */
export function notShown({ flags, tables }: SsOptions): ToolResult | undefined {
  if (flags.has('6') && !flags.has('4')) return noIpv6('ss -6', 1);
  if (flags.has('K')) return failure(1, 'ss: -K: only what shows is offered here');
  const missing = [...flags, ...tables].find((letter) => Object.hasOwn(NOT_OFFERED, letter));
  return missing === undefined ? undefined : failure(1, `ss: ${NOT_OFFERED[missing]} not modelled`);
}
