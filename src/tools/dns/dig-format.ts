/** An answer as `dig` prints it (BIND bin/dig/dig.c:printmessage(), lib/dns/masterdump.c). */

import {
  DNS_FLAG,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  formatIpv4,
  type Ipv4Addr,
} from '../../packet/index.js';
import { civilTime, formatData, formatName, formatType, isBelow, rcodeName } from '../../services/index.js';

export interface Shown {
  readonly command: boolean;
  readonly comments: boolean;
  readonly question: boolean;
  readonly answer: boolean;
  readonly authority: boolean;
  readonly additional: boolean;
  readonly statistics: boolean;
}

export const EVERYTHING: Shown = {
  command: true,
  comments: true,
  question: true,
  answer: true,
  authority: true,
  additional: true,
  statistics: true,
};
export const NOTHING: Shown = {
  command: false,
  comments: false,
  question: false,
  answer: false,
  authority: false,
  additional: false,
  statistics: false,
};

/** Columns of the TTL, the class, the type and the data; a tab stops every eight. */
const COLUMNS = { ttl: 24, class: 32, type: 40, data: 48 } as const;
const TAB = 8;

/** masterdump.c:indent(): at least one blank, tabs as far as they lead. */
function indent(from: number, to: number): { readonly text: string; readonly column: number } {
  const target = Math.max(to, from + 1);
  const tabs = Math.max(Math.floor(target / TAB) - Math.floor(from / TAB), 0);
  const reached = tabs > 0 ? Math.floor(target / TAB) * TAB : from;
  return { text: '\t'.repeat(tabs) + ' '.repeat(target - reached), column: target };
}

function columns(first: string, fields: readonly (readonly [number, string])[]): string {
  let line = first;
  let column = first.length;
  for (const [to, text] of fields) {
    const gap = indent(column, to);
    line += gap.text + text;
    column = gap.column + text.length;
  }
  return line;
}

const typeOf = (record: DnsRecord): string => (record.type === 'other' ? formatType(record.typeName) : record.type);

const recordLine = (record: DnsRecord): string =>
  columns(formatName(record.name), [
    [COLUMNS.ttl, String(record.ttl)],
    [COLUMNS.class, 'IN'],
    [COLUMNS.type, typeOf(record)],
    [COLUMNS.data, formatData(record)],
  ]);

const CLASS_NAMES: Readonly<Record<number, string>> = { 3: 'CH', 4: 'HS', 254: 'NONE', 255: 'ANY' };

const questionLine = ({ name, type, class: given }: DnsQuestion): string =>
  `;${columns(formatName(name), [
    [COLUMNS.class, given === undefined ? 'IN' : (CLASS_NAMES[given] ?? `CLASS${given}`)],
    [COLUMNS.type, formatType(type)],
  ])}`;

const OPCODES: Readonly<Record<number, string>> = { 0: 'QUERY', 1: 'IQUERY', 2: 'STATUS', 4: 'NOTIFY', 5: 'UPDATE' };
const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [DNS_FLAG.response, 'qr'],
  [DNS_FLAG.authoritative, 'aa'],
  [DNS_FLAG.truncated, 'tc'],
  [DNS_FLAG.recursionDesired, 'rd'],
  [DNS_FLAG.recursionAvailable, 'ra'],
  [DNS_FLAG.authenticData, 'ad'],
  [DNS_FLAG.checkingDisabled, 'cd'],
];

type Opt = Extract<DnsRecord, { type: 'OPT' }>;
const optOf = ({ additionals }: DnsMessage): Opt | undefined => additionals.find((record) => record.type === 'OPT');

const COOKIE = 10;

function cookieLine(options: Uint8Array, ours: string | undefined): readonly string[] {
  const view = new DataView(options.buffer, options.byteOffset, options.length);
  const lines: string[] = [];
  for (let at = 0; at + 4 <= options.length; at += 4 + view.getUint16(at + 2)) {
    const data = options.subarray(at + 4, at + 4 + view.getUint16(at + 2));
    const hex = Array.from(data, (octet) => octet.toString(16).padStart(2, '0')).join('');
    if (view.getUint16(at) !== COOKIE) lines.push(`; OPT=${view.getUint16(at)}: ${hex}`);
    else lines.push(`; COOKIE: ${hex}${hex === ours ? ' (echoed)' : hex.length > 16 ? ' (good)' : ''}`);
  }
  return lines;
}

