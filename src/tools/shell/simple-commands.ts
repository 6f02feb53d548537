/** Commands of words: functions, what a shell does itself, and programs (POSIX, Shell Command Language, 2.9.1). */

import { isThere, readFile } from '../files.js';
import { environmentOf, failure, type Programs, type ToolPlace, type ToolResult } from '../tool.js';
import { reckon } from './arithmetic.js';
import { BASH_BUILTINS } from './bash-builtins.js';
import { BUILTINS, ORDINARY_BUILTINS } from './builtins.js';
import type { Expansion } from './expand.js';
import { Fatal, Lost, NOT_EXECUTABLE } from './fatal.js';
import { namedBy, typeOf } from './lookup.js';
import { isUnread, readScript } from './reader.js';
import { type Dialect, Leaving, type ShellState } from './state.js';
import type { Streams } from './streams.js';
import type { Assignment, Command, Redirection, Script } from './syntax.js';

/** Calls of functions within one another. */
const MOST_CALLS = 100;

/** What is set before these stays set, as without a command (POSIX, 2.14); in bash before `exec` alone. */
const STAYING: Readonly<Record<Dialect, ReadonlySet<string>>> = {
  sh: new Set(['.', 'eval', 'exec', ...Object.keys(BUILTINS).filter((name) => !ORDINARY_BUILTINS.has(name))]),
  bash: new Set(['exec']),
};

export interface SimpleCommandsContext {
  readonly state: ShellState;
  readonly expansion: Expansion;
  readonly streams: Streams;
  readonly programs: Programs;
  readonly here: () => ToolPlace;
  readonly script: (script: Script) => void;
  readonly command: (command: Command) => void;
}

type Simple = Command & { readonly kind: 'simple' };

interface Called {
  /** Undefined where nothing but assignments and redirections stands there. */
  readonly name: string | undefined;
  readonly args: readonly string[];
  /** Of a function. */
  readonly body: Command | undefined;
  /** `command -v`, `command -V`. */
  readonly isAsked: boolean;
}

/** As bash shows a word that it would have to quote. */
const shown = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

export class SimpleCommands {
  readonly #context: SimpleCommandsContext;
  /** What the commands within the words of a command have ended with. */
  substituted = 0;

  constructor(context: SimpleCommandsContext) {
    this.#context = context;
  }

