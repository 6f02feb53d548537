/** Commands, functions and filters (filter/config.Y). */

import type {
  CaseBranch,
  Command,
  DeclaredType,
  FilterChoice,
  FilterDefinition,
  FunctionDefinition,
  Term,
  Variable,
} from '../filter/syntax.js';
import { attributeNamed, type AttributeDefinition, isBirdAlone } from '../rib/attributes.js';
import { staticAttribute } from './attribute-term.js';
import { parseCall, parseTerm } from './expression.js';
import type { Token } from './lexer.js';
import type { Parsing } from './parsing.js';
import { parseItems } from './set-literal.js';
import {
  checkAttribute,
  checkCondition,
  checkList,
  checkLoop,
  checkPreference,
  checkStatic,
  checkVariable,
} from './type-check.js';

const TYPES: Readonly<Record<string, DeclaredType>> = {
  int: 'int',
  bool: 'bool',
  ip: 'ip',
  prefix: 'prefix',
  pair: 'pair',
  quad: 'quad',
  ec: 'ec',
  lc: 'lc',
  string: 'string',
  bgpmask: 'mask',
  bgppath: 'path',
  clist: 'clist',
  eclist: 'eclist',
  lclist: 'lclist',
};

const SET_TYPES: ReadonlySet<DeclaredType> = new Set(['int', 'pair', 'quad', 'ec', 'lc', 'ip']);

const startsType = (p: Parsing): boolean => p.is('keyword') && Object.hasOwn(TYPES, p.peek().text);

function parseType(p: Parsing): DeclaredType {
  const type = p.is('keyword') ? TYPES[p.peek().text] : undefined;
  if (type === undefined) return p.unexpected();
  p.next();
  if (!p.takeKeyword('set')) return type;
  if (type === 'prefix') return 'prefix set';
  return SET_TYPES.has(type) ? 'set' : p.fail("You can't create sets of this type.");
}

function declare(p: Parsing, type: DeclaredType, name: Token): Variable {
  const variable: Variable = { name: name.text, type, slot: p.slots };
  p.slots += 1;
  if (!p.scope.define(name.text, { kind: 'variable', variable })) p.fail('Symbol already defined', name);
  return variable;
}

/** Declarations before the opening brace. */
function parseDeclarations(p: Parsing): void {
  while (startsType(p)) {
    declare(p, parseType(p), p.name());
    p.expect(';');
  }
}

function parseBlock(p: Parsing): readonly Command[] {
  p.expect('{');
  const commands: Command[] = [];
  while (!p.take('}')) commands.push(...parseCommand(p));
  return commands;
}

/** A single command, or several in braces. */
const parseBody = (p: Parsing): readonly Command[] =>
  p.isPunctuation('{') ? p.scoped(() => parseBlock(p)) : parseCommand(p);

function parseIf(p: Parsing): Command {
  const { line } = p.next();
  const condition = parseTerm(p);
  p.expectKeyword('then');
  const whenTrue = parseBody(p);
  const whenFalse = p.takeKeyword('else') ? parseBody(p) : [];
  checkCondition(p, condition);
  return { kind: 'if', condition, whenTrue, whenFalse, line };
}

/** A branch ends where the next label, `else:` or the closing brace stands. */
function parseCase(p: Parsing): Command {
  p.next();
  const term = parseTerm(p);
  p.expect('{');
  const branches: CaseBranch[] = [];
  let otherwise: readonly Command[] | undefined;
  while (!p.take('}')) {
    const isElse = p.take('else:');
    const ranges = isElse ? [] : parseItems(p, 'case');
    if (!isElse) p.expect(':');
    const body = p.scoped(() => {
      const commands: Command[] = [];
      while (!p.isPunctuation('}') && !startsLabel(p)) commands.push(...parseCommand(p));
      return commands;
    });
    if (isElse) otherwise = body;
    else branches.push({ ranges, body });
  }
  return { kind: 'case', term, branches, otherwise };
}

/** No command begins with a number, an address, an enumeration's constant or a parenthesis. */
const startsLabel = (p: Parsing): boolean =>
  p.isPunctuation('else:') || p.isPunctuation('(') || p.is('number') || p.is('ip') || p.is('quad') || p.is('enum');

function parsePrintList(p: Parsing): readonly Term[] {
  const terms: Term[] = [];
  if (p.isPunctuation(';')) return terms;
  do {
    if (p.isPunctuation(';')) break;
    terms.push(parseTerm(p));
  } while (p.take(','));
  return terms;
}

const LIST_METHODS = { prepend: 'prepend', add: 'add', delete: 'delete', filter: 'filter' } as const;

