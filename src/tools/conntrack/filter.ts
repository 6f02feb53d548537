/** Which connections the options of `conntrack` are about (src/conntrack.c:nfct_filter()). */

import { type CtEntry, type CtTuple, IPS } from '../../kernel/index.js';
import { INADDR_ANY, IP_PROTOCOL, type Ipv4Addr, ipv4Network, parseIpv4 } from '../../packet/index.js';
import { failure } from '../tool.js';
import type { Asked } from './options.js';
import { fail, NAME, NO_LABELS, refusal, refuse, Refused } from './refused.js';

const TCP_STATES: ReadonlySet<string> = new Set([
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'LISTEN',
  'SYN_SENT2',
]);

/** Bits of what `-u` names; 0 for what no connection here can have. */
const STATUSES: readonly (readonly [name: string, bit: number])[] = [
  ['ASSURED', IPS.assured],
  ['SEEN_REPLY', IPS.seenReply],
  ['UNSET', 0],
  ['FIXED_TIMEOUT', IPS.fixedTimeout],
  ['EXPECTED', IPS.expected],
  ['OFFLOAD', 1 << 14],
  ['UNREPLIED', 0],
  ['HW_OFFLOAD', 1 << 15],
  ['SRC_NAT', 0],
  ['DST_NAT', 0],
];

export interface Chosen {
  readonly holds: (entry: CtEntry) => boolean;
  /** What the tool says beside. */
  readonly warnings: string;
}

type Holds = (entry: CtEntry) => boolean;

/** atoi(), as far as a port or a number of ICMP is long. */
const decimal = (text: string): number => Number.parseInt(text, 10) || 0;
const port = (text: string): number => decimal(text) & 0xffff;
const octet = (text: string): number => decimal(text) & 0xff;

const SIDES = {
  s: { direction: 'original', side: 'source', mask: '{' },
  d: { direction: 'original', side: 'destination', mask: '}' },
  r: { direction: 'reply', side: 'source', mask: undefined },
  q: { direction: 'reply', side: 'destination', mask: undefined },
} as const;
type SideLetter = keyof typeof SIDES;
const SIDE_LETTERS = ['s', 'd', 'r', 'q'] as const satisfies readonly SideLetter[];

/** The options of addresses, as complaints name them. */
const SIDE_NAMES: Readonly<Record<SideLetter, string>> = { s: 'src', d: 'dst', r: 'reply-src', q: 'reply-dst' };

interface Address {
  /** Undefined for one of IPv6. */
  readonly addr: Ipv4Addr | undefined;
  readonly length: number;
}

const invalidAddress = (text: string): never => refuse(`Invalid IP address \`${text}'`);

function parseAddress(text: string): Ipv4Addr | undefined {
  if (text.includes(':')) return undefined;
  return parseIpv4(text) ?? invalidAddress(text);
}

/** parse_addr(), set_family(): a network where the option takes one. @throws Refused */
function sideAddress({ options }: Asked, letter: SideLetter): Address | undefined {
  const text = options.get(letter);
  if (text === undefined) return undefined;
  const [address = '', bits] = text.split(/\/(.*)/s);
  const addr = parseAddress(address);
  if (addr === undefined && options.get('f') === 'ipv4') refuse('mismatched address family');
  if (bits === undefined) return { addr, length: 32 };
  if (SIDES[letter].mask === undefined) refuse(`CIDR notation unavailable for \`--${SIDE_NAMES[letter]}'`);
  const length = Number(bits);
  if (!/^\d*$/.test(bits) || length > 32) refuse('Invalid netmask');
  return { addr, length };
}

function addressFilter(asked: Asked, letter: SideLetter): Holds | undefined {
  const { direction, side, mask: maskLetter } = SIDES[letter];
  const maskText = maskLetter === undefined ? undefined : asked.options.get(maskLetter);
  const address = sideAddress(asked, letter);
  if (address === undefined) {
    if (maskText !== undefined) refuse(`Can't use --mask-${SIDE_NAMES[letter]} without --${SIDE_NAMES[letter]}`);
    return undefined;
  }
  const { addr, length } = address;
  if (addr === undefined) return () => false;
  if (maskText !== undefined) {
    const mask = parseAddress(maskText) ?? 0;
    return (entry) => ((entry.tuple(direction)[side] ^ addr) & mask) === 0;
  }
  const network = ipv4Network(addr, length);
  return (entry) => ipv4Network(entry.tuple(direction)[side], length) === network;
}

