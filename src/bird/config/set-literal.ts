/** What stands between brackets of a set, and before the colon of a case (filter/config.Y: set_items). */

import { maxLength, Net } from '../address.js';
import { isNetwork, isSetType, type ItemRange, type PrefixPattern } from '../filter/sets.js';
import type { Value } from '../filter/value.js';
import type { Parsing } from './parsing.js';

const EC_KINDS: Readonly<Record<string, number | 'generic'>> = { rt: 2, ro: 3, generic: 'generic' };

/** `rt`, `ro`, `generic`, `unknown NUMBER`; undefined where none stands here. */
export function parseEcKind(p: Parsing): number | 'generic' | undefined {
  if (p.takeKeyword('unknown')) return p.expectKind('number').number;
  const token = p.peek();
  const kind = token.kind === 'keyword' ? EC_KINDS[token.text] : undefined;
  if (kind !== undefined) p.next();
  return kind;
}

/** A part of `(a, b)`: one number, a range, or all. */
interface Part {
  readonly from: number;
  readonly to: number;
  readonly all: boolean;
}

/** Of a large community. */
const MOST_PARTS = 3;

const ALL_16 = 0xffff;
const ALL_32 = 0xffff_ffff;

/** A set takes constants of any kind in parentheses, a case only numbers. */
type Where = 'set' | 'case';

function parseParts(p: Parsing): { parts: readonly Part[]; value: Value | undefined } {
  const parts: Part[] = [];
  let value: Value | undefined;
  do {
    if (p.take('*')) {
      parts.push({ from: 0, to: ALL_32, all: true });
      continue;
    }
    value = p.evaluate(p.parseTerm(p));
    const from = value.type === 'int' ? value.value : Number.NaN;
    const to = p.take('..') ? p.evaluateInt(p.parseTerm(p)) : from;
    parts.push({ from, to, all: false });
  } while (parts.length < MOST_PARTS && p.take(','));
  p.expect(')');
  return { parts, value };
}

const pair = (a: number, b: number): Value => ({ type: 'pair', value: ((a << 16) | b) >>> 0 });

function check16(p: Parsing, ...values: readonly number[]): void {
  for (const value of values) {
    if (Number.isNaN(value)) p.fail('Integer expression expected');
    if (value > ALL_16) p.fail(`Value ${value} out of range (0-65535)`);
  }
}

/** Ranges of pairs: a range of first halves with one second half is as many items. */
function pairRanges(p: Parsing, first: Part, second: Part): ItemRange[] {
  const to = first.all ? ALL_16 : first.to;
  const [low, high] = second.all ? [0, ALL_16] : [second.from, second.to];
  check16(p, first.from, to, low, high);
  if (to < first.from || high < low) p.fail('From value cannot be higher that To value in pair sets', p.previous);
  if (second.all || first.from === to) return [{ from: pair(first.from, low), to: pair(to, high) }];
  const ranges: ItemRange[] = [];
  for (let a = first.from; a <= to; a++) ranges.push({ from: pair(a, low), to: pair(a, high) });
  return ranges;
}

function largeRange(p: Parsing, [a, b, c]: readonly [Part, Part, Part]): ItemRange {
  const open = (part: Part, next: Part): boolean => (part.all || part.from !== part.to) && !next.all;
  if (open(a, b) || open(b, c)) p.unexpected();
  if ([a, b, c].some((part) => Number.isNaN(part.from))) p.fail('Integer expression expected');
  return {
    from: { type: 'lc', value: [a.from, b.from, c.from] },
    to: { type: 'lc', value: [a.to, b.to, c.to] },
  };
}

/** `(rt, key, from..to)`. */
function extendedRange(p: Parsing, kind: number | 'generic'): ItemRange {
  p.expect(',');
  const key = p.evaluateInt(p.parseTerm(p));
  p.expect(',');
  const wide = kind === 'generic' || key < 0x10000;
  const all = p.take('*');
  const from = all ? 0 : p.evaluateInt(p.parseTerm(p));
  const to = all ? (wide ? ALL_32 : ALL_16) : p.take('..') ? p.evaluateInt(p.parseTerm(p)) : from;
  p.expect(')');
  if (!wide) check16(p, from, to);
  const value = (low: number): Value => {
    if (kind === 'generic') return { type: 'ec', value: [key, low] };
    if (wide) return { type: 'ec', value: [((kind << 16) | key) >>> 0, low] };
    const high = (((kind | 0x0200) << 16) | (key >>> 16)) >>> 0;
    return { type: 'ec', value: [high, (((key & 0xffff) << 16) | low) >>> 0] };
  };
  return { from: value(from), to: value(to) };
}

