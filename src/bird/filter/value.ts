/** Values of the filter language (filter/filter.h: struct f_val), their order, and how they print. */

import { type AsPath, type ExtendedCommunity, formatAsPath, type LargeCommunity } from '../../packet/index.js';
import { compareIp, formatIp, formatQuad, type IpAddr, type Net, netEquals } from '../address.js';
import type { EnumKind } from '../config/keywords.js';
import type { ItemSet, PrefixSet } from './sets.js';

/** One element of `[= … =]`. */
export type PathMaskItem =
  | { readonly kind: 'as'; readonly from: number; readonly to: number }
  | { readonly kind: 'any' }
  | { readonly kind: 'many' }
  | { readonly kind: 'set'; readonly set: ItemSet }
  /** BIRD 2's `+`: the item before, once or more. */
  | { readonly kind: 'loop' };

export type Value =
  | { readonly type: 'void' }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int' | 'pair' | 'quad'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'ip'; readonly value: IpAddr }
  | { readonly type: 'prefix'; readonly value: Net }
  | { readonly type: 'ec'; readonly value: ExtendedCommunity }
  | { readonly type: 'lc'; readonly value: LargeCommunity }
  | { readonly type: 'enum'; readonly kind: EnumKind; readonly value: number }
  | { readonly type: 'opaque' }
  | { readonly type: 'path'; readonly value: AsPath }
  | { readonly type: 'mask'; readonly value: readonly PathMaskItem[] }
  | { readonly type: 'clist'; readonly value: readonly number[] }
  | { readonly type: 'eclist'; readonly value: readonly ExtendedCommunity[] }
  | { readonly type: 'lclist'; readonly value: readonly LargeCommunity[] }
  | { readonly type: 'set'; readonly value: ItemSet }
  | { readonly type: 'prefix set'; readonly value: PrefixSet };

export type ValueType = Value['type'];

/**
 * The list that nobody has made: what undefined paths and lists of communities read as, and what `+empty+` and its kin
 * are (null_adata). It is empty, and in BIRD 2 undefined (undef_value()); one that was emptied is another.
 */
export const NULL_LIST: readonly never[] = [];
export const NULL_LISTS = {
  path: { type: 'path', value: NULL_LIST },
  clist: { type: 'clist', value: NULL_LIST },
  eclist: { type: 'eclist', value: NULL_LIST },
  lclist: { type: 'lclist', value: NULL_LIST },
} as const satisfies Readonly<Record<string, Value>>;

export const VOID: Value = { type: 'void' };
const TRUE: Value = { type: 'bool', value: true };
const FALSE: Value = { type: 'bool', value: false };
export const bool = (value: boolean): Value => (value ? TRUE : FALSE);
export const int = (value: number): Value => ({ type: 'int', value });

const order = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

