/** IPv6 and its extension headers as nodes. */

import { pseudoHeaderSum6 } from '../checksum.js';
import { formatIpv6 } from '../ip.js';
import { IP_PROTOCOL } from '../ipv4.js';
import { IPV6_HEADER_LENGTH, Ipv6, type Ipv6Extension, Ipv6Fragment } from '../ipv6.js';
import {
  type DissectedNode,
  Fields,
  hex,
  type Layer,
  layerNode,
  named,
  nameIn,
  type NetworkContext,
  type Place,
  tooShort,
  unreadable,
} from './node.js';

function extensionNode(view: DataView, extension: Ipv6Extension): DissectedNode {
  const { protocol, offset, length, malformed } = extension;
  const text = { name: 'extension', label: `${nameIn(IP_PROTOCOL, protocol) ?? protocol} header`, value: '' };
  const fields = new Fields(offset);
  if (malformed) return { ...layerNode(text, fields, offset + length), problem: 'does not fit in the packet' };
  fields.add('nextHeader', 'Next header', [0, 1], named(IP_PROTOCOL, extension.nextHeader));
  if (protocol === IP_PROTOCOL.fragment) {
    const fragment = new Ipv6Fragment(view, offset);
    fields
      .add('fragmentOffset', 'Fragment offset', [2, 2], fragment.fragmentOffset)
      .add('moreFragments', 'More fragments', [3, 1], fragment.moreFragments ? 'yes' : 'no')
      .add('identification', 'Identification', [4, 4], hex(fragment.identification, 8));
  } else fields.add('length', 'Length', [1, 1], `${length} octets`);
  return layerNode(text, fields, offset + length);
}

function addFixedFields(fields: Fields, ip: Ipv6, place: Place): void {
  const left = place.end - ip.payloadOffset;
  const tooLong = ip.payloadLength > left && !place.quoted;
  fields
    .add('version', 'Version', [0, 1], ip.version)
    .add('trafficClass', 'Traffic class', [0, 2], hex(ip.trafficClass, 2))
    .add('flowLabel', 'Flow label', [1, 3], hex(ip.flowLabel, 5))
    .add('payloadLength', 'Payload length', [4, 2], ip.payloadLength)
    .problem(tooLong ? `${ip.payloadLength} octets, ${left} are here` : undefined)
    .add('nextHeader', 'Next header', [6, 1], named(IP_PROTOCOL, ip.nextHeader))
    .add('hopLimit', 'Hop limit', [7, 1], ip.hopLimit)
    .add('source', 'Source', [8, 16], formatIpv6(ip.source))
    .add('destination', 'Destination', [24, 16], formatIpv6(ip.destination));
}

function fragmentOf(view: DataView, extensions: readonly Ipv6Extension[]): Ipv6Fragment | undefined {
  const found = extensions.find(({ protocol, malformed }) => protocol === IP_PROTOCOL.fragment && !malformed);
  return found && new Ipv6Fragment(view, found.offset);
}

/** Why the transport is not all there, if it is not. */
function incompleteness(ip: Ipv6, place: Place, fragment: Ipv6Fragment | undefined): string | undefined {
  if (fragment !== undefined && (fragment.fragmentOffset > 0 || fragment.moreFragments)) return 'a fragment';
  if (ip.end > place.end) return place.quoted ? 'a quotation' : 'cut off';
  return undefined;
}

function networkContext(ip: Ipv6, protocol: number, incomplete: string | undefined): NetworkContext {
  const { source, destination } = ip;
  const pseudo = (length: number): number => pseudoHeaderSum6(source, destination, protocol, length);
  return incomplete === undefined ? { pseudo } : { pseudo, incomplete };
}

export function dissectIpv6(place: Place): Layer {
  const text = { name: 'ipv6', label: 'Internet Protocol version 6' };
  if (place.end - place.offset < IPV6_HEADER_LENGTH) return tooShort(text, place, IPV6_HEADER_LENGTH);
  const ip = new Ipv6(place.view, place.offset);
  if (ip.version !== 6) return unreadable(text, place, `version ${ip.version}, not 6`);
  const fields = new Fields(place.offset);
  addFixedFields(fields, ip, place);
  const end = Math.min(ip.end, place.end); // it may say that it is longer than what is here
  const extensions = [...ip.extensions(end)];
  for (const extension of extensions) fields.push(extensionNode(place.view, extension));

  const last = extensions.at(-1);
  const offset = last === undefined ? ip.payloadOffset : last.offset + last.length;
  const value = `${formatIpv6(ip.source)} > ${formatIpv6(ip.destination)}`;
  const node = layerNode({ ...text, value }, fields, offset);
  if (last?.malformed === true) {
    return { node, next: { table: 'fixed', keys: [], place: { ...place, offset: end, end } } };
  }

  const protocol = last?.nextHeader ?? ip.nextHeader;
  const fragment = fragmentOf(place.view, extensions);
  const network = networkContext(ip, protocol, incompleteness(ip, place, fragment));
  const inner = { ...place, offset, end, network };
  if (fragment !== undefined && fragment.fragmentOffset > 0) {
    return { node, next: { table: 'fixed', keys: ['fragment'], place: inner } };
  }
  return { node, next: { table: 'ipProtocol', keys: [protocol], place: inner } };
}
