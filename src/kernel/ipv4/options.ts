/**
 * IPv4 options on the way (RFC 791 §3.1; net/ipv4/ip_options.c, ip_forward.c). Source routes are refused, as
 * `accept_source_route` of `all` is 0; record route and timestamp are written by hosts that forward.
 */

import { type Ipv4, IPV4_HEADER_LENGTH, type Ipv4Addr } from '../../packet/index.js';

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
  /** `changed`: what stood behind the end of the options is zero now, and the header's checksum is wrong. */
  | { readonly kind: 'ok'; readonly recordRoute: number; readonly timestamp: number; readonly changed: boolean }
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
  let changed = false;
  for (let at = IPV4_HEADER_LENGTH; at < end; ) {
    const type = header.view.getUint8(header.offset + at);
    if (type === END) {
      changed = clear(header, at + 1);
      break;
    }
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
  return { kind: 'ok', recordRoute, timestamp, changed };
}

/** Nothing may hide behind the end of the options. True where something did. */
function clear(header: Ipv4, from: number): boolean {
  let changed = false;
  for (let at = from; at < header.headerLength; at += 1) {
    if (header.view.getUint8(header.offset + at) === END) continue;
    header.view.setUint8(header.offset + at, END);
    changed = true;
  }
  return changed;
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
  }
  return type === ROUTER_ALERT && length < 4 ? at + 1 : undefined;
}

/** ip_forward_options(), record route: our address of the way out is appended where there is room. */
export function recordRoute(header: Ipv4, at: number, address: Ipv4Addr): boolean {
  const { view } = header;
  const option = header.offset + at;
  const length = view.getUint8(option + 1);
  const pointer = view.getUint8(option + 2);
  if (pointer + 3 > length) return false;
  view.setInt32(option + pointer - 1, address);
  view.setUint8(option + 2, pointer + 4);
  return true;
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
