/** Elements as text: `10.0.0.0/8,tcp:80,1.2.3.4` to numbers and back, ranges taken apart (ipset's lib/parse.c). */

import { formatIpv4, formatMac, ipv4, mac, parseIpv4, parseMac } from '../../../packet/index.js';
import { formatIcmpPort, parseIcmpPort } from '../text/icmp-names.js';
import { formatProtocol, parseProtocol } from '../text/protocol-names.js';
import { fail, IpsetError, syntax } from './errors.js';
import type { ElementKey } from './member.js';
import type { Dimension, SetType } from './types.js';

const ICMP = 1;
const TCP = 6;
const ICMPV6 = 58;
/** tcp, udp, dccp, sctp, udplite: their ports are ports. */
const WITH_PORTS: ReadonlySet<number> = new Set([TCP, 17, 33, 132, 136]);
/** Addresses that one `add` may stand for; the kernel's own bound is the set's maxelem. */
const MAX_EXPANSION = 1 << 18;

/** A network as numbers; a plain address has length 32. */
interface Network {
  readonly addr: number;
  readonly length: number;
}

function parseAddress(text: string): number {
  return parseIpv4(text) ?? syntax(`cannot parse ${text}: resolving to IPv4 address failed`);
}

export function parseNumber(text: string, limits: { min: number; max: number }): number {
  const { min, max } = limits;
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) return syntax(`'${text}' is invalid as number`);
  const value = Number(text);
  return value >= min && value <= max ? value : syntax(`'${text}' is out of range ${min}-${max}`);
}

/** `a.b.c.d`, `a.b.c.d/n`, `a.b.c.d-e.f.g.h`: first and last, and the prefix length where one was written. */
function parseSpan(text: string): { first: number; last: number; length: number | undefined } {
  const [from = '', to] = text.split('-');
  if (to !== undefined) {
    const ends = [parseAddress(from) >>> 0, parseAddress(to) >>> 0];
    return { first: Math.min(...ends), last: Math.max(...ends), length: undefined };
  }
  const [address = '', bits] = from.split('/');
  const addr = parseAddress(address);
  if (bits === undefined) return { first: addr >>> 0, last: addr >>> 0, length: undefined };
  const length = parseNumber(bits, { min: 0, max: 32 });
  const mask = length === 0 ? 0 : -1 << (32 - length);
  return { first: (addr & mask) >>> 0, last: (addr | ~mask) >>> 0, length };
}

/** Every address of the span. */
function addresses(text: string): Network[] {
  const { first, last, length } = parseSpan(text);
  if (length === 0) fail('cidr');
  if (last - first >= MAX_EXPANSION) fail('rangeTooLarge');
  return Array.from({ length: last - first + 1 }, (_, i) => ({ addr: (first + i) | 0, length: 32 }));
}

/** The fewest networks that make up the span (net/netfilter/ipset/pfxlen.c:ip_set_range_to_cidr()). */
function networks(text: string): Network[] {
  const { first, last, length } = parseSpan(text);
  if (length !== undefined) return length === 0 ? fail('cidr') : [{ addr: first | 0, length }];
  const found: Network[] = [];
  for (let at = first; at <= last; ) {
    let bits = 0;
    while (bits < 32 && at % 2 ** (bits + 1) === 0 && at + 2 ** (bits + 1) - 1 <= last) bits += 1;
    found.push({ addr: at | 0, length: 32 - bits });
    at += 2 ** bits;
  }
  return found;
}

function parsePort(text: string): number {
  if (!/^\d+$/.test(text)) return syntax(`'${text}' is invalid as number`);
  return parseNumber(text, { min: 0, max: 0xffff });
}

/** `80`, `udp:53-55`, `icmp:echo-request`, `vrrp:0`: protocol × 65536 + port, each of a range. */
function ports(text: string): number[] {
  const colon = text.indexOf(':');
  const name = colon < 0 ? 'tcp' : text.slice(0, colon);
  const value = text.slice(colon + 1);
  const protocol = parseProtocol(name) ?? syntax(`cannot parse '${name}' as a protocol`);
  if (protocol === ICMPV6) return syntax('Protocol ICMPv6 can be used with family inet6 only');
  const high = protocol * 0x1_0000;
  if (protocol === ICMP) {
    const port = parseIcmpPort(value);
    if (port === undefined) throw new IpsetError(`Cannot parse ${value} as an ICMP type/code.`);
    return [high + port];
  }
  if (!WITH_PORTS.has(protocol)) {
    if (value !== '0') syntax(`Protocol ${formatProtocol(protocol)} can be used with pseudo port value 0 only.`);
    return [high];
  }
  const [from = '', to = from] = value.split('-');
  const ends = [parsePort(from), parsePort(to)];
  const first = Math.min(...ends);
  return Array.from({ length: Math.max(...ends) - first + 1 }, (_, i) => high + first + i);
}