function optLines(
  { udpPayloadSize, version = 0, dnssecOk = false, options }: Opt,
  ours: string | undefined,
): readonly string[] {
  return [
    ';; OPT PSEUDOSECTION:',
    `; EDNS: version: ${version}, flags:${dnssecOk ? ' do' : ''}; udp: ${udpPayloadSize}`,
    ...(options === undefined ? [] : cookieLine(options, ours)),
  ];
}

function headerLines(message: DnsMessage): readonly string[] {
  const { id, opcode, rcode, flags, questions, answers, authorities, additionals } = message;
  const letters = FLAG_LETTERS.filter(([bit]) => (flags & bit) !== 0).map(([, letter]) => ` ${letter}`);
  const [question] = questions;
  const local = question !== undefined && isBelow('local', question.name);
  const unmet = (flags & DNS_FLAG.recursionDesired) !== 0 && (flags & DNS_FLAG.recursionAvailable) === 0;
  const status = rcodeName(rcode | ((optOf(message)?.extendedRcode ?? 0) << 4));
  return [
    ';; Got answer:',
    ...(local
      ? [
          ';; WARNING: .local is reserved for Multicast DNS',
          ';; You are currently testing what happens when an mDNS query is leaked to DNS',
        ]
      : []),
    `;; ->>HEADER<<- opcode: ${OPCODES[opcode] ?? `RESERVED${opcode}`}, status: ${status}, id: ${id}`,
    `;; flags:${letters.join('')}; QUERY: ${questions.length}, ANSWER: ${answers.length}, AUTHORITY: ${authorities.length}, ADDITIONAL: ${additionals.length}`,
    ...(unmet ? [';; WARNING: recursion requested but not available'] : []),
    '',
  ];
}

function section(title: string, lines: readonly string[], comments: boolean): readonly string[] {
  if (lines.length === 0) return [];
  return comments ? [`;; ${title} SECTION:`, ...lines, ''] : lines;
}

/** The message itself: header, EDNS, sections. `cookie` is the one that was sent, in hexadecimal digits. */
export function messageLines(message: DnsMessage, shown: Shown, cookie: string | undefined): readonly string[] {
  const { comments } = shown;
  const opt = optOf(message);
  const others = message.additionals.filter(({ type }) => type !== 'OPT');
  return [
    ...(comments ? headerLines(message) : []),
    ...(comments && opt !== undefined ? optLines(opt, cookie) : []),
    ...(shown.question ? section('QUESTION', message.questions.map(questionLine), comments) : []),
    ...(shown.answer ? section('ANSWER', message.answers.map(recordLine), comments) : []),
    ...(shown.authority ? section('AUTHORITY', message.authorities.map(recordLine), comments) : []),
    ...(shown.additional ? section('ADDITIONAL', others.map(recordLine), comments) : []),
  ];
}

export interface Statistics {
  readonly tookNs: number;
  readonly server: Ipv4Addr;
  readonly port: number;
  /** As it was written behind the `@`. */
  readonly serverText: string;
  readonly protocol: 'udp' | 'tcp';
  readonly nowNs: number;
  readonly octets: number;
}

export function statisticsLines({
  tookNs,
  server,
  port,
  serverText,
  protocol,
  nowNs,
  octets,
}: Statistics): readonly string[] {
  const { weekday, month, day, clock, year } = civilTime(nowNs);
  return [
    `;; Query time: ${Math.floor(tookNs / 1e6)} msec`,
    `;; SERVER: ${formatIpv4(server)}#${port}(${serverText}) (${protocol.toUpperCase()})`,
    `;; WHEN: ${weekday} ${month} ${String(day).padStart(2, '0')} ${clock} UTC ${year}`,
    `;; MSG SIZE  rcvd: ${octets}`,
    '',
  ];
}