const isListMethod = (name: string): name is keyof typeof LIST_METHODS => Object.hasOwn(LIST_METHODS, name);

const EMPTY_TYPES: Readonly<Record<string, 'path' | 'clist' | 'eclist' | 'lclist'>> = {
  path: 'path',
  clist: 'clist',
  eclist: 'eclist',
  lclist: 'lclist',
};

/** `bgp_community.add((1, 2));`. */
function parseAttributeMethod(p: Parsing, attribute: AttributeDefinition, line: number): Command {
  p.expect('.');
  const name = p.expectKind('keyword').text;
  if (name === 'empty') {
    const of = EMPTY_TYPES[attribute.type];
    return of === undefined
      ? p.fail("Can't empty that attribute")
      : { kind: 'set-attribute', attribute, term: { kind: 'empty', of }, line };
  }
  if (!isListMethod(name)) return p.unexpected(p.previous);
  p.expect('(');
  const argument = parseTerm(p);
  p.expect(')');
  const of: Term = { kind: 'attribute', attribute, line };
  const term = { kind: 'list', operation: LIST_METHODS[name], term: of, argument, line } as const;
  checkList(p, term);
  return { kind: 'set-attribute', attribute, term, line };
}

function parseKeywordCommand(p: Parsing, token: Token): Command {
  const { text, line } = token;
  if (text === 'preference') {
    p.next();
    p.expect('=');
    const term = parseTerm(p);
    checkPreference(p, term);
    return { kind: 'set-preference', term, line };
  }
  const fixed = staticAttribute(p, token);
  if (fixed !== undefined) {
    p.next();
    p.expect('=');
    const readOnly = ['net', 'proto', 'source', 'cast', 'ifindex'].includes(fixed);
    if (readOnly) p.fail('This static attribute is read-only.');
    const term = parseTerm(p);
    checkStatic(p, fixed, term);
    return { kind: 'set-static', attribute: fixed, term, line };
  }
  const attribute = attributeNamed(text);
  if (attribute === undefined) return p.unexpected();
  p.next();
  if (p.isPunctuation('.')) return parseAttributeMethod(p, attribute, line);
  p.expect('=');
  const term = parseTerm(p);
  checkAttribute(p, attribute, term);
  if (isBirdAlone(attribute)) p.finding(`${text} is not modelled in the kernel: BIRD alone has it`, token);
  return { kind: 'set-attribute', attribute, term, line };
}

function parseSymbolCommand(p: Parsing): Command {
  const name = p.next();
  if (p.isPunctuation('(')) return { kind: 'evaluate', term: parseCall(p, name) };
  if (!p.isPunctuation('=')) return p.unexpected();
  const symbol = p.scope.lookup(name.text);
  if (symbol?.kind !== 'variable') return p.fail('You may set only variables.', name);
  p.next();
  const term = parseTerm(p);
  checkVariable(p, symbol.variable, term, 'SET');
  return { kind: 'assign', variable: symbol.variable, term, line: name.line };
}

function parseUnset(p: Parsing): Command {
  const { line } = p.next();
  p.expect('(');
  const token = p.expectKind('keyword');
  const attribute = attributeNamed(token.text);
  if (attribute === undefined) return p.unexpected(token);
  p.expect(')');
  return { kind: 'unset', attribute, line };
}

/** BIRD 2: `for TYPE NAME in TERM do COMMAND`. */
function parseFor(p: Parsing): Command {
  const { line } = p.next();
  return p.scoped(() => {
    const variable = startsType(p) ? declare(p, parseType(p), p.name()) : knownVariable(p);
    p.expectKeyword('in');
    const term = parseTerm(p);
    p.expectKeyword('do');
    const body = parseBody(p);
    checkLoop(p, variable, term);
    return { kind: 'for', variable, term, body, line };
  });
}

function knownVariable(p: Parsing): Variable {
  const name = p.name();
  const symbol = p.scope.lookup(name.text);
  return symbol?.kind === 'variable' ? symbol.variable : p.fail('You may set only variables.', name);
}

/** BIRD 2: `TYPE NAME [= TERM];` among commands. */
function parseVariable(p: Parsing): readonly Command[] {
  const { line } = p.peek();
  const type = parseType(p);
  const name = p.name();
  const term: Term = p.take('=') ? parseTerm(p) : { kind: 'constant', value: { type: 'void' } };
  checkVariable(p, { type }, term, 'INIT');
  p.expect(';');
  return [{ kind: 'assign', variable: declare(p, type, name), term, line }];
}

