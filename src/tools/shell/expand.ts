/** What a word stands for (POSIX, Shell Command Language, 2.6): parameters, sums, what commands print, names of files. */

import { reckon } from './arithmetic.js';
import { DEFAULT_IFS, escaped, Fields, isPattern, PATTERNS, patternSource } from './fields.js';
import { SHELL_PID, type ShellState } from './state.js';
import type { Parameter, Part, Script, Word } from './syntax.js';

/** What an expansion asks of the shell. */
export interface ExpansionContext {
  readonly state: Pick<
    ShellState,
    'variables' | 'positional' | 'status' | 'scriptName' | 'options' | 'jobs' | 'assign'
  >;
  /** Variables that have a value which nobody here knows, and where it stands. */
  readonly unresolved: ReadonlyMap<string, string>;
  /** What commands print, without the newlines at its end. */
  outputOf(script: Script): string;
  /** Files and folders that a pattern names. */
  matching(pattern: string): readonly string[];
}

/** Thrown by `${x?why}`, and by what nobody here knows. */
export class ParameterError extends Error {}

/** Characters are octets, as in the locale C. */
const octetsOf = (text: string): number => new TextEncoder().encode(text).length;

/** `"$@"` */
const isArguments = (part: Part): boolean =>
  part.kind === 'parameter' && part.quoted && part.name === '@' && part.change === undefined;

export class Expansion {
  readonly #context: ExpansionContext;

  constructor(context: ExpansionContext) {
    this.#context = context;
  }

