/** The state of a parse: tokens, names, what was found; and the small constants that all of the grammar is made of. */

import { formatIp, type IpAddr, maskIp, maxLength, Net } from '../address.js';
import { evaluateTerm } from '../filter/filter.js';
import { isNetwork } from '../filter/sets.js';
import { type FilterEnvironment, NO_ROUTE } from '../filter/run.js';
import type { Term } from '../filter/syntax.js';
import type { Value } from '../filter/value.js';
import type { Dialect } from './keywords.js';
import { mayBeName } from './keywords.js';
import type { Token, TokenKind } from './lexer.js';
import { Scope } from './scope.js';
import { BirdSyntaxError, type Position } from './source.js';
import type { ConfigFinding } from './types.js';

/** Operators of several characters, as the grammar of BIRD 2 calls them. */
const PUNCTUATION: Readonly<Record<string, string>> = {
  '!=': 'NEQ',
  '!~': 'NMA',
  '<=': 'LEQ',
  '>=': 'GEQ',
  '&&': 'AND',
  '||': 'OR',
  '[=': 'PO',
  '=]': 'PC',
  '..': 'DDOT',
  'else:': 'ELSECOL',
};

/** Constants know no route and no router. */
const constantEnvironment = (dialect: Dialect): FilterEnvironment => ({
  dialect,
  neighbor: () => undefined,
  ifindex: () => undefined,
  log: () => undefined,
});

export class Parsing {
  readonly dialect: Dialect;
  readonly #tokens: readonly Token[];
  #at = 0;
  scope: Scope;
  readonly findings: ConfigFinding[] = [];
  /** Places taken in the frame of the function or filter that is being read. */
  slots = 0;
  readonly #environment: FilterEnvironment;
  /** Set by expression.ts, which needs this class. */
  readonly parseTerm: (parsing: Parsing) => Term;

  constructor(options: {
    readonly dialect: Dialect;
    readonly tokens: readonly Token[];
    readonly scope: Scope;
    readonly parseTerm: (parsing: Parsing) => Term;
  }) {
    this.dialect = options.dialect;
    this.#tokens = options.tokens;
    this.scope = options.scope;
    this.parseTerm = options.parseTerm;
    this.#environment = constantEnvironment(options.dialect);
  }

  get isBird2(): boolean {
    return this.dialect === 'bird-2';
  }

  // Tokens.