function single(part: Part | undefined): number {
  return part?.from ?? Number.NaN;
}

/** After `(a, b)` or `(a, b, c)`: `..(c, d)` makes one range of two. */
function closeRange(p: Parsing, parts: readonly Part[]): ItemRange[] | undefined {
  if (!p.take('..')) return undefined;
  p.expect('(');
  const { parts: others } = parseParts(p);
  if (others.length !== parts.length) p.unexpected();
  if (parts.length === 2) {
    check16(p, ...parts.map(single), ...others.map(single));
    return [{ from: pair(single(parts[0]), single(parts[1])), to: pair(single(others[0]), single(others[1])) }];
  }
  const words = (of: readonly Part[]): Value => ({
    type: 'lc',
    value: [single(of[0]), single(of[1]), single(of[2])],
  });
  return [{ from: words(parts), to: words(others) }];
}

function parseParenthesized(p: Parsing, where: Where): readonly ItemRange[] | Value {
  const kind = parseEcKind(p);
  if (kind !== undefined) return [extendedRange(p, kind)];
  const { parts, value } = parseParts(p);
  const [a, b, c] = parts;
  if (a !== undefined && b === undefined) {
    if (a.all || value === undefined) return p.unexpected();
    if (where === 'case' && value.type !== 'int') p.fail('Integer expression expected');
    return isSetType(value) ? value : p.fail('Set-incompatible type');
  }
  const range = closeRange(p, parts);
  if (range !== undefined) return range;
  if (a !== undefined && b !== undefined && c === undefined) return pairRanges(p, a, b);
  if (a !== undefined && b !== undefined && c !== undefined && parts.length === 3) return [largeRange(p, [a, b, c])];
  return p.unexpected();
}

function parseAtom(p: Parsing, where: Where): Value {
  const token = p.peek();
  switch (token.kind) {
    case 'number':
      return { type: 'int', value: p.next().number };
    case 'quad':
      return { type: 'quad', value: p.next().number };
    case 'ip':
      return { type: 'ip', value: p.next().ip ?? p.unexpected() };
    case 'enum': {
      const of = p.next().constant;
      return of === undefined ? p.unexpected() : { type: 'enum', kind: of.kind, value: of.number };
    }
    case 'symbol': {
      if (where === 'case') return p.unexpected();
      const symbol = p.scope.lookup(p.next().text);
      if (symbol?.kind !== 'constant') return p.fail(`${token.text}: constant expected`, token);
      return isSetType(symbol.value) ? symbol.value : p.fail(`${token.text}: set-incompatible type`, token);
    }
    default:
      return p.unexpected();
  }
}

function parseItem(p: Parsing, where: Where): readonly ItemRange[] {
  const from = p.take('(') ? parseParenthesized(p, where) : parseAtom(p, where);
  if (!('type' in from)) return from;
  if (!p.take('..')) return [{ from, to: from }];
  const to = p.take('(') ? parseParenthesized(p, where) : parseAtom(p, where);
  return 'type' in to ? [{ from, to }] : p.unexpected();
}

/** Items separated by commas. */
export function parseItems(p: Parsing, where: Where): readonly ItemRange[] {
  const ranges: ItemRange[] = [];
  do ranges.push(...parseItem(p, where));
  while (p.take(','));
  return ranges;
}

function parsePattern(p: Parsing): PrefixPattern {
  const token = p.expectKind('ip');
  const addr = token.ip ?? p.unexpected();
  p.expect('/');
  const length = p.expectKind('number').number;
  const net = new Net(addr, length);
  const maximum = maxLength(addr);
  if (p.isBird2) p.checkNet(net, p.previous);
  else if (length > maximum || !isNetwork(net)) p.fail(`Invalid network prefix: ${net.toString()}.`, p.previous);
  if (p.take('+')) return { net, low: length, high: maximum };
  if (p.take('-')) return { net, low: 0, high: length };
  if (!p.take('{')) return { net, low: length, high: length };
  const low = p.expectKind('number').number;
  p.expect(',');
  const high = p.expectKind('number').number;
  if (low > high || high > maximum) p.fail(`Invalid prefix pattern range: {${low}, ${high}}.`);
  p.expect('}');
  return { net, low, high };
}

/** `10.0.0.0/8{16,24}, 192.168.0.0/16+`. */
export function parsePatterns(p: Parsing): readonly PrefixPattern[] {
  const patterns = [parsePattern(p)];
  while (p.take(',')) patterns.push(parsePattern(p));
  if (new Set(patterns.map(({ net }) => net.family)).size > 1) p.fail('Mixed IPv4/IPv6 prefixes in prefix set');
  return patterns;
}
