/** ICMP and ICMPv6 as nodes; errors show the packet that they quote. */

import {
  ICMP_HEADER_LENGTH,
  ICMP_REDIRECT_CODE,
  ICMP_TIME_EXCEEDED_CODE,
  ICMP_TYPE,
  ICMP_UNREACHABLE_CODE,
  Icmp,
} from '../icmp.js';
import {
  ICMPV6_HEADER_LENGTH,
  ICMPV6_TYPE,
  ICMPV6_UNREACHABLE_CODE,
  Icmpv6,
  ND_OPTION,
  type NdOption,
  ND_OVERRIDE,
  ND_ROUTER,
  ND_SOLICITED,
  ndOptionsStart,
} from '../icmpv6.js';
import { formatIpv4, formatIpv6 } from '../ip.js';
import { formatMac, macFromParts } from '../mac.js';
import {
  addChecksum,
  type DissectedNode,
  expectedChecksum,
  Fields,
  hex,
  type Layer,
  layerNode,
  named,
  nameIn,
  type Place,
  tooShort,
} from './node.js';

/** The codes that each type has names for. */
const CODES: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  [ICMP_TYPE.destinationUnreachable]: ICMP_UNREACHABLE_CODE,
  [ICMP_TYPE.timeExceeded]: ICMP_TIME_EXCEEDED_CODE,
  [ICMP_TYPE.redirect]: ICMP_REDIRECT_CODE,
};

const QUERIES: ReadonlySet<number> = new Set([
  ICMP_TYPE.echoRequest,
  ICMP_TYPE.echoReply,
  ICMP_TYPE.timestampRequest,
  ICMP_TYPE.timestampReply,
  ICMP_TYPE.addressMaskRequest,
  ICMP_TYPE.addressMaskReply,
]);

/** The four octets behind the checksum, by the type's own rule. */
function addRest(fields: Fields, icmp: Icmp): void {
  if (QUERIES.has(icmp.type)) {
    fields
      .add('identifier', 'Identifier', [4, 2], icmp.identifier)
      .add('sequence', 'Sequence number', [6, 2], icmp.sequence);
  } else if (icmp.type === ICMP_TYPE.redirect) fields.add('gateway', 'Gateway', [4, 4], formatIpv4(icmp.gateway));
  else if (icmp.type === ICMP_TYPE.parameterProblem) fields.add('pointer', 'Pointer', [4, 1], icmp.pointer);
  else if (icmp.type === ICMP_TYPE.destinationUnreachable && icmp.code === ICMP_UNREACHABLE_CODE.fragmentationNeeded) {
    fields.add('mtu', 'Next-hop MTU', [6, 2], icmp.mtu);
  } else fields.add('rest', 'Rest of header', [4, 4], hex(icmp.rest >>> 0, 8));
}

function icmpText(icmp: Icmp): string {
  const type = nameIn(ICMP_TYPE, icmp.type) ?? `type ${icmp.type}`;
  const code = nameIn(CODES[icmp.type] ?? {}, icmp.code);
  if (code !== undefined) return `${type}: ${code}`;
  return QUERIES.has(icmp.type) ? `${type}, id ${icmp.identifier}, seq ${icmp.sequence}` : type;
}

export function dissectIcmp(place: Place): Layer {
  const text = { name: 'icmp', label: 'Internet Control Message Protocol' };
  const { view, offset, end, network } = place;
  const icmp = Icmp.parse(view, offset, end);
  if (icmp === undefined) return tooShort(text, place, ICMP_HEADER_LENGTH);
  const fields = new Fields(offset)
    .add('type', 'Type', [0, 1], named(ICMP_TYPE, icmp.type))
    .add('code', 'Code', [1, 1], named(CODES[icmp.type] ?? {}, icmp.code));
  const expected = network?.incomplete ?? expectedChecksum(view, { offset, end, sum: 0 }, icmp.checksum);
  addChecksum(fields, 2, { value: icmp.checksum, expected });
  addRest(fields, icmp);
  const node = layerNode({ ...text, value: icmpText(icmp) }, fields, icmp.payloadOffset);
  const inner = { ...place, offset: icmp.payloadOffset };
  if (!icmp.isError) return { node, next: { table: 'fixed', keys: [], place: inner } };
  return { node, quote: { table: 'fixed', keys: ['ipv4'], place: { ...inner, quoted: true } } };
}