  get #isBash(): boolean {
    return this.#context.state.dialect === 'bash';
  }

  run(command: Simple): void {
    const { state, streams, expansion } = this.#context;
    this.substituted = 0;
    const said = command.words.flatMap((word) => expansion.words(word));
    const called = this.#called(said);
    const { name, args, body } = called;
    const stays = name === undefined || (body === undefined && STAYING[state.dialect].has(name));
    const go = (how: 'stays' | 'kept' | 'exported'): void => {
      this.#assign(command, said, how);
      if (name === 'exec' && body === undefined) this.#exec(args, command.redirections);
      else if (!streams.within(command.redirections, () => this.#run(called)) && stays && name !== undefined)
        throw new Leaving('exit', 2);
    };
    // Before another command these are its environment alone.
    if (stays || command.assignments.length === 0) go('stays');
    else state.within(() => go(body === undefined ? 'exported' : 'kept'));
  }

  /** `command NAME` passes over functions. */
  #called([first, ...behind]: readonly string[]): Called {
    const isAsked = first === 'command' && /^-[vV]$/.test(behind[0] ?? '');
    const isPlain = (first === 'command' && !isAsked) || (this.#isBash && first === 'builtin');
    const name = isPlain ? behind.find((word) => word !== '-p') : first;
    const args = isPlain ? behind.slice(behind[0] === '-p' ? 2 : 1) : behind;
    const body = isPlain || name === undefined ? undefined : this.#context.state.functions.get(name);
    return { name, args, body, isAsked };
  }

  /** One after the other. */
  #assign({ assignments }: Simple, said: readonly string[], how: 'stays' | 'kept' | 'exported'): void {
    const { state, streams } = this.#context;
    const told: string[] = [];
    for (const one of assignments) {
      if (how !== 'stays') state.keep(one.name);
      told.push(this.#assignOne(one));
      if (how === 'exported') state.exported.add(one.name);
    }
    if (!state.options.has('xtrace') || told.length + said.length === 0) return;
    if (!this.#isBash) streams.write(2, `+ ${[...told, ...said].join(' ')}\n`);
    else for (const row of [...told, said.map(shown).join(' ')]) if (row !== '') streams.write(2, `+ ${row}\n`);
  }

  /** As `set -x` tells of it. */
  #assignOne({ name, value, adds, subscript, elements }: Assignment): string {
    const { state, expansion } = this.#context;
    if (elements !== undefined) {
      const words = elements.flatMap((word) => expansion.words(word));
      state.assignAll(name, adds === true ? [...state.valuesOf(name), ...words] : words);
      return `${name}${adds === true ? '+' : ''}=(${words.map(shown).join(' ')})`;
    }
    const text = expansion.text(value);
    if (subscript !== undefined) {
      const at = Number(reckon(expansion.text(subscript), state));
      const all = [...state.valuesOf(name)];
      all[at < 0 ? all.length + at : at] = adds === true ? (all.at(at) ?? '') + text : text;
      state.assignAll(
        name,
        Array.from(all, (one: string | undefined) => one ?? ''),
      );
      return `${name}[${at}]=${text}`;
    }
    const whole = adds === true ? (state.variables.get(name) ?? '') + text : text;
    const values = state.arrays.get(name);
    if (values === undefined) state.assign(name, whole);
    else state.assignAll(name, [whole, ...values.slice(1)]);
    return `${name}${adds === true ? '+' : ''}=${this.#isBash && text !== '' ? shown(text) : text}`;
  }

  #run({ name, args, body, isAsked }: Called): void {
    const { state, streams, programs } = this.#context;
    const { pathOf } = programs;
    if (name === undefined) state.status = this.substituted;
    else if (body !== undefined) this.#call(body, args);
    else if (isAsked) streams.print(namedBy(state, args, pathOf));
    else if (name === 'type') streams.print(typeOf(state, args, pathOf));
    else if (name === 'eval') this.#eval(args.join(' '));
    else if (name === '.' || (name === 'source' && this.#isBash)) this.#sourced(name, args);
    else if (Object.hasOwn(this.#isBash ? BASH_BUILTINS : BUILTINS, name)) this.#builtin(name, args);
    else if (pathOf(name) === undefined && name.includes('/') && isThere(this.#context.here(), name) !== undefined)
      streams.print(failure(NOT_EXECUTABLE, `${state.dialect}: ${name}: ${this.#refusal(name)}`));
    else streams.print(this.#program([name, ...args]));
  }

  #refusal(path: string): string {
    return this.#isBash && isThere(this.#context.here(), path)?.folder === true
      ? 'Is a directory'
      : 'Permission denied';
  }

  #call(body: Command, args: readonly string[]): void {
    const { state, command } = this.#context;
    const { positional, loops } = state;
    if (state.calls === MOST_CALLS) throw new Fatal(`functions were left after ${MOST_CALLS} calls within one another`);
    state.positional = args;
    state.calls += 1;
    state.loops = 0;
    try {
      state.within(() => command(body));
    } catch (error) {
      if (!(error instanceof Leaving) || error.kind !== 'return') throw error;
      state.status = this.#isBash ? error.count & 0xff : error.count;
    } finally {
      state.calls -= 1;
      state.loops = loops;
      state.positional = positional;
    }
  }

  /** `exec [COMMAND...]`: what is redirected stays so; a command takes the shell's place. */
  #exec(command: readonly string[], redirections: readonly Redirection[]): void {
    const { state, streams, programs } = this.#context;
    const opened = streams.opened(redirections);
    if (opened === undefined) throw new Leaving('exit', state.status);
    state.descriptors = opened;
    state.status = 0;
    const [name] = command;
    if (name === undefined) return;
    state.traps.delete('EXIT');
    if (programs.pathOf(name) === undefined) throw new Lost(`exec: ${name}: not found`);
    streams.print(this.#program(command));
    throw new Leaving('exit', state.status);
  }

  /** What goes wrong with one that is special ends a script of dash. */
  #builtin(name: string, args: readonly string[]): void {
    const { state, streams, here } = this.#context;
    const builtins = this.#isBash ? BASH_BUILTINS : BUILTINS;
    const result = builtins[name]?.(state, args, here());
    if (result !== undefined)
      streams.print({ ...result, stderr: result.stderr.replaceAll(/^sh: /gm, `${state.dialect}: `) });
    if (!this.#isBash && !ORDINARY_BUILTINS.has(name) && state.status === 2) throw new Leaving('exit', 2);
  }

  #eval(text: string): void {
    const { state, streams, script: run } = this.#context;
    const script = readScript(text, state.dialect);
    if (!isUnread(script)) {
      state.status = 0;
      run(script);
      return;
    }
    if (!this.#isBash) throw new Fatal(`eval: ${script.problem}`);
    streams.complain(`eval: ${script.problem}`);
    state.status = 2;
  }

  /** `. FILE`: to dash a name without a slash is that of a program, none of which is a script. */
  #sourced(name: string, [path]: readonly string[]): void {
    const { state, streams, here, script: run } = this.#context;
    if (path === undefined) {
      if (this.#isBash) streams.print(failure(2, `bash: ${name}: filename argument required`));
      return;
    }
    if (!this.#isBash && !path.includes('/')) throw new Fatal(`.: ${path}: not found`);
    const file = readFile(here(), path);
    if ('problem' in file) {
      if (!this.#isBash) throw new Fatal(`.: cannot open ${path}: ${file.problem.replace(/ or directory$/, '')}`);
      streams.print(failure(1, `bash: ${path}: ${file.problem}`));
      return;
    }
    const script = readScript(file.text, state.dialect);
    if (isUnread(script)) throw new Fatal(`${path}: ${script.problem}`);
    state.status = 0;
    state.sources += 1;
    try {
      run(script);
    } catch (error) {
      if (!(error instanceof Leaving) || error.kind !== 'return') throw error;
      state.status = error.count;
    } finally {
      state.sources -= 1;
    }
  }

  #program(command: readonly string[]): ToolResult {
    const { state, programs, here } = this.#context;
    const place = here();
    const environment = { variables: state.environment(), unresolved: environmentOf(place).unresolved };
    return programs.run({ ...place, environment }, command, state.input.rest);
  }
}
