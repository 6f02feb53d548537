/** IPv4 and its options as nodes. */

import { pseudoHeaderSum } from '../checksum.js';
import { formatIpv4, ipv4 } from '../ip.js';
import { IP_PROTOCOL, IPV4_HEADER_LENGTH, Ipv4 } from '../ipv4.js';
import type { OptionSpan } from '../option-span.js';
import {
  addChecksum,
  type DissectedNode,
  expectedChecksum,
  Fields,
  hex,
  type Layer,
  layerNode,
  named,
  type NetworkContext,
  type Place,
  tooShort,
  unreadable,
} from './node.js';

/** Option types (IANA "IP Option Numbers"). */
const OPTION_NAMES: Readonly<Record<number, string>> = {
  0: 'end of options',
  1: 'no operation',
  7: 'record route',
  68: 'timestamp',
  131: 'loose source route',
  137: 'strict source route',
  148: 'router alert',
};

const ROUTE_OPTIONS: ReadonlySet<number> = new Set([7, 131, 137]);

function routeText(view: DataView, span: OptionSpan): string {
  const hops: string[] = [];
  for (let at = span.offset + 3; at + 4 <= span.offset + span.length; at += 4) {
    hops.push(formatIpv4(ipv4(view.getInt32(at))));
  }
  return hops.join(', ');
}

function optionNode(view: DataView, span: OptionSpan): DissectedNode {
  const label = OPTION_NAMES[span.kind] ?? `option ${span.kind}`;
  const value = ROUTE_OPTIONS.has(span.kind) && span.length >= 3 && !span.malformed ? routeText(view, span) : '';
  const node = { name: 'option', label, value, offset: span.offset, length: span.length, children: [] };
  return span.malformed ? { ...node, problem: 'its length is wrong: it and what follows cannot be read' } : node;
}

function flagsText(ip: Ipv4): string {
  const names = [ip.reservedFlag ? 'reserved' : '', ip.dontFragment ? 'DF' : '', ip.moreFragments ? 'MF' : ''];
  return names.filter((name) => name !== '').join(' ') || 'none';
}

/** Why the transport behind this header is not all there, if it is not. */
function incompleteness(ip: Ipv4, place: Place): string | undefined {
  if (ip.isFragment) return 'a fragment';
  if (ip.offset + ip.totalLength > place.end) return place.quoted ? 'a quotation' : 'cut off';
  return undefined;
}

function addFixedFields(fields: Fields, ip: Ipv4, place: Place): void {
  const { totalLength, headerLength } = ip;
  const left = place.end - place.offset;
  const tooLong = totalLength > left && !place.quoted ? `${totalLength} octets, ${left} are here` : undefined;
  const tooSmall = totalLength < headerLength ? 'shorter than the header' : undefined;
  fields
    .add('version', 'Version', [0, 1], ip.version)
    .add('headerLength', 'Header length', [0, 1], `${headerLength} octets`)
    .add('dscp', 'Differentiated services', [1, 1], hex(ip.dscp, 2))
    .add('ecn', 'Explicit congestion notification', [1, 1], ip.ecn)
    .add('totalLength', 'Total length', [2, 2], totalLength)
    .problem(tooSmall ?? tooLong)
    .add('identification', 'Identification', [4, 2], ip.identification)
    .add('flags', 'Flags', [6, 1], flagsText(ip))
    .add('fragmentOffset', 'Fragment offset', [6, 2], ip.fragmentOffset)
    .add('ttl', 'Time to live', [8, 1], ip.ttl)
    .add('protocol', 'Protocol', [9, 1], named(IP_PROTOCOL, ip.protocol));
  const range = { offset: ip.offset, end: ip.payloadOffset, sum: 0 };
  addChecksum(fields, 10, { value: ip.checksum, expected: expectedChecksum(place.view, range, ip.checksum) });
  fields
    .add('source', 'Source', [12, 4], formatIpv4(ip.source))
    .add('destination', 'Destination', [16, 4], formatIpv4(ip.destination));
}

function headerProblem(ip: Ipv4, place: Place): string | undefined {
  if (ip.version !== 4) return `version ${ip.version}, not 4`;
  if (ip.headerLength < IPV4_HEADER_LENGTH) return `a header of ${ip.headerLength} octets, 20 at least`;
  if (place.offset + ip.headerLength > place.end) return `a header of ${ip.headerLength} octets does not fit`;
  return undefined;
}

/** What the transport is told: a sum over these addresses, and whether all of it is here. */
function networkContext(ip: Ipv4, place: Place): NetworkContext {
  const { source, destination, protocol } = ip;
  const incomplete = incompleteness(ip, place);
  const pseudo = (length: number): number => pseudoHeaderSum(source, destination, protocol, length);
  return incomplete === undefined ? { pseudo } : { pseudo, incomplete };
}

export function dissectIpv4(place: Place): Layer {
  const text = { name: 'ipv4', label: 'Internet Protocol version 4' };
  if (place.end - place.offset < IPV4_HEADER_LENGTH) return tooShort(text, place, IPV4_HEADER_LENGTH);
  const ip = new Ipv4(place.view, place.offset);
  const problem = headerProblem(ip, place);
  if (problem !== undefined) return unreadable(text, place, problem);

  const fields = new Fields(place.offset);
  addFixedFields(fields, ip, place);
  for (const span of ip.options) fields.push(optionNode(place.view, span));
  const value = `${formatIpv4(ip.source)} > ${formatIpv4(ip.destination)}`;
  const node = layerNode({ ...text, value }, fields, ip.payloadOffset);
  // A total length that cannot be true is not believed.
  const end = ip.totalLength < ip.headerLength ? place.end : Math.min(ip.end, place.end);
  const inner = { ...place, offset: ip.payloadOffset, end, network: networkContext(ip, place) };
  if (ip.fragmentOffset > 0) return { node, next: { table: 'fixed', keys: ['fragment'], place: inner } };
  return { node, next: { table: 'ipProtocol', keys: [ip.protocol], place: inner } };
}
