/** TCP, UDP and SCTP in tcpdump's words. Sequence numbers are absolute, as with `-S`: nothing is remembered. */

import { bytesOf, toHex } from '../bytes.js';
import { DNS_PORT } from '../dns.js';
import { OPTION_END, OPTION_NOP, type OptionSpan } from '../option-span.js';
import { SCTP_CHUNK, Sctp, type SctpChunk } from '../sctp.js';
import { TCP_ACK, TCP_FIN, TCP_HEADER_LENGTH, TCP_RST, TCP_SYN, TCP_URG, Tcp } from '../tcp.js';
import { parseTcpOption, TCP_OPTION } from '../tcp-options.js';
import { UDP_HEADER_LENGTH, Udp } from '../udp.js';
import { VXLAN_PORT, VXLAN_PORT_LINUX } from '../vxlan.js';
import { type Context, lengthOf, type ProtocolName, type Span, truncated } from './printer.js';

const FLAG_LETTERS = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'W'];

const flagsText = (flags: number): string =>
  FLAG_LETTERS.filter((_, bit) => (flags & (1 << bit)) !== 0).join('') || 'none';

function addresses(context: Context, source: number, destination: number): string {
  const { network } = context;
  if (network === undefined || network.printed) return `${source} > ${destination}: `;
  return `${network.source}.${source} > ${network.destination}.${destination}: `;
}

function addressesOnly(context: Context, protocol: string): string {
  const { source, destination } = context.network ?? { source: '', destination: '' };
  return `${source} > ${destination}: ${truncated(protocol)}`;
}

const OPTION_WORDS: Readonly<Record<number, string>> = {
  [OPTION_END]: 'eol',
  [OPTION_NOP]: 'nop',
  [TCP_OPTION.mss]: 'mss',
  [TCP_OPTION.windowScale]: 'wscale',
  [TCP_OPTION.sackPermitted]: 'sackOK',
  [TCP_OPTION.sack]: 'sack',
  [TCP_OPTION.timestamps]: 'TS',
  [TCP_OPTION.md5]: 'md5',
};

function optionText(view: DataView, span: OptionSpan): string {
  const { kind, offset, length } = span;
  const word = OPTION_WORDS[kind] ?? `unknown-${kind}`;
  const option = length < 2 ? undefined : parseTcpOption(view, offset, length);
  if (option?.mss !== undefined) return `${word} ${option.mss}`;
  if (option?.windowScale !== undefined) return `${word} ${option.windowScale}`;
  if (option?.timestamps !== undefined) return `${word} val ${option.timestamps.value} ecr ${option.timestamps.echo}`;
  if (option?.sack !== undefined) {
    return `${word} ${option.sack.length} ${option.sack.map(({ left, right }) => `{${left}:${right}}`).join('')}`;
  }
  if (option?.md5 !== undefined)
    return `${word} shared secret not supplied with -M, can't check - ${toHex(option.md5)}`;
  if (option !== undefined || length <= 2) return word;
  return `${word} 0x${toHex(bytesOf(view, offset + 2, offset + length))}`;
}

/** The options in brackets; where one is malformed nothing follows it, not even the length. */
function optionsText(tcp: Tcp): { text: string; malformed: boolean } {
  if (tcp.headerLength === TCP_HEADER_LENGTH) return { text: '', malformed: false };
  const texts: string[] = [];
  for (const span of tcp.options) {
    if (span.malformed) {
      const list = texts.length === 0 ? '[bad opt]' : `${texts.join(',')},[bad opt]]`;
      return { text: `, options [${list}`, malformed: true };
    }
    texts.push(optionText(tcp.view, span));
  }
  return { text: `, options [${texts.join(',')}]`, malformed: false };
}

/** What the first line of a payload is in, by port. */
const TCP_PAYLOADS: readonly (readonly [number, ProtocolName])[] = [
  [DNS_PORT, 'dnsOverTcp'],
  [80, 'http'],
  [179, 'bgp'],
  [8080, 'http'],
];

function tcpPayload(tcp: Tcp, span: Span, context: Context): string {
  if (tcp.payloadOffset >= span.end || tcp.rst) return '';
  const found = TCP_PAYLOADS.find(([port]) => tcp.sourcePort === port || tcp.destinationPort === port);
  return found === undefined ? '' : context.into(found[1], { ...span, offset: tcp.payloadOffset }, context);
}

export function printTcp(span: Span, context: Context): string {
  const { view, offset, end } = span;
  if (lengthOf(span) < 4) return addressesOnly(context, 'tcp');
  const tcp = new Tcp(view, offset);
  const head = addresses(context, tcp.sourcePort, tcp.destinationPort);
  if (lengthOf(span) < TCP_HEADER_LENGTH) return head + truncated('tcp');
  const { headerLength, flags } = tcp;
  const octets = lengthOf(span);
  if (headerLength < TCP_HEADER_LENGTH) {
    return `${head} tcp ${octets - headerLength} [bad hdr length ${headerLength} - too short, < 20] (invalid)`;
  }
  if (headerLength > octets) {
    return `${head}Flags [${flagsText(flags)}] [bad hdr length ${headerLength} - too long, > ${octets}] (invalid)`;
  }
  const length = end - tcp.payloadOffset;
  const upTo = length > 0 ? `:${(tcp.sequence + length) % 2 ** 32}` : '';
  const sequence = length > 0 || (flags & (TCP_SYN | TCP_FIN | TCP_RST)) !== 0 ? `, seq ${tcp.sequence}${upTo}` : '';
  const ack = (flags & TCP_ACK) === 0 ? '' : `, ack ${tcp.acknowledgment}`;
  const urgent = (flags & TCP_URG) === 0 ? '' : `, urg ${tcp.urgentPointer}`;
  const fixed = `Flags [${flagsText(flags)}]${sequence}${ack}, win ${tcp.window}${urgent}`;
  const options = optionsText(tcp);
  if (options.malformed) return head + fixed + options.text;
  return `${head}${fixed}${options.text}, length ${length}${tcpPayload(tcp, span, context)}`;
}