  peek(ahead = 0): Token {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)];
    if (token === undefined) throw new Error('a token list ends in end or error');
    return token;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind === 'error') throw new BirdSyntaxError(token.text, token);
    if (this.#at < this.#tokens.length - 1) this.#at += 1;
    return token;
  }

  /** The token that was taken last: where a definition ended. */
  get previous(): Token {
    return this.#tokens[Math.max(0, this.#at - 1)] ?? this.peek();
  }

  is(kind: TokenKind, text?: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === kind && (text === undefined || token.text === text);
  }

  isPunctuation(text: string, ahead = 0): boolean {
    return this.is('punctuation', text, ahead);
  }

  isKeyword(text: string, ahead = 0): boolean {
    return this.is('keyword', text, ahead);
  }

  /** Takes the token if it is that punctuation. */
  take(text: string): boolean {
    if (!this.isPunctuation(text)) return false;
    this.next();
    return true;
  }

  takeKeyword(...words: readonly string[]): boolean {
    if (!words.every((word, i) => this.isKeyword(word, i))) return false;
    for (const _ of words) this.next();
    return true;
  }

  expect(text: string): Token {
    return this.isPunctuation(text) ? this.next() : this.unexpected();
  }

  expectKeyword(word: string): Token {
    return this.isKeyword(word) ? this.next() : this.unexpected();
  }

  expectKind(kind: TokenKind): Token {
    return this.is(kind) ? this.next() : this.unexpected();
  }

  /** A name that is free to be given, or known already. */
  name(): Token {
    const token = this.peek();
    const named = token.kind === 'symbol' || (token.kind === 'keyword' && mayBeName(this.dialect, token.text));
    return named ? this.next() : this.unexpected();
  }

  isName(ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'symbol' || (token.kind === 'keyword' && mayBeName(this.dialect, token.text));
  }

  // Mistakes.

  /** What the grammar does not have there; `expecting` is what it might have instead. 1.6 was built without those words. */
  unexpected(token: Token = this.peek(), expecting = ''): never {
    if (token.kind === 'error') throw new BirdSyntaxError(token.text, token);
    const hint = expecting === '' ? '' : `, expecting ${expecting}`;
    const words = this.isBird2 ? `, unexpected ${this.#tokenName(token)}${hint}` : '';
    throw new BirdSyntaxError(`syntax error${words}`, token);
  }

  /** How BIRD 2's grammar calls it; names that stand for nothing are a kind of their own. */
  #tokenName({ kind, text, ip }: Token): string {
    switch (kind) {
      case 'number':
        return 'NUM';
      case 'ip':
        return typeof ip === 'number' ? 'IP4' : 'IP6';
      case 'symbol':
        return this.scope.lookup(text) === undefined ? 'CF_SYM_UNDEFINED' : 'CF_SYM_KNOWN';
      case 'punctuation':
        return PUNCTUATION[text] ?? `'${text}'`;
      case 'keyword':
        return text.toUpperCase();
      default:
        return kind.toUpperCase();
    }
  }

  fail(message: string, at: Position = this.peek()): never {
    throw new BirdSyntaxError(message, at);
  }

  finding(message: string, at: Position = this.peek()): void {
    this.findings.push({ file: at.file, line: at.line, column: at.column, message });
  }

  notModelled(what: string, at: Position = this.peek()): never {
    throw new BirdSyntaxError(`${what} is not modelled`, at);
  }

  // Constants.

  /** BIRD 2 knows what goes wrong while it reads, where no route and no router is asked. */
  evaluate(term: Term, failure = 'Runtime error'): Value {
    const { line } = this.previous;
    const value = evaluateTerm(term, this.#environment);
    if (typeof value !== 'string') return value;
    const foreseen = this.isBird2 && value !== NO_ROUTE;
    return this.fail(foreseen ? `filter preevaluation, line ${line}: ${value}` : failure);
  }

  evaluateInt(term: Term): number {
    const value = this.evaluate(term);
    return value.type === 'int' ? value.value : this.fail('Integer expression expected');
  }

  #constant(type: Value['type'], expected: string): Value {
    const token = this.expectKind('symbol');
    const symbol = this.scope.lookup(token.text);
    if (symbol?.kind !== 'constant' || symbol.value.type !== type) return this.fail(expected, token);
    return symbol.value;
  }

  get startsExpr(): boolean {
    return this.is('number') || this.is('symbol') || this.isPunctuation('(');
  }

  /** `expr`: a number, a term in parentheses, a constant. */
  expr(): number {
    if (this.is('number')) return this.next().number;
    if (this.take('(')) {
      const value = this.evaluateInt(this.parseTerm(this));
      this.expect(')');
      return value;
    }
    if (!this.is('symbol')) return this.unexpected();
    const value = this.#constant('int', 'Number expected');
    return value.type === 'int' ? value.value : 0;
  }

  /** Silence means agreement. */
  bool(): boolean {
    if (this.takeKeyword('on') || this.takeKeyword('yes')) return true;
    if (this.takeKeyword('off') || this.takeKeyword('no')) return false;
    return this.startsExpr ? this.expr() !== 0 : true;
  }

  /** A number in a range. */
  ranged(from: number, to: number, message: string): number {
    const value = this.expr();
    return value >= from && value <= to ? value : this.fail(message);
  }

  text(): string {
    if (this.is('text')) return this.next().text;
    const value = this.#constant('string', 'String expected');
    return value.type === 'string' ? value.value : '';
  }

  get startsIp(): boolean {
    if (this.is('ip')) return true;
    const symbol = this.is('symbol') ? this.scope.lookup(this.peek().text) : undefined;
    return symbol?.kind === 'constant' && symbol.value.type === 'ip';
  }

  ip(): IpAddr {
    const { ip } = this.peek();
    if (this.is('ip') && ip !== undefined) {
      this.next();
      return ip;
    }
    const value = this.#constant('ip', 'IP address expected');
    return value.type === 'ip' ? value.value : this.unexpected();
  }

  /** `/length`, or of 1.6 also `:netmask`. */
  #prefixLength(): number {
    if (!this.isBird2 && this.take(':')) {
      const mask = this.ip();
      const ones = typeof mask === 'number' ? Math.clz32(~mask) : -1;
      const valid = typeof mask === 'number' && (ones === 0 ? mask === 0 : mask === -1 << (32 - ones));
      return valid ? ones : this.fail('Invalid netmask');
    }
    this.expect('/');
    const length = this.isBird2 ? this.expectKind('number').number : this.expr();
    return length;
  }

  /** A network as routes have it; host bits are refused. */
  net(): Net {
    if (this.isBird2 && this.is('symbol')) {
      const value = this.#constant('prefix', 'Network constant expected');
      if (value.type === 'prefix') return value.value;
    }
    const addr = this.ip();
    return this.checkNet(new Net(addr, this.#prefixLength()));
  }

  /** Not longer than an address, and without host bits. */
  checkNet(net: Net, at: Position = this.peek()): Net {
    const { addr, length } = net;
    if (length > maxLength(addr)) this.fail(`Invalid prefix length ${length}`, at);
    if (isNetwork(net)) return net;
    if (!this.isBird2) return this.fail('Invalid prefix', at);
    const wanted = `${formatIp(maskIp(addr, length))}/${length}`;
    const version = typeof addr === 'number' ? 'IPv4' : 'IPv6';
    return this.fail(`Invalid ${version} prefix ${net.toString()}, maybe you wanted ${wanted}`, at);
  }

  /** The same, or an address alone. */
  netOrIp(): Net {
    if (this.isBird2 && this.is('symbol') && !this.startsIp) return this.net();
    const addr = this.ip();
    if (!this.isPunctuation('/') && (this.isBird2 || !this.isPunctuation(':'))) return new Net(addr, maxLength(addr));
    return this.checkNet(new Net(addr, this.#prefixLength()));
  }

  /** `idval`: a router id or cluster id, as a number or an IPv4 address. */
  id(): number {
    const token = this.peek();
    if (token.kind === 'quad' || token.kind === 'number') return this.next().number;
    if (token.kind === 'ip' && typeof token.ip === 'number') return this.next().number;
    if (token.kind === 'ip') {
      this.fail('Router IDs must be entered as hexadecimal numbers or IPv4 addresses in IPv6 version');
    }
    if (this.take('(')) {
      const value = this.evaluateInt(this.parseTerm(this));
      this.expect(')');
      return value;
    }
    if (token.kind !== 'symbol') return this.unexpected();
    this.next();
    const symbol = this.scope.lookup(token.text);
    const value = symbol?.kind === 'constant' ? symbol.value : undefined;
    if (value?.type === 'int' || value?.type === 'quad') return value.value;
    if (value?.type === 'ip' && typeof value.value === 'number') return value.value >>> 0;
    return this.fail('Number or IPv4 address constant expected', token);
  }

  // Scopes.

  /** Runs with names of its own. */
  scoped<T>(read: () => T): T {
    const outer = this.scope;
    this.scope = new Scope(outer);
    try {
      return read();
    } finally {
      this.scope = outer;
    }
  }
}
