/** Text of a display filter to tokens, with their places. */

/** A filter that cannot be understood, and where in it. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
  /** From 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(`${message}, at character ${at + 1}`);
    this.at = at;
  }
}

export type TokenKind =
  | 'word'
  | 'text'
  | 'operator'
  | 'open'
  | 'close'
  | 'openSet'
  | 'closeSet'
  | 'comma'
  | 'range'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** Of a quoted text: what is between the quotes. */
  readonly text: string;
  readonly at: number;
}

const SINGLE: Readonly<Record<string, TokenKind>> = {
  '(': 'open',
  ')': 'close',
  '{': 'openSet',
  '}': 'closeSet',
  ',': 'comma',
};

const SPACE = /[ \t\r\n]+/y;
const OPERATOR = /===|!==|==|!=|~=|<=|>=|&&|\|\||[<>!]/y;
/** Names, numbers, addresses, prefixes, MAC addresses, `shop/web-1`. Two dots in a row are a range. */
const WORD = /(?:[A-Za-z0-9_:/*-]|\.(?!\.))+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;

/** What other languages write once. */
const DOUBLED: ReadonlySet<string> = new Set(['=', '&', '|']);

const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at;
  return pattern.exec(text);
};

function tokenAt(text: string, at: number): { readonly token: Token; readonly end: number } {
  const kind = SINGLE[text[at] ?? ''];
  if (kind !== undefined) return { token: { kind, text: text[at] ?? '', at }, end: at + 1 };
  if (text.startsWith('..', at)) return { token: { kind: 'range', text: '..', at }, end: at + 2 };
  const operator = matchAt(OPERATOR, text, at)?.[0];
  if (operator !== undefined) return { token: { kind: 'operator', text: operator, at }, end: at + operator.length };
  const quoted = matchAt(QUOTED, text, at);
  if (quoted !== null) {
    const inner = (quoted[1] ?? '').replace(/\\(.)/g, '$1');
    return { token: { kind: 'text', text: inner, at }, end: at + quoted[0].length };
  }
  const word = matchAt(WORD, text, at)?.[0];
  if (word !== undefined) return { token: { kind: 'word', text: word, at }, end: at + word.length };
  const found = String.fromCodePoint(text.codePointAt(at) ?? 0);
  if (found === '"') throw new FilterError('a quotation mark without its other', at);
  const meant = DOUBLED.has(found) ? `: did you mean "${found}${found}"?` : '';
  throw new FilterError(`"${found}" is not understood${meant}`, at);
}

/** @throws FilterError */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const space = matchAt(SPACE, text, at)?.[0];
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const { token, end } = tokenAt(text, at);
    found.push(token);
    at = end;
  }
  found.push({ kind: 'end', text: '', at: text.length });
  return found;
}
