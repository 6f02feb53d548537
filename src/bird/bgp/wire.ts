/** Attributes as octets and back (proto/bgp/attrs.c: bgp_encode_attrs(), bgp_decode_attrs()). */

import {
  type AsPath,
  AS_TRANS,
  asPathHasFourOctets,
  asPathLength,
  BGP_ATTRIBUTE,
  BGP_ERROR,
  type BgpPrefix,
  type BgpProblem,
  bgpAttributeFlags,
  bgpProblem,
  ByteWriter,
  decodeAggregator,
  decodeExtendedCommunities,
  decodeLargeCommunities,
  decodeWords,
  encodeAggregator,
  encodeAsPath,
  encodeExtendedCommunities,
  encodeLargeCommunities,
  encodeMpReach,
  encodeMpUnreach,
  encodeU32,
  encodeU8,
  encodeWords,
  ipv4,
  IPV6_UNICAST,
  octet,
  parseAsPath,
  type RawBgpAttribute,
  writeAttribute,
} from '../../packet/index.js';
import { classifyIp, type Family } from '../address.js';
import type { Attributes, UnknownAttribute } from '../rib/attributes.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface WireForm {
  readonly family: Family;
  /** Both ends know four-octet AS numbers. */
  readonly as4: boolean;
  readonly addPath: boolean;
}

function writePath(writer: ByteWriter, path: AsPath, as4: boolean): void {
  writeAttribute(writer, BGP_ATTRIBUTE.asPath, encodeAsPath(path, as4 ? 4 : 2));
}

/** RFC 6793 §4.2.2: what two octets cannot say is said again in attributes of its own. */
function writeAs4(writer: ByteWriter, { asPath = [], aggregator }: Attributes): void {
  if (asPathHasFourOctets(asPath)) writeAttribute(writer, BGP_ATTRIBUTE.as4Path, encodeAsPath(asPath, 4));
  if (aggregator !== undefined && aggregator.as > 0xffff) {
    writeAttribute(writer, BGP_ATTRIBUTE.as4Aggregator, encodeAggregator(aggregator, 4));
  }
}

function writeLists(writer: ByteWriter, attributes: Attributes): void {
  const { community, originatorId, clusterList } = attributes;
  if (community !== undefined) writeAttribute(writer, BGP_ATTRIBUTE.community, encodeWords(community));
  if (originatorId !== undefined) writeAttribute(writer, BGP_ATTRIBUTE.originatorId, encodeU32(originatorId));
  if (clusterList !== undefined) writeAttribute(writer, BGP_ATTRIBUTE.clusterList, encodeWords(clusterList));
}

/** All attributes but those that carry prefixes, in the order of their codes. */
export function encodeAttributes(attributes: Attributes, form: WireForm): Uint8Array {
  const writer = new ByteWriter();
  const { origin = 2, asPath = [], nextHop, med, localPref, aggregator } = attributes;
  writeAttribute(writer, BGP_ATTRIBUTE.origin, encodeU8(origin));
  writePath(writer, asPath, form.as4);
  if (form.family === 'ipv4' && typeof nextHop === 'number') {
    writeAttribute(writer, BGP_ATTRIBUTE.nextHop, encodeU32(nextHop));
  }
  if (med !== undefined) writeAttribute(writer, BGP_ATTRIBUTE.multiExitDisc, encodeU32(med));
  if (localPref !== undefined) writeAttribute(writer, BGP_ATTRIBUTE.localPref, encodeU32(localPref));
  if (attributes.atomicAggregate) writeAttribute(writer, BGP_ATTRIBUTE.atomicAggregate, new Uint8Array());
  if (aggregator !== undefined) {
    writeAttribute(writer, BGP_ATTRIBUTE.aggregator, encodeAggregator(aggregator, form.as4 ? 4 : 2));
  }
  writeLists(writer, attributes);
  const { extendedCommunity, largeCommunity, unknown = [] } = attributes;
  if (extendedCommunity !== undefined) {
    writeAttribute(writer, BGP_ATTRIBUTE.extendedCommunity, encodeExtendedCommunities(extendedCommunity));
  }
  if (!form.as4) writeAs4(writer, attributes);
  if (largeCommunity !== undefined) {
    writeAttribute(writer, BGP_ATTRIBUTE.largeCommunity, encodeLargeCommunities(largeCommunity));
  }
  // RFC 4271 §5: whoever hands on what it does not know says so by the partial bit.
  for (const { code, flags, value } of unknown) writeAttribute(writer, code, value, flags | 0x20);
  return writer.bytes.slice();
}

