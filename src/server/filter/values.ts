/** Right sides of comparisons, by the type of the field on the left. */

import { parseIpv4, parseIpv4Prefix, parseMac, prefixContains, ipv4 } from '../../packet/index.js';
import { type FieldType, type FieldValue, UNSIGNED, type Unsigned } from './fields.js';
import { FilterError, type Token } from './lexer.js';

/** Whether one value of the field is what the text says. */
export type ValueTest = (value: FieldValue) => boolean;

const EXPECTED: Readonly<Record<Exclude<FieldType, Unsigned>, string>> = {
  seconds: 'seconds',
  ipv4: 'an IPv4 address or prefix',
  mac: 'a MAC address',
  text: 'a name',
  flag: '0 or 1',
};

const isUnsigned = (type: FieldType): type is Unsigned => Object.hasOwn(UNSIGNED, type);

const wrong = (field: string, type: FieldType, token: Token): FilterError =>
  new FilterError(
    token.kind === 'end'
      ? `${field} is compared with nothing`
      : `${field} wants ${isUnsigned(type) ? 'a number' : EXPECTED[type]}, not "${token.text}"`,
    token.at,
  );

/** As in C: decimal, hexadecimal, binary, and octal where it begins with a zero. */
const INTEGER = /^(?<minus>-?)(?:(?<octal>0[0-7]+)|(?<other>0x[0-9a-f]+|0b[01]+|0|[1-9]\d*))$/i;
const SECONDS = /^\d+(?:\.\d+)?$/;
const FLAGS: ReadonlyMap<string, number> = new Map([
  ['0', 0],
  ['1', 1],
  ['false', 0],
  ['true', 1],
]);

function integerOf(text: string): number | undefined {
  const { minus = '', octal, other = '' } = INTEGER.exec(text)?.groups ?? {};
  if (octal === undefined && other === '') return undefined;
  const value = octal === undefined ? Number(other) : Number.parseInt(octal, 8);
  return minus === '' ? value : 0 - value;
}

/** @throws FilterError where the field never has such a number. */
function unsignedOf(field: string, type: Unsigned, { text, at }: Token): number | undefined {
  const value = integerOf(text);
  if (value === undefined) return undefined;
  if (value < 0) throw new FilterError(`"${text}" is too small for ${field}, minimum 0`, at);
  if (value > UNSIGNED[type]) throw new FilterError(`"${text}" is too big for ${field}, maximum ${UNSIGNED[type]}`, at);
  return value;
}

/** The number of a literal: as it stands, or of an address. @throws FilterError */
function numberOf(field: string, type: FieldType, token: Token): number {
  const value = literalOf(field, type, token);
  if (value === undefined) throw wrong(field, type, token);
  return value;
}

function literalOf(field: string, type: FieldType, token: Token): number | undefined {
  const { text } = token;
  if (isUnsigned(type)) return unsignedOf(field, type, token);
  switch (type) {
    case 'ipv4':
      return parseIpv4(text);
    case 'mac':
      return parseMac(text);
    case 'flag':
      return FLAGS.get(text.toLowerCase());
    case 'seconds':
      return SECONDS.test(text) ? Number(text) : undefined;
    case 'text':
      return undefined;
  }
}

/** Addresses are compared as unsigned numbers. */
const order = (type: FieldType, value: number): number => (type === 'ipv4' ? value >>> 0 : value);

/** `*` stands for any characters. */
function textTest(pattern: string): ValueTest {
  const wanted = pattern.toLowerCase();
  if (!wanted.includes('*')) return (value) => String(value).toLowerCase() === wanted;
  const parts = wanted.split('*');
  return (value) => matchesParts(String(value).toLowerCase(), parts);
}

/** First and last part at the ends, those between in their order: no regular expression, so no back-tracking. */
function matchesParts(text: string, parts: readonly string[]): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** Equality with one literal. @throws FilterError */
export function equals(field: string, type: FieldType, token: Token): ValueTest {
  if (token.kind !== 'word' && token.kind !== 'text') throw wrong(field, type, token);
  if (type === 'text') return textTest(token.text);
  const prefix = type === 'ipv4' && token.text.includes('/') ? parseIpv4Prefix(token.text) : undefined;
  if (prefix !== undefined) return (value) => prefixContains(prefix, ipv4(Number(value)));
  const wanted = numberOf(field, type, token);
  return (value) => value === wanted;
}

/** @throws FilterError */
export function ordered(
  field: string,
  type: FieldType,
  { operator, token }: { operator: Token; token: Token },
): ValueTest {
  if (type === 'text' || type === 'mac' || type === 'flag')
    throw new FilterError(`${field} has no order: use == or !=`, operator.at);
  if (token.kind !== 'word' && token.kind !== 'text') throw wrong(field, type, token);
  const wanted = order(type, numberOf(field, type, token));
  const compare: Readonly<Record<string, (value: number) => boolean>> = {
    '<': (value) => value < wanted,
    '>': (value) => value > wanted,
    '<=': (value) => value <= wanted,
    '>=': (value) => value >= wanted,
  };
  const test = compare[operator.text];
  if (test === undefined) throw new FilterError(`"${operator.text}" does not compare`, operator.at);
  return (value) => test(order(type, Number(value)));
}

/** `10.0.0.1..10.0.0.9`, both ends included. @throws FilterError */
export function between(field: string, type: FieldType, { first, last }: { first: Token; last: Token }): ValueTest {
  if (type === 'text' || type === 'mac') throw new FilterError(`${field} has no ranges`, first.at);
  const low = order(type, numberOf(field, type, first));
  const high = order(type, numberOf(field, type, last));
  if (low > high) throw new FilterError(`the range ${first.text}..${last.text} is empty`, first.at);
  return (value) => {
    const place = order(type, Number(value));
    return place >= low && place <= high;
  };
}