/** Commands that end in a semicolon. */
function parseSimple(p: Parsing): Command {
  const token = p.peek();
  if (token.kind === 'symbol') return parseSymbolCommand(p);
  if (token.kind !== 'keyword') return p.unexpected();
  switch (token.text) {
    case 'accept':
    case 'reject':
    case 'error':
      p.next();
      return { kind: 'verdict', verdict: token.text, print: parsePrintList(p) };
    case 'print':
    case 'printn':
      p.next();
      return { kind: 'print', print: parsePrintList(p), newline: token.text === 'print' };
    case 'quitbird':
      return p.notModelled('quitbird');
    case 'return':
      p.next();
      return { kind: 'return', term: parseTerm(p) };
    case 'unset':
      return parseUnset(p);
    default:
      return parseKeywordCommand(p, token);
  }
}

export function parseCommand(p: Parsing): readonly Command[] {
  if (p.isKeyword('if')) return [parseIf(p)];
  if (p.isKeyword('case')) return [parseCase(p)];
  if (p.isBird2 && p.isKeyword('for')) return [parseFor(p)];
  if (p.isBird2 && p.isPunctuation('{')) return [{ kind: 'block', body: p.scoped(() => parseBlock(p)) }];
  if (p.isBird2 && startsType(p)) return parseVariable(p);
  const command = parseSimple(p);
  p.expect(';');
  return [command];
}

/** Declarations and a block: the body of a function or filter. */
function parseFunctionBody(p: Parsing): readonly Command[] {
  parseDeclarations(p);
  return parseBlock(p);
}

/** Reads with places of its own, and says how many were taken. */
function framed<T>(p: Parsing, read: () => T): { readonly value: T; readonly slots: number } {
  const outer = p.slots;
  p.slots = 0;
  const value = p.scoped(read);
  const { slots } = p;
  p.slots = outer;
  return { value, slots };
}

/** `function NAME (TYPE NAME; …) DECLARATIONS { … }`; of 2 it may call itself. */
export function parseFunction(p: Parsing): void {
  const name = p.name();
  const { scope } = p;
  if (!scope.define(name.text, { kind: 'pending' })) p.fail('Symbol already defined', name);
  const parameters: Variable[] = [];
  const definition: FunctionDefinition = { name: name.text, parameters, slots: 0, body: [] };
  const { value: body, slots } = framed(p, () => {
    p.expect('(');
    if (!p.isPunctuation(')')) {
      do parameters.push(declare(p, parseType(p), p.name()));
      while (p.take(';'));
    }
    p.expect(')');
    if (p.isBird2) scope.define(name.text, { kind: 'function', definition });
    return parseFunctionBody(p);
  });
  Object.assign(definition, { slots, body });
  scope.define(name.text, { kind: 'function', definition });
}

/** `filter NAME DECLARATIONS { … }`. */
export function parseFilter(p: Parsing): void {
  const name = p.name();
  if (!p.scope.define(name.text, { kind: 'pending' })) p.fail('Symbol already defined', name);
  const { value: body, slots } = framed(p, () => parseFunctionBody(p));
  const definition: FilterDefinition = { name: name.text, slots, body };
  p.scope.define(name.text, { kind: 'filter', definition });
}

/** What stands behind `filter` in `import filter …`: a name, or a body of its own. */
export function parseFilterReference(p: Parsing): FilterDefinition {
  if (p.isName()) {
    const name = p.next();
    const symbol = p.scope.lookup(name.text);
    if (symbol === undefined && p.isBird2) return p.unexpected(name);
    return symbol?.kind === 'filter' ? symbol.definition : p.fail('No such filter.', name);
  }
  const { value: body, slots } = framed(p, () => parseFunctionBody(p));
  return { name: undefined, slots, body };
}

/** `where TERM`: accepted where it holds. */
export function parseWhere(p: Parsing): FilterDefinition {
  const { line } = p.expectKeyword('where');
  const { value: condition, slots } = framed(p, () => parseTerm(p));
  const accept: Command = { kind: 'verdict', verdict: 'accept', print: [] };
  const reject: Command = { kind: 'verdict', verdict: 'reject', print: [] };
  return { name: undefined, slots, body: [{ kind: 'if', condition, whenTrue: [accept], whenFalse: [reject], line }] };
}

/** `imexport`: all, none, filter, where. */
export function parseImexport(p: Parsing): FilterChoice {
  if (p.takeKeyword('all')) return 'all';
  if (p.takeKeyword('none')) return 'none';
  if (p.takeKeyword('filter')) return parseFilterReference(p);
  return p.isKeyword('where') ? parseWhere(p) : p.unexpected();
}