/** `ipset` itself counts the commas before it looks at anything else. */
function splitParts(text: string, type: SetType): string[] {
  const parts = text.split(',');
  const wanted = type.dimensions.length;
  if (parts.length > wanted) {
    return wanted === 1
      ? syntax(`Elem separator in ${text}, but settype ${type.name} supports none.`)
      : syntax(`Too many elem separators in ${text}, but settype ${type.name} supports ${wanted} only.`);
  }
  if (parts.length < wanted) {
    return syntax(`${parts.length === 1 ? 'Second' : 'Third'} element is missing from ${text}.`);
  }
  return parts;
}

const spread = (dimension: Dimension | undefined, text: string): Network[] =>
  dimension === 'net' ? networks(text) : addresses(text);

const EMPTY: Network = { addr: 0, length: 32 };

/** The elements that one argument of `ipset add` stands for, not yet masked by the set's netmask. */
export function parseElements(text: string, type: SetType): ElementKey[] {
  const parts = splitParts(text, type);
  const dims: readonly Dimension[] = type.dimensions;
  if (dims[0] === 'mac') {
    const value = parseMac(text) ?? syntax(`cannot parse ${text} as MAC address`);
    return [{ first: value, firstLength: 32, port: 0, second: 0, secondLength: 32 }];
  }
  const portAt = dims.indexOf('port');
  const portList = portAt < 0 ? [0] : ports(parts[portAt] ?? '');
  const firstList = dims[0] === 'port' ? [EMPTY] : spread(dims[0], parts[0] ?? '');
  const secondAt = portAt === 1 ? 2 : 1;
  const secondList = dims[secondAt] === undefined ? [EMPTY] : spread(dims[secondAt], parts[secondAt] ?? '');
  if (firstList.length * portList.length * secondList.length > MAX_EXPANSION) fail('rangeTooLarge');
  const keys: ElementKey[] = [];
  for (const first of firstList) {
    for (const port of portList) {
      for (const second of secondList) {
        keys.push({
          first: first.addr,
          firstLength: first.length,
          port,
          second: second.addr,
          secondLength: second.length,
        });
      }
    }
  }
  return keys;
}

const formatNetwork = (addr: number, length: number): string =>
  length === 32 ? formatIpv4(ipv4(addr)) : `${formatIpv4(ipv4(addr))}/${length}`;

function formatPort(value: number): string {
  const protocol = Math.floor(value / 0x1_0000);
  const port = value & 0xffff;
  return `${formatProtocol(protocol)}:${protocol === ICMP ? formatIcmpPort(port) : port}`;
}

/** As `ipset save` prints it. */
export function formatElement(key: ElementKey, type: SetType): string {
  if (type.name === 'bitmap:port') return String(key.port & 0xffff);
  if (type.dimensions[0] === 'mac') return formatMac(mac(key.first)).toUpperCase();
  const parts = type.dimensions.map((dimension, i) => {
    if (dimension === 'port') return formatPort(key.port);
    return i === 0 ? formatNetwork(key.first, key.firstLength) : formatNetwork(key.second, key.secondLength);
  });
  return parts.join();
}

/** First and last of `range 10.0.0.0/24`, `range 10.0.0.1-10.0.0.9` for bitmap:ip. */
export function parseAddressRange(text: string): { first: number; last: number } {
  const { first, last, length } = parseSpan(text);
  if (length === undefined && !text.includes('-')) return syntax(`${text} is no range of addresses`);
  return { first, last };
}

/** First and last of `range 0-65535` for bitmap:port, in either order. */
export function parsePortRange(text: string): { first: number; last: number } {
  const [from = '', to] = text.split('-');
  if (to === undefined) throw new IpsetError("Mandatory option `to' is missing");
  const ends = [parsePort(from), parsePort(to)];
  return { first: Math.min(...ends), last: Math.max(...ends) };
}
