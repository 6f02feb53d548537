/** BGP messages of one TCP segment as nodes. A message that began in an earlier segment cannot be told, and is data. */

import { formatAsPath, parseAsPath } from '../bgp/as-path.js';
import {
  BGP_ATTRIBUTE,
  BGP_CAPABILITY,
  BGP_HEADER_LENGTH,
  BGP_MARKER_LENGTH,
  BGP_MAX_EXTENDED_MESSAGE_LENGTH,
  BGP_MESSAGE,
  BGP_ORIGIN,
} from '../bgp/constants.js';
import { describeBgpMessage, formatBgpCapability, formatBgpPrefix } from '../bgp/describe.js';
import { type BgpFrame, isBgpProblem, nextBgpFrame } from '../bgp/message.js';
import { bgpErrorText, parseBgpNotification } from '../bgp/notification.js';
import { parseBgpOpen } from '../bgp/open.js';
import {
  decodeExtendedCommunities,
  decodeLargeCommunities,
  decodeMpReach,
  decodeMpUnreach,
  decodeWords,
  type RawBgpAttribute,
} from '../bgp/path-attributes.js';
import { type BgpPrefix, prefixSize } from '../bgp/prefixes.js';
import { parseBgpUpdate } from '../bgp/update.js';
import { bytesOf, octet, toHex, viewOf } from '../bytes.js';
import { formatIpv4, ipv4 } from '../ip.js';
import { type DissectedNode, Fields, hex, type Layer, layerNode, named, type Place } from './node.js';

const TEXT = { name: 'bgp', label: 'Border Gateway Protocol' };

const dotted = (words: readonly number[]): string => words.map((word) => formatIpv4(ipv4(word))).join(' ');
const prefixList = (prefixes: readonly BgpPrefix[]): string => prefixes.map(formatBgpPrefix).join(' ');

function pathText(value: Uint8Array): string | undefined {
  const path = parseAsPath(value, 4) ?? parseAsPath(value, 2);
  return path === undefined ? undefined : formatAsPath(path);
}

/** The value in words; undefined where its length is not one that it may have. */
const READERS: Readonly<Record<number, (value: Uint8Array) => string | undefined>> = {
  [BGP_ATTRIBUTE.origin]: (value) => (value.length === 1 ? named(BGP_ORIGIN, octet(value, 0)) : undefined),
  [BGP_ATTRIBUTE.asPath]: pathText,
  [BGP_ATTRIBUTE.as4Path]: pathText,
  [BGP_ATTRIBUTE.nextHop]: (value) => (value.length === 4 ? dotted(decodeWords(value)) : undefined),
  [BGP_ATTRIBUTE.multiExitDisc]: (value) => (value.length === 4 ? String(decodeWords(value)[0]) : undefined),
  [BGP_ATTRIBUTE.localPref]: (value) => (value.length === 4 ? String(decodeWords(value)[0]) : undefined),
  [BGP_ATTRIBUTE.atomicAggregate]: (value) => (value.length === 0 ? '' : undefined),
  [BGP_ATTRIBUTE.community]: (value) =>
    value.length % 4 === 0
      ? decodeWords(value)
          .map((word) => `${word >>> 16}:${word & 0xffff}`)
          .join(' ')
      : undefined,
  [BGP_ATTRIBUTE.originatorId]: (value) => (value.length === 4 ? dotted(decodeWords(value)) : undefined),
  [BGP_ATTRIBUTE.clusterList]: (value) => (value.length % 4 === 0 ? dotted(decodeWords(value)) : undefined),
  [BGP_ATTRIBUTE.extendedCommunity]: (value) =>
    value.length % 8 === 0
      ? decodeExtendedCommunities(value)
          .map(([high, low]) => `${hex(high >>> 0, 8)}${low.toString(16).padStart(8, '0')}`)
          .join(' ')
      : undefined,
  [BGP_ATTRIBUTE.largeCommunity]: (value) =>
    value.length % 12 === 0
      ? decodeLargeCommunities(value)
          .map((parts) => parts.join(':'))
          .join(' ')
      : undefined,
  [BGP_ATTRIBUTE.mpReachNlri]: (value) => {
    const reach = decodeMpReach(value, () => false);
    return reach && `${reach.family.afi}/${reach.family.safi} ${prefixList(reach.prefixes)}`;
  },
  [BGP_ATTRIBUTE.mpUnreachNlri]: (value) => {
    const unreach = decodeMpUnreach(value, () => false);
    return unreach && `${unreach.family.afi}/${unreach.family.safi} ${prefixList(unreach.prefixes)}`;
  },
};

function attributeNode(raw: RawBgpAttribute, offset: number): DissectedNode {
  const read = READERS[raw.code];
  const value = read === undefined ? toHex(raw.value) : read(raw.value);
  const header = raw.bytes.length - raw.value.length;
  const fields = new Fields(offset)
    .add('flags', 'Flags', [0, 1], hex(raw.flags, 2))
    .add('code', 'Type', [1, 1], named(BGP_ATTRIBUTE, raw.code))
    .add('length', 'Length', [2, header - 2], raw.value.length)
    .add('value', 'Value', [header, raw.value.length], value ?? toHex(raw.value));
  const text = { name: 'attribute', label: named(BGP_ATTRIBUTE, raw.code), value: value ?? '' };
  const node = layerNode(text, fields, offset + raw.bytes.length);
  return value === undefined ? { ...node, problem: `a length of ${raw.value.length} is not its own` } : node;
}

