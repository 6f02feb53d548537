/** Terms of the filter language, by the precedences of conf/confbase.Y. */

import { type IpAddr, maxLength, Net } from '../address.js';
import { isNetwork, ItemSet, PrefixSet } from '../filter/sets.js';
import type { BinaryOperator, EmptyType, ListOperation, Method, PathMaskTerm, Term } from '../filter/syntax.js';
import type { Value } from '../filter/value.js';
import { attributeTerm } from './attribute-term.js';
import type { Token } from './lexer.js';
import type { Parsing } from './parsing.js';
import {
  checkArguments,
  checkBinary,
  checkIpMask,
  checkList,
  checkMethod,
  checkNot,
  checkParts,
  isConstant,
} from './type-check.js';
import { parseEcKind, parseItems, parsePatterns } from './set-literal.js';

/** `&&` and `||` bind alike, and weakest; comparisons do not chain. */
const PRECEDENCE: Readonly<Record<string, number>> = {
  '&&': 1,
  '||': 1,
  '=': 2,
  '!=': 2,
  '<': 2,
  '<=': 2,
  '>': 2,
  '>=': 2,
  '~': 2,
  '!~': 2,
  '+': 3,
  '-': 3,
  '*': 4,
  '/': 4,
};
const COMPARISON = 2;

const OPERATORS: Readonly<Record<string, BinaryOperator>> = {
  '&&': '&&',
  '||': '||',
  '=': '=',
  '!=': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  '~': '~',
  '!~': '!~',
  '+': '+',
  '-': '-',
  '*': '*',
  '/': '/',
};

/** BIRD 2 tries what is constant while it reads; what comes of it is worked out again when it is run. */
function foreseen<T extends Term>(p: Parsing, term: T): T {
  if (p.isBird2 && isConstant(term)) p.evaluate(term);
  return term;
}

export function parseTerm(p: Parsing, minimum = 1): Term {
  let left = parseUnary(p);
  for (;;) {
    const token = p.peek();
    const operator = token.kind === 'punctuation' ? OPERATORS[token.text] : undefined;
    const precedence = operator === undefined ? 0 : (PRECEDENCE[operator] ?? 0);
    if (operator === undefined || precedence < minimum) return left;
    p.next();
    const right = parseTerm(p, precedence + 1);
    checkBinary(p, operator, [left, right]);
    left = foreseen(p, { kind: 'binary', operator, left, right, line: token.line });
    if (precedence !== COMPARISON) continue;
    const next = p.peek();
    if (next.kind === 'punctuation' && PRECEDENCE[next.text] === COMPARISON) p.unexpected();
  }
}

function parseUnary(p: Parsing): Term {
  const { line } = p.peek();
  if (p.take('!')) {
    const term = parseUnary(p);
    checkNot(p, term);
    return foreseen(p, { kind: 'not', term, line });
  }
  return parsePostfix(p, parsePrimary(p));
}

const METHODS: Readonly<Record<string, Method>> = {
  ip: 'ip',
  len: 'len',
  first: 'first',
  last: 'last',
  last_nonaggregated: 'last_nonaggregated',
};
const METHODS_2: Readonly<Record<string, Method>> = {
  ...METHODS,
  type: 'type',
  is_v4: 'is_v4',
  asn: 'asn',
  data: 'data',
  data1: 'data1',
  data2: 'data2',
  min: 'min',
  max: 'max',
};

/** What follows a dot as a command, not as a term: `bgp_path.prepend(…);`. */
const COMMAND_METHODS: ReadonlySet<string> = new Set(['empty', 'prepend', 'add', 'delete', 'filter']);

function parsePostfix(p: Parsing, term: Term): Term {
  let result = term;
  while (p.isPunctuation('.')) {
    const name = p.peek(1);
    if (name.kind === 'keyword' && COMMAND_METHODS.has(name.text)) return result;
    p.next();
    const { line } = name;
    const method = name.kind === 'keyword' ? (p.isBird2 ? METHODS_2 : METHODS)[name.text] : undefined;
    if (method !== undefined) {
      p.next();
      checkMethod(p, method, result);
      result = foreseen(p, { kind: 'method', method, term: result, line });
    } else if (p.takeKeyword('mask')) {
      p.expect('(');
      const masked = { kind: 'ip-mask', term: result, length: parseTerm(p), line } as const;
      p.expect(')');
      checkIpMask(p, masked);
      result = foreseen(p, masked);
    } else if (name.kind === 'keyword' && ['rd', 'maxlen', 'src', 'dst'].includes(name.text)) {
      p.notModelled(`method ${name.text}`);
    } else p.unexpected();
  }
  return result;
}

