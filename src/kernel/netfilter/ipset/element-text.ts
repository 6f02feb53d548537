/** Elements as text: `10.0.0.0/8,tcp:80,1.2.3.4` to numbers and back, ranges taken apart (ipset's lib/parse.c). */

import { formatIpv4, formatMac, ipv4, mac, parseIpv4, parseMac } from '../../../packet/index.js';
import { formatIcmpPort, parseIcmpPort } from '../text/icmp-names.js';
import { formatProtocol, parseProtocol } from '../text/protocol-names.js';
import { portOfService } from '../text/services.js';
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

/** A number, or the name of a service of that protocol (ipset_parse_tcpudp_port()). */
function parsePort(text: string, protocol: string): number {
  const number = /^-?\d+$/.test(text) ? Number(text) : undefined;
  const port = number ?? portOfService(text, protocol);
  if (port !== undefined && port >= 0 && port <= 0xffff) return port;
  const why = number === undefined ? 'is invalid as number' : 'is out of range 0-65535';
  return syntax(
    `'${text}' ${why}\nSyntax error: '${protocol}' is invalid as number\ncannot parse '${text}' as a ${protocol} port`,
  );
}

/** First and last; a name may have a dash in it. */
function parsePorts(text: string, protocol: string): { first: number; last: number } {
  const dash = /^\d+-/.test(text) ? text.indexOf('-') : -1;
  const whole = dash < 0 ? [text, text] : [text.slice(0, dash), text.slice(dash + 1)];
  const ends = whole.map((end) => parsePort(end, protocol));
  return { first: Math.min(...ends), last: Math.max(...ends) };
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
  const { first, last } = parsePorts(value, name);
  return Array.from({ length: last - first + 1 }, (_, i) => high + first + i);
}

/** `ipset` itself counts the commas before it looks at anything else. */
function splitParts(text: string, type: SetType): string[] {
  const parts = text.split(',');
  const wanted = type.dimensions.length;
  if (parts.length > wanted) {
    return wanted === 1
      ? syntax(`Elem separator in ${text}, but settype ${type.name} supports none.`)
      : syntax(
          `${wanted === 2 ? 'Two' : 'Three'} elem separators in ${text}, but settype ${type.name} supports ${wanted === 2 ? 'one' : 'two'}.`,
        );
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
  if (!text.includes('-')) throw new IpsetError("Mandatory option `to' is missing");
  return parsePorts(text, 'tcp');
}

/** An element that is asked for is one: ranges are refused but by hash:ip, which looks for the first. */
function refuseRange(part: string, dimension: Dimension, { name, dimensions }: SetType): void {
  const family = dimensions[0] === 'port' ? 'unspec' : 'inet';
  const refuse = (what: string): never => {
    throw new IpsetError(`${what} range is not allowed in command test with set type ${name} and family ${family}`);
  };
  if (dimension === 'port') {
    if (/^(?:[^:]*:)?\d+-/.test(part)) refuse('FROM-TO port');
    return;
  }
  if ((dimension !== 'ip' && dimension !== 'net') || name === 'hash:ip') return;
  if (part.includes('-')) refuse('FROM-TO IP');
  if (dimension === 'ip' && /\/(?!32$)/.test(part)) refuse('IP/CIDR');
}

interface TestedElement {
  /** As the tool says it again. */
  readonly shown: string;
  /** As the kernel is asked for it. */
  readonly asked: string;
}

/** What `ipset test` is about. @throws IpsetError */
export function testedElement(text: string, type: SetType): TestedElement {
  if (type.storage === 'list' || type.dimensions.length === 0 || type.dimensions[0] === 'mac')
    return { shown: text, asked: text };
  const parts = splitParts(text, type);
  type.dimensions.forEach((dimension, i) => refuseRange(parts[i] ?? '', dimension, type));
  const shown = type.dimensions.map((dimension, i) => {
    const part = parts[i] ?? '';
    if (dimension !== 'port') return part.replace(/\/32$/, '');
    const [port = 0] = ports(part);
    return type.name === 'bitmap:port' ? String(port & 0xffff) : formatPort(port);
  });
  // hash:ip looks for the first address of a range, whose bits of the host are kept.
  return { shown: shown.join(), asked: type.name === 'hash:ip' ? text.replace(/[/-].*$/, '') : text };
}