function ndOptionNode(view: DataView, option: NdOption): DissectedNode {
  const { type, offset, length, malformed } = option;
  const label = nameIn(ND_OPTION, type) ?? `option ${type}`;
  const linkLayer = type === ND_OPTION.sourceLinkLayer || type === ND_OPTION.targetLinkLayer;
  const value =
    linkLayer && length === 8 && !malformed
      ? formatMac(macFromParts(view.getUint16(offset + 2), view.getUint32(offset + 4)))
      : '';
  const node = { name: 'option', label, value, offset, length, children: [] };
  return malformed ? { ...node, problem: 'its length is wrong: it and what follows cannot be read' } : node;
}

function addRest6(fields: Fields, icmp: Icmpv6): void {
  const { type } = icmp;
  if (type === ICMPV6_TYPE.echoRequest || type === ICMPV6_TYPE.echoReply) {
    fields
      .add('identifier', 'Identifier', [4, 2], icmp.identifier)
      .add('sequence', 'Sequence number', [6, 2], icmp.sequence);
  } else if (type === ICMPV6_TYPE.packetTooBig) fields.add('mtu', 'MTU', [4, 4], icmp.mtu);
  else if (type === ICMPV6_TYPE.neighbourAdvertisement) {
    const names = [
      [ND_ROUTER, 'router'],
      [ND_SOLICITED, 'solicited'],
      [ND_OVERRIDE, 'override'],
    ] as const;
    const set = names.filter(([bit]) => (icmp.rest & bit) !== 0).map(([, name]) => name);
    fields.add('flags', 'Flags', [4, 4], set.join(', ') || 'none');
  } else fields.add('rest', 'Rest of header', [4, 4], hex(icmp.rest >>> 0, 8));
  const start = ndOptionsStart(type);
  if (start !== undefined && start >= 24) fields.add('target', 'Target', [8, 16], formatIpv6(icmp.target));
}

export function dissectIcmpv6(place: Place): Layer {
  const text = { name: 'icmpv6', label: 'Internet Control Message Protocol version 6' };
  const { view, offset, end, network } = place;
  const icmp = Icmpv6.parse(view, offset, end);
  if (icmp === undefined)
    return tooShort(text, place, ndOptionsStart(end > offset ? view.getUint8(offset) : 0) ?? ICMPV6_HEADER_LENGTH);
  const codes = icmp.type === ICMPV6_TYPE.destinationUnreachable ? ICMPV6_UNREACHABLE_CODE : {};
  const fields = new Fields(offset)
    .add('type', 'Type', [0, 1], named(ICMPV6_TYPE, icmp.type))
    .add('code', 'Code', [1, 1], named(codes, icmp.code));
  const sum = network?.pseudo(end - offset) ?? 0;
  const expected = network?.incomplete ?? expectedChecksum(view, { offset, end, sum }, icmp.checksum);
  addChecksum(fields, 2, { value: icmp.checksum, expected });
  addRest6(fields, icmp);
  for (const option of icmp.options(end)) fields.push(ndOptionNode(view, option));
  const discovery = ndOptionsStart(icmp.type) !== undefined;
  const value = nameIn(ICMPV6_TYPE, icmp.type) ?? `type ${icmp.type}`;
  const node = layerNode({ ...text, value }, fields, discovery ? end : icmp.payloadOffset);
  const inner = { ...place, offset: icmp.payloadOffset };
  if (discovery) return { node };
  if (!icmp.isError) return { node, next: { table: 'fixed', keys: [], place: inner } };
  return { node, quote: { table: 'fixed', keys: ['ipv6'], place: { ...inner, quoted: true } } };
}
