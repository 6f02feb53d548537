/**
 * BIRD 2 knows most types while it reads, and refuses what cannot fit (filter/f-inst.c: ARG(), ARG_SAME_TYPE()). What is
 * not known here before a route comes, results of functions and of operations on lists, is looked at then.
 */

import type { BinaryOperator, DeclaredType, Method, StaticAttribute, Term, Variable } from '../filter/syntax.js';
import type { Value, ValueType } from '../filter/value.js';
import type { AttributeDefinition } from '../rib/attributes.js';
import type { EnumKind } from './keywords.js';
import type { Parsing } from './parsing.js';

/** A type by the name that BIRD prints of it (f_type_name()). */
type TypeName = string;

const NAMES: Partial<Readonly<Record<ValueType, TypeName>>> = {
  bool: 'bool',
  int: 'int',
  pair: 'pair',
  quad: 'quad',
  string: 'string',
  ip: 'ip',
  prefix: 'prefix',
  ec: 'ec',
  lc: 'lc',
  mask: 'bgpmask',
  path: 'bgppath',
  clist: 'clist',
  eclist: 'eclist',
  lclist: 'lclist',
  set: 'set',
  'prefix set': 'prefix set',
};

const ENUM_NAMES: Partial<Readonly<Record<EnumKind, TypeName>>> = {
  source: 'enum rts',
  scope: 'enum scope',
  dest: 'enum rtd',
  origin: 'enum bgp_origin',
  nettype: 'enum nettype',
};

const STATIC_TYPES: Partial<Readonly<Record<StaticAttribute, TypeName>>> = {
  net: 'prefix',
  gw: 'ip',
  from: 'ip',
  proto: 'string',
  ifname: 'string',
  ifindex: 'int',
  weight: 'int',
  source: 'enum rts',
  scope: 'enum scope',
  dest: 'enum rtd',
  onlink: 'bool',
};

/** Of `min` and `max` it is that of the list's items. */
const METHOD_TYPES: Partial<Readonly<Record<Method, TypeName>>> = {
  len: 'int',
  ip: 'ip',
  is_v4: 'bool',
  type: 'enum nettype',
  first: 'int',
  last: 'int',
  last_nonaggregated: 'int',
  asn: 'int',
  data: 'int',
  data1: 'int',
  data2: 'int',
};

/** Methods of one type alone: which, and the instruction. */
const METHOD_ARGUMENTS: Partial<Readonly<Record<Method, readonly [wanted: TypeName, instruction: string]>>> = {
  ip: ['prefix', 'IP'],
  is_v4: ['ip', 'IS_V4'],
  first: ['bgppath', 'AS_PATH_FIRST'],
  last: ['bgppath', 'AS_PATH_LAST'],
  last_nonaggregated: ['bgppath', 'AS_PATH_LAST_NAG'],
  data: ['pair', 'PAIR_DATA'],
  data1: ['lc', 'LC_DATA1'],
  data2: ['lc', 'LC_DATA2'],
};

const ITEM_TYPES: Partial<Readonly<Record<TypeName, TypeName>>> = {
  bgppath: 'int',
  clist: 'pair',
  eclist: 'ec',
  lclist: 'lc',
};

function attributeType({ type }: AttributeDefinition): TypeName | undefined {
  if (type === 'bit') return 'bool';
  // BIRD has no name for it.
  if (type === 'opaque') return '?';
  return type === 'origin' ? ENUM_NAMES.origin : NAMES[type];
}

const constantType = (value: Value): TypeName | undefined =>
  value.type === 'enum' ? ENUM_NAMES[value.kind] : NAMES[value.type];

const isArithmetic = (operator: BinaryOperator): boolean => ['+', '-', '*', '/'].includes(operator);

/** Undefined where it is not known yet. */
function typeOf(term: Term): TypeName | undefined {
  switch (term.kind) {
    case 'constant':
      return constantType(term.value);
    case 'variable':
      return NAMES[term.variable.type];
    case 'binary':
      return isArithmetic(term.operator) ? 'int' : 'bool';
    case 'not':
    case 'defined':
      return 'bool';
    case 'static':
      return STATIC_TYPES[term.attribute];
    case 'attribute':
      return attributeType(term.attribute);
    case 'preference':
      return 'int';
    case 'pair':
    case 'ec':
    case 'lc':
      return term.kind;
    case 'mask':
      return NAMES.mask;
    case 'empty':
      return NAMES[term.of];
    case 'format':
      return 'string';
    case 'method':
      return METHOD_TYPES[term.method] ?? (isConstant(term.term) ? ITEM_TYPES[typeOf(term.term) ?? ''] : undefined);
    case 'ip-mask':
      return 'ip';
    case 'list':
      return term.operation === 'prepend' ? NAMES.path : typeOf(term.term);
    case 'call':
      return undefined;
  }
}

