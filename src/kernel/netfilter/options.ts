/** The options that a rule gives to one match or target, read by name. */

import { type Ipv4Addr, type Ipv4Prefix, parseIpv4, parseIpv4Destination } from '../../packet/index.js';
import { RuleError } from './extension.js';
import { portOfService } from './text/services.js';

export interface GivenOption {
  readonly name: string;
  readonly inverted: boolean;
  readonly arguments: readonly string[];
}

export const U32_MAX = 0xffff_ffff;

/** Decimal, `0x…` or `0…`, as strtoul(3) with base 0 takes it; undefined where it is no number up to `max`. */
export function parseUnsigned(text: string, max = U32_MAX): number | undefined {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) return undefined;
  const value = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  return value <= max ? value : undefined;
}

/** xtables_parse_port(): a number in any base, or the name of a service of that protocol. */
export function parsePort(text: string, protocol?: string): number {
  const port = parseUnsigned(text, 0xffff) ?? portOfService(text, protocol);
  if (port === undefined) throw new RuleError(`invalid port/service \`${text}' specified`);
  return port;
}

/** xtopt_parse_port(): getaddrinfo(3) takes decimal digits without an end, of which 16 bits are left, or a service's name. */
function parseUncheckedPort(text: string): number {
  const inRange = parseUnsigned(text, 0xffff);
  if (inRange !== undefined) return inRange;
  if (/^\d+$/.test(text)) return Number(BigInt.asUintN(16, BigInt(text)));
  const port = portOfService(text);
  if (port === undefined) throw new RuleError(`Port "${text}" does not resolve to anything.`);
  return port;
}

/** Its ends may be the wrong way round. */
export function parseUncheckedPortRange(text: string): PortRange {
  const [from = '', to] = text.split(':');
  const first = from === '' && to !== undefined ? 0 : parseUncheckedPort(from);
  return { first, last: to === undefined ? first : to === '' ? 0xffff : parseUncheckedPort(to) };
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** `80`, `80:90`, `:90`, `80:`. */
export function parsePortRange(text: string, protocol?: string): PortRange {
  const [from = '', to] = text.split(':');
  const first = from === '' && to !== undefined ? 0 : parsePort(from, protocol);
  const last = to === undefined ? first : to === '' ? 0xffff : parsePort(to, protocol);
  if (first > last) throw new RuleError('invalid portrange (min > max)');
  return { first, last };
}

export const formatPortRange = ({ first, last }: PortRange, separator = ':'): string =>
  first === last ? String(first) : `${first}${separator}${last}`;

export const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

export interface ValueMask {
  readonly value: number;
  readonly mask: number;
}

export class Options {
  /** Of the match or target, for messages. */
  readonly owner: string;
  readonly #given = new Map<string, GivenOption>();

  constructor(owner: string, given: readonly GivenOption[]) {
    this.owner = owner;
    for (const option of given) {
      if (this.#given.has(option.name)) throw new RuleError(`${owner}: option "${option.name}" can only be used once.`);
      this.#given.set(option.name, option);
    }
  }

  has(name: string): boolean {
    return this.#given.has(name);
  }

  inverted(name: string): boolean {
    return this.#given.get(name)?.inverted ?? false;
  }

  /** `! ` where the option was inverted. */
  bang(name: string): string {
    return this.inverted(name) ? '! ' : '';
  }

  text(name: string): string | undefined {
    return this.#given.get(name)?.arguments[0];
  }

  /** The second argument of an option that takes two. */
  second(name: string): string {
    return this.#given.get(name)?.arguments[1] ?? '';
  }

  require(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new RuleError(`${this.owner}: option "${name}" must be specified`);
    return value;
  }

  /** Exactly one of the names is there; which. `missing`: what is said where there is none. */
  oneOf(names: readonly string[], missing = `${this.owner}: one of ${names.join(', ')} is required`): string {
    const found = names.filter((name) => this.has(name));
    const [name] = found;
    if (name === undefined) throw new RuleError(missing);
    if (found.length > 1) throw new RuleError(`${this.owner}: ${found.join(' and ')} are mutually exclusive`);
    return name;
  }

  #bad(name: string): never {
    throw new RuleError(`${this.owner}: bad integer value for option "${name}", or out of range.`);
  }

  /** A whole number up to `max`, or undefined where the option is absent. */
  number(name: string, max = U32_MAX): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : (parseUnsigned(text, max) ?? this.#bad(name));
  }

  /** `value` or `value/mask`. */
  valueMask(name: string, max = U32_MAX): ValueMask | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [value = '', mask] = text.split('/');
    return {
      value: parseUnsigned(value, max) ?? this.#bad(name),
      mask: mask === undefined ? max : (parseUnsigned(mask, max) ?? this.#bad(name)),
    };
  }

  address(name: string): Ipv4Addr | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : requireAddress(text);
  }

  prefix(name: string): Ipv4Prefix | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const prefix = parseIpv4Destination(text);
    if (prefix === undefined) throw new RuleError(`host/network \`${text}' not found`);
    return prefix;
  }
}

export function requireAddress(text: string): Ipv4Addr {
  const addr = parseIpv4(text);
  if (addr === undefined) throw new RuleError(`Bad IP address "${text}"`);
  return addr;
}
