/**
 * IPv4 options on the way (RFC 791 §3.1; net/ipv4/ip_options.c, ip_forward.c). Source routes are refused, as
 * `accept_source_route` of `all` is 0. Record route and timestamp are written by every host that receives, with the
 * address that it would answer from; one that forwards then puts the address of its way out in the same place.
 * Differs: an echo reply carries no options back.
 */

import { type Ipv4, IPV4_HEADER_LENGTH, type Ipv4Addr, ipv4 } from '../../packet/index.js';

const END = 0;
const NOOP = 1;
const RECORD_ROUTE = 7;
const TIMESTAMP = 68;
const LOOSE_SOURCE_ROUTE = 131;
const STRICT_SOURCE_ROUTE = 137;
const ROUTER_ALERT = 148;

/** The copied flag: this option goes into every fragment. */
const COPIED = 0x80;

export type OptionsVerdict =
  | { readonly kind: 'none' }
  | { readonly kind: 'ok'; readonly recordRoute: number; readonly timestamp: number }
  | { readonly kind: 'source-route' }
  /** Offset of the bad octet from the start of the header, for ICMP parameter problem. */
  | { readonly kind: 'malformed'; readonly pointer: number };

const NONE: OptionsVerdict = { kind: 'none' };

/** __ip_options_compile(): offsets are from the start of the header, 0 where an option is absent. */
export function compileOptions(header: Ipv4): OptionsVerdict {
  const end = header.headerLength;
  if (end === IPV4_HEADER_LENGTH) return NONE;
  let recordRoute = 0;
  let timestamp = 0;
  for (let at = IPV4_HEADER_LENGTH; at < end; ) {
    const type = header.view.getUint8(header.offset + at);
    if (type === END) break;
    if (type === NOOP) {
      at += 1;
      continue;
    }
    const length = at + 1 < end ? header.view.getUint8(header.offset + at + 1) : 0;
    if (length < 2 || at + length > end) return { kind: 'malformed', pointer: at };
    if (type === LOOSE_SOURCE_ROUTE || type === STRICT_SOURCE_ROUTE) return { kind: 'source-route' };
    const bad = malformedAt(header, { type, at, length });
    if (bad !== undefined) return { kind: 'malformed', pointer: bad };
    if (type === RECORD_ROUTE) recordRoute = at;
    if (type === TIMESTAMP) timestamp = at;
    at += length;
  }
  return { kind: 'ok', recordRoute, timestamp };
}

function malformedAt(
  header: Ipv4,
  { type, at, length }: { type: number; at: number; length: number },
): number | undefined {
  const pointer = (): number => header.view.getUint8(header.offset + at + 2);
  if (type === RECORD_ROUTE) {
    if (length < 3) return at + 1;
    if (pointer() < 4) return at + 2;
    if (pointer() <= length && pointer() + 3 > length) return at + 2;
  }
  if (type === TIMESTAMP) {
    if (length < 4) return at + 1;
    if (pointer() < 5) return at + 2;
    if (pointer() > length) return header.view.getUint8(header.offset + at + 3) >>> 4 === 15 ? at + 3 : undefined;
    const kind = header.view.getUint8(header.offset + at + 3) & 0x0f;
    if (kind !== TIME_ONLY && kind !== TIME_AND_ADDRESS && kind !== PRESPECIFIED) return at + 3;
    if (pointer() + (kind === TIME_ONLY ? 3 : 7) > length) return at + 2;
  }
  return type === ROUTER_ALERT && length < 4 ? at + 1 : undefined;
}

const ADDRESS_LENGTH = 4;
/** Kinds of timestamp option: the time alone, addresses too, or only of hosts that the sender named. */
const TIME_ONLY = 0;
const TIME_AND_ADDRESS = 1;
const PRESPECIFIED = 3;

/** What a host writes. */
export interface OptionFacts {
  /** fib_compute_spec_dst(). */
  readonly address: Ipv4Addr;
  /** inet_current_timestamp(). */
  readonly timestamp: number;
  isOurs(address: Ipv4Addr): boolean;
}

/** Which entries were written on arrival and get another address on the way out; offsets from the start of the header. */
export interface WrittenOptions {
  readonly changed: boolean;
  readonly recordRoute: number;
  readonly timestampAddress: number;
}

/** __ip_options_compile() of a packet that came in: the next free entries are filled. */
export function writeOptions(header: Ipv4, verdict: OptionsVerdict, facts: OptionFacts): WrittenOptions {
  if (verdict.kind !== 'ok') return { changed: false, recordRoute: 0, timestampAddress: 0 };
  const recordRoute = verdict.recordRoute === 0 ? 0 : recordAddress(header, verdict.recordRoute, facts.address);
  const time = verdict.timestamp === 0 ? undefined : writeTimestamp(header, verdict.timestamp, facts);
  return {
    changed: recordRoute !== 0 || time !== undefined,
    recordRoute,
    timestampAddress: time?.address ?? 0,
  };
}

/** Where the address was put, or 0 where there is no room. */
function recordAddress({ view, offset }: Ipv4, at: number, address: Ipv4Addr): number {
  const option = offset + at;
  const pointer = view.getUint8(option + 2);
  if (pointer + 3 > view.getUint8(option + 1)) return 0;
  view.setInt32(option + pointer - 1, address);
  view.setUint8(option + 2, pointer + ADDRESS_LENGTH);
  return at + pointer - 1;
}

/** Undefined where nothing was written; without room the overflow is counted. */
function writeTimestamp(
  { view, offset }: Ipv4,
  at: number,
  facts: OptionFacts,
): { readonly address: number } | undefined {
  const option = offset + at;
  const length = view.getUint8(option + 1);
  const pointer = view.getUint8(option + 2);
  const flags = view.getUint8(option + 3);
  if (pointer > length) {
    view.setUint8(option + 3, (flags & 0x0f) | (Math.min((flags >>> 4) + 1, 15) << 4));
    return { address: 0 };
  }
  const entry = option + pointer - 1;
  const kind = flags & 0x0f;
  if (kind === TIME_ONLY) {
    view.setUint32(entry, facts.timestamp);
    view.setUint8(option + 2, pointer + 4);
    return { address: 0 };
  }
  if (pointer + 7 > length) return undefined;
  if (kind === PRESPECIFIED && !facts.isOurs(ipv4(view.getInt32(entry)))) return undefined;
  if (kind === TIME_AND_ADDRESS) view.setInt32(entry, facts.address);
  view.setUint32(entry + ADDRESS_LENGTH, facts.timestamp);
  view.setUint8(option + 2, pointer + 8);
  return { address: kind === TIME_AND_ADDRESS ? at + pointer - 1 : 0 };
}

/** ip_forward_options(): the address of the way out instead. True where there was one to change. */
export function rewriteAddresses({ view, offset }: Ipv4, written: WrittenOptions, address: Ipv4Addr): boolean {
  for (const at of [written.recordRoute, written.timestampAddress]) if (at !== 0) view.setInt32(offset + at, address);
  return written.recordRoute !== 0 || written.timestampAddress !== 0;
}

/** ip_options_fragment(): in later fragments what is not copied becomes padding. */
export function stripUncopied(view: DataView, offset: number, headerLength: number): void {
  for (let at = IPV4_HEADER_LENGTH; at < headerLength; ) {
    const type = view.getUint8(offset + at);
    if (type === END) return;
    const length = type === NOOP ? 1 : view.getUint8(offset + at + 1);
    if (length < 1) return;
    if ((type & COPIED) === 0) for (let i = 0; i < length; i += 1) view.setUint8(offset + at + i, NOOP);
    at += length;
  }
}