/** What BIRD 2 works out while it reads, since all of it is written there. */
export function isConstant(term: Term): boolean {
  switch (term.kind) {
    case 'constant':
    case 'empty':
      return true;
    case 'not':
    case 'format':
    case 'method':
      return isConstant(term.term);
    case 'binary':
      return isConstant(term.left) && isConstant(term.right);
    case 'pair':
      return isConstant(term.first) && isConstant(term.second);
    case 'ec':
      return isConstant(term.key) && isConstant(term.number);
    case 'lc':
      return term.parts.every(isConstant);
    case 'ip-mask':
      return isConstant(term.term) && isConstant(term.length);
    case 'list':
      return isConstant(term.term) && isConstant(term.argument);
    case 'mask':
      return term.items.every((item) => item.kind !== 'term' || isConstant(item.term));
    case 'variable':
    case 'static':
    case 'attribute':
    case 'preference':
    case 'defined':
    case 'call':
      return false;
  }
}

const nameOf = (type: DeclaredType): TypeName => NAMES[type] ?? type;
/** Both kinds of sets are called alike. */
const printed = (type: TypeName): string => (type === 'prefix set' ? 'set' : type);

/** An address that is written stands for a quad too, and an empty set for one of prefixes (f_const_promotion()). */
function isPromoted(term: Term, wanted: TypeName): boolean {
  if (term.kind !== 'constant') return false;
  const { value } = term;
  if (value.type === 'ip') return wanted === 'quad' && typeof value.value === 'number';
  return value.type === 'set' && wanted === 'prefix set' && value.value.ranges.length === 0;
}

/** The type of a term that is not the wanted one; undefined where it is, or may be. */
function unfit(term: Term, wanted: TypeName): TypeName | undefined {
  const got = typeOf(term);
  return got === wanted || isPromoted(term, wanted) ? undefined : got;
}

/** `place`: the instruction, and which of its arguments the term is. */
function expectType(p: Parsing, term: Term, wanted: TypeName, place: readonly [instruction: string, at: number]) {
  const got = p.isBird2 ? unfit(term, wanted) : undefined;
  const [instruction, at] = place;
  if (got !== undefined)
    p.fail(`Argument ${at} of ${instruction} must be of type ${printed(wanted)}, got type ${printed(got)}`);
}

const ARITHMETIC: Partial<Readonly<Record<BinaryOperator, string>>> = {
  '+': 'ADD',
  '-': 'SUBTRACT',
  '*': 'MULTIPLY',
  '/': 'DIVIDE',
};
const LOGIC: Partial<Readonly<Record<BinaryOperator, string>>> = { '&&': 'AND', '||': 'OR' };
const ORDER: Partial<Readonly<Record<BinaryOperator, string>>> = { '<': 'LT', '>': 'LT', '<=': 'LTE', '>=': 'LTE' };

export function checkBinary(p: Parsing, operator: BinaryOperator, [left, right]: readonly [Term, Term]): void {
  if (!p.isBird2) return;
  const wanted = ARITHMETIC[operator] === undefined ? 'bool' : 'int';
  const instruction = ARITHMETIC[operator] ?? LOGIC[operator];
  if (instruction !== undefined) {
    expectType(p, left, wanted, [instruction, 1]);
    expectType(p, right, wanted, [instruction, 2]);
  }
  const order = ORDER[operator];
  const [one, other] = [typeOf(left), typeOf(right)];
  const differ =
    one !== undefined && other !== undefined && one !== other && !isPromoted(left, other) && !isPromoted(right, one);
  if (order !== undefined && differ) p.fail(`Arguments 1 and 2 of ${order} must be of the same type`);
}

export const checkNot = (p: Parsing, term: Term): void => expectType(p, term, 'bool', ['NOT', 1]);
export const checkCondition = (p: Parsing, term: Term): void => expectType(p, term, 'bool', ['CONDITION', 1]);

export function checkList(p: Parsing, { operation, term, argument }: Extract<Term, { kind: 'list' }>): void {
  if (operation !== 'prepend') return;
  expectType(p, term, 'bgppath', ['PATH_PREPEND', 1]);
  expectType(p, argument, 'int', ['PATH_PREPEND', 2]);
}

export function checkMethod(p: Parsing, method: Method, term: Term): void {
  const [wanted, instruction] = METHOD_ARGUMENTS[method] ?? [];
  if (wanted !== undefined && instruction !== undefined) expectType(p, term, wanted, [instruction, 1]);
}

