/** The words of an `ip` or `bridge` command, read one by one; what does not fit is said in iproute2's manner. */

import { INADDR_ANY, type Ipv4Addr, type Ipv4Prefix, type Mac, parseMac } from '../../packet/index.js';
import type { Device } from '../device.js';
import { parseRouteProtocol, parseTable } from '../fib/index.js';
import type { Scope } from '../host-state.js';
import { IFNAME_MAX } from '../link/index.js';
import type { Netns } from '../netns.js';
import { parseAddressWord, parsePrefixWord } from './address-text.js';

/** A command that iproute2 would not even send to the kernel. */
export class CommandError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CommandError';
  }
}

/** rtnl_dsfield_a2n(): hexadecimal, with or without its prefix. */
export function dsfield(text: string): number {
  if (!/^(?:0x)?[0-9a-f]{1,2}$/i.test(text)) throw new CommandError(`argument "${text}" is wrong: bad TOS value`);
  return Number.parseInt(text, 16);
}

const SCOPES = ['global', 'site', 'link', 'host', 'nowhere'] as const satisfies readonly Scope[];

/** invarg(). */
export const wrongArgument = (value: string, why: string): CommandError =>
  new CommandError(`Error: argument "${value}" is wrong: ${why}`);

export class Words {
  readonly #words: readonly string[];
  readonly #netns: Netns;
  #next = 0;

  constructor(words: readonly string[], netns: Netns) {
    this.#words = words;
    this.#netns = netns;
  }

  get done(): boolean {
    return this.#next >= this.#words.length;
  }

  peek(): string | undefined {
    return this.#words[this.#next];
  }

  /** The next word; `what` names what was expected where there is none. */
  take(what: string): string {
    const word = this.#words[this.#next];
    if (word === undefined) throw new CommandError(`command line is not complete: expected ${what}`);
    this.#next += 1;
    return word;
  }

  /** True, and one further, where the next word is this one. */
  skip(word: string): boolean {
    if (this.peek() !== word) return false;
    this.#next += 1;
    return true;
  }

  /** The same, where the next word begins this one. */
  skipBeginningOf(word: string): boolean {
    const next = this.peek() ?? '';
    return next !== '' && word.startsWith(next) && this.skip(next);
  }

  #read<T>(what: string, parse: (word: string) => T | undefined): T {
    const word = this.take(what);
    const value = parse(word);
    if (value === undefined) throw new CommandError(`expected ${what}, got "${word}"`);
    return value;
  }

  number(what: string, max = 0xffff_ffff): number {
    return this.#read(what, (word) => {
      const value = /^(?:\d+|0x[0-9a-f]+)$/i.test(word) ? Number(word) : -1;
      return value >= 0 && value <= max ? value : undefined;
    });
  }

  onOff(what: string): boolean {
    return this.oneOf(what, ['on', 'off']) === 'on';
  }

  oneOf<T extends string>(what: string, values: readonly T[]): T {
    return this.#read(`${what} (${values.join(', ')})`, (word) => values.find((value) => value === word));
  }

  /** What to do with an object: a beginning means the first of `verbs`, which are in iproute2's order. */
  verb<T extends string>(object: string, verbs: readonly T[]): T {
    const word = this.take(`what to do with ${object}`);
    const verb = beginningWith(verbs, word);
    if (verb === undefined) throw new CommandError(`Command "${word}" is unknown, try "${object} help".`);
    return verb;
  }

  address(): Ipv4Addr {
    return this.#read('an IPv4 address', parseAddressWord);
  }

  /** An address, or `any`. */
  addressOrAny(): Ipv4Addr {
    return this.skip('any') ? INADDR_ANY : this.address();
  }

  /** An address with the length of its network: `10.0.0.1/24`; without a length, /32. */
  addressPrefix(): Ipv4Prefix {
    return this.#read('an IPv4 address with a prefix length', parsePrefixWord);
  }

  /** `default`, `10.0.0.0/8`, or a single address. */
  destination(): Ipv4Prefix {
    return this.#read('an IPv4 prefix', parsePrefixWord);
  }

  mac(): Mac {
    return this.#read('a MAC address', parseMac);
  }

  scope(): Scope {
    return this.oneOf('a scope', SCOPES);
  }

  /** `why` is what the object says of a table that is none. */
  table(why: string): number {
    const word = this.take('a routing table');
    const table = parseTable(word);
    if (table === undefined) throw wrongArgument(word, why);
    return table;
  }

  /** get_ifname(), which does not ask whether there is such a device; `option` names the word before it. */
  interfaceName(option: string): string {
    const word = this.take('a device');
    if (word === '' || word.length > IFNAME_MAX || /[/\s]/.test(word))
      throw wrongArgument(word, `${option} not a valid ifname`);
    return word;
  }

  protocol(): number {
    const word = this.take('a routing protocol');
    const protocol = parseRouteProtocol(word);
    if (protocol === undefined) throw wrongArgument(word, '"protocol" value is invalid');
    return protocol;
  }

  device(): Device {
    return this.#read('a device', (word) => {
      // if_nametoindex() at the end of ll_name_to_index(): an ioctl, which loads modules.
      const dev = this.#netns.devices.named(word) ?? this.#netns.links.autoload(word);
      if (dev === undefined) throw new CommandError(`Cannot find device "${word}"`);
      return dev;
    });
  }

  netns(): Netns {
    return this.#read('a network namespace', (word) => this.#netns.host.namedNetns(word));
  }

  /** `VALUE/MASK`, or a value whose mask is all ones. */
  markAndMask(): { value: number; mask: number } {
    const [value = '', mask = '0xffffffff'] = this.take('a mark').split('/');
    const numbers = { value: Number(value), mask: Number(mask) };
    if (value === '' || !Number.isInteger(numbers.value) || !Number.isInteger(numbers.mask))
      throw new CommandError(`expected a mark, got "${value}"`);
    return numbers;
  }
}

/** What a word of a command does with the words behind it. */
export type Option = (words: Words) => void;

/**
 * By the words that ask for them, in the order in which iproute2 looks at them. With a `*` behind it a beginning of the
 * word will do (matches()); where it could be several, the first is meant.
 */
export type Options = Readonly<Record<string, Option>>;

/** The same options, each by its beginnings too. */
export const abbreviable = (options: Options): Options =>
  Object.fromEntries(Object.entries(options).map(([word, option]) => [`${word}*`, option]));

function optionNamed(options: Options, word: string): Option | undefined {
  if (Object.hasOwn(options, word)) return options[word];
  const begun = Object.keys(options).find((key) => key.endsWith('*') && word !== '' && key.startsWith(word));
  return begun === undefined ? undefined : options[begun];
}

/** The first that begins like `word`. */
export const beginningWith = <T extends string>(names: readonly T[], word: string): T | undefined =>
  word === '' ? undefined : names.find((name) => name.startsWith(word));

/** Reads words by a table until none is left. */
export function readOptions(words: Words, options: Options, command: string): void {
  while (!words.done) {
    const word = words.take('an option');
    const option = optionNamed(options, word);
    if (option === undefined) throw new CommandError(`${command}: "${word}" is unknown or not modelled`);
    option(words);
  }
}

/** Reads words by a table as long as it knows them. */
export function readKnown(words: Words, options: Options): void {
  for (;;) {
    const word = words.peek();
    const option = word === undefined ? undefined : optionNamed(options, word);
    if (option === undefined) return;
    words.take('an option');
    option(words);
  }
}
