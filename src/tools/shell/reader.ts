/**
 * Reads what `sh -c` is told (POSIX, Shell Command Language, 2.10): lists, pipelines, `if`, `for`, `while`, `until`, `case`,
 * groups, functions and simple commands. What is not offered (files to write) is refused by name.
 */

import type { Assignment, Command, Pipeline, Redirection, Script, Unread, Word } from './syntax.js';
import { Cursor, NotRead, syntaxError, WordReader } from './word-reader.js';

export const isUnread = (read: Script | Unread): read is Unread => 'problem' in read;

/** Blanks, lines that go on, comments. */
const BLANKS = /(?:[ \t\r]|\\\n|#[^\n]*)+/y;
const RESERVED = /(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|in|[{}!])(?=[\s;&|<>()]|$)/y;
/** These open what is read further; the others mean something only behind them. */
const OPENING = new Set(['if', 'for', 'while', 'until', '{', '!', 'case']);
const ASSIGNMENT = /[A-Za-z_]\w*=/y;
const REDIRECTION = /\d*(?:<<-?|<>|<&|>>|>&|>\||<|>)/y;
const NAME = /^[A-Za-z_]\w*$/;

const literal = (word: Word): string | undefined =>
  word.every(({ kind }) => kind === 'text')
    ? word.map((part) => ('text' in part ? part.text : '')).join('')
    : undefined;

/** What is joined by `&&` and `||` before an `&` is one command in the background. */
function behind(script: Pipeline[]): void {
  const start = script.findLastIndex(({ after }) => after === ';');
  const list = script.splice(start);
  script.push({ commands: [{ kind: 'background', script: list, redirections: [] }], negated: false, after: ';' });
}

class Reader {
  readonly #cursor: Cursor;
  readonly #words: WordReader;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
    this.#words = new WordReader(cursor, {
      upToParenthesis: (inner) => new Reader(inner).#upToParenthesis(),
      whole: (text) => new Reader(new Cursor(text)).whole(),
    });
  }

  #upToParenthesis(): Script {
    const script = this.#list();
    this.#expect(')');
    return script;
  }

  whole(): Script {
    const script = this.#list();
    if (!this.#cursor.atEnd) this.#unexpected();
    return script;
  }

  /** Commands up to a word that only closes, a `)` or the end; these stay. */
  #list(): Script {
    const script: Pipeline[] = [];
    let after: Pipeline['after'] = ';';
    for (;;) {
      this.#skipLines();
      if (this.#ends()) {
        if (after !== ';') this.#unexpected();
        return script;
      }
      script.push(this.#pipeline(after));
      const separator = this.#separator();
      if (separator === undefined) return script;
      if (separator === '&') behind(script);
      after = separator === '&' ? ';' : separator;
    }
  }

  #separator(): Pipeline['after'] | '&' | undefined {
    const cursor = this.#cursor;
    cursor.take(BLANKS);
    if (cursor.startsWith(';;')) return undefined;
    const found = cursor.take(/&&|\|\||[;&\n]/y);
    if (found === '&&' || found === '||' || found === '&') return found;
    return found === undefined ? undefined : ';';
  }

  #pipeline(after: Pipeline['after']): Pipeline {
    const negated = this.#peekReserved() === '!';
    if (negated) this.#cursor.at += 1;
    const commands = [this.#command()];
    for (;;) {
      this.#cursor.take(BLANKS);
      if (this.#cursor.take(/\|(?!\|)/y) === undefined) return { commands, negated, after };
      this.#skipLines();
      commands.push(this.#command());
    }
  }

  #command(): Command {
    this.#cursor.take(BLANKS);
    const opening = this.#peekReserved();
    if (opening === undefined) return this.#cursor.next === '(' ? this.#subshell() : this.#simple();
    switch (opening) {
      case 'if':
        return this.#if();
      case 'for':
        return this.#for();
      case 'while':
      case 'until':
        return this.#loop(opening);
      case '{': {
        this.#keyword('{');
        const script = this.#body('}');
        return { kind: 'group', script, apart: false, redirections: this.#redirections() };
      }
      case 'case':
        return this.#case();
      default:
        return this.#unexpected();
    }
  }

  #subshell(): Command {
    this.#cursor.at += 1;
    const script = this.#some();
    this.#expect(')');
    return { kind: 'group', script, apart: true, redirections: this.#redirections() };
  }

  #if(): Command {
    const branches: { condition: Script; script: Script }[] = [];
    let otherwise: Script | undefined;
    let word = 'if';
    while (word === 'if' || word === 'elif') {
      this.#keyword(word);
      const condition = this.#body('then');
      branches.push({ condition, script: this.#some() });
      word = this.#peekReserved() ?? this.#unexpected('fi');
    }
    if (word === 'else') {
      this.#keyword('else');
      otherwise = this.#some();
    }
    this.#keyword('fi');
    return { kind: 'if', branches, otherwise, redirections: this.#redirections() };
  }

  #for(): Command {
    this.#keyword('for');
    this.#cursor.take(BLANKS);
    const name = literal(this.#words.word()) ?? '';
    if (!NAME.test(name)) syntaxError('Bad for loop variable');
    this.#skipLines();
    let words: Word[] | undefined;
    if (this.#peekReserved() === 'in') {
      this.#keyword('in');
      words = this.#wordsHere();
    }
    this.#cursor.take(BLANKS);
    this.#cursor.take(/;(?!;)/y);
    this.#skipLines();
    this.#keyword('do');
    const script = this.#body('done');
    return { kind: 'for', name, words, script, redirections: this.#redirections() };
  }

  #case(): Command {
    this.#keyword('case');
    const [word] = this.#wordsHere(1);
    if (word === undefined) this.#unexpected();
    this.#skipLines();
    this.#keyword('in');
    this.#skipLines();
    const clauses: { patterns: Word[]; script: Script }[] = [];
    while (this.#peekReserved() !== 'esac') {
      clauses.push({ patterns: this.#patterns(), script: this.#list() });
      this.#cursor.take(BLANKS);
      if (this.#cursor.take(/;;/y) === undefined) break;
      this.#skipLines();
    }
    this.#keyword('esac');
    return { kind: 'case', word, clauses, redirections: this.#redirections() };
  }

  /** `(a | b)`, of which the first parenthesis may be missing. */
  #patterns(): Word[] {
    this.#cursor.take(/\(/y);
    const patterns: Word[] = [];
    do {
      const [pattern] = this.#wordsHere(1);
      patterns.push(pattern ?? this.#unexpected());
      this.#cursor.take(BLANKS);
    } while (this.#cursor.take(/\|/y) !== undefined);
    this.#expect(')');
    return patterns;
  }

  /** Behind its name. */
  #function(word: Word): Command {
    this.#cursor.at += 1;
    this.#expect(')');
    const name = literal(word) ?? '';
    if (!NAME.test(name)) syntaxError('Bad function name');
    this.#skipLines();
    return { kind: 'function', name, body: this.#command(), redirections: [] };
  }

  #loop(word: 'while' | 'until'): Command {
    this.#keyword(word);
    const condition = this.#body('do');
    const script = this.#body('done');
    return { kind: 'loop', until: word === 'until', condition, script, redirections: this.#redirections() };
  }

  #simple(): Command {
    const assignments: Assignment[] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      this.#cursor.take(BLANKS);
      const redirection = this.#redirection();
      if (redirection !== undefined) {
        redirections.push(redirection);
        continue;
      }
      const name = words.length === 0 ? this.#cursor.take(ASSIGNMENT) : undefined;
      const word = name === undefined ? this.#words.word() : this.#words.value();
      if (name !== undefined) assignments.push({ name: name.slice(0, -1), value: word });
      else if (word.length === 0) break;
      else words.push(word);
    }
    const [first] = words;
    const isAlone = words.length === 1 && assignments.length + redirections.length === 0;
    if (first !== undefined && isAlone && this.#cursor.next === '(') return this.#function(first);
    if (assignments.length + words.length + redirections.length === 0) this.#unexpected();
    return { kind: 'simple', assignments, words, redirections };
  }

  #wordsHere(most = Infinity): Word[] {
    const words: Word[] = [];
    while (words.length < most) {
      this.#cursor.take(BLANKS);
      const word = this.#words.word();
      if (word.length === 0) break;
      words.push(word);
    }
    return words;
  }

  #redirections(): readonly Redirection[] {
    const all: Redirection[] = [];
    for (;;) {
      this.#cursor.take(BLANKS);
      const one = this.#redirection();
      if (one === undefined) return all;
      all.push(one);
    }
  }

  #redirection(): Redirection | undefined {
    const found = this.#cursor.take(REDIRECTION);
    if (found === undefined) return undefined;
    const [, digits = '', operator = ''] = /^(\d*)(.+)$/.exec(found) ?? [];
    const descriptor = digits === '' ? (operator.startsWith('<') ? 0 : 1) : Number(digits);
    this.#cursor.take(BLANKS);
    const start = this.#cursor.at;
    const target = this.#words.word();
    if (target.length === 0) this.#redirectionWithout();
    if (/^<<-?$/.test(operator)) {
      const written = this.#cursor.text.slice(start, this.#cursor.at);
      const isQuoted = /['"\\]/.test(written);
      const text = this.#hereDocument(literal(target) ?? written, operator === '<<-');
      return { kind: 'lines', descriptor, lines: isQuoted ? [{ kind: 'text', text }] : this.#words.lines(text) };
    }
    const kind = operator.endsWith('&') ? 'same' : operator.startsWith('<') ? 'input' : 'output';
    return { kind, descriptor, target };
  }

  #redirectionWithout(): never {
    return this.#cursor.take(REDIRECTION) === undefined ? this.#unexpected() : syntaxError('redirection unexpected');
  }

  /** The lines behind this one up to that which ends them: they are taken out of what is read further. */
  #hereDocument(end: string, withoutTabs: boolean): string {
    const { text, at } = this.#cursor;
    const newline = text.indexOf('\n', at);
    const from = newline < 0 ? text.length : newline + 1;
    const lines: string[] = [];
    let to = from;
    while (to < text.length) {
      const next = text.indexOf('\n', to);
      const whole = text.slice(to, next < 0 ? undefined : next);
      to = next < 0 ? text.length : next + 1;
      const line = withoutTabs ? whole.replace(/^\t+/, '') : whole;
      if (line === end) break;
      lines.push(next < 0 ? line : `${line}\n`);
    }
    this.#cursor.cut(from, to);
    return lines.join('');
  }

  /** Commands, of which there is one at least, up to a word that closes them, which is passed over. */
  #body(close: string): Script {
    const script = this.#some();
    this.#keyword(close);
    return script;
  }

  #some(): Script {
    const script = this.#list();
    return script.length === 0 ? this.#unexpected() : script;
  }

  #keyword(word: string): void {
    if (this.#peekReserved() !== word) this.#unexpected(word);
    this.#cursor.at += word.length;
  }

  #expect(text: string): void {
    this.#cursor.take(BLANKS);
    if (this.#cursor.next !== text) this.#unexpected(text);
    this.#cursor.at += text.length;
  }

  #peekReserved(): string | undefined {
    this.#cursor.take(BLANKS);
    const { at } = this.#cursor;
    const word = this.#cursor.take(RESERVED);
    this.#cursor.at = at;
    return word;
  }

  #ends(): boolean {
    const word = this.#peekReserved();
    if (this.#cursor.atEnd || this.#cursor.next === ')' || this.#cursor.startsWith(';;')) return true;
    return word !== undefined && !OPENING.has(word);
  }

  #skipLines(): void {
    while (this.#cursor.take(BLANKS) !== undefined || this.#cursor.take(/\n/y) !== undefined);
  }

  #unexpected(expected?: string): never {
    this.#cursor.take(BLANKS);
    const found = this.#cursor.take(RESERVED) ?? this.#cursor.take(/&&|\|\||;;?|[&|<>()\n]/y);
    const other = this.#cursor.atEnd ? 'end of file unexpected' : 'word unexpected';
    const what = found === undefined ? other : found === '\n' ? 'newline unexpected' : `"${found}" unexpected`;
    return syntaxError(expected === undefined ? what : `${what} (expecting "${expected}")`);
  }
}

export function readScript(text: string): Script | Unread {
  try {
    return new Reader(new Cursor(text)).whole();
  } catch (error) {
    if (error instanceof NotRead) return { problem: error.message };
    throw error;
  }
}