const UDP_PAYLOADS: readonly (readonly [number, ProtocolName])[] = [
  [DNS_PORT, 'dns'],
  [VXLAN_PORT_LINUX, 'vxlan'],
  [VXLAN_PORT, 'vxlan'],
];

export function printUdp(span: Span, context: Context): string {
  if (lengthOf(span) < 4) return addressesOnly(context, 'udp');
  const udp = new Udp(span.view, span.offset);
  const head = addresses(context, udp.sourcePort, udp.destinationPort);
  if (lengthOf(span) < UDP_HEADER_LENGTH) return head + truncated('udp');
  if (udp.length < UDP_HEADER_LENGTH) return `${head}[undersized-udplength ${udp.length} < 8] (invalid)`;
  const declared = udp.length - UDP_HEADER_LENGTH;
  const here = lengthOf(span) - UDP_HEADER_LENGTH;
  const inner = { ...span, offset: udp.payloadOffset, end: Math.min(udp.end, span.end) };
  const found = UDP_PAYLOADS.find(([port]) => udp.sourcePort === port || udp.destinationPort === port);
  if (found !== undefined) return head + context.into(found[1], inner, context);
  if (declared > here && context.network?.fragment !== true) return `${head}UDP, bad length ${declared} > ${here}`;
  return `${head}UDP, length ${declared}`;
}

const CHUNK_WORDS: Readonly<Record<number, string>> = {
  [SCTP_CHUNK.data]: 'DATA',
  [SCTP_CHUNK.init]: 'INIT',
  [SCTP_CHUNK.initAck]: 'INIT ACK',
  [SCTP_CHUNK.sack]: 'SACK',
  [SCTP_CHUNK.heartbeat]: 'HB REQ',
  [SCTP_CHUNK.heartbeatAck]: 'HB ACK',
  [SCTP_CHUNK.abort]: 'ABORT',
  [SCTP_CHUNK.shutdown]: 'SHUTDOWN',
  [SCTP_CHUNK.shutdownAck]: 'SHUTDOWN ACK',
  [SCTP_CHUNK.error]: 'OP ERR',
  [SCTP_CHUNK.cookieEcho]: 'COOKIE ECHO',
  [SCTP_CHUNK.cookieAck]: 'COOKIE ACK',
  [SCTP_CHUNK.shutdownComplete]: 'SHUTDOWN COMPLETE',
};

function initText(view: DataView, at: number): string {
  const fields = [
    `[init tag: ${view.getUint32(at)}]`,
    `[rwnd: ${view.getUint32(at + 4)}]`,
    `[OS: ${view.getUint16(at + 8)}]`,
    `[MIS: ${view.getUint16(at + 10)}]`,
    `[init TSN: ${view.getUint32(at + 12)}]`,
  ];
  return `${fields.join(' ')} `;
}

function dataText(view: DataView, at: number, flags: number): string {
  const marks = `${flags & 4 ? '(U)' : ''}${flags & 2 ? '(B)' : ''}${flags & 1 ? '(E)' : ''}`;
  const fields = [
    `[TSN: ${view.getUint32(at)}]`,
    `[SID: ${view.getUint16(at + 4)}]`,
    `[SSEQ ${view.getUint16(at + 6)}]`,
    `[PPID 0x${view.getUint32(at + 8).toString(16)}]`,
  ];
  return `${marks}${marks === '' ? '' : ' '}${fields.join(' ')} `;
}

function sackText(view: DataView, at: number): string {
  const gaps = view.getUint16(at + 8);
  const duplicates = view.getUint16(at + 10);
  return `[cum ack ${view.getUint32(at)}] [a_rwnd ${view.getUint32(at + 4)}] [#gap acks ${gaps}] [#dup tsns ${duplicates}] `;
}

function chunkText(view: DataView, chunk: SctpChunk): string {
  const name = CHUNK_WORDS[chunk.type] ?? `Unknown chunk type: 0x${chunk.type.toString(16)}`;
  const head = `[${name}] `;
  const at = chunk.offset + 4;
  const isInit = chunk.type === SCTP_CHUNK.init || chunk.type === SCTP_CHUNK.initAck;
  if (isInit && chunk.length >= 20) return head + initText(view, at);
  if (chunk.type === SCTP_CHUNK.data && chunk.length >= 16) return head + dataText(view, at, chunk.flags);
  if (chunk.type === SCTP_CHUNK.sack && chunk.length >= 16) return head + sackText(view, at);
  return head;
}

export function printSctp(span: Span, context: Context): string {
  const sctp = Sctp.parse(span.view, span.offset, span.end);
  if (sctp === undefined) return addressesOnly(context, 'sctp');
  let text = `${addresses(context, sctp.sourcePort, sctp.destinationPort)}sctp`;
  let count = 0;
  for (const chunk of sctp.chunks(span.end)) {
    text += `${count === 0 ? '' : ','} (${++count}) `;
    if (chunk.malformed) return `${text}[Bad chunk length]`;
    text += chunkText(span.view, chunk);
  }
  return text.trimEnd();
}
