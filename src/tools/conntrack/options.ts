/**
 * The command line of conntrack-tools 1.4.7 (src/conntrack.c:do_parse()): getopt_long() takes options in any order,
 * together, with values attached or behind, and the beginnings of long names; a protocol brings options of its own.
 */

import { parseProtocol } from '../../kernel/index.js';
import { IP_PROTOCOL } from '../../packet/index.js';
import { type LongOption, OptionCursor, type OrderedOption, orderedOptions } from '../getopt.js';
import { refuse } from './refused.js';

const SHORT = '-L::I::U::D::G::E::F::A::C::SVhs:d:r:q:p:t:u:e:zm:i:f:o:n::g::j::c:b:w:l:';

const COMMANDS = ['L', 'I', 'A', 'U', 'D', 'G', 'E', 'F', 'C', 'S', 'V', 'h'] as const;
export type Command = (typeof COMMANDS)[number];
const isCommand = (letter: string): letter is Command => COMMANDS.some((one) => one === letter);

/** Options with the names by which complaints call them, in the order in which they are held against the command. */
const OPTIONS: Readonly<Record<string, string>> = {
  s: 'src',
  d: 'dst',
  r: 'reply-src',
  q: 'reply-dst',
  p: 'protonum',
  t: 'timeout',
  u: 'status',
  z: 'zero',
  e: 'event-mask',
  '[': 'tuple-src',
  ']': 'tuple-dst',
  '{': 'mask-src',
  '}': 'mask-dst',
  m: 'mark',
  i: 'id',
  f: 'family',
  n: 'src-nat',
  g: 'dst-nat',
  o: 'output',
  c: 'secmark',
  b: 'buffer-size',
  j: 'any-nat',
  w: 'zone',
  l: 'label',
  '(': 'orig-zone',
  ')': 'reply-zone',
};

/** commands_v_options[]. */
const TAKES: Readonly<Record<Exclude<Command, 'I' | 'A' | 'U' | 'E'>, string>> = {
  L: 'sdrqpuz{}mfngocjwl()',
  G: 'sdrqpio',
  D: 'sdrqptu{}mifngowl()',
  F: 'f',
  C: '',
  S: '',
  V: '',
  h: '',
};
const TAKES_OF_EXPECTATIONS = 'fo';

const LONG: readonly LongOption[] = [
  ['dump', 'L', 'optional'],
  ['create', 'I', 'optional'],
  ['add', 'A', 'optional'],
  ['delete', 'D', 'optional'],
  ['get', 'G', 'optional'],
  ['update', 'U', 'optional'],
  ['event', 'E', 'optional'],
  ['flush', 'F', 'optional'],
  ['count', 'C', 'optional'],
  ['stats', 'S', 'flag'],
  ['version', 'V', 'flag'],
  ['help', 'h', 'flag'],
  ['src', 's', 'value'],
  ['orig-src', 's', 'value'],
  ['dst', 'd', 'value'],
  ['orig-dst', 'd', 'value'],
  ['reply-src', 'r', 'value'],
  ['reply-dst', 'q', 'value'],
  ['protonum', 'p', 'value'],
  ['timeout', 't', 'value'],
  ['status', 'u', 'value'],
  ['zero', 'z', 'flag'],
  ['event-mask', 'e', 'value'],
  ['tuple-src', '[', 'value'],
  ['tuple-dst', ']', 'value'],
  ['mask-src', '{', 'value'],
  ['mask-dst', '}', 'value'],
  ['mark', 'm', 'value'],
  ['id', 'i', 'value'],
  ['family', 'f', 'value'],
  ['src-nat', 'n', 'optional'],
  ['dst-nat', 'g', 'optional'],
  ['any-nat', 'j', 'optional'],
  ['output', 'o', 'value'],
  ['secmark', 'c', 'value'],
  ['buffer-size', 'b', 'value'],
  ['zone', 'w', 'value'],
  ['label', 'l', 'value'],
  ['orig-zone', '(', 'value'],
  ['reply-zone', ')', 'value'],
];

const PORTS: readonly LongOption[] = [
  ['orig-port-src', 'sport', 'value'],
  ['sport', 'sport', 'value'],
  ['orig-port-dst', 'dport', 'value'],
  ['dport', 'dport', 'value'],
  ['reply-port-src', 'reply-port-src', 'value'],
  ['reply-port-dst', 'reply-port-dst', 'value'],
  ['mask-port-src', 'mask-port-src', 'value'],
  ['mask-port-dst', 'mask-port-dst', 'value'],
  ['tuple-port-src', 'tuple-port-src', 'value'],
  ['tuple-port-dst', 'tuple-port-dst', 'value'],
];
const STATE: LongOption = ['state', 'state', 'value'];
const TAGS: readonly LongOption[] = [
  ['orig-vtag', 'orig-vtag', 'value'],
  ['reply-vtag', 'reply-vtag', 'value'],
];
const ICMP: readonly LongOption[] = [
  ['icmp-type', 'icmp-type', 'value'],
  ['icmp-code', 'icmp-code', 'value'],
  ['icmp-id', 'icmp-id', 'value'],
];