/** MP_REACH_NLRI for IPv6, behind the attributes. */
export function encodeReach6(attributes: Attributes, prefixes: readonly BgpPrefix[], form: WireForm): Uint8Array {
  const writer = new ByteWriter();
  const { nextHop, linkLocalNextHop } = attributes;
  const nextHops = [nextHop, linkLocalNextHop].filter((addr) => addr !== undefined);
  writeAttribute(
    writer,
    BGP_ATTRIBUTE.mpReachNlri,
    encodeMpReach({ family: IPV6_UNICAST, nextHops, prefixes }, form.addPath),
  );
  return writer.bytes.slice();
}

export function encodeUnreach6(prefixes: readonly BgpPrefix[], form: WireForm): Uint8Array {
  const writer = new ByteWriter();
  const value = encodeMpUnreach({ family: IPV6_UNICAST, prefixes }, form.addPath);
  writeAttribute(writer, BGP_ATTRIBUTE.mpUnreachNlri, value);
  return writer.bytes.slice();
}

// Reading.

/** How a malformed attribute is taken: as in RFC 4271 the session ends, as in RFC 7606 the routes are withdrawn. */
export type ErrorHandling = 'reset' | 'withdraw';

export interface DecodeContext {
  readonly as4: boolean;
  readonly isInternal: boolean;
  readonly errors: ErrorHandling;
}

export interface DecodedAttributes {
  readonly attributes: Attributes;
  /** The prefixes that come with them are withdrawn. */
  readonly withdraw: boolean;
  readonly seen: ReadonlySet<number>;
}

const UPDATE = BGP_ERROR.updateMessage;

/** `ignored`, `withdraw`, or a subcode of RFC 4271 §6.3. */
type Reading = 'taken' | 'ignored' | 'withdraw' | number;

interface Draft {
  attributes: Mutable<Attributes>;
  as4Path: AsPath | undefined;
  as4Aggregator: ReturnType<typeof decodeAggregator>;
}

type Reader = (value: Uint8Array, draft: Draft, context: DecodeContext) => Reading;

const LENGTH_ERROR = 5;

const word =
  (assign: (attributes: Mutable<Attributes>, value: number) => void): Reader =>
  (value, { attributes }) => {
    const [first] = decodeWords(value);
    if (value.length !== 4 || first === undefined) return LENGTH_ERROR;
    assign(attributes, first);
    return 'taken';
  };

/** AS_CONFED segments are not for us: they are left out (RFC 5065 §5). */
const withoutConfed = (path: AsPath): AsPath => path.filter(({ kind }) => kind === 'sequence' || kind === 'set');

const READERS: Readonly<Record<number, Reader>> = {
  [BGP_ATTRIBUTE.origin]: (value, { attributes }) => {
    if (value.length !== 1) return LENGTH_ERROR;
    const code = octet(value, 0);
    if (code > 2) return 6;
    attributes.origin = code;
    return 'taken';
  },
  [BGP_ATTRIBUTE.asPath]: (value, { attributes }, { as4 }) => {
    const path = parseAsPath(value, as4 ? 4 : 2);
    if (path === undefined) return 11;
    attributes.asPath = withoutConfed(path);
    return 'taken';
  },
  [BGP_ATTRIBUTE.nextHop]: (value, { attributes }) => {
    const [first] = decodeWords(value);
    if (value.length !== 4 || first === undefined) return LENGTH_ERROR;
    const addr = ipv4(first);
    if (classifyIp(addr) !== 'host' && classifyIp(addr) !== 'loopback') return 8;
    attributes.nextHop = addr;
    return 'taken';
  },
  [BGP_ATTRIBUTE.multiExitDisc]: word((attributes, value) => {
    attributes.med = value;
  }),
  [BGP_ATTRIBUTE.localPref]: word((attributes, value) => {
    attributes.localPref = value;
  }),
  [BGP_ATTRIBUTE.atomicAggregate]: (value, { attributes }) => {
    if (value.length !== 0) return LENGTH_ERROR;
    attributes.atomicAggregate = true;
    return 'taken';
  },
  [BGP_ATTRIBUTE.aggregator]: (value, { attributes }, { as4 }) => {
    const aggregator = decodeAggregator(value, as4 ? 4 : 2);
    if (aggregator === undefined) return 'withdraw';
    attributes.aggregator = aggregator;
    return 'taken';
  },
  [BGP_ATTRIBUTE.community]: (value, { attributes }) => {
    if (value.length % 4 !== 0) return 'withdraw';
    attributes.community = decodeWords(value);
    return 'taken';
  },
  [BGP_ATTRIBUTE.originatorId]: word((attributes, value) => {
    attributes.originatorId = value;
  }),
  [BGP_ATTRIBUTE.clusterList]: (value, { attributes }) => {
    if (value.length % 4 !== 0) return LENGTH_ERROR;
    attributes.clusterList = decodeWords(value);
    return 'taken';
  },
  [BGP_ATTRIBUTE.mpReachNlri]: () => 'ignored',
  [BGP_ATTRIBUTE.mpUnreachNlri]: () => 'ignored',
  [BGP_ATTRIBUTE.extendedCommunity]: (value, { attributes }) => {
    if (value.length % 8 !== 0) return 'withdraw';
    attributes.extendedCommunity = decodeExtendedCommunities(value);
    return 'taken';
  },
  [BGP_ATTRIBUTE.as4Path]: (value, draft) => {
    draft.as4Path = parseAsPath(value, 4);
    return 'ignored';
  },
  [BGP_ATTRIBUTE.as4Aggregator]: (value, draft) => {
    draft.as4Aggregator = decodeAggregator(value, 4);
    return 'ignored';
  },
  [BGP_ATTRIBUTE.largeCommunity]: (value, { attributes }) => {
    if (value.length % 12 !== 0) return 'withdraw';
    attributes.largeCommunity = decodeLargeCommunities(value);
    return 'taken';
  },
};

