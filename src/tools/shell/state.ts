/** What a shell keeps between commands. */

import { DEFAULT_IFS } from './fields.js';
import type { Command } from './syntax.js';

/** Ends the script where a command fails (`e`), or where a variable is not set (`u`); tells what is done (`x`). */
export const SHELL_OPTIONS = ['e', 'u', 'x'] as const;
export type ShellOption = (typeof SHELL_OPTIONS)[number];

/** `break`, `continue`, `return` and `exit` on their way out; `count`: loops, or the status. */
export class Leaving extends Error {
  readonly kind: 'break' | 'continue' | 'return' | 'exit';
  readonly count: number;

  constructor(kind: Leaving['kind'], count: number) {
    super(kind);
    this.kind = kind;
    this.count = count;
  }
}

/** Ends the script: a variable that is to stay was to be set. */
export class ReadOnly extends Error {}

/** Standard input: `read` takes lines of it, a command is given what is left. */
export class Input {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get rest(): string {
    return this.#text.slice(this.#at);
  }

  /** Undefined at its end. A last line without a newline is `whole: false`. */
  line(): { readonly text: string; readonly whole: boolean } | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const end = this.#text.indexOf('\n', this.#at);
    const text = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + 1;
    return { text, whole: end >= 0 };
  }
}

/** Of variables, whoever sets them. */
export const NAME = /^[A-Za-z_]\w*$/;

export interface ShellStart {
  readonly scriptName: string;
  readonly positional: readonly string[];
  readonly input: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly folder: string;
}

export class ShellState {
  readonly scriptName: string;
  readonly variables: Map<string, string>;
  /** Names of variables that programs find set. */
  readonly exported: Set<string>;
  positional: readonly string[];
  input: Input;
  /** `$?` */
  status = 0;
  /** Around what is being done. */
  loops = 0;
  /** Conditions around what is being done, of which nothing ends the script. */
  conditions = 0;
  /** Calls of functions around what is being done. */
  calls = 0;
  readonly functions = new Map<string, Command>();
  /** Of each call of a function what its variables were before it. */
  readonly locals: Map<string, string | undefined>[] = [];
  readonly readonly = new Set<string>();
  /** Where names of files begin. */
  folder: string;
  /** By the names of what they wait for; an empty one waits for nothing. */
  readonly traps = new Map<string, string>();
  /** How each command of the background has ended. */
  readonly jobs: number[] = [];
  /** `set -e`, `set -u`. */
  readonly options = new Set<ShellOption>();

  constructor({ scriptName, positional, input, environment, folder }: ShellStart) {
    this.scriptName = scriptName;
    this.positional = positional;
    // What has another name is not handed on, as by dash.
    this.variables = new Map([...environment].filter(([name]) => NAME.test(name)));
    this.exported = new Set(this.variables.keys());
    this.folder = folder;
    this.variables.set('PWD', folder);
    this.variables.set('IFS', DEFAULT_IFS);
    this.input = new Input(input);
  }

  /** What programs find set. */
  environment(): ReadonlyMap<string, string> {
    return new Map([...this.variables].filter(([name]) => this.exported.has(name)));
  }

  /** @throws ReadOnly */
  assign(name: string, value: string): void {
    if (this.readonly.has(name)) throw new ReadOnly(`${name}: is read only`);
    this.variables.set(name, value);
  }

  /** What the next commands read. */
  give(text: string): void {
    this.input = new Input(text);
  }

  copy(input: string): ShellState {
    const { scriptName, positional, folder } = this;
    const copy = new ShellState({ scriptName, positional, input, environment: this.environment(), folder });
    for (const [name, value] of this.variables) copy.variables.set(name, value);
    for (const name of this.exported) copy.exported.add(name);
    for (const [name, body] of this.functions) copy.functions.set(name, body);
    for (const name of this.readonly) copy.readonly.add(name);
    for (const option of this.options) copy.options.add(option);
    for (const [name, action] of this.traps) if (action === '') copy.traps.set(name, action);
    copy.jobs.push(...this.jobs);
    copy.conditions = this.conditions;
    copy.calls = this.calls;
    copy.status = this.status;
    return copy;
  }
}
