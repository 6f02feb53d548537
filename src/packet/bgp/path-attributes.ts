/**
 * Path attributes (RFC 4271 §4.3 and §5; RFC 1997 communities, RFC 4360 extended, RFC 8092 large, RFC 4456
 * reflection, RFC 4760 multiprotocol): their frame of flags, code and length, and the values inside.
 */

import { octet, viewOf } from '../bytes.js';
import { type Ipv4Addr, type Ipv6Addr, ipv4 } from '../ip.js';
import { ByteWriter } from './byte-writer.js';
import { AFI, BGP_ATTRIBUTE, BGP_ATTRIBUTE_FLAG } from './constants.js';
import type { BgpFamily } from './open.js';
import { type BgpPrefix, type PrefixProblem, readPrefixes, writePrefix } from './prefixes.js';

/** An attribute as it lies in a message. */
export interface RawBgpAttribute {
  readonly flags: number;
  readonly code: number;
  readonly value: Uint8Array;
  /** Flags, code, length and value: what a NOTIFICATION quotes. */
  readonly bytes: Uint8Array;
}

export interface BgpAggregator {
  readonly as: number;
  readonly address: Ipv4Addr;
}

/** Eight octets as two words: type and administrator in the first, most significant first (RFC 4360 §2). */
export type ExtendedCommunity = readonly [number, number];
/** Global administrator and two local parts (RFC 8092 §3). */
export type LargeCommunity = readonly [number, number, number];

/** Flags that RFCs prescribe; what is not here is kept as it came. */
const FLAGS: Readonly<Record<number, number>> = {
  [BGP_ATTRIBUTE.origin]: 0x40,
  [BGP_ATTRIBUTE.asPath]: 0x40,
  [BGP_ATTRIBUTE.nextHop]: 0x40,
  [BGP_ATTRIBUTE.multiExitDisc]: 0x80,
  [BGP_ATTRIBUTE.localPref]: 0x40,
  [BGP_ATTRIBUTE.atomicAggregate]: 0x40,
  [BGP_ATTRIBUTE.aggregator]: 0xc0,
  [BGP_ATTRIBUTE.community]: 0xc0,
  [BGP_ATTRIBUTE.originatorId]: 0x80,
  [BGP_ATTRIBUTE.clusterList]: 0x80,
  [BGP_ATTRIBUTE.mpReachNlri]: 0x80,
  [BGP_ATTRIBUTE.mpUnreachNlri]: 0x80,
  [BGP_ATTRIBUTE.extendedCommunity]: 0xc0,
  [BGP_ATTRIBUTE.as4Path]: 0xc0,
  [BGP_ATTRIBUTE.as4Aggregator]: 0xc0,
  [BGP_ATTRIBUTE.largeCommunity]: 0xc0,
};

/** Optional and transitive bits that an attribute must have; undefined for one that no RFC here describes. */
export const bgpAttributeFlags = (code: number): number | undefined => FLAGS[code];

/** Frames `value`; the length takes two octets only where one will not do. */
export function writeAttribute(writer: ByteWriter, code: number, value: Uint8Array, flags = FLAGS[code] ?? 0xc0): void {
  const extended = value.length > 0xff;
  const base = flags & ~BGP_ATTRIBUTE_FLAG.extendedLength;
  writer.u8(extended ? base | BGP_ATTRIBUTE_FLAG.extendedLength : base).u8(code);
  if (extended) writer.u16(value.length);
  else writer.u8(value.length);
  writer.write(value);
}

/** The attributes of a field; undefined where one is cut short. */
export function splitAttributes(bytes: Uint8Array): RawBgpAttribute[] | undefined {
  const all: RawBgpAttribute[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 3) return undefined;
    const flags = octet(bytes, at);
    const extended = (flags & BGP_ATTRIBUTE_FLAG.extendedLength) !== 0;
    if (extended && bytes.length - at < 4) return undefined;
    const length = extended ? (octet(bytes, at + 2) << 8) | octet(bytes, at + 3) : octet(bytes, at + 2);
    const start = at + (extended ? 4 : 3);
    if (start + length > bytes.length) return undefined;
    all.push({
      flags,
      code: octet(bytes, at + 1),
      value: bytes.subarray(start, start + length),
      bytes: bytes.subarray(at, start + length),
    });
    at = start + length;
  }
  return all;
}

// Values.

export const encodeU32 = (value: number): Uint8Array => new ByteWriter(4).u32(value).bytes;
export const encodeU8 = (value: number): Uint8Array => new Uint8Array([value]);

export function encodeWords(words: readonly number[]): Uint8Array {
  const writer = new ByteWriter(4 * words.length);
  for (const word of words) writer.u32(word);
  return writer.bytes;
}

/** Unsigned 32-bit words; the caller has seen that the length is a multiple of four. */
export function decodeWords(value: Uint8Array): number[] {
  const view = viewOf(value);
  return Array.from({ length: value.length >>> 2 }, (_, i) => view.getUint32(4 * i));
}

