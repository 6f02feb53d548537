/** Sets of the filter language: ranges of items (filter/tree.c) and prefix patterns (filter/trie.c). */

import { maskIp, maxLength, type Net, sharesBits } from '../address.js';
import { asQuad, compareValues, formatValue, type Value, type ValueType } from './value.js';

export interface ItemRange {
  readonly from: Value;
  readonly to: Value;
}

/** `[ 1, 5..9, (65000, *) ]`. */
export class ItemSet {
  readonly ranges: readonly ItemRange[];
  /** Of its items; `void` for an empty set. */
  readonly itemType: ValueType;

  constructor(ranges: readonly ItemRange[]) {
    this.ranges = ranges;
    this.itemType = ranges[0]?.from.type ?? 'void';
  }

  /** find_tree(). */
  has(value: Value): boolean {
    for (const { from, to } of this.ranges) if (inRange(value, from, to)) return true;
    return false;
  }

  /** Whether items of a community or cluster list can be looked up in it, and as what (clist_set_type()). */
  get listType(): 'pair' | 'quad' | undefined {
    if (this.itemType === 'pair') return 'pair';
    return this.itemType === 'quad' || this.itemType === 'ip' ? 'quad' : undefined;
  }

  toString(): string {
    const items = this.ranges.map(({ from, to }) =>
      compareValues(from, to) === 0 ? formatValue(from) : `${formatValue(from)}..${formatValue(to)}`,
    );
    return `[${items.join(', ')}]`;
  }
}

export function inRange(value: Value, from: Value, to: Value): boolean {
  const low = compareValues(from, value);
  const high = compareValues(value, to);
  return low !== undefined && high !== undefined && low <= 0 && high <= 0;
}

/** Types that may be in a set (f_valid_set_type()). */
export const isSetType = (value: Value): boolean =>
  ['int', 'pair', 'quad', 'enum', 'ip', 'ec', 'lc'].includes(value.type);

/** A quad is an address where the set is of addresses. */
export const comparableWithSet = (value: Value, set: ItemSet): boolean =>
  value.type === set.itemType || (asQuad(value) !== undefined && (set.itemType === 'ip' || set.itemType === 'quad'));

/** `10.0.0.0/8{16,24}`: networks of 16 to 24 bits that agree with the prefix as far as both go. */
export interface PrefixPattern {
  readonly net: Net;
  readonly low: number;
  readonly high: number;
}

export class PrefixSet {
  readonly patterns: readonly PrefixPattern[];

  constructor(patterns: readonly PrefixPattern[]) {
    this.patterns = patterns;
  }

  has({ addr, length }: Net): boolean {
    for (const { net, low, high } of this.patterns) {
      if (length >= low && length <= high && sharesBits(net.addr, addr, Math.min(length, net.length))) return true;
    }
    return false;
  }

  toString(): string {
    return `[${this.patterns.map(({ net, low, high }) => `${net.toString()}{${low},${high}}`).join(', ')}]`;
  }
}

/** Whether host bits are clear. */
export const isNetwork = ({ addr, length }: Pick<Net, 'addr' | 'length'>): boolean =>
  length <= maxLength(addr) && sharesBits(maskIp(addr, length), addr, maxLength(addr));
