/** What a shell keeps between commands. */

import { DEFAULT_IFS } from './fields.js';
import { type Descriptors, type Input, inputOf } from './descriptors.js';
import type { Command } from './syntax.js';

/** `sh` is dash, but for `echo`; `bash` is bash. */
export type Dialect = 'sh' | 'bash';

/** `$$`: the only shell that there is at its time. */
export const SHELL_PID = 4_711;

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

/** Of variables, whoever sets them. */
export const NAME = /^[A-Za-z_]\w*$/;

/** As a word that stands for itself. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;

export interface ShellStart {
  readonly dialect: Dialect;
  readonly scriptName: string;
  readonly positional: readonly string[];
  readonly descriptors: Descriptors;
  readonly environment: ReadonlyMap<string, string>;
  readonly folder: string;
}

interface Before {
  readonly value: string | undefined;
  readonly values: readonly string[] | undefined;
  readonly exported: boolean;
  readonly readonly: boolean;
}

/** Where programs lie, for whoever does not say so. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What bash 5.2 of Debian 12 says of itself. */
const OF_BASH = [
  ['BASH', '/usr/bin/bash'],
  ['BASH_VERSION', '5.2.15(1)-release'],
  ['EUID', '0'],
  ['OSTYPE', 'linux-gnu'],
  ['UID', '0'],
] as const;

export class ShellState {
  readonly dialect: Dialect;
  readonly scriptName: string;
  readonly variables: Map<string, string>;
  /** Variables that have several values. */
  readonly arrays = new Map<string, readonly string[]>();
  /** Names of variables that programs find set. */
  readonly exported: Set<string>;
  positional: readonly string[];
  descriptors: Descriptors;
  /** `$?` */
  status = 0;
  /** Around what is being done. */
  loops = 0;
  /** Conditions around what is being done, of which nothing ends the script. */
  conditions = 0;
  /** Calls of functions around what is being done. */
  calls = 0;
  /** Files around what is being done that `.` has read. */
  sources = 0;
  readonly functions = new Map<string, Command>();
  /** Of each call of a function what its variables were before it. */
  readonly locals: Map<string, Before>[] = [];
  readonly readonly = new Set<string>();
  /** Where names of files begin. */
  folder: string;
  /** By the names of what they wait for; an empty one waits for nothing. */
  readonly traps = new Map<string, string>();
  /** How each command of the background has ended. */
  readonly jobs: number[] = [];
  /** Where `getopts` is within a word. */
  optionAt = 1;
  /** Names of the options that are set. */
  readonly options = new Set<string>();

  constructor({ dialect, scriptName, positional, descriptors, environment, folder }: ShellStart) {
    this.dialect = dialect;
    this.scriptName = scriptName;
    this.positional = positional;
    // What has another name is not handed on, as by dash.
    this.variables = new Map([...environment].filter(([name]) => NAME.test(name)));
    this.exported = new Set(this.variables.keys());
    this.folder = folder;
    this.variables.set('PATH', environment.get('PATH') ?? DEFAULT_PATH);
    this.variables.set('PWD', folder);
    this.variables.set('IFS', DEFAULT_IFS);
    this.variables.set('OPTIND', '1');
    this.variables.set('PPID', String(SHELL_PID - 1));
    if (dialect === 'bash') for (const [name, value] of OF_BASH) this.variables.set(name, value);
    this.descriptors = descriptors;
  }

  get input(): Input {
    return inputOf(this.descriptors);
  }

  /** What programs find set. */
  environment(): ReadonlyMap<string, string> {
    return new Map([...this.variables].filter(([name]) => this.exported.has(name)));
  }

  /** @throws ReadOnly */
  assign(name: string, value: string): void {
    if (this.readonly.has(name))
      throw new ReadOnly(`${name}: ${this.dialect === 'bash' ? 'readonly variable' : 'is read only'}`);
    this.arrays.delete(name);
    this.variables.set(name, value);
    if (this.options.has('allexport')) this.exported.add(name);
    if (name === 'OPTIND') this.optionAt = 1;
  }

  /** @throws ReadOnly */
  remove(name: string): void {
    if (this.readonly.has(name)) throw new ReadOnly(`unset: ${name}: is read only`);
    this.variables.delete(name);
    this.arrays.delete(name);
    this.exported.delete(name);
  }

  /** All values of a variable. */
  valuesOf(name: string): readonly string[] {
    const value = this.variables.get(name);
    return this.arrays.get(name) ?? (value === undefined ? [] : [value]);
  }

  /** @throws ReadOnly */
  assignAll(name: string, values: readonly string[]): void {
    this.assign(name, values[0] ?? '');
    if (values[0] === undefined) this.variables.delete(name);
    this.arrays.set(name, values);
  }

  /** What is kept meanwhile is afterwards as it was. */
  within(work: () => void): void {
    const kept = new Map<string, Before>();
    this.locals.push(kept);
    try {
      work();
    } finally {
      this.locals.pop();
      for (const [name, { value, values, exported, readonly }] of kept) {
        if (!readonly) this.readonly.delete(name);
        if (value === undefined) this.variables.delete(name);
        else this.variables.set(name, value);
        if (values === undefined) this.arrays.delete(name);
        else this.arrays.set(name, values);
        if (exported) this.exported.add(name);
        else this.exported.delete(name);
      }
    }
  }

  keep(name: string): void {
    const kept = this.locals.at(-1);
    if (kept !== undefined && !kept.has(name))
      kept.set(name, {
        value: this.variables.get(name),
        values: this.arrays.get(name),
        exported: this.exported.has(name),
        readonly: this.readonly.has(name),
      });
  }

  copy(descriptors: Descriptors): ShellState {
    const { dialect, scriptName, positional, folder } = this;
    const copy = new ShellState({
      dialect,
      scriptName,
      positional,
      descriptors,
      environment: this.environment(),
      folder,
    });
    for (const [name, value] of this.variables) copy.variables.set(name, value);
    for (const [name, values] of this.arrays) copy.arrays.set(name, values);
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
