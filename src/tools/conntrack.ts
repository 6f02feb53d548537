/** `conntrack` as conntrack-tools 1.4.7: what lists, counts and looks up. */

import { type CtEntry, type CtFilter, formatStatistics, IPS } from '../kernel/index.js';
import { IP_PROTOCOL, type Ipv4Addr, ipv4Network, parseIpv4, parseIpv4Prefix } from '../packet/index.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';

const NAME = 'conntrack v1.4.7 (conntrack-tools)';

/** What the user got wrong, in the tool's words. */
class Refused extends Error {}

const refuse = (message: string): never => {
  throw new Refused(message);
};

const STATES: ReadonlySet<string> = new Set([
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
]);

const STATUSES: Readonly<Record<string, number>> = {
  ASSURED: IPS.assured,
  SEEN_REPLY: IPS.seenReply,
  CONFIRMED: IPS.confirmed,
  SRC_NAT: IPS.srcNat,
  DST_NAT: IPS.dstNat,
  FIXED_TIMEOUT: IPS.fixedTimeout,
};

/** The options as they are read: a filter in the making, and what goes beyond one. */
interface Asked {
  filter: { -readonly [K in keyof CtFilter]: CtFilter[K] };
  /** Networks, which the kernel's filter does not know. */
  readonly networks: ((entry: CtEntry) => boolean)[];
  readonly output: Set<string>;
  readonly family: { name: string };
}

type Side = 'source' | 'destination';

/** An address, or a network: `10.0.0.0/8`. */
function address(asked: Asked, text: string, at: { direction: 'original' | 'reply'; side: Side }): void {
  const prefix = parseIpv4Prefix(text.includes('/') ? text : `${text}/32`) ?? refuse(`Invalid IP address \`${text}'`);
  const network = ipv4Network(prefix.addr, prefix.length);
  asked.networks.push((entry) => ipv4Network(entry.tuple(at.direction)[at.side], prefix.length) === network);
}

function nat(asked: Asked, kind: 'src' | 'dst' | 'any', text: string | undefined): void {
  asked.filter.nat = kind;
  if (text === undefined) return;
  const wanted: Ipv4Addr = parseIpv4(text) ?? refuse(`Invalid IP address \`${text}'`);
  asked.networks.push(
    ({ reply }) => (kind !== 'dst' && reply.destination === wanted) || (kind !== 'src' && reply.source === wanted),
  );
}

function mark(text: string): { value: number; mask: number } {
  const [value = '', mask = '0xffffffff'] = text.split('/');
  return { value: Number(value) | 0, mask: Number(mask) | 0 };
}

function status(asked: Asked, text: string): void {
  for (const name of text.toUpperCase().split(',')) {
    if (name === 'UNREPLIED') asked.filter.unreplied = true;
    else if (name === 'OFFLOAD' || name === 'HW_OFFLOAD' || name === 'UNSET') asked.networks.push(() => false);
    else asked.filter.status = (asked.filter.status ?? 0) | (STATUSES[name] ?? refuse(`Bad parameter \`${text}'`));
  }
}

function output(asked: Asked, text: string): void {
  for (const name of text.split(',')) {
    if (!['extended', 'id', 'timestamp', 'ktimestamp', 'labels', 'xml', 'save'].includes(name))
      refuse(`Bad parameter \`${name}'`);
    if (name === 'xml' || name === 'save') refuse(`-o ${name} is not modelled`);
    asked.output.add(name);
  }
}

const port = (text: string): number => (/^\d+$/.test(text) ? Number(text) : refuse(`Invalid port \`${text}'`));

type Option = (asked: Asked, value: string) => void;

const PORTS = {
  '--sport': 'sourcePort',
  '--orig-port-src': 'sourcePort',
  '--icmp-id': 'sourcePort',
  '--dport': 'destinationPort',
  '--orig-port-dst': 'destinationPort',
  '--reply-port-src': 'replySourcePort',
  '--reply-port-dst': 'replyDestinationPort',
} as const;

const ADDRESSES: Readonly<Record<string, { direction: 'original' | 'reply'; side: Side }>> = {
  '-s': { direction: 'original', side: 'source' },
  '--src': { direction: 'original', side: 'source' },
  '--orig-src': { direction: 'original', side: 'source' },
  '-d': { direction: 'original', side: 'destination' },
  '--dst': { direction: 'original', side: 'destination' },
  '--orig-dst': { direction: 'original', side: 'destination' },
  '-r': { direction: 'reply', side: 'source' },
  '--reply-src': { direction: 'reply', side: 'source' },
  '-q': { direction: 'reply', side: 'destination' },
  '--reply-dst': { direction: 'reply', side: 'destination' },
};

const protocol: Option = (asked, value) => {
  const number = /^\d+$/.test(value) ? Number(value) : Object.entries(IP_PROTOCOL).find(([key]) => key === value)?.[1];
  asked.filter.protocol = number ?? refuse(`\`${value}' unsupported protocol`);
};
const family: Option = (asked, value) => {
  if (value !== 'ipv4' && value !== 'ipv6') refuse(`\`${value}' unsupported protocol`);
  asked.family.name = value;
};
const marked: Option = (asked, value) => {
  asked.filter.mark = mark(value);
};

