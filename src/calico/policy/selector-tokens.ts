/** Words of Calico's selector language; libcalico-go/lib/selector/tokenizer/tokenizer.go. */

export type SelectorOperator = '==' | '!=' | 'contains' | 'starts with' | 'ends with' | 'in' | 'not in';

export type Token =
  | { readonly kind: '(' | ')' | '{' | '}' | ',' | '!' | '&&' | '||' | 'all' | 'global' | 'end' }
  | { readonly kind: 'operator'; readonly operator: SelectorOperator }
  | { readonly kind: 'label' | 'has' | 'string'; readonly value: string };

/** What is wrong with a selector, in the words that Calico uses. */
export class SelectorError extends Error {
  /** Where in the selector: characters before the word that cannot be. */
  readonly offset: number | undefined;

  constructor(message: string, offset?: number) {
    super(message);
    this.name = 'SelectorError';
    this.offset = offset;
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
    if (name.length > MAX_LABEL_LENGTH) throw new SelectorError(`label too long: ${name}`);
    if (name === '') throw new SelectorError('expected identifier');
    return name;
  }

  /** The rest of a literal whose opening quote is read; there are no escapes. */
  string(quote: string): string {
    const end = this.#text.indexOf(quote, this.#at);
    if (end < 0) throw new SelectorError('unterminated string');
    const value = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return value;
  }

  closing(call: string): void {
    this.blanks();
    if (!this.take(')')) throw new SelectorError(`no closing ')' after ${call}(`);
  }
}

function punctuation(reader: Reader): Token | undefined {
  for (const quote of ['"', "'"]) {
    if (reader.take(quote)) return { kind: 'string', value: reader.string(quote) };
  }
  for (const mark of PUNCTUATION) {
    if (!reader.take(mark)) continue;
    return mark === '==' || mark === '!=' ? { kind: 'operator', operator: mark } : { kind: mark };
  }
  for (const half of ['=', '&', '|']) {
    if (reader.take(half)) throw new SelectorError(`expected ${half}${half}`);
  }
  return undefined;
}

function word(reader: Reader, previous: Token | undefined): Token {
  if (previous?.kind === 'label') {
    const operator = reader.wordOperator();
    if (operator === undefined) throw new SelectorError(`expected operator after label "${previous.value}"`);
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

/** A selector in words, the last being `end`, with the place of each. */
export interface Tokens {
  readonly tokens: readonly Token[];
  readonly offsets: readonly number[];
}

function nextToken(reader: Reader, previous: Token | undefined): Token {
  const offset = reader.at;
  try {
    return punctuation(reader) ?? word(reader, previous);
  } catch (error) {
    throw error instanceof SelectorError ? new SelectorError(error.message, offset) : error;
  }
}

/** Throws SelectorError. */
export function tokenizeWithOffsets(text: string): Tokens {
  const reader = new Reader(text);
  const tokens: Token[] = [];
  const offsets: number[] = [];
  for (;;) {
    reader.blanks();
    offsets.push(reader.at);
    if (reader.atEnd) return { tokens: [...tokens, { kind: 'end' }], offsets };
    tokens.push(nextToken(reader, tokens.at(-1)));
  }
}

/** Splits a selector in tokens, the last being `end`; throws SelectorError. */
export const tokenizeSelector = (text: string): readonly Token[] => tokenizeWithOffsets(text).tokens;

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
export function formatToken(token: Token): string {
  if (token.kind === 'operator') return `${GO_OPERATOR_NAME[token.operator]}()`;
  return `${GO_TOKEN_NAME[token.kind]}(${'value' in token ? token.value : ''})`;
}
