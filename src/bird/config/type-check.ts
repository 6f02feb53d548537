/**
 * BIRD 2 knows most types while it reads, and refuses what cannot fit (filter/f-inst.c: ARG(), ARG_SAME_TYPE()). What is
 * not known here before a route comes, enumerations and results of functions, is looked at then.
 */

import type { AttributeDefinition } from '../rib/attributes.js';
import type { BinaryOperator, DeclaredType, Method, StaticAttribute, Term, Variable } from '../filter/syntax.js';
import type { Parsing } from './parsing.js';

/** f_type_name(). */
const NAMES: Partial<Readonly<Record<DeclaredType, string>>> = {
  bool: 'bool',
  int: 'int',
  pair: 'pair',
  string: 'string',
  ip: 'ip',
  prefix: 'prefix',
  ec: 'ec',
  lc: 'lc',
  path: 'bgppath',
  clist: 'clist',
  eclist: 'eclist',
  lclist: 'lclist',
  set: 'set',
};

const STATIC_TYPES: Partial<Readonly<Record<StaticAttribute, DeclaredType>>> = {
  net: 'prefix',
  gw: 'ip',
  from: 'ip',
  proto: 'string',
  ifname: 'string',
  ifindex: 'int',
  weight: 'int',
};

const METHOD_TYPES: Partial<Readonly<Record<Method, DeclaredType>>> = { len: 'int', ip: 'ip', is_v4: 'bool' };

const ITEM_TYPES: Partial<Readonly<Record<DeclaredType, DeclaredType>>> = {
  path: 'int',
  clist: 'pair',
  eclist: 'ec',
  lclist: 'lc',
};

const isKnown = (type: string): type is DeclaredType => Object.hasOwn(NAMES, type);
const known = (type: string): DeclaredType | undefined => (isKnown(type) ? type : undefined);

const attributeType = ({ type, mask }: AttributeDefinition): DeclaredType | undefined =>
  mask === undefined ? known(type) : undefined;

const isArithmetic = (operator: BinaryOperator): boolean => ['+', '-', '*', '/'].includes(operator);

/** Undefined where it is not known yet. */
function typeOf(term: Term): DeclaredType | undefined {
  switch (term.kind) {
    case 'constant':
      return known(term.value.type);
    case 'variable':
      return known(term.variable.type);
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
    case 'method':
      return METHOD_TYPES[term.method];
    case 'ip-mask':
      return 'ip';
    default:
      return undefined;
  }
}

/** Types that nothing else is taken for: an address may stand for a quad, an empty set for one of prefixes. */
const STRICT: ReadonlySet<DeclaredType> = new Set<DeclaredType>(['bool', 'int', 'pair', 'string', 'ip', 'prefix']);

/** The type of a term that is not the wanted one; undefined where it is, or may be. */
function unfit(term: Term, wanted: DeclaredType): string | undefined {
  const got = typeOf(term);
  return got === undefined || got === wanted || !STRICT.has(wanted) ? undefined : NAMES[got];
}

/** `place`: the instruction, and which of its arguments the term is. */
function expectType(p: Parsing, term: Term, wanted: DeclaredType, place: readonly [instruction: string, at: number]) {
  const got = p.isBird2 ? unfit(term, wanted) : undefined;
  const [instruction, at] = place;
  if (got !== undefined)
    p.fail(`Argument ${at} of ${instruction} must be of type ${NAMES[wanted] ?? ''}, got type ${got}`);
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
  const differ = one !== undefined && other !== undefined && one !== other;
  if (order !== undefined && differ) p.fail(`Arguments 1 and 2 of ${order} must be of the same type`);
}

export const checkNot = (p: Parsing, term: Term): void => expectType(p, term, 'bool', ['NOT', 1]);
export const checkCondition = (p: Parsing, term: Term): void => expectType(p, term, 'bool', ['CONDITION', 1]);
export const checkPrepended = (p: Parsing, term: Term): void => expectType(p, term, 'int', ['PATH_PREPEND', 2]);
export const checkPreference = (p: Parsing, term: Term): void => expectType(p, term, 'int', ['RTA_SET', 1]);

export const checkVariable = (p: Parsing, { type }: Pick<Variable, 'type'>, term: Term, how: 'INIT' | 'SET'): void =>
  expectType(p, term, type, [`VAR_${how}`, 1]);

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
    const got = value && unfit(value, type);
    if (got !== undefined) p.fail(`Argument ${i + 1} of '${name}' must be ${NAMES[type] ?? ''}, got ${got}`);
  }
}

/** What is gone through is a list, and the variable is of the type of its items. */
export function checkLoop(p: Parsing, { name, type }: Variable, term: Term): void {
  const list = typeOf(term);
  if (list === undefined) return;
  const items = ITEM_TYPES[list];
  if (items === undefined) return p.fail(`Value of expression in FOR must be iterable, got ${NAMES[list] ?? ''}`);
  if (items !== type) p.fail(`Loop variable '${name}' in FOR must be ${NAMES[items] ?? ''}, is ${NAMES[type] ?? type}`);
}
