/** What a word stands for (POSIX, Shell Command Language, 2.6): parameters, sums, what commands print, names of files. */

import { reckon } from './arithmetic.js';
import { DEFAULT_IFS, escaped, Fields, isPattern, PATTERNS, patternSource } from './fields.js';
import { cased, replaced, sliced } from './bash-parameters.js';
import { escapeRegExp } from '../text/regexp.js';
import { optionLetters } from './set.js';
import { SHELL_PID, type ShellState } from './state.js';
import type { Parameter, Part, Script, Word } from './syntax.js';

/** What an expansion asks of the shell. */
export interface ExpansionContext {
  readonly state: ShellState;
  /** Variables that have a value which nobody here knows, and where it stands. */
  readonly unresolved: ReadonlyMap<string, string>;
  /** What commands print, without the newlines at its end. */
  outputOf(script: Script): string;
  /** Files and folders that a pattern names. */
  matching(pattern: string): readonly string[];
}

/** Thrown by `${x?why}`, and by what nobody here knows. */
export class ParameterError extends Error {}
/** Thrown by `${…}` that nobody could read. */
export class BadSubstitution extends Error {}

/** Characters are octets, as in the locale C. */
const octetsOf = (text: string): number => new TextEncoder().encode(text).length;

/** `"$@"`, `"${x[@]}"`. */
const isList = (part: Part): part is Parameter & { readonly quoted: true } =>
  part.kind === 'parameter' &&
  part.quoted &&
  (part.subscript === '@' || (part.name === '@' && part.subscript === undefined)) &&
  (part.change === undefined || (typeof part.change === 'object' && part.change.operator === ':'));

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
      const isDropped = pattern !== undefined && this.#context.state.options.has('nullglob');
      return names.length === 0 && !isDropped ? [text] : names;
    });
  }

  /** `"$@"` without arguments. */
  #isNothing(word: Word): boolean {
    const rest = word.filter((part) => !(part.kind === 'text' && part.text === ''));
    return rest.length > 0 && rest.every((part) => isList(part) && this.#listOf(part).length === 0);
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
    else if (isList(part)) this.#list(part, fields);
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
  #list(part: Parameter, fields: Fields): void {
    for (const [i, one] of this.#listOf(part).entries()) {
      if (i > 0) fields.end();
      fields.add(one);
    }
  }

  #listOf({ name, subscript, indirect, change }: Parameter): readonly string[] {
    const { state } = this.#context;
    const all = subscript === undefined ? state.positional : state.valuesOf(name);
    if (indirect === true) return all.map((_, i) => String(i));
    if (typeof change !== 'object') return all;
    // `${@:0}` begins with the script's name.
    const counted = subscript === undefined ? [state.scriptName, ...all] : all;
    return this.#sliced(counted, change) ?? [];
  }

  #sliced<Item>(
    all: readonly Item[],
    { word, second }: { readonly word: Word; readonly second?: Word | undefined },
  ): readonly Item[] | undefined {
    const number = (sum: Word): number => Number(reckon(this.text(sum), this.#context.state));
    return sliced(all, number(word), second === undefined ? undefined : number(second));
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
    const { dialect, variables } = this.#context.state;
    if (user === '') return variables.get('HOME') ?? (dialect === 'bash' ? '/root' : '~');
    return user === 'root' ? '/root' : `~${user}`;
  }

  /** Its value, or the word that stands for it. */
  #parameter(parameter: Parameter): string | Word {
    const { state } = this.#context;
    const isBash = state.dialect === 'bash';
    const { name, change } = parameter;
    if (change === 'bad') throw new BadSubstitution(isBash ? `\${${name}}: bad substitution` : 'Bad substitution');
    const isMany = parameter.subscript === '@' || parameter.subscript === '*' || /^[@*]$/.test(name);
    if (change === 'length' && isMany && isBash)
      return String((parameter.subscript === undefined ? state.positional : state.valuesOf(name)).length);
    const value = this.#found(parameter);
    const needsValue = change === undefined || change === 'length' || !/^:?[-=+?]$/.test(change.operator);
    if (value === undefined && needsValue && state.options.has('nounset') && !isMany)
      throw new ParameterError(`${name}: ${isBash ? 'unbound variable' : 'parameter not set'}`);
    if (change === undefined) return value ?? '';
    if (change === 'length') return String(octetsOf(value ?? ''));
    return needsValue ? this.#changed(parameter, change, value ?? '') : this.#otherwise(name, change, value);
  }

  /** With a colon what is empty counts as what is not set. */
  #otherwise(
    name: string,
    { operator, word }: { readonly operator: string; readonly word: Word },
    value: string | undefined,
  ): string | Word {
    const isSet = value !== undefined && !(operator.startsWith(':') && value === '');
    switch (operator.at(-1)) {
      case '+':
        return isSet ? word : '';
      case '=':
        if (isSet) return value;
        return this.#assigned(name, this.text(word));
      case '?':
        if (isSet) return value;
        throw new ParameterError(`${name}: ${this.text(word) || this.#unset(operator)}`);
      default:
        return isSet ? value : word;
    }
  }

  #unset(operator: string): string {
    return this.#context.state.dialect === 'bash' && operator.startsWith(':')
      ? 'parameter null or not set'
      : 'parameter not set';
  }

  #changed(
    parameter: Parameter,
    change: { readonly operator: string; readonly word: Word; readonly second?: Word | undefined },
    value: string,
  ): string {
    const { operator, word, second } = change;
    if (operator === ':') {
      if (/^[@*]$/.test(parameter.name) || parameter.subscript === '@' || parameter.subscript === '*')
        return this.#listOf(parameter).join(' ');
      const found = this.#sliced(Array.from(value), change);
      if (found === undefined) throw new BadSubstitution(`${this.text(second ?? [])}: substring expression < 0`);
      return found.join('');
    }
    const each = (made: (one: string) => string): string => this.#valuesOf(parameter, value).map(made).join(' ');
    if (/^[%#]/.test(operator)) return each((one) => this.#without(one, operator, word));
    const pattern = this.#patternOf(word);
    if (operator.startsWith('/')) {
      const by = this.text(second ?? []);
      return each((one) => replaced(one, operator, { pattern, by }));
    }
    return each((one) => cased(one, operator, pattern));
  }

  #valuesOf({ name, subscript }: Parameter, value: string): readonly string[] {
    if (subscript === '@' || subscript === '*') return this.#context.state.valuesOf(name);
    return this.#context.state.dialect === 'bash' && /^[@*]$/.test(name) ? this.#context.state.positional : [value];
  }

  /** Of a list all, with the first of IFS between them where they are one word. */
  #found({ name, subscript, indirect, quoted }: Parameter): string | undefined {
    const { state } = this.#context;
    if (subscript === '@' || subscript === '*') {
      const all = state.valuesOf(name);
      const words = indirect === true ? all.map((_, i) => String(i)) : all;
      return all.length === 0 ? undefined : words.join(quoted && subscript === '*' ? this.#ifs.charAt(0) : ' ');
    }
    if (subscript === undefined && indirect !== true) return this.#valueOf(name);
    const value = subscript === undefined ? this.#valueOf(name) : this.#element(name, subscript);
    return indirect === true ? this.#valueOf(value ?? '') : value;
  }

  #element(name: string, subscript: Word): string | undefined {
    const { state } = this.#context;
    return state.valuesOf(name).at(Number(reckon(this.text(subscript), state)));
  }

  #assigned(name: string, value: string): string {
    this.#context.state.assign(name, value);
    return value;
  }

  /** A regular expression, of which what is quoted stands for itself. */
  expression(word: Word): string {
    return word
      .map((part) => {
        const text = this.#textOf(part);
        const isQuoted = part.kind === 'text' && part.quoted === true;
        return isQuoted || (part.kind !== 'text' && 'quoted' in part && part.quoted) ? escapeRegExp(text) : text;
      })
      .join('');
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
    if (name === '-') return optionLetters(this.#context.state);
    if (/^\d+$/.test(name)) return positional[Number(name) - 1];
    const from = variables.has(name) ? undefined : this.#context.unresolved.get(name);
    if (from !== undefined) throw new ParameterError(`${name}: is not known here: ${from}`);
    return variables.get(name);
  }
}