const NATS = { n: 'src', g: 'dst', j: 'any' } as const;
const NAT_LETTERS = ['n', 'g', 'j'] as const;

const sourceIs =
  (addr: Ipv4Addr, number: number | undefined): Holds =>
  ({ reply }) =>
    reply.destination === addr && (number === undefined || reply.destinationPort === number);
const destinationIs =
  (addr: Ipv4Addr, number: number | undefined): Holds =>
  ({ reply }) =>
    reply.source === addr && (number === undefined || reply.sourcePort === number);

/** `-n`, `-n 10.0.0.1`, `-n 10.0.0.1:80` (filter_nat()). */
function natFilter(kind: 'src' | 'dst' | 'any', text: string): Holds {
  const isNat: Holds = (entry) =>
    (kind !== 'dst' && entry.has(IPS.srcNat)) || (kind !== 'src' && entry.has(IPS.dstNat));
  if (text === '') return isNat;
  const [, address = text, portText] = /^([^:]*):([^:]*)$/.exec(text) ?? [];
  const addr = parseAddress(address);
  if (addr === undefined) return () => false;
  const number = portText === undefined ? undefined : port(portText);
  const [source, destination] = [sourceIs(addr, number), destinationIs(addr, number)];
  return (entry) =>
    (kind !== 'dst' && entry.has(IPS.srcNat) && source(entry)) ||
    (kind !== 'src' && entry.has(IPS.dstNat) && destination(entry));
}

/** parse_parameter(): names may be cut short, in any case. @throws Refused */
function statusFilter(text: string): Chosen {
  const names = text
    .split(',')
    .map(
      (word) =>
        STATUSES.find(([name]) => word !== '' && name.startsWith(word.toUpperCase())) ??
        refuse(`Bad parameter \`${word === '' ? text : word}'`),
    );
  const has = (wanted: string): boolean => names.some(([name]) => name === wanted);
  const warnings = (['SRC_NAT', 'DST_NAT'] as const)
    .filter(has)
    .map((name) => `WARNING: ignoring ${name}, use --${name === 'SRC_NAT' ? 'src' : 'dst'}-nat instead\n`)
    .join('');
  const bits = names.reduce((all, [, bit]) => all | bit, 0);
  const unreplied = has('UNREPLIED') && !has('SEEN_REPLY');
  // The kernel's filter of nothing at all.
  if (bits === 0 && !unreplied)
    throw new Refused(failure(1, `${warnings}${NAME}: Operation failed: invalid parameters`));
  return {
    warnings,
    holds: (entry) => (entry.status & bits) === bits && !(unreplied && entry.has(IPS.seenReply)),
  };
}

/** strtoul() with base 0, which takes what it can. */
function unsigned(text: string): number {
  const [number = '0'] = /^(?:0x[\da-f]+|-?\d+)/i.exec(text) ?? [];
  return (/^-?0\d/.test(number) ? Number.parseInt(number, 8) : Number(number)) | 0;
}

function markFilter(text: string): Holds {
  const [value = '', mask] = text.split('/');
  const [wanted, bits] = [unsigned(value), mask === undefined ? -1 : unsigned(mask)];
  return ({ mark }) => ((mark ^ wanted) & bits) === 0;
}

type OfProtocol = (text: string, asked: Asked) => Holds;

/** Options that a protocol brings. */
const PROTOCOL_FILTERS: Readonly<Record<string, OfProtocol>> = {
  sport: (text) => (entry) => entry.original.sourcePort === port(text),
  dport: (text) => (entry) => entry.original.destinationPort === port(text),
  'reply-port-src': (text) => (entry) => entry.reply.sourcePort === port(text),
  'reply-port-dst': (text) => (entry) => entry.reply.destinationPort === port(text),
  'icmp-type': (text) => (entry) => entry.original.destinationPort >>> 8 === octet(text),
  'icmp-code': (text) => (entry) => (entry.original.destinationPort & 0xff) === octet(text),
  'icmp-id': (text) => (entry) => entry.original.sourcePort === port(text),
  state: (text, { protocol }) => {
    if (protocol === IP_PROTOCOL.tcp && !TCP_STATES.has(text)) refuse(`unknown TCP state \`${text}'`);
    return (entry) => entry.protocolState.state === text;
  },
};

