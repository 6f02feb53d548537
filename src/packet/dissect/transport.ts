/** UDP and TCP as nodes. */

import { toHex, bytesOf } from '../bytes.js';
import type { OptionSpan } from '../option-span.js';
import { TCP_HEADER_LENGTH, Tcp } from '../tcp.js';
import { parseTcpOption, TCP_OPTION } from '../tcp-options.js';
import { UDP_HEADER_LENGTH, Udp } from '../udp.js';
import {
  addChecksum,
  type DissectedNode,
  expectedChecksum,
  Fields,
  hex,
  type Layer,
  layerNode,
  nameIn,
  type Place,
  sourcePortKey,
  tooShort,
  unreadable,
} from './node.js';

const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

/** `SYN, ACK`, or `none`. */
const flagsText = (flags: number): string =>
  FLAG_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0).join(', ') || 'none';

/** The right transport checksum, or why it cannot be known. */
function transportChecksum(place: Place, end: number, value: number): number | string {
  const { network } = place;
  if (network === undefined) return 'no network header';
  if (network.incomplete !== undefined) return network.incomplete;
  return expectedChecksum(place.view, { offset: place.offset, end, sum: network.pseudo(end - place.offset) }, value);
}

/** The ports alone, of a transport header that is cut short in a quotation or a fragment. */
export function portsOnly(text: { name: string; label: string }, place: Place): Layer {
  const { view, offset, end } = place;
  const fields = new Fields(offset)
    .add('sourcePort', 'Source port', [0, 2], view.getUint16(offset))
    .add('destinationPort', 'Destination port', [2, 2], view.getUint16(offset + 2));
  const ports = `${view.getUint16(offset)} > ${view.getUint16(offset + 2)}`;
  if (end - offset >= 8 && text.name === 'tcp') {
    fields.add('sequence', 'Sequence number', [4, 4], view.getUint32(offset + 4));
  }
  return { node: layerNode({ ...text, value: ports }, fields, end) };
}

export const cutShort = (place: Place): boolean => place.quoted || place.network?.incomplete !== undefined;

function udpLengthProblem(udp: Udp, place: Place): string | undefined {
  const left = place.end - place.offset;
  if (udp.length < UDP_HEADER_LENGTH) return 'shorter than the header';
  if (udp.length > left && !cutShort(place)) return `${udp.length} octets, ${left} are here`;
  return undefined;
}

function udpChecksum(udp: Udp, place: Place, end: number): number | string {
  if (udp.checksum === 0) return 'none was computed';
  if (udpLengthProblem(udp, place) !== undefined) return 'its length is wrong';
  const expected = transportChecksum(place, end, udp.checksum);
  return expected === 0 ? 0xffff : expected;
}

export function dissectUdp(place: Place): Layer {
  const text = { name: 'udp', label: 'User Datagram Protocol' };
  if (place.end - place.offset < UDP_HEADER_LENGTH) return tooShort(text, place, UDP_HEADER_LENGTH);
  const udp = new Udp(place.view, place.offset);
  const problem = udpLengthProblem(udp, place);
  const end = problem === undefined ? Math.min(udp.end, place.end) : place.end;
  const fields = new Fields(place.offset)
    .add('sourcePort', 'Source port', [0, 2], udp.sourcePort)
    .add('destinationPort', 'Destination port', [2, 2], udp.destinationPort)
    .add('length', 'Length', [4, 2], udp.length)
    .problem(problem);
  addChecksum(fields, 6, { value: udp.checksum, expected: udpChecksum(udp, place, end) });
  const value = `${udp.sourcePort} > ${udp.destinationPort}`;
  const inner = { ...place, offset: udp.payloadOffset, end };
  const keys = cutShort(place) ? [] : [udp.destinationPort, sourcePortKey(udp.sourcePort)];
  return {
    node: layerNode({ ...text, value }, fields, udp.payloadOffset),
    next: { table: 'udpPort', keys, place: inner },
  };
}

function optionValue(view: DataView, span: OptionSpan): string | undefined {
  const option = parseTcpOption(view, span.offset, span.length);
  if (option === undefined) return undefined;
  if (option.mss !== undefined) return String(option.mss);
  if (option.windowScale !== undefined)
    return `${option.windowScale} (multiply by ${2 ** Math.min(option.windowScale, 14)})`;
  if (option.timestamps !== undefined) return `value ${option.timestamps.value}, echo ${option.timestamps.echo}`;
  return (option.sack ?? []).map(({ left, right }) => `${left}-${right}`).join(', ');
}

const KNOWN_OPTIONS: ReadonlySet<number> = new Set(Object.values(TCP_OPTION));

function optionNode(view: DataView, span: OptionSpan): DissectedNode {
  const { kind, offset, length, malformed } = span;
  const label = nameIn(TCP_OPTION, kind) ?? `option ${kind}`;
  const value = malformed || length < 2 ? '' : optionValue(view, span);
  const raw = length > 2 ? toHex(bytesOf(view, offset + 2, offset + length)) : '';
  const node = { name: 'option', label, value: value ?? raw, offset, length, children: [] };
  if (malformed) return { ...node, problem: 'its length is wrong: it and what follows cannot be read' };
  if (value === undefined && KNOWN_OPTIONS.has(kind))
    return { ...node, problem: `a length of ${length} is not its own` };
  return node;
}

function tcpFields(tcp: Tcp, place: Place): Fields {
  const fields = new Fields(place.offset)
    .add('sourcePort', 'Source port', [0, 2], tcp.sourcePort)
    .add('destinationPort', 'Destination port', [2, 2], tcp.destinationPort)
    .add('sequence', 'Sequence number', [4, 4], tcp.sequence)
    .add('acknowledgment', 'Acknowledgment number', [8, 4], tcp.acknowledgment)
    .add('headerLength', 'Data offset', [12, 1], `${tcp.headerLength} octets`)
    .add('flags', 'Flags', [13, 1], `${hex(tcp.flags, 2)} (${flagsText(tcp.flags)})`)
    .add('window', 'Window', [14, 2], tcp.window);
  addChecksum(fields, 16, { value: tcp.checksum, expected: transportChecksum(place, place.end, tcp.checksum) });
  fields.add('urgentPointer', 'Urgent pointer', [18, 2], tcp.urgentPointer);
  for (const span of tcp.options) fields.push(optionNode(place.view, span));
  return fields;
}

export function dissectTcp(place: Place): Layer {
  const text = { name: 'tcp', label: 'Transmission Control Protocol' };
  const left = place.end - place.offset;
  if (left < TCP_HEADER_LENGTH) {
    return cutShort(place) && left >= 4 ? portsOnly(text, place) : tooShort(text, place, TCP_HEADER_LENGTH);
  }
  const tcp = new Tcp(place.view, place.offset);
  const { headerLength } = tcp;
  if (headerLength < TCP_HEADER_LENGTH)
    return unreadable(text, place, `a header of ${headerLength} octets, 20 at least`);
  if (headerLength > left) {
    if (cutShort(place)) return portsOnly(text, place);
    return unreadable(text, place, `a header of ${headerLength} octets does not fit`);
  }
  const value = `${tcp.sourcePort} > ${tcp.destinationPort} ${flagsText(tcp.flags)}`;
  return {
    node: layerNode({ ...text, value }, tcpFields(tcp, place), tcp.payloadOffset),
    next: {
      table: 'tcpPort',
      keys: cutShort(place) ? [] : [tcp.destinationPort, tcp.sourcePort],
      place: { ...place, offset: tcp.payloadOffset },
    },
  };
}
