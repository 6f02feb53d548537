/**
 * A configuration's text as tokens (conf/cf-lex.l). Included files are taken in where they stand, and every token
 * knows its file, line and column. What is not a token becomes one of kind `error`, so that it is reported only
 * where the parser gets there, as BIRD does.
 */

import { parseIpv4, parseIpv6 } from '../../packet/index.js';
import type { Family, IpAddr } from '../address.js';
import { type Dialect, type EnumConstant, enumConstant, keywordsOf } from './keywords.js';
import { type ConfigFiles, MAX_INCLUDE_DEPTH, type Position, resolveInclude } from './source.js';

export type TokenKind =
  | 'number'
  /** An IPv4 address. In a configuration of 1.6 for IPv6 it is only a router id. */
  | 'ip'
  | 'quad'
  | 'text'
  | 'symbol'
  | 'keyword'
  | 'enum'
  | 'punctuation'
  | 'error'
  | 'end';

export interface Token extends Position {
  readonly kind: TokenKind;
  /** As written; of texts and quoted symbols without the quotes; of an error the message. */
  readonly text: string;
  readonly number: number;
  readonly ip: IpAddr | undefined;
  readonly constant: EnumConstant | undefined;
}

export interface LexerOptions {
  readonly dialect: Dialect;
  /** Of 1.6, which is built for one family. */
  readonly family: Family;
  readonly files: ConfigFiles;
}

/** One alternative a kind, longest first where they overlap; sticky, so that it reads on from where it is. */
const TOKEN = new RegExp(
  [
    /(?<space>[ \t]+)/,
    /(?<newline>\n)/,
    /(?<comment>#[^\n]*)/,
    /(?<block>\/\*)/,
    /(?<ip4>\d+\.\d+\.\d+\.\d+)/,
    /(?<ip6>(?:[0-9a-fA-F]*::|(?:[0-9a-fA-F]*:){3,})(?:[0-9a-fA-F:]*(?:\d+\.\d+\.\d+\.\d+)?))/,
    /(?<hex>0x[0-9a-fA-F]+)/,
    /(?<decimal>\d+)/,
    /(?<elseColon>else:)/,
    /(?<word>[a-zA-Z_][a-zA-Z_0-9]*)/,
    /'(?<quoted>[a-zA-Z_0-9\-.:]*)'/,
    /"(?<text>[^"\n]*)"/,
    /(?<punctuation>!=|!~|<=|>=|&&|\|\||\[=|=\]|\.\.|[={}:;,.()+*/%<>~[\]?!|-])/,
  ]
    .map((part) => part.source)
    .join('|'),
  'y',
);

const INCLUDE = /[ \t]*include[ \t]*"([^"\n]*)"[ \t]*;/y;

interface Cursor {
  readonly file: string;
  readonly text: string;
  readonly depth: number;
  at: number;
  line: number;
  lineStart: number;
}

class Lexer {
  readonly #options: LexerOptions;
  readonly #keywords: ReadonlySet<string>;
  readonly tokens: Token[] = [];

  constructor(options: LexerOptions) {
    this.#options = options;
    this.#keywords = keywordsOf(options.dialect);
  }

  /** False where an error token ended everything. */
  file(file: string, text: string, depth: number): boolean {
    const cursor: Cursor = { file, text, depth, at: 0, line: 1, lineStart: 0 };
    while (cursor.at < text.length) {
      if (cursor.at === cursor.lineStart) {
        const included = this.#include(cursor);
        if (included !== undefined) {
          if (!included) return false;
          continue;
        }
      }
      if (!this.#next(cursor)) return false;
    }
    if (depth === 0) this.#push(cursor, cursor.at, { kind: 'end', text: '' });
    return true;
  }

  #push(cursor: Cursor, at: number, token: Partial<Token> & Pick<Token, 'kind' | 'text'>): void {
    this.tokens.push({
      number: 0,
      ip: undefined,
      constant: undefined,
      file: cursor.file,
      line: cursor.line,
      column: at - cursor.lineStart + 1,
      ...token,
    });
  }