const constant = (value: Value): Term => ({ kind: 'constant', value });

/** A term in parentheses, a pair, an extended or a large community. */
function parseParenthesis(p: Parsing): Term {
  const { line } = p.expect('(');
  const community = parseEcKind(p);
  if (community !== undefined) {
    p.expect(',');
    const key = parseTerm(p);
    p.expect(',');
    const number = parseTerm(p);
    p.expect(')');
    checkParts(p, 'EC', [key, number]);
    return foreseen(p, { kind: 'ec', community, key, number, line });
  }
  const first = parseTerm(p);
  if (p.take(')')) return first;
  p.expect(',');
  const second = parseTerm(p);
  if (p.take(')')) return checkPair(p, { kind: 'pair', first, second, line });
  p.expect(',');
  const third = parseTerm(p);
  p.expect(')');
  checkParts(p, 'LC', [first, second, third]);
  return foreseen(p, { kind: 'lc', parts: [first, second, third], line });
}

/** In 1.6 numbers are checked where both are written. */
function checkPair(p: Parsing, term: Extract<Term, { kind: 'pair' }>): Term {
  const parts = [term.first, term.second];
  checkParts(p, 'PAIR', parts);
  if (p.isBird2) return foreseen(p, term);
  const numbers = parts.flatMap((part) =>
    part.kind === 'constant' && part.value.type === 'int' ? [part.value.value] : [],
  );
  const large = numbers.length === parts.length ? numbers.find((number) => number > 0xffff) : undefined;
  return large === undefined ? term : p.fail(`Value ${large} out of range (0-65535)`);
}

/** `10.0.0.0/8`, or an address alone. */
function parseAddress(p: Parsing): Term {
  const token = p.next();
  const addr: IpAddr = token.ip ?? p.unexpected();
  if (!p.isPunctuation('/') || !p.is('number', undefined, 1)) return constant({ type: 'ip', value: addr });
  p.next();
  const length = p.expectKind('number').number;
  const net = new Net(addr, length);
  if (length > maxLength(addr) || !isNetwork(net)) p.fail(`Invalid network prefix: ${net.toString()}.`, token);
  return constant({ type: 'prefix', value: net });
}

function parseBracket(p: Parsing): Term {
  p.expect('[');
  if (p.isBird2 && p.take(']')) return constant({ type: 'set', value: new ItemSet([]) });
  if (p.is('ip') && p.isPunctuation('/', 1)) {
    const patterns = parsePatterns(p);
    p.expect(']');
    return constant({ type: 'prefix set', value: new PrefixSet(patterns) });
  }
  const ranges = parseItems(p, 'set');
  p.expect(']');
  return constant({ type: 'set', value: new ItemSet(ranges) });
}

function parseMaskItem(p: Parsing): PathMaskTerm {
  if (p.is('number')) {
    const from = p.next().number;
    const to = p.take('..') ? p.expectKind('number').number : from;
    return { kind: 'as', from, to };
  }
  if (p.take('*')) return { kind: 'many' };
  if (p.take('?')) return { kind: 'any' };
  if (p.isBird2 && p.take('+')) return { kind: 'loop' };
  if (p.isBird2 && p.take('[')) {
    const ranges = p.isPunctuation(']') ? [] : parseItems(p, 'set');
    p.expect(']');
    if (ranges.some(({ from }) => from.type !== 'int')) p.fail('Only integer sets allowed in path mask');
    return { kind: 'set', set: new ItemSet(ranges) };
  }
  if (p.take('(')) {
    const term = parseTerm(p);
    p.expect(')');
    return { kind: 'term', term };
  }
  if (p.is('symbol')) {
    const symbol = p.next();
    if (p.scope.lookup(symbol.text)?.kind === 'function')
      p.fail(p.isBird2 ? `Can't get value of symbol ${symbol.text}` : `${symbol.text}: variable expected.`);
    return { kind: 'term', term: parseSymbol(p, symbol) };
  }
  return p.unexpected();
}

/** What BIRD 2 sees at once: nothing to repeat. */
function checkMask(p: Parsing, items: readonly PathMaskTerm[]): void {
  if (!p.isBird2) return;
  const at = p.previous;
  const found = `filter preevaluation, line ${at.line}: `;
  const [first] = items;
  if (first?.kind === 'loop') p.fail(`${found}Path mask iterator '+' cannot be first`, at);
}