function addPrefixes(fields: Fields, name: string, prefixes: readonly BgpPrefix[], at: number): void {
  let offset = at;
  for (const prefix of prefixes) {
    const length = prefixSize(prefix, false);
    fields.push({ name, label: name, value: formatBgpPrefix(prefix), offset, length, children: [] });
    offset += length;
  }
}

function addUpdate(fields: Fields, body: Uint8Array, at: number): string | undefined {
  const update = parseBgpUpdate(body, false);
  if (isBgpProblem(update)) return bgpErrorText(update.code, update.subcode).toLowerCase();
  const withdrawnLength = viewOf(body).getUint16(0);
  const attributesAt = at + 4 + withdrawnLength;
  const base = at - fields.base;
  fields.add('withdrawnLength', 'Withdrawn routes length', [base, 2], withdrawnLength);
  addPrefixes(fields, 'withdrawn', update.withdrawn, at + 2);
  fields.add('attributesLength', 'Path attributes length', [base + 2 + withdrawnLength, 2], update.attributesLength);
  for (const raw of update.attributes) {
    fields.push(attributeNode(raw, attributesAt + (raw.bytes.byteOffset - (body.byteOffset + 4 + withdrawnLength))));
  }
  addPrefixes(fields, 'nlri', update.nlri, attributesAt + update.attributesLength);
  // Path identifiers (RFC 7911) cannot be told from the message alone: such prefixes may look wrong.
  return update.withdrawnProblem !== undefined || update.nlriProblem !== undefined
    ? 'its prefixes cannot be read, or carry path identifiers'
    : undefined;
}

function addOpen(fields: Fields, body: Uint8Array, base: number): string | undefined {
  const open = parseBgpOpen(body);
  if (isBgpProblem(open)) return bgpErrorText(open.code, open.subcode).toLowerCase();
  fields
    .add('version', 'Version', [base, 1], open.version)
    .add('as', 'My AS', [base + 1, 2], open.as)
    .add('holdTime', 'Hold time', [base + 3, 2], `${open.holdTime} s`)
    .add('identifier', 'BGP identifier', [base + 5, 4], formatIpv4(open.identifier))
    .add('parametersLength', 'Optional parameters length', [base + 9, 1], body.length - 10);
  const length = body.length - 10;
  for (const capability of open.capabilities) {
    const label = capability.kind === 'other' ? named(BGP_CAPABILITY, capability.code) : capability.kind;
    fields.add('capability', label, [base + 10, length], formatBgpCapability(capability));
  }
  return undefined;
}

function addNotification(fields: Fields, body: Uint8Array, base: number): string | undefined {
  const problem = parseBgpNotification(body);
  if (problem === undefined) return 'needs 2 octets behind the header';
  fields
    .add('code', 'Error code', [base, 1], problem.code)
    .add(
      'subcode',
      'Error subcode',
      [base + 1, 1],
      `${problem.subcode} (${bgpErrorText(problem.code, problem.subcode)})`,
    );
  if (problem.data.length > 0) fields.add('data', 'Data', [base + 2, problem.data.length], toHex(problem.data));
  return undefined;
}

function messageNode(frame: BgpFrame, offset: number): DissectedNode {
  const fields = new Fields(offset)
    .add('marker', 'Marker', [0, BGP_MARKER_LENGTH], 'all ones')
    .add('length', 'Length', [BGP_MARKER_LENGTH, 2], frame.bytes.length)
    .add('type', 'Type', [BGP_MARKER_LENGTH + 2, 1], named(BGP_MESSAGE, frame.type));
  const problem =
    frame.type === BGP_MESSAGE.open
      ? addOpen(fields, frame.body, BGP_HEADER_LENGTH)
      : frame.type === BGP_MESSAGE.update
        ? addUpdate(fields, frame.body, offset + BGP_HEADER_LENGTH)
        : frame.type === BGP_MESSAGE.notification
          ? addNotification(fields, frame.body, BGP_HEADER_LENGTH)
          : undefined;
  const text = { name: 'message', label: 'Message', value: describeBgpMessage(frame) };
  const node = layerNode(text, fields, offset + frame.bytes.length);
  return problem === undefined ? node : { ...node, problem };
}

/** Whether a message begins here, and not in the middle of one. */
const startsWithMarker = (bytes: Uint8Array): boolean =>
  bytes.length >= BGP_MARKER_LENGTH && bytes.subarray(0, BGP_MARKER_LENGTH).every((each) => each === 0xff);

export function dissectBgp(place: Place): Layer {
  const { view, offset, end } = place;
  const bytes = bytesOf(view, offset, end);
  const fields = new Fields(offset);
  const values: string[] = [];
  let at = 0;
  let problem: string | undefined;
  while (at < bytes.length && startsWithMarker(bytes.subarray(at))) {
    const frame = nextBgpFrame(bytes, at, BGP_MAX_EXTENDED_MESSAGE_LENGTH);
    if (frame === undefined) break;
    if (isBgpProblem(frame)) {
      problem = bgpErrorText(frame.code, frame.subcode).toLowerCase();
      break;
    }
    const node = messageNode(frame, offset + at);
    fields.push(node);
    values.push(node.value);
    at += frame.bytes.length;
  }
  if (at < bytes.length) {
    const label = problem === undefined ? 'Part of a message' : 'Data';
    const length = bytes.length - at;
    fields.add('data', label, [at, length], `${length} octets`).problem(problem);
  }
  const value = values.length === 0 ? 'part of a message' : values.join('; ');
  return { node: layerNode({ ...TEXT, value }, fields, end) };
}