/** @throws Refused */
export function filterOf(asked: Asked): Chosen {
  const { options, protocol } = asked;
  const holds: Holds[] = [];
  const add = (one: Holds | undefined): void => {
    if (one !== undefined) holds.push(one);
  };
  const family = options.get('f');
  if (family !== undefined && family !== 'ipv4' && family !== 'ipv6') refuse(`\`${family}' unsupported protocol`);
  if (family === 'ipv6') add(() => false);
  const label = options.get('l');
  if (label !== undefined) throw new Refused(refusal(`unknown label '${label}'`, NO_LABELS));
  if (protocol !== undefined) add((entry) => entry.original.protocol === protocol);
  for (const letter of SIDE_LETTERS) add(addressFilter(asked, letter));
  const valued = (letter: string, make: (text: string) => Holds): void => {
    const text = options.get(letter);
    if (text !== undefined) add(make(text));
  };
  for (const letter of NAT_LETTERS) valued(letter, (text) => natFilter(NATS[letter], text));
  valued('m', markFilter);
  valued('i', (text) => (entry) => entry.id === unsigned(text));
  // There is one zone, the default one.
  for (const zone of ['w', '(', ')']) valued(zone, (text) => () => decimal(text) === 0);
  for (const [name, make] of Object.entries(PROTOCOL_FILTERS)) valued(name, (text) => make(text, asked));
  const status = options.get('u');
  const { warnings, holds: hasStatus } =
    status === undefined ? { warnings: '', holds: undefined } : statusFilter(status);
  add(hasStatus);
  return { warnings, holds: (entry) => holds.every((one) => one(entry)) };
}

const NEEDED_BY_ICMP = ['icmp-type', 'icmp-code'] as const;

/** The tuple that `-G` asks the kernel for. @throws Refused */
export function tupleOf(asked: Asked): CtTuple {
  const { options, protocol = 0 } = asked;
  const number = (name: string): number => port(options.get(name) ?? '0');
  if (protocol === IP_PROTOCOL.icmp) {
    const missing = NEEDED_BY_ICMP.find((name) => !options.has(name));
    if (missing !== undefined) refuse(`You need to supply the \`--${missing}' option for this command`);
  }
  const hasOriginalPorts = options.has('sport') && options.has('dport');
  const tracksPorts = protocol !== IP_PROTOCOL.icmp && TRACKS_PORTS.has(protocol);
  if (tracksPorts && !hasOriginalPorts) {
    if (
      options.has('sport') ||
      options.has('dport') ||
      !(options.has('reply-port-src') && options.has('reply-port-dst'))
    )
      refuse("you have to specify `--sport' and `--dport'");
    fail('Operation failed: No data available');
  }
  const address = (letter: 's' | 'd'): Ipv4Addr => sideAddress(asked, letter)?.addr ?? INADDR_ANY;
  // Without a tuple of the original direction the tool asks for nothing that the kernel knows.
  if (!options.has('s') && !options.has('d')) fail('Operation failed: invalid parameters');
  const icmp = protocol === IP_PROTOCOL.icmp;
  return {
    source: address('s'),
    destination: address('d'),
    protocol,
    sourcePort: icmp ? number('icmp-id') : number('sport'),
    destinationPort: icmp
      ? (octet(options.get('icmp-type') ?? '') << 8) | octet(options.get('icmp-code') ?? '')
      : number('dport'),
  };
}

const TRACKS_PORTS: ReadonlySet<number> = new Set([
  IP_PROTOCOL.tcp,
  IP_PROTOCOL.udp,
  IP_PROTOCOL.sctp,
  IP_PROTOCOL.udplite,
]);