/** `[= 1 * =]`, and of 1.6 also `/ 1 ? /`, where `?` is any number of numbers. */
function parseMask(p: Parsing): Term {
  const { line } = p.peek();
  const items: PathMaskTerm[] = [];
  if (p.take('[=')) {
    while (!p.take('=]')) items.push(parseMaskItem(p));
    checkMask(p, items);
    return foreseen(p, { kind: 'mask', items, line });
  }
  p.expect('/');
  while (!p.take('/')) {
    if (p.take('?')) items.push({ kind: 'many' });
    else {
      const { number } = p.expectKind('number');
      items.push({ kind: 'as', from: number, to: number });
    }
  }
  return { kind: 'mask', items, line };
}

/** `+empty+`, `-empty-`, `--empty--`, `---empty---`. */
function parseEmpty(p: Parsing): Term {
  const { text } = p.next();
  let count = 1;
  while (p.take(text)) count += 1;
  const of =
    text === '+' ? (count === 1 ? 'path' : undefined) : ([undefined, 'clist', 'eclist', 'lclist'] as const)[count];
  if (of === undefined) p.unexpected();
  p.expectKeyword('empty');
  for (let i = 0; i < count; i++) p.expect(text);
  return { kind: 'empty', of: of satisfies EmptyType };
}

const LIST_OPERATIONS: ReadonlySet<string> = new Set(['prepend', 'add', 'delete', 'filter']);

function parseKeyword(p: Parsing): Term {
  const token = p.peek();
  const { text, line } = token;
  if (text === 'true' || text === 'false') {
    p.next();
    return constant({ type: 'bool', value: text === 'true' });
  }
  if (text === 'defined' || (p.isBird2 && text === 'format')) {
    p.next();
    p.expect('(');
    const term = parseTerm(p);
    p.expect(')');
    return text === 'defined' ? { kind: 'defined', term } : { kind: 'format', term };
  }
  if (LIST_OPERATIONS.has(text)) {
    p.next();
    p.expect('(');
    const term = parseTerm(p);
    p.expect(',');
    const argument = parseTerm(p);
    p.expect(')');
    const list = { kind: 'list', operation: text as ListOperation, term, argument, line } as const;
    checkList(p, list);
    return foreseen(p, list);
  }
  if (text === 'roa_check') p.notModelled('roa_check');
  const simple = attributeTerm(p, token);
  if (simple === undefined) return p.unexpected();
  p.next();
  return simple;
}

/** The values that a call gives, as many as the function has parameters. */
export function parseCall(p: Parsing, name: Token): Extract<Term, { kind: 'call' }> {
  const symbol = p.scope.lookup(name.text);
  p.expect('(');
  const values: Term[] = [];
  if (!p.isPunctuation(')')) {
    do values.push(parseTerm(p));
    while (p.take(','));
  }
  p.expect(')');
  if (symbol?.kind !== 'function') p.fail("You can't call something which is not a function. Really.", name);
  if (values.length !== symbol.definition.parameters.length) {
    p.fail(`Wrong number of arguments for function ${name.text}.`, name);
  }
  checkArguments(p, symbol.definition, values);
  return { kind: 'call', callee: symbol.definition, values, line: name.line };
}

function parseSymbol(p: Parsing, token: Token): Term {
  const symbol = p.scope.lookup(token.text);
  if (symbol === undefined && p.isBird2) return p.unexpected(token);
  if (p.isPunctuation('(')) return parseCall(p, token);
  if (symbol?.kind === 'constant') return constant(symbol.value);
  if (symbol?.kind === 'variable') return { kind: 'variable', variable: symbol.variable, line: token.line };
  return p.fail(`${token.text}: variable expected.`);
}

function parsePunctuated(p: Parsing): Term {
  switch (p.peek().text) {
    case '(':
      return parseParenthesis(p);
    case '[':
      return parseBracket(p);
    case '[=':
      return parseMask(p);
    case '/':
      return p.isBird2 ? p.unexpected() : parseMask(p);
    case '+':
    case '-':
      return parseEmpty(p);
    default:
      return p.unexpected();
  }
}

function parsePrimary(p: Parsing): Term {
  const token = p.peek();
  switch (token.kind) {
    case 'number':
      return constant({ type: 'int', value: p.next().number });
    case 'quad':
      return constant({ type: 'quad', value: p.next().number });
    case 'text':
      return constant({ type: 'string', value: p.next().text });
    case 'ip':
      return parseAddress(p);
    case 'enum': {
      const { constant: of } = p.next();
      return of === undefined ? p.unexpected() : constant({ type: 'enum', kind: of.kind, value: of.number });
    }
    case 'symbol':
      return parseSymbol(p, p.next());
    case 'keyword':
      return p.isName() && p.scope.lookup(token.text) !== undefined ? parseSymbol(p, p.next()) : parseKeyword(p);
    case 'punctuation':
      return parsePunctuated(p);
    case 'error':
    case 'end':
      return p.unexpected();
  }
}