/** What a protocol's own file adds (extensions/libct_proto_*.c). Differs: none of DCCP, GRE and ICMPv6. */
const OF_PROTOCOL: ReadonlyMap<number, readonly LongOption[]> = new Map([
  [IP_PROTOCOL.icmp, ICMP],
  [IP_PROTOCOL.tcp, [...PORTS, STATE]],
  [IP_PROTOCOL.udp, PORTS],
  [IP_PROTOCOL.sctp, [...PORTS, STATE, ...TAGS]],
  [IP_PROTOCOL.udplite, PORTS],
]);

/** Of expectations and of entries that are made: refused with the commands that are offered. */
const ILLEGAL_OF_PROTOCOL = /^(?:mask|tuple)-port-|-vtag$/;

/** findproto(): names in capitals too, and numbers. */
function protocolOf(text: string): number | undefined {
  return text.toLowerCase() === 'all' ? undefined : parseProtocol(text);
}

function protocolOptions(before: readonly OrderedOption[]): readonly LongOption[] {
  const last = before.findLast(({ letter }) => letter === 'p');
  return OF_PROTOCOL.get(protocolOf(last?.value ?? '') ?? 0) ?? [];
}

const TABLES = ['conntrack', 'expect', 'dying', 'unconfirmed'] as const;
export type CtTable = (typeof TABLES)[number];

/** What was asked for: options by their letters, those of a protocol by their names. */
export interface Asked {
  readonly command: Command;
  readonly table: CtTable;
  readonly protocol: number | undefined;
  /** The last value of each; '' of those without one. */
  readonly options: ReadonlyMap<string, string>;
}

/** What the options before have said. */
class Reader {
  command: Command | undefined = undefined;
  table: CtTable = 'conntrack';
  protocol: number | undefined = undefined;
  readonly given = new Map<string, string>();
  readonly #options: OptionCursor;

  constructor(options: readonly OrderedOption[]) {
    this.#options = new OptionCursor(options);
  }

  /** get_optional_arg(): the word behind, where it is no option. */
  #word(): string | undefined {
    return this.#options.takeWord();
  }

  /** Words that belong to no option are passed over. @throws Refused */
  read(): void {
    for (let one = this.#options.take(); one !== undefined; one = this.#options.take()) {
      const { letter, value } = one;
      if (letter === undefined) continue;
      if (isCommand(letter)) this.#choose(letter, value);
      else this.given.set(letter, 'ngj'.includes(letter) ? (value ?? this.#word() ?? '') : (value ?? ''));
      if (letter === 'p') this.protocol = protocolOf(value ?? '') ?? refuse(`\`${value ?? ''}' unsupported protocol`);
    }
  }

  /** check_type(), add_command(). */
  #choose(command: Command, attached: string | undefined): void {
    const word = attached === undefined && command !== 'V' && command !== 'h' ? this.#word() : undefined;
    if (word !== undefined)
      this.table = TABLES.find((table) => table.startsWith(word)) ?? refuse(`unknown type \`${word}'`);
    if (this.command !== undefined) refuse('Invalid commands combination');
    if ((this.table === 'dying' || this.table === 'unconfirmed') && command !== 'L')
      refuse("Can't do that command with tables `dying' and `unconfirmed'");
    this.command = command;
  }
}

/** A network gives a mask too. */
const isMaskOf = (options: Asked['options'], letter: string): boolean =>
  (letter === '{' && options.get('s')?.includes('/') === true) ||
  (letter === '}' && options.get('d')?.includes('/') === true);

/** generic_opt_check(). @throws Refused */
function check({ command, table, options }: Asked): void {
  if (command === 'I' || command === 'A' || command === 'U' || command === 'E') return;
  const takes = table === 'expect' && command === 'L' ? TAKES_OF_EXPECTATIONS : TAKES[command];
  for (const [letter, name] of Object.entries(OPTIONS)) {
    if (command === 'G' && letter === 'p' && !options.has('p'))
      refuse(`You need to supply the \`--${name}' option for this command`);
    const given = options.has(letter) || isMaskOf(options, letter);
    if (given && !takes.includes(letter)) refuse(`Illegal option \`--${name}' with this command`);
  }
  if (command === 'G') checkAddresses(options);
  const illegal = [...options.keys()].find((name) => ILLEGAL_OF_PROTOCOL.test(name));
  if (illegal !== undefined) refuse(`Illegal option \`--${illegal}' with this command`);
}

/** `-G` wants a whole tuple of either direction. @throws Refused */
function checkAddresses(options: Asked['options']): void {
  const original = ['s', 'd'].filter((letter) => options.has(letter)).length;
  const reply = ['r', 'q'].filter((letter) => options.has(letter)).length;
  if (original === 2 || reply === 2) return;
  refuse(
    original === 0 && reply === 1
      ? "you have to specify `--reply-src' and `--reply-dst'"
      : "you have to specify `--src' and `--dst'",
  );
}

/** @throws Refused */
export function readConntrack(args: readonly string[]): Asked {
  const { options, bad } = orderedOptions(args, { short: SHORT, long: LONG, longAfter: protocolOptions });
  const reader = new Reader(options);
  reader.read();
  if (bad !== undefined)
    refuse(
      bad.why === 'unknown' ? `unknown option \`${bad.written}'` : `option \`${bad.written}' requires an argument`,
    );
  const { command = 'h', table, protocol, given } = reader;
  const asked = { command, table, protocol, options: given };
  check(asked);
  return asked;
}