/** With a value behind them. */
const OPTIONS: Readonly<Record<string, Option>> = {
  '-p': protocol,
  '--proto': protocol,
  '--protonum': protocol,
  '-f': family,
  '--family': family,
  '-m': marked,
  '--mark': marked,
  '-u': status,
  '--status': status,
  '-o': output,
  '--output': output,
  '--state': (asked, value) => {
    const name = value.toUpperCase();
    asked.filter.state = STATES.has(name) ? name : refuse(`unknown TCP state \`${value}'`);
  },
};

/** Their value may be left out. */
const NAT = {
  '-n': 'src',
  '--src-nat': 'src',
  '-g': 'dst',
  '--dst-nat': 'dst',
  '-j': 'any',
  '--any-nat': 'any',
} as const;

const isKeyOf = <T extends object>(record: T, key: string): key is Extract<keyof T, string> =>
  Object.hasOwn(record, key);

function read(words: readonly string[]): Asked {
  const asked: Asked = { filter: {}, networks: [], output: new Set(), family: { name: 'ipv4' } };
  for (let i = 0; i < words.length; i++) {
    const [word = '', attached] = (words[i] ?? '').split('=', 2);
    const next = attached ?? words[i + 1];
    const value = (): string => {
      if (attached === undefined) i += 1;
      return next ?? refuse(`option \`${word}' requires an argument`);
    };
    const unknown = `unknown option \`${word}'`;
    if (word === '-z' || word === '--zero') refuse('-z changes something: only what shows is offered here');
    else if (isKeyOf(NAT, word))
      nat(asked, NAT[word], next === undefined || next.startsWith('-') ? undefined : value());
    else if (isKeyOf(ADDRESSES, word)) address(asked, value(), ADDRESSES[word] ?? refuse(unknown));
    else if (isKeyOf(OPTIONS, word)) OPTIONS[word]?.(asked, value());
    else if (isKeyOf(PORTS, word)) {
      // These come with the protocol's extension.
      if (asked.filter.protocol === undefined && !words.some((one) => /^(-p|--proto)/.test(one))) refuse(unknown);
      asked.filter = { ...asked.filter, [PORTS[word]]: port(value()) };
    } else refuse(unknown);
  }
  return asked;
}

function found({ netns }: ToolPlace, asked: Asked): CtEntry[] {
  if (asked.family.name === 'ipv6') return [];
  return netns.conntrack.entries(asked.filter).filter((entry) => asked.networks.every((holds) => holds(entry)));
}

function print({ netns }: ToolPlace, entries: readonly CtEntry[], asked: Asked): string {
  const form = { extended: asked.output.has('extended'), id: asked.output.has('id') };
  return lines(entries.map((entry) => netns.conntrack.format(entry, form)));
}

const shown = (count: number, what = 'flow entries'): string => `${NAME}: ${count} ${what} have been shown.\n`;

function list(place: ToolPlace, words: readonly string[]): ToolResult {
  const [table = '', ...rest] = words;
  if (table === 'expect' || table === 'dying' || table === 'unconfirmed')
    return { exitCode: 0, stdout: '', stderr: shown(0, table === 'expect' ? 'expectations' : 'flow entries') };
  const asked = read(table === 'conntrack' ? rest : words);
  const entries = found(place, asked);
  return { exitCode: 0, stdout: print(place, entries, asked), stderr: shown(entries.length) };
}

function get(place: ToolPlace, words: readonly string[]): ToolResult {
  const asked = read(words);
  const [entry] = found(place, asked);
  return entry === undefined
    ? failure(1, `${NAME}: Operation failed: such conntrack doesn't exist`)
    : { exitCode: 0, stdout: print(place, [entry], asked), stderr: shown(1) };
}

type Command = (place: ToolPlace, words: readonly string[]) => ToolResult;

const count: Command = ({ netns }) => ok(`${netns.conntrack.count}\n`);
const statistics: Command = ({ netns }) => ok(`${formatStatistics(netns.conntrack.statistics)}\n`);

const COMMANDS: Readonly<Record<string, Command>> = {
  '-L': list,
  '--dump': list,
  '-G': get,
  '--get': get,
  '-C': count,
  '--count': count,
  '-S': statistics,
  '--stats': statistics,
};

const CHANGES: ReadonlySet<string> = new Set([
  '-D',
  '--delete',
  '-I',
  '--create',
  '-A',
  '--add',
  '-U',
  '--update',
  '-F',
  '--flush',
  '-E',
  '--event',
]);

export const conntrack: Tool = (place, args) => {
  const at = args.findIndex((word) => isKeyOf(COMMANDS, word));
  const command = COMMANDS[args[at] ?? ''];
  if (command === undefined) {
    const change = args.find((word) => CHANGES.has(word));
    if (change !== undefined) return failure(2, `${NAME}: ${change}: only what shows is offered here`);
    return failure(2, `${NAME}: no command specified\nTry \`conntrack -h' or 'conntrack --help' for more information.`);
  }
  try {
    return command(place, args.toSpliced(at, 1));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return failure(2, `${NAME}: ${error.message}\nTry \`conntrack -h' or 'conntrack --help' for more information.`);
  }
};