  /** Characters that part words. */
  get #ifs(): string {
    return this.#context.state.variables.get('IFS') ?? DEFAULT_IFS;
  }

  /** None, one or several. */
  words(word: Word): readonly string[] {
    if (this.#isNothing(word)) return [];
    const fields = new Fields();
    for (const part of word) this.#part(part, fields);
    return fields.all.flatMap(({ text, pattern }) => {
      const names = pattern === undefined ? [] : this.#context.matching(pattern);
      return names.length === 0 ? [text] : names;
    });
  }

  /** `"$@"` without arguments. */
  #isNothing(word: Word): boolean {
    const rest = word.filter((part) => !(part.kind === 'text' && part.text === ''));
    return this.#context.state.positional.length === 0 && rest.length > 0 && rest.every(isArguments);
  }

  /** As one text: of an assignment, or of a sum. */
  text(word: Word): string {
    return word.map((part) => this.#textOf(part)).join('');
  }

  #part(part: Part, fields: Fields): void {
    if (part.kind === 'text') fields.add(part.text);
    else if (part.kind === 'home') fields.add(this.#textOf(part));
    else if (part.kind === 'pattern') fields.add(part.text, patternSource(part.text, '[^/]'));
    else if (part.kind === 'bare') fields.addSplit(part.text, this.#ifs);
    else if (isArguments(part)) this.#arguments(fields);
    else if (part.kind === 'parameter' && !part.quoted) this.#unquoted(part, fields);
    else if (part.quoted) fields.add(this.#textOf(part));
    else fields.addSplit(this.#textOf(part), this.#ifs);
  }

  /** What is quoted in the word of `${x:-…}` stays together. */
  #unquoted(part: Parameter, fields: Fields): void {
    const value = this.#parameter(part);
    if (typeof value === 'string') fields.addSplit(value, this.#ifs);
    else for (const inner of value) this.#part(inner, fields);
  }

  /** `"$@"`: each is a word of its own. */
  #arguments(fields: Fields): void {
    for (const [i, one] of this.#context.state.positional.entries()) {
      if (i > 0) fields.end();
      fields.add(one);
    }
  }

  #textOf(part: Part): string {
    switch (part.kind) {
      case 'text':
      case 'pattern':
      case 'bare':
        return part.text;
      case 'home':
        return this.#home(part.user);
      case 'arithmetic':
        return reckon(this.text(part.inside), this.#context.state);
      case 'output':
        return this.#context.outputOf(part.script);
      default: {
        const value = this.#parameter(part);
        return typeof value === 'string' ? value : this.text(value);
      }
    }
  }

  /** Of whoever is not known nothing becomes of it. */
  #home(user: string): string {
    return user === '' ? (this.#context.state.variables.get('HOME') ?? '~') : user === 'root' ? '/root' : `~${user}`;
  }

  /** Its value, or the word that stands for it. */
  #parameter({ name, change }: Parameter): string | Word {
    if (change === 'bad') throw new ParameterError('Bad substitution');
    const value = this.#valueOf(name);
    const needsValue = change === undefined || change === 'length' || /^[%#]/.test(change.operator);
    if (value === undefined && needsValue && this.#context.state.options.has('u'))
      throw new ParameterError(`${name}: parameter not set`);
    if (change === undefined) return value ?? '';
    if (change === 'length') return String(octetsOf(value ?? ''));
    const { operator, word } = change;
    if (/^[%#]/.test(operator)) return this.#without(value ?? '', operator, word);
    // With a colon what is empty counts as what is not set.
    const isSet = value !== undefined && !(operator.startsWith(':') && value === '');
    switch (operator.at(-1)) {
      case '+':
        return isSet ? word : '';
      case '=':
        if (isSet) return value;
        return this.#assigned(name, this.text(word));
      case '?':
        if (isSet) return value;
        throw new ParameterError(`${name}: ${this.text(word) || 'parameter not set'}`);
      default:
        return isSet ? value : word;
    }
  }

  #assigned(name: string, value: string): string {
    this.#context.state.assign(name, value);
    return value;
  }

  /** Whether the pattern of a `case` is that of the value. */
  matches(value: string, pattern: Word): boolean {
    return new RegExp(`^${this.#patternOf(pattern)}$`).test(value);
  }

  /** What is not quoted in it is a pattern, wherever it comes from. */
  #patternOf(word: Word): string {
    return word
      .map((part) => {
        if (part.kind === 'pattern') return patternSource(part.text, '[^]');
        const text = this.#textOf(part);
        if (part.kind === 'text' || part.kind === 'bare' || part.kind === 'home' || part.quoted) return escaped(text);
        return text.replaceAll(PATTERNS, (one) => (isPattern(one) ? patternSource(one, '[^]') : escaped(one)));
      })
      .join('');
  }

  /** `${x%pattern}` and `${x#pattern}`: the shortest, doubled the longest end or beginning is taken off. */
  #without(value: string, operator: string, word: Word): string {
    const whole = new RegExp(`^${this.#patternOf(word)}$`);
    const lengths = Array.from({ length: value.length + 1 }, (_, length) => length);
    if (operator.length === 2) lengths.reverse();
    const atEnd = operator.startsWith('%');
    const found = lengths.find((length) =>
      whole.test(atEnd ? value.slice(value.length - length) : value.slice(0, length)),
    );
    if (found === undefined) return value;
    return atEnd ? value.slice(0, value.length - found) : value.slice(found);
  }

  #valueOf(name: string): string | undefined {
    const { positional, status, scriptName, variables, jobs } = this.#context.state;
    if (name === '!') return jobs.length === 0 ? undefined : String(jobs.length);
    if (name === '?') return String(status);
    if (name === '#') return String(positional.length);
    if (name === '@') return positional.join(' ');
    if (name === '*') return positional.join(this.#ifs.charAt(0));
    if (name === '0') return scriptName;
    if (name === '$') return String(SHELL_PID);
    if (name === '-') return [...this.#context.state.options].join('');
    if (/^\d+$/.test(name)) return positional[Number(name) - 1];
    const from = variables.has(name) ? undefined : this.#context.unresolved.get(name);
    if (from !== undefined) throw new ParameterError(`${name}: is not known here: ${from}`);
    return variables.get(name);
  }
}