  #error(cursor: Cursor, at: number, message: string): false {
    this.#push(cursor, at, { kind: 'error', text: message });
    return false;
  }

  /** Undefined where no include stands here. */
  #include(cursor: Cursor): boolean | undefined {
    INCLUDE.lastIndex = cursor.at;
    const match = INCLUDE.exec(cursor.text);
    if (match === null) return undefined;
    const path = match[1] ?? '';
    const { at } = cursor;
    cursor.at += match[0].length;
    if (path === '') return this.#error(cursor, at, 'Include with empty argument');
    if (cursor.depth + 1 > MAX_INCLUDE_DEPTH) return this.#error(cursor, at, 'Max include depth reached');
    const full = resolveInclude(cursor.file, path);
    const { files } = this.#options;
    const wild = /[?*[]/.test(path);
    for (const each of wild ? (files.list?.(full) ?? []) : [full]) {
      const text = files.read(each);
      if (text === undefined) {
        return this.#error(cursor, at, `Unable to open included file ${each}: No such file or directory`);
      }
      if (!this.file(each, text, cursor.depth + 1)) return false;
    }
    return true;
  }

  #newline(cursor: Cursor): void {
    cursor.line += 1;
    cursor.lineStart = cursor.at;
  }

  #next(cursor: Cursor): boolean {
    const { at, text } = cursor;
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) {
      return this.#error(cursor, at, text[at] === '"' ? 'Unterminated string' : 'Unknown character');
    }
    cursor.at = TOKEN.lastIndex;
    if (groups['space'] !== undefined || groups['comment'] !== undefined) return true;
    if (groups['newline'] !== undefined) {
      this.#newline(cursor);
      return true;
    }
    if (groups['block'] !== undefined) return this.#blockComment(cursor, at);
    return this.#token(cursor, at, groups);
  }

  #blockComment(cursor: Cursor, at: number): boolean {
    for (;;) {
      const { text } = cursor;
      const next = text.slice(cursor.at, cursor.at + 2);
      if (next === '') return this.#error(cursor, at, 'Unterminated comment');
      if (next === '/*') return this.#error(cursor, cursor.at, 'Comment nesting not supported');
      cursor.at += next === '*/' ? 2 : 1;
      if (next === '*/') return true;
      if (next.startsWith('\n')) this.#newline(cursor);
    }
  }

  #token(cursor: Cursor, at: number, groups: Readonly<Record<string, string | undefined>>): boolean {
    const { word, quoted, punctuation } = groups;
    if (word !== undefined) this.#word(cursor, at, word);
    else if (punctuation !== undefined) this.#push(cursor, at, { kind: 'punctuation', text: punctuation });
    else if (quoted !== undefined) this.#word(cursor, at, quoted);
    else if (groups['text'] !== undefined) this.#text(cursor, at, groups['text']);
    else if (groups['elseColon'] !== undefined) this.#push(cursor, at, { kind: 'punctuation', text: 'else:' });
    else if (groups['ip4'] !== undefined) return this.#ipv4(cursor, at, groups['ip4']);
    else if (groups['ip6'] !== undefined) return this.#ipv6(cursor, at, groups['ip6']);
    else return this.#number(cursor, at, groups['hex'] ?? groups['decimal'] ?? '');
    return true;
  }

  /** BIRD 2 has seen one when its quotes are closed: there it is for whoever complains. */
  #text(cursor: Cursor, at: number, text: string): void {
    const seen = this.#options.dialect === 'bird-2' ? at + text.length + 1 : at;
    this.#push(cursor, seen, { kind: 'text', text });
  }

  #word(cursor: Cursor, at: number, text: string): void {
    const constant = enumConstant(this.#options.dialect, text);
    const kind = constant !== undefined ? 'enum' : this.#keywords.has(text) ? 'keyword' : 'symbol';
    this.#push(cursor, at, { kind, text, constant });
  }

  #number(cursor: Cursor, at: number, text: string): boolean {
    const number = Number(text);
    if (number > 0xffff_ffff) return this.#error(cursor, at, 'Number out of range');
    this.#push(cursor, at, { kind: 'number', text, number });
    return true;
  }

  #ipv4(cursor: Cursor, at: number, text: string): boolean {
    const plain = text.replace(/(^|\.)0+(?=\d)/g, '$1');
    const ip = parseIpv4(plain);
    if (ip === undefined) return this.#error(cursor, at, `Invalid IPv4 address ${text}`);
    const { dialect, family } = this.#options;
    const kind = dialect === 'bird-1.6' && family === 'ipv6' ? 'quad' : 'ip';
    this.#push(cursor, at, { kind, text, ip, number: ip >>> 0 });
    return true;
  }

  #ipv6(cursor: Cursor, at: number, text: string): boolean {
    const { dialect, family } = this.#options;
    if (dialect === 'bird-1.6' && family === 'ipv4') {
      return this.#error(cursor, at, 'This is an IPv4 router, therefore IPv6 addresses are not supported');
    }
    const ip = parseIpv6(text);
    if (ip === undefined) return this.#error(cursor, at, `Invalid IPv6 address ${text}`);
    this.#push(cursor, at, { kind: 'ip', text, ip });
    return true;
  }
}

/** All tokens; the last is `end` or `error`. */
export function tokenize(file: string, text: string, options: LexerOptions): readonly Token[] {
  const lexer = new Lexer(options);
  lexer.file(file, text, 0);
  return lexer.tokens;
}