export function checkIpMask(p: Parsing, { term, length }: Extract<Term, { kind: 'ip-mask' }>): void {
  expectType(p, term, 'ip', ['IP_MASK', 1]);
  expectType(p, length, 'int', ['IP_MASK', 2]);
}
export const checkPreference = (p: Parsing, term: Term): void => expectType(p, term, 'int', ['RTA_SET', 1]);

export const checkVariable = (p: Parsing, { type }: Pick<Variable, 'type'>, term: Term, how: 'INIT' | 'SET'): void =>
  expectType(p, term, nameOf(type), [`VAR_${how}`, 1]);

/** The parts of a pair, of an extended or of a large community. */
export function checkParts(p: Parsing, instruction: 'PAIR' | 'EC' | 'LC', parts: readonly Term[]): void {
  if (!p.isBird2) return checkParts16(p, instruction, parts);
  for (const [i, part] of parts.entries()) {
    // Of an extended community the first is a number or an address.
    if (instruction !== 'EC' || i > 0) expectType(p, part, 'int', [`${instruction}_CONSTRUCT`, i + 1]);
  }
}

/** Values that are an instruction's own in 1.6, where addresses, networks and longer ones stand beside it. */
const SMALL: ReadonlySet<ValueType> = new Set<ValueType>([
  'bool',
  'int',
  'pair',
  'quad',
  'string',
  'enum',
  'set',
  'prefix set',
]);

/** The type of a constant that 1.6 looks into while it reads. */
function smallType(term: Term): ValueType | undefined {
  if (term.kind === 'pair')
    return [term.first, term.second].every((part) => smallType(part) === 'int') ? 'pair' : undefined;
  return term.kind === 'constant' && SMALL.has(term.value.type) ? term.value.type : undefined;
}

/** The type of whatever is a value without being run. */
function writtenType(term: Term): ValueType | undefined {
  if (term.kind === 'constant') return term.value.type;
  const isWhole = term.kind === 'pair' || term.kind === 'ec' || term.kind === 'lc' || term.kind === 'mask';
  return isWhole && isConstant(term) ? term.kind : undefined;
}

const KEYS_16: ReadonlySet<ValueType> = new Set<ValueType>(['int', 'quad', 'ip']);

/** filter/config.Y of 1.6: pairs and large communities if all of their parts are such constants, else when they are run. */
function checkParts16(p: Parsing, instruction: 'PAIR' | 'EC' | 'LC', parts: readonly Term[]): void {
  const types = parts.map(smallType);
  if (instruction === 'EC') {
    const [key] = parts;
    const keyType = key && writtenType(key);
    if (keyType !== undefined && !KEYS_16.has(keyType))
      p.fail("Can't operate with key of non-integer/IPv4 type in EC constructor");
    if (types[1] !== undefined && types[1] !== 'int')
      p.fail("Can't operate with value of non-integer type in EC constructor");
    return;
  }
  if (types.includes(undefined) || types.every((type) => type === 'int')) return;
  p.fail(
    instruction === 'PAIR'
      ? "Can't operate with value of non-integer type in pair constructor"
      : "LC - Can't operate with value of non-integer type in tuple constructor",
  );
}

export function checkAttribute(p: Parsing, attribute: AttributeDefinition, term: Term): void {
  const wanted = attributeType(attribute);
  if (wanted !== undefined) expectType(p, term, wanted, ['EA_SET', 1]);
}

export function checkStatic(p: Parsing, attribute: StaticAttribute, term: Term): void {
  const wanted = STATIC_TYPES[attribute];
  if (wanted !== undefined) expectType(p, term, wanted, ['RTA_SET', 1]);
}

export function checkArguments(
  p: Parsing,
  { name, parameters }: { readonly name: string; readonly parameters: readonly Variable[] },
  values: readonly Term[],
): void {
  if (!p.isBird2) return;
  for (const [i, { type }] of parameters.entries()) {
    const value = values[i];
    const got = value && unfit(value, nameOf(type));
    if (got !== undefined)
      p.fail(`Argument ${i + 1} of '${name}' must be ${printed(nameOf(type))}, got ${printed(got)}`);
  }
}

/** What is gone through is a list, and the variable is of the type of its items. */
export function checkLoop(p: Parsing, { name, type }: Variable, term: Term): void {
  const list = typeOf(term);
  if (list === undefined) return;
  const items = ITEM_TYPES[list];
  if (items === undefined) return p.fail(`Value of expression in FOR must be iterable, got ${printed(list)}`);
  if (items !== nameOf(type)) p.fail(`Loop variable '${name}' in FOR must be ${items}, is ${printed(nameOf(type))}`);
}
