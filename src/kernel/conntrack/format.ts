/** The text of conntrack-tools 1.4.7 (libnetfilter_conntrack's default output). */

import { formatIpv4, IP_PROTOCOL } from '../../packet/index.js';
import { type CtBothCounters, type CtCounters, type CtTuple, IPS } from './entry.js';
import { hasPorts } from './tuple.js';

/** What a line is made of: an entry at one moment. */
export interface PrintedEntry {
  readonly id: number;
  readonly original: CtTuple;
  readonly reply: CtTuple;
  readonly status: number;
  readonly mark: number;
  readonly state: string;
  readonly timeoutSeconds: number;
  /** Undefined where packets are not counted. */
  readonly counters: CtBothCounters | undefined;
}

export interface FormatOptions {
  /** `-o extended`: the network protocol before everything else. */
  readonly extended?: boolean;
  /** `-o id`. */
  readonly id?: boolean;
  /** References to the entry: of a list its table's alone, 1; whoever looks one up has another. */
  readonly use?: number;
}

const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [IP_PROTOCOL.icmp, 'icmp'],
  [IP_PROTOCOL.tcp, 'tcp'],
  [IP_PROTOCOL.udp, 'udp'],
  [IP_PROTOCOL.dccp, 'dccp'],
  [IP_PROTOCOL.gre, 'gre'],
  [IP_PROTOCOL.icmpv6, 'icmpv6'],
  [IP_PROTOCOL.sctp, 'sctp'],
  [IP_PROTOCOL.udplite, 'udplite'],
]);

export const protocolNameOf = (protocol: number): string => PROTOCOL_NAMES.get(protocol) ?? 'unknown';

/** The part of a tuple that its protocol has: ports, an ICMP message, GRE keys. */
function formatProtocol({ protocol, sourcePort, destinationPort }: CtTuple): string {
  if (protocol === IP_PROTOCOL.icmp) {
    return ` type=${destinationPort >>> 8} code=${destinationPort & 0xff} id=${sourcePort}`;
  }
  if (protocol === IP_PROTOCOL.gre)
    return ` srckey=0x${sourcePort.toString(16)} dstkey=0x${destinationPort.toString(16)}`;
  // No tracker knows DCCP's ports any more, but the tool prints some.
  if (hasPorts(protocol) || protocol === IP_PROTOCOL.dccp || protocol === IP_PROTOCOL.udplite)
    return ` sport=${sourcePort} dport=${destinationPort}`;
  return '';
}

const formatDirection = (tuple: CtTuple, counters: CtCounters | undefined): string =>
  `src=${formatIpv4(tuple.source)} dst=${formatIpv4(tuple.destination)}${formatProtocol(tuple)}${
    counters === undefined ? '' : ` packets=${counters.packets} bytes=${counters.bytes}`
  }`;

/** One line of `conntrack -L`. */
export function formatEntry(entry: PrintedEntry, options: FormatOptions = {}): string {
  const { protocol } = entry.original;
  const words = [
    ...(options.extended === true ? ['ipv4     2'] : []),
    `${protocolNameOf(protocol).padEnd(8)} ${protocol} ${entry.timeoutSeconds}`,
    ...(entry.state === '' ? [] : [entry.state]),
    formatDirection(entry.original, entry.counters?.original),
    ...((entry.status & IPS.seenReply) === 0 ? ['[UNREPLIED]'] : []),
    formatDirection(entry.reply, entry.counters?.reply),
    ...((entry.status & IPS.assured) === 0 ? [] : ['[ASSURED]']),
    `mark=${entry.mark >>> 0}`,
    `use=${options.use ?? 1}`,
    ...(options.id === true ? [`id=${entry.id}`] : []),
  ];
  return words.join(' ');
}

/** Counters of `conntrack -S`, those that can move here. */
export interface CtStatistics {
  /** Tuples that were taken when NAT looked for a free one. */
  found: number;
  invalid: number;
  insert: number;
  insertFailed: number;
  drop: number;
  earlyDrop: number;
  /** ICMP errors about nothing that is known, and broken ICMP messages. */
  error: number;
  clashResolve: number;
}

export const emptyStatistics = (): CtStatistics => ({
  found: 0,
  invalid: 0,
  insert: 0,
  insertFailed: 0,
  drop: 0,
  earlyDrop: 0,
  error: 0,
  clashResolve: 0,
});

/** The line of the only CPU that there is. */
export const formatStatistics = (statistics: CtStatistics): string =>
  `cpu=0   \tfound=${statistics.found} invalid=${statistics.invalid} insert=${statistics.insert} ` +
  `insert_failed=${statistics.insertFailed} drop=${statistics.drop} early_drop=${statistics.earlyDrop} ` +
  `error=${statistics.error} search_restart=0 clash_resolve=${statistics.clashResolve} chaintoolong=0 `;
