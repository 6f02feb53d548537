/** The first lines of DNS, HTTP and BGP in tcpdump's words. */

import { bytesOf } from '../bytes.js';
import { DNS_FLAG, DNS_HEADER_LENGTH, type DnsEntry, type DnsRecord, dnsEntries } from '../dns.js';
import { formatIpv4, formatIpv6 } from '../ip.js';
import { type Context, lengthOf, type Span, truncated } from './printer.js';

const OPCODES = ['', ' inv_q', ' stat', ' op3', ' notify', ' update'];
const RCODES = ['', ' FormErr', ' ServFail', ' NXDomain', ' NotImp', ' Refused'];

const dotted = (name: string): string => (name.endsWith('.') ? name : `${name}.`);

function recordText(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
      return `A ${formatIpv4(record.address)}`;
    case 'AAAA':
      return `AAAA ${formatIpv6(record.address)}`;
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return `${record.type} ${dotted(record.target)}`;
    case 'SRV':
      return `SRV ${dotted(record.target)}:${record.port} ${record.priority} ${record.weight}`;
    case 'MX':
      return `MX ${dotted(record.exchange)} ${record.preference}`;
    case 'TXT':
      return ['TXT', ...record.texts.map((text) => `"${text}"`)].join(' ');
    case 'OPT':
      return `OPT UDPsize=${record.udpPayloadSize}${record.dnssecOk === true ? ' DO' : ''}`;
    case 'SOA':
      return 'SOA';
    case 'other':
      return record.typeName.replace(/^UNKNOWN_/, 'Type');
  }
}

interface Counts {
  readonly questions: number;
  readonly answers: number;
  readonly authorities: number;
  readonly additionals: number;
}

/** A number in brackets for a section that is not as usual. */
const unusual = (count: number, usual: number, letter: string): string =>
  count === usual ? '' : ` [${count}${letter}]`;

function responseText(word: number, counts: Counts, entries: readonly DnsEntry[]): string {
  const flags =
    (word & DNS_FLAG.authoritative ? '*' : '') +
    (word & DNS_FLAG.recursionAvailable ? '' : '-') +
    (word & DNS_FLAG.truncated ? '|' : '') +
    (word & DNS_FLAG.authenticData ? '$' : '');
  const rcode = RCODES[word & 0x0f] ?? ` Resp${word & 0x0f}`;
  const answers = entries.flatMap(({ section, record }) =>
    section === 'answer' && record ? [recordText(record)] : [],
  );
  const sections = ` ${counts.answers}/${counts.authorities}/${counts.additionals}`;
  return `${rcode}${flags}${unusual(counts.questions, 1, 'q')}${sections}${answers.length > 0 ? ` ${answers.join(', ')}` : ''}`;
}

function queryText(word: number, counts: Counts, entries: readonly DnsEntry[]): string {
  const flags = (word & DNS_FLAG.recursionDesired ? '+' : '') + (word & DNS_FLAG.checkingDisabled ? '%' : '');
  const odd = (word & 0x06cf) === 0 ? '' : ` [b2&3=0x${word.toString(16)}]`;
  const sections =
    unusual(counts.answers, 0, 'a') +
    unusual(counts.questions, 1, 'q') +
    unusual(counts.authorities, 0, 'n') +
    unusual(counts.additionals, 0, 'au');
  const questions = entries.flatMap(({ question }) =>
    question ? [` ${question.type.replace(/^UNKNOWN_/, 'Type')}? ${dotted(question.name)}`] : [],
  );
  return flags + odd + sections + questions.join('');
}

export function printDns(span: Span, _context: Context): string {
  const { view, offset, end } = span;
  if (lengthOf(span) < DNS_HEADER_LENGTH) return `domain [length ${lengthOf(span)} < 12] (invalid)`;
  const word = view.getUint16(offset + 2);
  const counts = {
    questions: view.getUint16(offset + 4),
    answers: view.getUint16(offset + 6),
    authorities: view.getUint16(offset + 8),
    additionals: view.getUint16(offset + 10),
  };
  const entries = [...dnsEntries(bytesOf(view, offset, end))];
  const opcode = OPCODES[(word >>> 11) & 0x0f] ?? ` op${(word >>> 11) & 0x0f}`;
  const isResponse = (word & DNS_FLAG.response) !== 0;
  const body = isResponse ? responseText(word, counts, entries) : queryText(word, counts, entries);
  const broken = entries.some(({ problem }) => problem !== undefined);
  return `${view.getUint16(offset)}${opcode}${body}${broken ? truncated('domain') : ` (${lengthOf(span)})`}`;
}

/** RFC 1035 §4.2.2: two octets of length before the message. */
export function printDnsOverTcp(span: Span, context: Context): string {
  if (lengthOf(span) < 2) return ` [DNS over TCP: length ${lengthOf(span)} < 2] (invalid)`;
  const declared = span.view.getUint16(span.offset);
  const inner = { ...span, offset: span.offset + 2 };
  if (declared !== lengthOf(inner)) return ` [prefix length(${declared}) != length(${lengthOf(inner)})] (invalid)`;
  return ` ${context.into('dns', inner, context)}`;
}

/** As many octets as a line of a request may have here. */
const LINE_LIMIT = 1000;

const REQUEST = /^[A-Z][A-Z_-]{2,} \S/;
const RESPONSE = /^HTTP\/\d\.\d \d{3}/;

export function printHttp({ view, offset, end }: Span, _context: Context): string {
  const bytes = bytesOf(view, offset, Math.min(end, offset + LINE_LIMIT));
  const text = Array.from(bytes, (octet) => String.fromCharCode(octet)).join('');
  const [line = ''] = text.split(/\r?\n/, 1);
  const printable = /^[\x20-\x7e]*$/.test(line) && (REQUEST.test(line) || RESPONSE.test(line));
  return printable ? `: HTTP: ${line}` : ': HTTP';
}

export const printBgp = (_span: Span, _context: Context): string => ': BGP';
