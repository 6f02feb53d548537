/**
 * tcpdump's filters, as pcap-filter(7) has them: of a frame's outermost headers only, so that what is in a tunnel is
 * `udp port 4789` and not what is inside. Not offered: octets by offset (`tcp[13]`), IPv6 addresses, `vlan`, `mpls`.
 *
 *     filter     = term { ("and" | "or") term }                 left to right, both bind alike
 *     term       = "not" term | "(" filter ")" | primitive
 *     primitive  = [protocol] [direction] [type] id | protocol | ("less" | "greater") number
 */

import {
  ETHERTYPE,
  type Ipv4Prefix,
  ipv4Mask,
  isGroupMac,
  isMulticast,
  MAC_BROADCAST,
  parseIpv4,
  parseMac,
  prefixContains,
} from '../../../src/packet/index.js';
import {
  type Captured,
  type Direction,
  IP_PROTOCOLS,
  ofAddresses,
  ofEnds,
  ofPorts,
  outerOf,
  type Qualifiers,
  type Test,
  type Type,
  WITH_PORTS,
} from './bpf-headers.js';

/** A filter that is not understood, and where in its text. */
export class BpfError extends Error {
  override readonly name = 'BpfError';
  /** From 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

export type Filter = (frame: Captured) => boolean;
/** A name → its IPv4 address as text. */
export type Resolve = (name: string) => string | undefined;

interface Token {
  readonly text: string;
  readonly at: number;
}

const TYPES: readonly string[] = ['host', 'net', 'port', 'portrange', 'proto'] satisfies readonly Type[];
const ETHER_TYPES: Readonly<Record<string, number>> = {
  ip: ETHERTYPE.ipv4,
  arp: ETHERTYPE.arp,
  ip6: ETHERTYPE.ipv6,
};
/** Names of ports that a cluster knows, of /etc/services. */
const SERVICES: Readonly<Record<string, number>> = {
  ssh: 22,
  smtp: 25,
  domain: 53,
  http: 80,
  ntp: 123,
  bgp: 179,
  https: 443,
  mysql: 3306,
  vxlan: 4789,
  postgresql: 5432,
  'http-alt': 8080,
};
const MAX_PORT = 65_535;

/** Words that begin or join parts of a filter: what is completed. */
export const BPF_WORDS: readonly string[] = [...TYPES, 'src', 'dst', 'and', 'or', 'not'].concat(
  ['ether', 'ip', 'arp'],
  Object.keys(IP_PROTOCOLS),
);

const TOKEN = /\s*(\(|\)|&&|\|\||!(?!=)|[^\s()!]+|.)/y;

function tokensOf(text: string): readonly Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null && match[1]?.trim() !== ''; match = TOKEN.exec(text)) {
    const [whole, token = ''] = match;
    found.push({ text: token, at: match.index + whole.length - token.length });
  }
  return found;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  readonly #resolve: Resolve;
  #at = 0;
  /** Of the id before: those of one that has none of its own. */
  #last: Qualifiers | undefined;

  constructor(text: string, resolve: Resolve) {
    this.#tokens = tokensOf(text);
    this.#end = text.trimEnd().length;
    this.#resolve = resolve;
  }

  #peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead]?.text ?? '';
  }

  #take(): Token {
    const token = this.#tokens[this.#at] ?? { text: '', at: this.#end };
    this.#at += 1;
    return token;
  }

  #takes(...texts: readonly string[]): boolean {
    const found = texts.includes(this.#peek());
    if (found) this.#at += 1;
    return found;
  }

  #fail(expected: string, { text, at }: Token): never {
    throw new BpfError(`expected ${expected}${text === '' ? '' : `, not "${text}"`}`, at);
  }

  all(): Test {
    const test = this.#filter();
    if (this.#peek() !== '') this.#fail('"and", "or" or the end', this.#take());
    return test;
  }

  #filter(): Test {
    let left = this.#term();
    for (;;) {
      const first = left;
      if (this.#takes('and', '&&')) {
        const second = this.#term();
        left = (outer) => first(outer) && second(outer);
      } else if (this.#takes('or', '||')) {
        const second = this.#term();
        left = (outer) => first(outer) || second(outer);
      } else return left;
    }
  }

  #term(): Test {
    if (this.#takes('not', '!')) {
      const inner = this.#term();
      return (outer) => !inner(outer);
    }
    return this.#peek() === '(' ? this.#bracket() : this.#primitive();
  }

  #bracket(): Test {
    const { at } = this.#take();
    const inner = this.#filter();
    if (!this.#takes(')')) throw new BpfError('a bracket that nobody closes', at);
    return inner;
  }

  #primitive(): Test {
    const first = this.#tokens[this.#at];
    if (first === undefined) this.#fail('a condition', this.#take());
    if (this.#takes('less', 'greater')) return this.#length(first.text);
    const protocol = this.#protocol();
    if (this.#takes('broadcast', 'multicast')) return this.#group(protocol, first);
    const direction = this.#direction();
    const type = TYPES.includes(this.#peek()) ? (this.#take().text as Type) : undefined;
    if (protocol !== undefined && direction === undefined && type === undefined && protocol !== 'ether')
      return this.#bareProtocol(protocol);
    const isBare = protocol === undefined && direction === undefined && type === undefined;
    const qualifiers: Qualifiers =
      isBare && this.#last !== undefined
        ? this.#last
        : { protocol, direction: direction ?? 'or', type: type ?? 'host' };
    this.#last = qualifiers;
    // `port (80 or 443)`: ids in brackets are of the same kind.
    return this.#peek() === '(' ? this.#bracket() : this.#ofId(qualifiers);
  }

  #protocol(): string | undefined {
    const word = this.#peek();
    if (word !== 'ether' && !(word in ETHER_TYPES) && !(word in IP_PROTOCOLS)) return undefined;
    return this.#take().text;
  }

  #direction(): Direction | undefined {
    const first = this.#peek();
    if (first !== 'src' && first !== 'dst') return undefined;
    this.#at += 1;
    const [joint, second] = [this.#peek(), this.#peek(1)];
    if ((joint !== 'or' && joint !== 'and') || (second !== 'src' && second !== 'dst')) return first;
    this.#at += 2;
    return joint;
  }

  #bareProtocol(protocol: string): Test {
    const [etherType, number] = [ETHER_TYPES[protocol], IP_PROTOCOLS[protocol]];
    return etherType === undefined
      ? ({ transport }) => transport?.protocol === number
      : (outer) => outer.etherType === etherType;
  }

  #length(word: string): Test {
    const limit = this.#number('a number of octets', this.#take());
    return word === 'less' ? ({ length }) => length <= limit : ({ length }) => length >= limit;
  }

  #group(protocol: string | undefined, { text, at }: Token): Test {
    const isBroadcast = this.#tokens[this.#at - 1]?.text === 'broadcast';
    if (protocol === 'ip' && !isBroadcast) return ({ ip }) => ip !== undefined && isMulticast(ip.destination);
    if (protocol !== undefined && protocol !== 'ether') throw new BpfError(`"${text}" has no broadcasts here`, at);
    return isBroadcast
      ? ({ macs }) => macs?.[1] === MAC_BROADCAST
      : ({ macs }) => macs !== undefined && isGroupMac(macs[1]);
  }

  #ofId(qualifiers: Qualifiers): Test {
    const { type, protocol } = qualifiers;
    const token = this.#take();
    if (protocol === 'ether') return this.#ether(qualifiers, token);
    if (type === 'port' || type === 'portrange') return this.#ports(qualifiers, token);
    if (type === 'proto') return this.#ipProtocol(protocol, token);
    if (protocol !== undefined && protocol !== 'ip' && protocol !== 'arp')
      throw new BpfError(
        `"${protocol}" has no addresses of its own: "${protocol} and ${type} ${token.text}"`,
        token.at,
      );
    return type === 'net' ? this.#net(qualifiers, token) : this.#host(qualifiers, token);
  }

  #number(expected: string, token: Token, maximum = Number.MAX_SAFE_INTEGER): number {
    const value = /^(?:\d+|0x[0-9a-f]+)$/i.test(token.text) ? Number(token.text) : undefined;
    if (value === undefined || value > maximum) this.#fail(expected, token);
    return value;
  }

  #port(token: Token): number {
    const expected = 'a port from 0 to 65535, or its name';
    return SERVICES[token.text] ?? this.#number(expected, token, MAX_PORT);
  }

  #ports(qualifiers: Qualifiers, token: Token): Test {
    const { protocol, type } = qualifiers;
    if (protocol !== undefined && !WITH_PORTS.includes(IP_PROTOCOLS[protocol] ?? -1))
      throw new BpfError(`"${protocol}" has no ports`, token.at);
    if (type === 'port') {
      const wanted = this.#port(token);
      return ofPorts(qualifiers, (port) => port === wanted);
    }
    const [from = '', to] = token.text.split('-');
    if (to === undefined) this.#fail('two ports, as in 8000-8080', token);
    const low = this.#port({ text: from, at: token.at });
    const high = this.#port({ text: to, at: token.at + from.length + 1 });
    return ofPorts(qualifiers, (port) => port >= Math.min(low, high) && port <= Math.max(low, high));
  }

  #ipProtocol(protocol: string | undefined, token: Token): Test {
    if (protocol !== undefined && protocol !== 'ip') throw new BpfError(`"proto" is of ip or ether`, token.at);
    const name = token.text.replace(/^\\/, '');
    const wanted = IP_PROTOCOLS[name] ?? this.#number('a protocol: tcp, udp, icmp, … or its number', token, 255);
    return ({ ip, transport }) => transport?.protocol === wanted && (protocol === undefined || ip !== undefined);
  }

  #host(qualifiers: Qualifiers, token: Token): Test {
    const { text, at } = token;
    if (text === '' || text === ')') this.#fail('an address or a name', token);
    if (/[[\]=<>&]/.test(text)) throw new BpfError(`octets and comparisons are not offered here: "${text}"`, at);
    if (/^[0-9a-f]*:[0-9a-f:.]+$/i.test(text)) throw new BpfError('IPv6 addresses are not offered here', at);
    const named = parseIpv4(text) === undefined ? this.#resolve(text) : text;
    const address = named === undefined ? undefined : parseIpv4(named);
    if (address === undefined) throw new BpfError(`unknown host or word "${text}"`, at);
    return ofAddresses(qualifiers, (one) => one === address);
  }

  #net(qualifiers: Qualifiers, token: Token): Test {
    const prefix = this.#prefix(token);
    return ofAddresses(qualifiers, (one) => prefixContains(prefix, one));
  }

  /** `10.1`, `10.1.0.0/16`, `10.1.0.0 mask 255.255.0.0`. */
  #prefix(token: Token): Ipv4Prefix {
    const [, written = '', length] = /^(\d+(?:\.\d+){0,3})(?:\/(\d+))?$/.exec(token.text) ?? [];
    const parts = written === '' ? [] : written.split('.');
    const address = parseIpv4([...parts, '0', '0', '0'].slice(0, 4).join('.'));
    if (address === undefined || Number(length ?? 0) > 32) this.#fail('a network, as in 10.0.0.0/8', token);
    const mask = this.#takes('mask') ? this.#mask(this.#take()) : ipv4Mask(Number(length ?? 8 * parts.length));
    const bits = 32 - Math.log2((~mask >>> 0) + 1);
    const outside = (address & ~mask) >>> 0;
    if (outside !== 0) throw new BpfError(`"${token.text}" has bits outside its mask`, token.at);
    return { addr: address, length: bits };
  }

  #mask(token: Token): number {
    const mask = parseIpv4(token.text);
    if (mask === undefined || !Number.isInteger(Math.log2((~mask >>> 0) + 1))) this.#fail('a netmask', token);
    return mask;
  }

  #ether({ type, direction }: Qualifiers, token: Token): Test {
    if (type === 'proto') {
      const name = token.text.replace(/^\\/, '');
      const wanted = ETHER_TYPES[name] ?? this.#number('an EtherType: ip, arp, … or its number', token, 0xffff);
      return ({ etherType }) => etherType === wanted;
    }
    if (type !== 'host') throw new BpfError(`"ether" has hosts and protocols, no ${type}`, token.at);
    const wanted = parseMac(token.text);
    if (wanted === undefined) this.#fail('a MAC address', token);
    return ({ macs }) => macs !== undefined && ofEnds(direction, macs, (one) => one === wanted);
  }
}

/** An empty text lets everything through. @throws BpfError */
export function parseBpf(text: string, resolve: Resolve): Filter {
  if (text.trim() === '') return () => true;
  const test = new Parser(text, resolve).all();
  return (frame) => test(outerOf(frame));
}
