/** Words of Calico's selector language; libcalico-go/lib/selector/tokenizer/tokenizer.go. */

export type SelectorOperator = '==' | '!=' | 'contains' | 'starts with' | 'ends with' | 'in' | 'not in';

type TokenKind =
  | { readonly kind: '(' | ')' | '{' | '}' | ',' | '!' | '&&' | '||' | 'all' | 'global' | 'end' }
  | { readonly kind: 'operator'; readonly operator: SelectorOperator }
  | { readonly kind: 'label' | 'has' | 'string'; readonly value: string };
/** A word, and where in the text it begins, from 0. */
export type Token = TokenKind & { readonly at: number };

/** What is wrong with a selector, in the words that Calico uses. */
export class SelectorError extends Error {
  /** Where in the text, from 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.name = 'SelectorError';
    this.at = at;
  }
}

const MAX_LABEL_LENGTH = 512;
const PUNCTUATION = ['==', '!=', '&&', '||', '(', ')', '{', '}', ',', '!'] as const;
/** Letters, digits, `_`, `.`, `/` and `-`. */
const IDENTIFIER = /[\w./-]*/y;
/** Only these two count as blank: a line feed is an error. */
const BLANKS = /[ \t]*/y;
/** After a label only an operator may stand, of one word or two, and not as the start of a longer one. */
const WORD_OPERATOR = /(contains|in)(?![\w./-])|(starts[ \t]*with|ends[ \t]*with|not[ \t]*in)(?![ \t]*[\w./-])/y;

const OPERATOR_OF_FIRST_LETTER: Readonly<Record<string, SelectorOperator>> = {
  c: 'contains',
  s: 'starts with',
  e: 'ends with',
  n: 'not in',
  i: 'in',
};

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  blanks(): void {
    this.#match(BLANKS);
  }

  get at(): number {
    return this.#at;
  }

  fail(message: string): never {
    throw new SelectorError(message, this.#at);
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Consumes `literal` where it stands next. */
  take(literal: string): boolean {
    if (!this.#text.startsWith(literal, this.#at)) return false;
    this.#at += literal.length;
    return true;
  }

  wordOperator(): SelectorOperator | undefined {
    const word = this.#match(WORD_OPERATOR);
    return word === undefined ? undefined : OPERATOR_OF_FIRST_LETTER[word.charAt(0)];
  }

  identifier(): string {
    const name = this.#match(IDENTIFIER) ?? '';
    if (name.length > MAX_LABEL_LENGTH) this.fail(`label too long: ${name}`);
    if (name === '') this.fail('expected identifier');
    return name;
  }

  /** The rest of a literal whose opening quote is read; there are no escapes. */
  string(quote: string): string {
    const end = this.#text.indexOf(quote, this.#at);
    if (end < 0) this.fail('unterminated string');
    const value = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return value;
  }

  closing(call: string): void {
    this.blanks();
    if (!this.take(')')) this.fail(`no closing ')' after ${call}(`);
  }
}

function punctuation(reader: Reader): TokenKind | undefined {
  for (const quote of ['"', "'"]) {
    if (reader.take(quote)) return { kind: 'string', value: reader.string(quote) };
  }
  for (const mark of PUNCTUATION) {
    if (!reader.take(mark)) continue;
    return mark === '==' || mark === '!=' ? { kind: 'operator', operator: mark } : { kind: mark };
  }
  for (const half of ['=', '&', '|']) {
    if (reader.take(half)) throw new SelectorError(`expected ${half}${half}`, reader.at - half.length);
  }
  return undefined;
}

function word(reader: Reader, previous: TokenKind | undefined): TokenKind {
  if (previous?.kind === 'label') {
    const operator = reader.wordOperator();
    if (operator === undefined) reader.fail(`expected operator after label "${previous.value}"`);
    return { kind: 'operator', operator };
  }
  if (reader.take('has(')) {
    reader.blanks();
    const value = reader.identifier();
    reader.closing('has');
    return { kind: 'has', value };
  }
  for (const call of ['all', 'global'] as const) {
    if (!reader.take(`${call}(`)) continue;
    reader.closing(call);
    return { kind: call };
  }
  return { kind: 'label', value: reader.identifier() };
}

/** Splits a selector in tokens, the last being `end`; throws SelectorError. */
export function tokenizeSelector(text: string): Token[] {
  const reader = new Reader(text);
  const tokens: Token[] = [];
  for (;;) {
    reader.blanks();
    const { at } = reader;
    if (reader.atEnd) return [...tokens, { kind: 'end', at }];
    tokens.push({ at, ...(punctuation(reader) ?? word(reader, tokens.at(-1))) });
  }
}

const GO_OPERATOR_NAME: Readonly<Record<SelectorOperator, string>> = {
  '==': 'TokEq',
  '!=': 'TokNe',
  contains: 'TokContains',
  'starts with': 'TokStartsWith',
  'ends with': 'TokEndsWith',
  in: 'TokIn',
  'not in': 'TokNotIn',
};
const GO_TOKEN_NAME = {
  '(': 'TokLParen',
  ')': 'TokRParen',
  '{': 'TokLBrace',
  '}': 'TokRBrace',
  ',': 'TokComma',
  '!': 'TokNot',
  '&&': 'TokAnd',
  '||': 'TokOr',
  all: 'TokAll',
  global: 'TokGlobal',
  end: 'TokEOF',
  label: 'TokLabel',
  has: 'TokHas',
  string: 'TokStringLiteral',
} as const;

/** A token as Calico's error messages print it: `TokLabel(a)`. */
export function formatToken(token: TokenKind): string {
  if (token.kind === 'operator') return `${GO_OPERATOR_NAME[token.operator]}()`;
  return `${GO_TOKEN_NAME[token.kind]}(${'value' in token ? token.value : ''})`;
}