export const encodeExtendedCommunities = (list: readonly ExtendedCommunity[]): Uint8Array => encodeWords(list.flat());
export const encodeLargeCommunities = (list: readonly LargeCommunity[]): Uint8Array => encodeWords(list.flat());

export function decodeExtendedCommunities(value: Uint8Array): ExtendedCommunity[] {
  const words = decodeWords(value);
  return Array.from({ length: words.length >>> 1 }, (_, i) => [words[2 * i] ?? 0, words[2 * i + 1] ?? 0]);
}

export function decodeLargeCommunities(value: Uint8Array): LargeCommunity[] {
  const words = decodeWords(value);
  const count = Math.floor(words.length / 3);
  return Array.from({ length: count }, (_, i) => [words[3 * i] ?? 0, words[3 * i + 1] ?? 0, words[3 * i + 2] ?? 0]);
}

export function encodeAggregator({ as, address }: BgpAggregator, size: 2 | 4): Uint8Array {
  const writer = new ByteWriter(8);
  if (size === 4) writer.u32(as);
  else writer.u16(as > 0xffff ? 23_456 : as);
  return writer.u32(address).bytes;
}

/** Six octets or eight, as the session's AS numbers have two or four; undefined for any other length. */
export function decodeAggregator(value: Uint8Array, size: 2 | 4): BgpAggregator | undefined {
  if (value.length !== size + 4) return undefined;
  const view = viewOf(value);
  return { as: size === 4 ? view.getUint32(0) : view.getUint16(0), address: ipv4(view.getUint32(size)) };
}

// Multiprotocol (RFC 4760 §3 and §4, RFC 2545 §3).

export interface MpReach {
  readonly family: BgpFamily;
  /** One address, or for IPv6 a global and a link-local one. */
  readonly nextHops: readonly (Ipv4Addr | Ipv6Addr)[];
  readonly prefixes: readonly BgpPrefix[];
  readonly problem?: PrefixProblem;
}

export interface MpUnreach {
  readonly family: BgpFamily;
  readonly prefixes: readonly BgpPrefix[];
  readonly problem?: PrefixProblem;
}

/** Whether the session carries path identifiers for a family. */
export type AddPathFor = (family: BgpFamily) => boolean;

function writeAddress(writer: ByteWriter, addr: Ipv4Addr | Ipv6Addr): void {
  if (typeof addr === 'number') writer.u32(addr);
  else for (const word of addr) writer.u32(word);
}

export function encodeMpReach({ family, nextHops, prefixes }: MpReach, addPath: boolean): Uint8Array {
  const writer = new ByteWriter();
  const octets = nextHops.reduce((sum, addr) => sum + (typeof addr === 'number' ? 4 : 16), 0);
  writer.u16(family.afi).u8(family.safi).u8(octets);
  for (const addr of nextHops) writeAddress(writer, addr);
  writer.u8(0);
  for (const prefix of prefixes) writePrefix(writer, prefix, addPath);
  return writer.bytes;
}

export function encodeMpUnreach({ family, prefixes }: MpUnreach, addPath: boolean): Uint8Array {
  const writer = new ByteWriter().u16(family.afi).u8(family.safi);
  for (const prefix of prefixes) writePrefix(writer, prefix, addPath);
  return writer.bytes;
}

function readNextHops(value: Uint8Array): (Ipv4Addr | Ipv6Addr)[] | undefined {
  const words = decodeWords(value).map((word) => word | 0);
  if (value.length === 4) return [ipv4(words[0] ?? 0)];
  if (value.length !== 16 && value.length !== 32) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = words;
  return value.length === 16
    ? [[a, b, c, d]]
    : [
        [a, b, c, d],
        [e, f, g, h],
      ];
}

/** Undefined where it is too short, or its next hop has no length that an address has. */
export function decodeMpReach(value: Uint8Array, addPath: AddPathFor): MpReach | undefined {
  if (value.length < 5) return undefined;
  const family = { afi: viewOf(value).getUint16(0), safi: octet(value, 2) };
  const end = 4 + octet(value, 3);
  if (end + 1 > value.length) return undefined;
  const nextHops = readNextHops(value.subarray(4, end));
  if (nextHops === undefined) return undefined;
  return { family, nextHops, ...readPrefixes(value.subarray(end + 1), { afi: family.afi, addPath: addPath(family) }) };
}

export function decodeMpUnreach(value: Uint8Array, addPath: AddPathFor): MpUnreach | undefined {
  if (value.length < 3) return undefined;
  const family = { afi: viewOf(value).getUint16(0), safi: octet(value, 2) };
  return { family, ...readPrefixes(value.subarray(3), { afi: family.afi, addPath: addPath(family) }) };
}

export const IPV4_UNICAST: BgpFamily = { afi: AFI.ipv4, safi: 1 };
export const IPV6_UNICAST: BgpFamily = { afi: AFI.ipv6, safi: 1 };
