/**
 * Reads what `sh -c` is told (POSIX, Shell Command Language, 2.10): lists, pipelines, `if`, `for`, `while`, `until`, `case`,
 * groups, functions and simple commands. What is not offered (files to write) is refused by name.
 */

import { ASSIGNMENT, FUNCTION_NAME, OPENING, RESERVED } from './grammar.js';
import { ConditionReader } from './condition-reader.js';
import { BOTH, readRedirection } from './redirection-reader.js';
import { type Dialect, NAME } from './state.js';
import type { Assignment, Clause, Command, Pipeline, Redirection, Script, Unread, Word } from './syntax.js';
import { BLANKS, Cursor, literal, NotRead, syntaxError, WordReader } from './word-reader.js';

export const isUnread = (read: Script | Unread): read is Unread => 'problem' in read;

/** What is joined by `&&` and `||` before an `&` is one command in the background. */
function behind(script: Pipeline[]): void {
  const start = script.findLastIndex(({ after }) => after === ';');
  const list = script.splice(start);
  script.push({ commands: [{ kind: 'background', script: list, redirections: [] }], negated: false, after: ';' });
}

class Reader {
  readonly #cursor: Cursor;
  readonly #words: WordReader;
  readonly #dialect: Dialect;

  constructor(cursor: Cursor, dialect: Dialect) {
    this.#cursor = cursor;
    this.#dialect = dialect;
    this.#words = new WordReader(cursor, {
      dialect,
      upToParenthesis: (inner) => new Reader(inner, dialect).#upToParenthesis(),
      whole: (text) => new Reader(new Cursor(text), dialect).whole(),
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
    if (cursor.startsWith(';;') || (this.#dialect === 'bash' && cursor.startsWith(';&'))) return undefined;
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
      const pipe = this.#cursor.take(this.#dialect === 'bash' ? /\|&|\|(?!\|)/y : /\|(?!\|)/y);
      if (pipe === undefined) return { commands, negated, after };
      const last = commands.at(-1);
      if (pipe === '|&' && last !== undefined)
        commands.splice(-1, 1, { ...last, redirections: [...last.redirections, BOTH] });
      this.#skipLines();
      commands.push(this.#command());
    }
  }

  #command(): Command {
    this.#cursor.take(BLANKS);
    const opening = this.#peekReserved();
    if (opening === undefined) return this.#cursor.next === '(' ? this.#parenthesis() : this.#simple();
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
      case '[[': {
        this.#keyword('[[');
        const condition = new ConditionReader(this.#cursor, this.#words).whole();
        return { kind: 'condition', condition, redirections: this.#redirections() };
      }
      case 'function':
        return this.#namedFunction();
      default:
        return this.#unexpected();
    }
  }

  /** A shell of its own, or a sum. */
  #parenthesis(): Command {
    const start = this.#cursor.at;
    if (this.#dialect === 'bash' && this.#cursor.take(/\(\(/y) !== undefined) {
      const inside = this.#words.sumIfAny();
      if (inside !== undefined) return { kind: 'sum', inside, redirections: this.#redirections() };
      this.#cursor.at = start;
    }
    return this.#subshell();
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
    if (this.#dialect === 'bash' && this.#cursor.take(/\(\(/y) !== undefined) return this.#count();
    const name = literal(this.#words.word()) ?? '';
    if (!NAME.test(name)) syntaxError('Bad for loop variable');
    this.#skipLines();
    let words: Word[] | undefined;
    if (this.#peekReserved() === 'in') {
      this.#keyword('in');
      words = this.#wordsHere();
    }
    const script = this.#turn();
    return { kind: 'for', name, words, script, redirections: this.#redirections() };
  }

  /** What is done in each turn. */
  #turn(): Script {
    this.#cursor.take(BLANKS);
    this.#cursor.take(/;(?!;)/y);
    this.#skipLines();
    if (this.#dialect === 'bash' && this.#peekReserved() === '{') {
      this.#keyword('{');
      return this.#body('}');
    }
    this.#keyword('do');
    return this.#body('done');
  }

  #count(): Command {
    const sums = this.#words.sums();
    if (sums.length !== 3) syntaxError('arithmetic expression required');
    const script = this.#turn();
    return { kind: 'count', sums, script, redirections: this.#redirections() };
  }

  #case(): Command {
    this.#keyword('case');
    const [word] = this.#wordsHere(1);
    if (word === undefined) this.#unexpected();
    this.#skipLines();
    this.#keyword('in');
    this.#skipLines();
    const clauses: Clause[] = [];
    while (this.#peekReserved() !== 'esac') {
      const [patterns, script] = [this.#patterns(), this.#list()];
      this.#cursor.take(BLANKS);
      const end = this.#cursor.take(this.#dialect === 'bash' ? /;;&|;&|;;/y : /;;/y);
      clauses.push({ patterns, script, end: end === ';&' || end === ';;&' ? end : ';;' });
      if (end === undefined) break;
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
    if (!FUNCTION_NAME[this.#dialect].test(name)) syntaxError('Bad function name');
    this.#skipLines();
    return { kind: 'function', name, body: this.#command(), redirections: [] };
  }

  /** `function NAME [()] COMMAND` */
  #namedFunction(): Command {
    this.#keyword('function');
    const [word] = this.#wordsHere(1);
    if (word === undefined) this.#unexpected();
    this.#cursor.take(BLANKS);
    if (this.#cursor.next === '(') return this.#function(word);
    this.#skipLines();
    return { kind: 'function', name: literal(word) ?? '', body: this.#command(), redirections: [] };
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
      const found = this.#redirection();
      redirections.push(...found);
      if (found.length > 0) continue;
      const target = this.#isAssigning(words) ? this.#cursor.take(ASSIGNMENT[this.#dialect]) : undefined;
      if (target !== undefined && words.length === 0) {
        assignments.push(this.#assignment(target));
        continue;
      }
      if (target !== undefined) this.#cursor.at -= target.length;
      const { at } = this.#cursor;
      words.push(...this.#words.words(target !== undefined));
      if (this.#cursor.at === at) break;
    }
    const [first] = words;
    const isAlone = words.length === 1 && assignments.length + redirections.length === 0;
    if (first !== undefined && isAlone && this.#cursor.next === '(') return this.#function(first);
    if (assignments.length + words.length + redirections.length === 0) this.#unexpected();
    return { kind: 'simple', assignments, words, redirections };
  }

  /** Before a command, and of bash behind one that declares. */
  #isAssigning([first]: readonly Word[]): boolean {
    if (first === undefined) return true;
    return this.#dialect === 'bash' && /^(?:declare|export|local|readonly|typeset)$/.test(literal(first) ?? '');
  }

  #assignment(target: string): Assignment {
    const [, name = '', subscript, plus] = /^(\w+)(?:\[(.*)\])?(\+?)=$/s.exec(target) ?? [];
    const rest = {
      name,
      adds: plus === '+',
      ...(subscript === undefined ? {} : { subscript: this.#words.sum(subscript) }),
    };
    if (this.#dialect !== 'bash' || this.#cursor.take(/\(/y) === undefined)
      return { ...rest, value: this.#words.value() };
    const elements: Word[] = [];
    for (this.#skipLines(); this.#cursor.take(/\)/y) === undefined; this.#skipLines()) {
      const { at } = this.#cursor;
      elements.push(...this.#words.words());
      if (this.#cursor.at === at) this.#unexpected();
    }
    return { ...rest, value: [], elements };
  }

  #wordsHere(most = Infinity): Word[] {
    const words: Word[] = [];
    while (words.length < most) {
      this.#cursor.take(BLANKS);
      const { at } = this.#cursor;
      words.push(...(most === 1 ? [this.#words.word()] : this.#words.words()));
      if (this.#cursor.at === at) return most === 1 ? [] : words;
    }
    return words;
  }

  #redirections(): readonly Redirection[] {
    const all: Redirection[] = [];
    for (;;) {
      this.#cursor.take(BLANKS);
      const found = this.#redirection();
      if (found.length === 0) return all;
      all.push(...found);
    }
  }

  #redirection(): readonly Redirection[] {
    return readRedirection({
      cursor: this.#cursor,
      words: this.#words,
      dialect: this.#dialect,
      fail: (found) => (found === undefined ? this.#unexpected() : syntaxError('redirection unexpected')),
    });
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
    const word = this.#cursor.take(RESERVED[this.#dialect]);
    this.#cursor.at = at;
    return word;
  }

  #ends(): boolean {
    const word = this.#peekReserved();
    if (
      this.#cursor.atEnd ||
      this.#cursor.next === ')' ||
      /^;[;&]/.test(this.#cursor.text.slice(this.#cursor.at, this.#cursor.at + 2))
    )
      return true;
    return word !== undefined && !OPENING.has(word);
  }

  #skipLines(): void {
    while (this.#cursor.take(BLANKS) !== undefined || this.#cursor.take(/\n/y) !== undefined);
  }

  #unexpected(expected?: string): never {
    this.#cursor.take(BLANKS);
    const found = this.#cursor.take(RESERVED[this.#dialect]) ?? this.#cursor.take(/&&|\|\||;;?|[&|<>()\n]/y);
    const other = this.#cursor.atEnd ? 'end of file unexpected' : 'word unexpected';
    const what = found === undefined ? other : found === '\n' ? 'newline unexpected' : `"${found}" unexpected`;
    return syntaxError(expected === undefined ? what : `${what} (expecting "${expected}")`);
  }
}

export function readScript(text: string, dialect: Dialect): Script | Unread {
  try {
    return new Reader(new Cursor(text), dialect).whole();
  } catch (error) {
    if (error instanceof NotRead) return { problem: error.message };
    throw error;
  }
}