export function compareWords(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = order((a[i] ?? 0) >>> 0, (b[i] ?? 0) >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** An address where a number of 32 bits is meant: the implicit conversion of 1.6 for IPv4, and of 2. */
export const asQuad = (value: Value): number | undefined =>
  value.type === 'quad'
    ? value.value
    : value.type === 'ip' && typeof value.value === 'number'
      ? value.value >>> 0
      : undefined;

/** val_compare(): negative, zero, positive; undefined where the two cannot be compared. */
export function compareValues(a: Value, b: Value): number | undefined {
  if (a.type !== b.type) {
    if (a.type === 'void') return -1;
    if (b.type === 'void') return 1;
    const left = asQuad(a);
    const right = asQuad(b);
    return left === undefined || right === undefined ? undefined : order(left, right);
  }
  switch (a.type) {
    case 'void':
      return 0;
    case 'bool':
      return b.type === 'bool' ? order(Number(a.value), Number(b.value)) : undefined;
    case 'int':
    case 'pair':
    case 'quad':
      return b.type === a.type ? order(a.value, b.value) : undefined;
    case 'enum':
      return b.type === 'enum' && a.kind === b.kind ? order(a.value, b.value) : undefined;
    case 'string':
      return b.type === 'string' ? (a.value < b.value ? -1 : a.value > b.value ? 1 : 0) : undefined;
    case 'ip':
      return b.type === 'ip' ? Math.sign(compareIp(a.value, b.value)) : undefined;
    case 'prefix':
      return b.type === 'prefix'
        ? Math.sign(compareIp(a.value.addr, b.value.addr)) || order(a.value.length, b.value.length)
        : undefined;
    case 'ec':
      return b.type === 'ec' ? compareWords(a.value, b.value) : undefined;
    case 'lc':
      return b.type === 'lc' ? compareWords(a.value, b.value) : undefined;
    case 'opaque':
    case 'path':
    case 'mask':
    case 'clist':
    case 'eclist':
    case 'lclist':
    case 'set':
    case 'prefix set':
      return undefined;
  }
}

/** val_same(): values of different types are simply not the same. */
export function sameValue(a: Value, b: Value): boolean {
  if (a.type === 'prefix' && b.type === 'prefix') return netEquals(a.value, b.value);
  const compared = compareValues(a, b);
  if (compared !== undefined) return compared === 0;
  if (a.type !== b.type || a.type === 'opaque' || b.type === 'opaque') return a.type === b.type;
  return 'value' in a && 'value' in b && JSON.stringify(a.value) === JSON.stringify(b.value);
}

// Text.

/** nest/a-set.c:ec_format(): by the type's high octet two-octet AS, address or four-octet AS. */
export function formatExtendedCommunity([high, low]: ExtendedCommunity): string {
  const type = high >>> 16;
  const name = { 0x02: 'rt', 0x03: 'ro' }[type & 0xf0ff] ?? `unknown 0x${type.toString(16)}`;
  const wide = (((high & 0xffff) << 16) | (low >>> 16)) >>> 0;
  switch (type >>> 8) {
    case 0x00:
    case 0x40:
      return `(${name}, ${high & 0xffff}, ${low >>> 0})`;
    case 0x01:
    case 0x41:
      return `(${name}, ${formatQuad(wide)}, ${low & 0xffff})`;
    case 0x02:
    case 0x42:
      return `(${name}, ${wide}, ${low & 0xffff})`;
    default:
      return `(generic, 0x${(high >>> 0).toString(16)}, 0x${(low >>> 0).toString(16)})`;
  }
}

export const formatLargeCommunity = (parts: LargeCommunity): string =>
  `(${parts.map((part) => part >>> 0).join(', ')})`;
export const formatCommunity = (value: number): string => `(${value >>> 16},${value & 0xffff})`;

function formatMask(items: readonly PathMaskItem[]): string {
  const text = items.map((item) => {
    if (item.kind === 'as') return item.from === item.to ? `${item.from} ` : `${item.from}..${item.to} `;
    return { any: '? ', many: '* ', set: '[…] ', loop: '+ ' }[item.kind];
  });
  return `[= ${text.join('')}=]`;
}

/** val_format(): what `print` writes. */
export function formatValue(value: Value): string {
  switch (value.type) {
    case 'void':
      return '(void)';
    case 'bool':
      return value.value ? 'TRUE' : 'FALSE';
    case 'int':
      return String(value.value);
    case 'string':
      return value.value;
    case 'ip':
      return formatIp(value.value);
    case 'prefix':
      return value.value.toString();
    case 'pair':
      return formatCommunity(value.value);
    case 'quad':
      return formatQuad(value.value);
    case 'ec':
      return formatExtendedCommunity(value.value);
    case 'lc':
      return formatLargeCommunity(value.value);
    case 'enum':
      return `(enum ${value.kind})${value.value}`;
    case 'opaque':
      return '(enum empty)0';
    case 'path':
      return `(path ${formatAsPath(value.value)})`;
    case 'mask':
      return formatMask(value.value);
    case 'clist':
      return `(clist ${value.value.map(formatCommunity).join(' ')})`;
    case 'eclist':
      return `(eclist ${value.value.map(formatExtendedCommunity).join(' ')})`;
    case 'lclist':
      return `(lclist ${value.value.map(formatLargeCommunity).join(' ')})`;
    case 'set':
    case 'prefix set':
      return value.value.toString();
  }
}
