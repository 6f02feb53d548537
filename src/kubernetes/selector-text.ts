/** Selectors as texts, as queries have them: of labels (k8s.io/apimachinery/pkg/labels) and of fields (…/pkg/fields). */

import type { NodeRequirement } from './kinds/pod.js';

/** A selector that cannot be understood, and where in it. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
  /** From 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(`${message}, at character ${at + 1}`);
    this.at = at;
  }
}

/** One requirement of a label selector; all of them have to be met. */
export type LabelRequirement = NodeRequirement;

interface Token {
  /** A symbol is its own kind. */
  readonly kind: 'word' | 'end' | 'symbol';
  readonly text: string;
  readonly at: number;
}

const TOKEN = /[ \t\r\n]*(==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+)/y;

/** selector.go:Lexer.Lex(). */
function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let found = TOKEN.exec(text); found !== null; found = TOKEN.exec(text)) {
    const [, token = ''] = found;
    const kind = /^[=!(),<>]/.test(token) ? 'symbol' : 'word';
    tokens.push({ kind, text: token, at: TOKEN.lastIndex - token.length });
  }
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
}

const OPERATORS: Readonly<Record<string, LabelRequirement['operator']>> = {
  in: 'In',
  notin: 'NotIn',
  '=': 'In',
  '==': 'In',
  '!=': 'NotIn',
  '>': 'Gt',
  '<': 'Lt',
};

const MAX_LENGTH = 63;
const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
/** validation.go:IsDNS1123Subdomain(). */
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const INTEGER = /^[-+]?\d+$/;

const isName = (text: string): boolean => text.length <= MAX_LENGTH && NAME.test(text);

/** content.IsLabelKey(): `app`, `app.kubernetes.io/name`. */
function isKey(text: string): boolean {
  const [name = '', prefix, ...more] = text.split('/').toReversed();
  return more.length === 0 && isName(name) && (prefix === undefined || SUBDOMAIN.test(prefix));
}

const found = ({ kind, text }: Token): string => (kind === 'end' ? 'the end' : `"${text}"`);

class LabelSelectorParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  #peek(): Token {
    const token = this.#tokens[Math.min(this.#at, this.#tokens.length - 1)];
    if (token === undefined) throw new Error('assertion failed: there is a last token');
    return token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  /** Where the next token is this symbol, it is taken. */
  #skip(symbol: string): boolean {
    const is = this.#peek().text === symbol;
    if (is) this.#at += 1;
    return is;
  }

  #fail(expected: string): never {
    const token = this.#peek();
    throw new SelectorError(`${expected} is expected, not ${found(token)}`, token.at);
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    if (this.#peek().kind === 'end') return requirements;
    do requirements.push(this.#requirement());
    while (this.#skip(','));
    if (this.#peek().kind !== 'end') this.#fail('"," or the end');
    return requirements;
  }

  #requirement(): LabelRequirement {
    const isAbsent = this.#skip('!');
    if (this.#peek().kind !== 'word') this.#fail(isAbsent ? 'the name of a label' : 'the name of a label, or "!"');
    const { text: key, at } = this.#take();
    if (!isKey(key)) throw new SelectorError(`"${key}" is no name of a label`, at);
    if (isAbsent) return { key, operator: 'DoesNotExist', values: [] };
    const { kind, text } = this.#peek();
    if (kind === 'end' || text === ',') return { key, operator: 'Exists', values: [] };
    const operator = Object.hasOwn(OPERATORS, text) ? OPERATORS[text] : undefined;
    if (operator === undefined) this.#fail(`one of ${Object.keys(OPERATORS).join(' ')}`);
    this.#at += 1;
    return { key, operator, values: kind === 'word' ? this.#values() : [this.#value(operator)] };
  }

  /** `(a, b)`; one may be empty. */
  #values(): string[] {
    if (!this.#skip('(')) this.#fail('"("');
    const values: string[] = [];
    do values.push(this.#value('In'));
    while (this.#skip(','));
    if (!this.#skip(')')) this.#fail('"," or ")"');
    return values;
  }

  #value(operator: LabelRequirement['operator']): string {
    const { kind, text, at } = this.#peek();
    const value = kind === 'word' ? this.#take().text : '';
    if (value !== '' && !isName(value)) throw new SelectorError(`"${value}" is no value of a label`, at);
    const isCompared = operator === 'Gt' || operator === 'Lt';
    if (isCompared && !INTEGER.test(value)) throw new SelectorError(`a whole number is expected, not "${text}"`, at);
    return value;
  }
}

/** selector.go:Parse(): `app in (web, db),tier!=front,!legacy`. An empty text asks for nothing. @throws SelectorError */
export const parseLabelSelector = (text: string): readonly LabelRequirement[] => new LabelSelectorParser(text).parse();

/** One term of a field selector; all of them have to hold. */
export interface FieldTerm {
  /** `spec.nodeName`. */
  readonly field: string;
  readonly isEqual: boolean;
  readonly value: string;
  /** Where it begins in the text. */
  readonly at: number;
}

const TERM = /(?:[^\\,]|\\.?)+/gsu;

/** fields/selector.go:UnescapeValue(). */
function unescaped(value: string, at: number): string {
  const wrong = /^(?:[^\\,=]|\\[\\,=])*/u.exec(value)?.[0].length ?? 0;
  if (wrong < value.length)
    throw new SelectorError(`"${value[wrong]}" in a value is written "\\${value[wrong]}"`, at + wrong);
  return value.replace(/\\([\\,=])/g, '$1');
}

/** fields/selector.go:ParseSelector(): `spec.nodeName=node1,status.phase!=Running`. @throws SelectorError */
export function parseFieldSelector(text: string): readonly FieldTerm[] {
  return [...text.matchAll(TERM)].map(({ 0: term, index: at }) => {
    const operator = /!=|==|=/.exec(term);
    if (operator === null) throw new SelectorError(`"${term}" is no field with = or !=`, at);
    const [sign] = operator;
    const from = operator.index + sign.length;
    const value = unescaped(term.slice(from), at + from);
    return { field: term.slice(0, operator.index), isEqual: sign !== '!=', value, at };
  });
}
