/** What `ipset create NAME TYPE` takes after the type, with its defaults, as `ipset save` prints it. */

import { formatIpv4, ipv4 } from '../../../packet/index.js';
import { parseAddressRange, parseNumber, parsePortRange } from './element-text.js';
import { fail, IpsetError, syntax } from './errors.js';
import type { SetType } from './types.js';

export interface SetOptions {
  readonly family: 'inet' | 'inet6';
  readonly hashsize: number;
  readonly maxelem: number;
  /** hash:ip and bitmap:ip store networks of that length as their first address. */
  readonly netmask: number | undefined;
  /** Seconds that an element lives by default, 0 for ever; undefined: the set has no timeouts. */
  readonly timeout: number | undefined;
  readonly counters: boolean;
  readonly comment: boolean;
  readonly skbinfo: boolean;
  readonly range: { readonly first: number; readonly last: number } | undefined;
  /** Of list:set. */
  readonly size: number;
  readonly initval: number;
}

/** The kernel's limits: timeouts fit in milliseconds of 31 bits. */
const MAX_TIMEOUT = 2_147_483;
const MIN_HASHSIZE = 64;
const MIN_LIST_SIZE = 4;
/** IPSET_BITMAP_MAX_RANGE. */
const MAX_BITMAP = 0xffff;
const U32_MAX = 0xffff_ffff;

const FLAGS = ['counters', 'comment', 'skbinfo', 'forceadd'] as const;
/** Options of old versions, accepted without effect; with an argument each. */
const IGNORED: ReadonlySet<string> = new Set(['probes', 'resize', 'gc', 'bucketsize']);

const isFlag = (name: string): name is (typeof FLAGS)[number] => FLAGS.some((flag) => flag === name);

/** Options that a type takes (ipset's lib/ipset_<type>.c). */
function takes(type: SetType, name: string): boolean {
  if (name === 'timeout' || isFlag(name)) return name !== 'forceadd' || type.storage === 'hash';
  switch (name) {
    case 'range':
      return type.storage === 'bitmap';
    case 'size':
      return type.storage === 'list';
    case 'netmask':
      return type.name === 'hash:ip' || type.name === 'bitmap:ip';
    case 'family':
      return type.storage === 'hash' && type.name !== 'hash:mac';
    default:
      return type.storage === 'hash' && (['hashsize', 'maxelem', 'initval'].includes(name) || IGNORED.has(name));
  }
}

const SHORT_FAMILY: ReadonlyMap<string, string> = new Map([
  ['-4', 'inet'],
  ['-6', 'inet6'],
]);

/** Options by name, values not yet read. */
function collect(words: readonly string[], type: SetType): Map<string, string> {
  const given = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const family = SHORT_FAMILY.get(word);
    const name = family === undefined ? word.replace(/^--?/, '') : 'family';
    if (!takes(type, name)) throw new IpsetError(`Unknown argument: \`${word}'`);
    if (isFlag(name)) given.set(name, '');
    else if (family !== undefined) given.set('family', family);
    else {
      i += 1;
      const value = words[i];
      if (value === undefined) throw new IpsetError(`Missing mandatory argument of option \`${name}'`);
      given.set(name, value);
    }
  }
  return given;
}

const powerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(value));

function parseFamily(text: string): 'inet' | 'inet6' {
  if (text === 'inet' || text === 'ipv4') return 'inet';
  return text === 'inet6' || text === 'ipv6' ? 'inet6' : syntax(`unknown inet family ${text}`);
}

function parseRange(text: string | undefined, type: SetType, netmask: number | undefined): SetOptions['range'] {
  if (type.storage !== 'bitmap') return undefined;
  if (text === undefined) throw new IpsetError("Mandatory option `range' is missing");
  if (type.name === 'bitmap:port') return parsePortRange(text);
  const range = parseAddressRange(text);
  const shift = 32 - (netmask ?? 32);
  if ((range.last - range.first) / 2 ** shift > MAX_BITMAP) fail('rangeTooLarge');
  return range;
}

/** @throws IpsetError */
export function parseSetOptions(words: readonly string[], type: SetType, initval: number): SetOptions {
  const given = collect(words, type);
  const number = (name: string, limits: { min: number; max: number }): number | undefined => {
    const text = given.get(name);
    return text === undefined ? undefined : parseNumber(text, limits);
  };
  const netmask = number('netmask', { min: 1, max: 32 });
  return {
    family: parseFamily(given.get('family') ?? 'inet'),
    hashsize: powerOfTwo(Math.max(MIN_HASHSIZE, number('hashsize', { min: 0, max: U32_MAX }) ?? 1024)),
    maxelem: number('maxelem', { min: 0, max: U32_MAX }) ?? 65_536,
    netmask: netmask === 32 ? undefined : netmask,
    timeout: number('timeout', { min: 0, max: MAX_TIMEOUT }),
    counters: given.has('counters'),
    comment: given.has('comment'),
    skbinfo: given.has('skbinfo'),
    range: parseRange(given.get('range'), type, netmask),
    size: Math.max(MIN_LIST_SIZE, number('size', { min: 0, max: U32_MAX }) ?? 8),
    initval: number('initval', { min: 0, max: U32_MAX }) ?? initval,
  };
}

/** Everything after the type. `forceadd` is understood and, as with the real tool, not printed. */
export function formatSetOptions(options: SetOptions, type: SetType): string {
  const words: string[] = [];
  const { range } = options;
  if (type.name === 'bitmap:port' && range !== undefined) words.push(`range ${range.first}-${range.last}`);
  if (type.name === 'bitmap:ip' && range !== undefined) {
    words.push(`range ${formatIpv4(ipv4(range.first))}-${formatIpv4(ipv4(range.last))}`);
  }
  if (type.storage === 'list') words.push(`size ${options.size}`);
  if (type.storage === 'hash') {
    if (type.name !== 'hash:mac') words.push(`family ${options.family}`);
    words.push(`hashsize ${options.hashsize} maxelem ${options.maxelem}`);
  }
  if (options.netmask !== undefined) words.push(`netmask ${options.netmask}`);
  if (options.timeout !== undefined) words.push(`timeout ${options.timeout}`);
  if (options.counters) words.push('counters');
  if (options.comment) words.push('comment');
  if (options.skbinfo) words.push('skbinfo');
  if (type.storage === 'hash') {
    words.push(`bucketsize 12 initval 0x${options.initval.toString(16).padStart(8, '0')}`);
  }
  return words.join(' ');
}