/** Only what its own AS said counts here: ignored from outside, whatever it is. */
const INTERNAL_ONLY: ReadonlySet<number> = new Set([BGP_ATTRIBUTE.originatorId, BGP_ATTRIBUTE.clusterList]);

function readAttribute(raw: RawBgpAttribute, draft: Draft, context: DecodeContext): Reading {
  const expected = bgpAttributeFlags(raw.code);
  const reader = READERS[raw.code];
  if (expected === undefined || reader === undefined) {
    if ((raw.flags & 0x80) === 0) return 2;
    const unknown: UnknownAttribute = { code: raw.code, flags: raw.flags & 0xe0, value: raw.value.slice() };
    draft.attributes.unknown = [...(draft.attributes.unknown ?? []), unknown];
    return 'taken';
  }
  if (((expected ^ raw.flags) & 0xc0) !== 0) return 4;
  if (!context.isInternal && INTERNAL_ONLY.has(raw.code)) return 'ignored';
  return reader(raw.value, draft, context);
}

/** RFC 6793 §4.2.3: the path of four-octet numbers from the two attributes that tell it together. */
function mergeAs4({ attributes, as4Path, as4Aggregator }: Draft): void {
  const { aggregator, asPath = [] } = attributes;
  if (aggregator !== undefined && as4Aggregator !== undefined) {
    // Aggregated by somebody who knows only two octets: what is in AS4_PATH is of before.
    if (aggregator.as !== AS_TRANS) return;
    attributes.aggregator = as4Aggregator;
  }
  if (as4Path === undefined) return;
  const path4 = withoutConfed(as4Path);
  const [length, length4] = [asPathLength(asPath), asPathLength(path4)];
  if (length4 === 0 || length < length4) return;
  attributes.asPath = [...firstOf(asPath, length - length4), ...path4];
}

/** So many numbers from the head of a path. */
function firstOf(path: AsPath, count: number): AsPath {
  const head: { kind: AsPath[number]['kind']; asns: readonly number[] }[] = [];
  let left = count;
  for (const { kind, asns } of path) {
    if (left <= 0) break;
    const part = kind === 'sequence' ? asns.slice(0, left) : asns;
    head.push({ kind, asns: part });
    left -= kind === 'sequence' ? part.length : 1;
  }
  return head;
}

/** The attributes of an UPDATE, or what the NOTIFICATION says. */
export function decodeAttributes(
  raws: readonly RawBgpAttribute[],
  context: DecodeContext,
): DecodedAttributes | BgpProblem {
  const draft: Draft = { attributes: {}, as4Path: undefined, as4Aggregator: undefined };
  const seen = new Set<number>();
  let withdraw = false;
  for (const raw of raws) {
    if (seen.has(raw.code)) {
      if (context.errors === 'reset') return bgpProblem(UPDATE, 1);
      continue; // RFC 7606 §3 g: the first counts
    }
    const reading = readAttribute(raw, draft, context);
    if (reading !== 'ignored') seen.add(raw.code);
    if (typeof reading === 'number') {
      if (context.errors === 'reset') return bgpProblem(UPDATE, reading, raw.bytes.slice());
      withdraw = true;
    } else if (reading === 'withdraw') withdraw = true;
  }
  if (!context.as4) mergeAs4(draft);
  return { attributes: draft.attributes, withdraw, seen };
}

/** Attributes that routes must have: RFC 4271 §6.3, subcode 3. */
export function missingAttribute(seen: ReadonlySet<number>, needsNextHop: boolean): number | undefined {
  const wanted = [BGP_ATTRIBUTE.origin, BGP_ATTRIBUTE.asPath, ...(needsNextHop ? [BGP_ATTRIBUTE.nextHop] : [])];
  return wanted.find((code) => !seen.has(code));
}
