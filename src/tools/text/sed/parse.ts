/** Reads a script of GNU sed 4.9. Files to read, to write and to run are refused by name. */

import { parseSubstitution, patternOf } from './patterns.js';
import { ScriptCursor } from './script-cursor.js';
import {
  type Action,
  type Address,
  PLAIN_COMMANDS,
  type Program,
  type RangeEnd,
  SedError,
  type Step,
} from './syntax.js';

/** What sed knows, and podwire does not. */
const NOT_OFFERED: Readonly<Record<string, string>> = {
  e: 'no program is run by it',
  F: 'files have no names to it',
  l: 'what is unprintable has no form',
  r: 'no file is read by it',
  R: 'no file is read by it',
  v: 'there is one version',
  w: 'no file is written',
  W: 'no file is written',
};

/** Of what is found out when all is read. */
const EXIT_PANIC = 4;

class Parser {
  readonly #cursor: ScriptCursor;
  readonly #extended: boolean;
  readonly #steps: Step[] = [];
  readonly #labels = new Map<string, number>();
  readonly #open: { readonly kind: 'group'; end: number }[] = [];

  constructor(text: string, extended: boolean) {
    this.#cursor = new ScriptCursor(text);
    this.#extended = extended;
  }

  program(): Program {
    const cursor = this.#cursor;
    const silent = /^#n(?:\n|$)/.test(cursor.text);
    for (;;) {
      cursor.take(/[\s;]+/y);
      if (cursor.atEnd) break;
      this.#step();
    }
    if (this.#open.length > 0) throw new SedError("-e expression #1, char 0: unmatched `{'");
    for (const { action } of this.#steps)
      if (action.kind === 'branch' && action.label !== '' && !this.#labels.has(action.label))
        throw new SedError(`can't find label for jump to \`${action.label}'`, EXIT_PANIC);
    return { steps: this.#steps, labels: this.#labels, silent };
  }

  #step(): void {
    const cursor = this.#cursor;
    const first = this.#address();
    cursor.take(/[ \t]+/y);
    let end: RangeEnd | undefined;
    if (first !== undefined && cursor.take(/,[ \t]*/y) !== undefined) {
      end = this.#end() ?? cursor.fail("unexpected `,'", 1);
      cursor.take(/[ \t]+/y);
    }
    if (first?.kind === 'line' && first.number === 0 && end?.kind !== 'pattern')
      cursor.fail('invalid usage of line address 0', 1);
    const negated = cursor.take(/!\s*/y) !== undefined;
    const selection = first === undefined ? undefined : { first, end };
    const action = this.#action(selection !== undefined);
    if (action !== undefined) this.#steps.push({ selection, negated, action });
  }

  #address(): Address | undefined {
    const cursor = this.#cursor;
    const number = cursor.take(/\d+/y);
    if (number !== undefined) {
      const step = cursor.take(/~\d*/y);
      if (step !== undefined) return { kind: 'step', first: Number(number), step: Number(step.slice(1)) };
      return { kind: 'line', number: Number(number) };
    }
    if (cursor.take(/\$/y) !== undefined) return { kind: 'last' };
    const open = cursor.take(/\/|\\[^\n]/y);
    if (open === undefined) return undefined;
    const source = cursor.upTo(open.at(-1) ?? '/') ?? cursor.fail('unterminated address regex');
    const flags = cursor.take(/[IM]+/y) ?? '';
    return { kind: 'pattern', pattern: patternOf(source, { cursor, flags, extended: this.#extended }) };
  }

  #end(): RangeEnd | undefined {
    const more = this.#cursor.take(/[+~]\d+/y);
    if (more === undefined) return this.#address();
    const number = Number(more.slice(1));
    return more.startsWith('+') ? { kind: 'more', lines: number } : { kind: 'multiple', of: number };
  }

  #action(selected: boolean): Action | undefined {
    const cursor = this.#cursor;
    const letter = cursor.take(/[^\n]/y) ?? cursor.fail('missing command');
    if (PLAIN_COMMANDS.includes(letter)) return this.#ended({ kind: 'plain', letter });
    const why = Object.hasOwn(NOT_OFFERED, letter) ? NOT_OFFERED[letter] : undefined;
    if (why !== undefined) throw new SedError(`the command ${letter} is not offered here: ${why}`);
    switch (letter) {
      case '#':
        if (selected) cursor.fail("comments don't accept any addresses");
        cursor.take(/[^\n]*/y);
        return undefined;
      case ':':
        if (selected) cursor.fail(": doesn't want any addresses");
        this.#labels.set(this.#label() || cursor.fail('":" lacks a label'), this.#steps.length);
        return undefined;
      case '{': {
        const group = { kind: 'group', end: 0 } as const satisfies Action;
        const open: { readonly kind: 'group'; end: number } = { ...group };
        this.#open.push(open);
        return open;
      }
      case '}':
        return this.#close(selected);
      case 's':
        return this.#ended(parseSubstitution(cursor, this.#extended));
      case 'y':
        return this.#ended(this.#translation());
      case 'q':
      case 'Q':
        return this.#ended({ kind: 'quit', print: letter === 'q', exitCode: Number(cursor.take(/[ \t]*\d+/y) ?? 0) });
      case 'b':
        return { kind: 'branch', when: 'always', label: this.#label() };
      case 't':
        return { kind: 'branch', when: 'changed', label: this.#label() };
      case 'T':
        return { kind: 'branch', when: 'unchanged', label: this.#label() };
      case 'a':
      case 'i':
      case 'c':
        return { kind: 'text', letter, text: this.#text() };
      default:
        return cursor.fail(`unknown command: \`${letter}'`);
    }
  }

  #close(selected: boolean): undefined {
    if (selected) this.#cursor.fail("} doesn't want any addresses");
    const open = this.#open.pop() ?? this.#cursor.fail("unexpected `}'");
    open.end = this.#steps.length;
    this.#ended(undefined);
  }

  /** Behind a command stands another's beginning, or nothing. */
  #ended<Kind>(action: Kind): Kind {
    const cursor = this.#cursor;
    cursor.take(/[ \t]+/y);
    if (!cursor.atEnd && !/[\n;#}]/.test(cursor.next)) cursor.fail('extra characters after command', 1);
    return action;
  }

  #label(): string {
    this.#cursor.take(/[ \t]+/y);
    return (this.#cursor.take(/[^\n;}]+/y) ?? '').trim();
  }

  /** `a TEXT`, or `a\` with it in the lines below; a backslash before a newline goes on. */
  #text(): string {
    const cursor = this.#cursor;
    cursor.take(/[ \t]*(?:\\[ \t]*\n|\\(?=[^\n]))?/y);
    if (cursor.atEnd) cursor.fail("expected \\ after `a', `c' or `i'");
    const text = cursor.take(/(?:\\[^]|[^\\\n])*/y) ?? '';
    return `${text.replaceAll(/\\([^])/g, (_, one: string) => (one === 't' ? '\t' : one))}\n`;
  }

  #translation(): Action {
    const cursor = this.#cursor;
    const unfinished = "unterminated `y' command";
    const close = cursor.take(/[^\n\\]/y) ?? cursor.fail(unfinished);
    const characters = (text: string): string[] =>
      [...text.matchAll(/\\([^])|([^])/g)].map(([whole, escaped]) => {
        if (escaped === undefined) return whole;
        return { n: '\n', t: '\t', '\\': '\\' }[escaped] ?? (escaped === close ? close : whole);
      });
    const from = characters(cursor.upTo(close) ?? cursor.fail(unfinished));
    const to = characters(cursor.upTo(close) ?? cursor.fail(unfinished));
    if (from.length !== to.length) cursor.fail("strings for `y' command are different lengths");
    return { kind: 'translate', to: new Map(from.map((one, i) => [one, to[i] ?? one])) };
  }
}

/** @throws SedError */
export const parseSed = (text: string, extended: boolean): Program => new Parser(text, extended).program();
