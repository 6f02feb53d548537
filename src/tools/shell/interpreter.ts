/**
 * Does what a shell has read: commands one after the other in the same cluster, so that a later one sees what an earlier one
 * has done. Each command of a pipe ends before the next one begins, since time is the emulation's.
 */

import { isThere, matchingPaths, readFile } from '../files.js';
import { environmentOf, failure, type Programs, type ToolPlace, type ToolResult } from '../tool.js';
import { ArithmeticError } from './arithmetic.js';
import { BUILTINS, ORDINARY_BUILTINS } from './builtins.js';
import { Input, Output } from './descriptors.js';
import { Expansion, ParameterError } from './expand.js';
import { namedBy, typeOf } from './lookup.js';
import { isUnread, readScript } from './reader.js';
import { Leaving, ReadOnly, type ShellState } from './state.js';
import { Streams } from './streams.js';
import type { Command, Pipeline, Redirection, Script } from './syntax.js';

/** Turns of one loop: time passes only as commands take it, so that waiting for another day would never end. */
const MOST_TURNS = 1_000;
/** Calls of functions within one another. */
const MOST_CALLS = 100;

/** Something that ends the script: what has been printed before it stays. */
class Fatal extends Error {}
/** A program that was to take the shell's place, and is not there. */
class Lost extends Fatal {}

const isFatal = (error: unknown): error is Error =>
  [Fatal, ReadOnly, ArithmeticError, ParameterError].some((kind) => error instanceof kind);

const NOT_FOUND = 127;
/** What is there, and no program. */
const NOT_EXECUTABLE = 126;

/** What is set before these stays set, as without a command (POSIX, 2.14). */
const STAYING: ReadonlySet<string> = new Set([
  '.',
  'eval',
  'exec',
  ...Object.keys(BUILTINS).filter((name) => !ORDINARY_BUILTINS.has(name)),
]);

export class Interpreter {
  readonly #place: ToolPlace;
  readonly #programs: Programs;
  readonly #state: ShellState;
  readonly #expansion: Expansion;
  readonly #streams: Streams;
  /** What the commands within the words of a command have ended with. */
  #substituted = 0;

  constructor(place: ToolPlace, programs: Programs, state: ShellState) {
    this.#place = place;
    this.#programs = programs;
    this.#state = state;
    this.#expansion = new Expansion({
      state,
      unresolved: environmentOf(place).unresolved,
      outputOf: (script) => this.#outputOf(script),
      matching: (pattern) => (state.options.has('f') ? [] : matchingPaths(this.#here, pattern)),
    });
    this.#streams = new Streams({ state, here: () => this.#here, text: (word) => this.#expansion.text(word) });
  }

  get #here(): ToolPlace {
    return { ...this.#place, folder: this.#state.folder };
  }

  /** Everything, to its end or to what ends it, and what was to be done then. */
  whole(script: Script): number {
    this.#toItsEnd(() => this.#script(script));
    const last = this.#state.traps.get('EXIT') ?? '';
    this.#state.traps.delete('EXIT');
    if (last !== '') this.#atExit(last);
    return this.#state.status & 0xff;
  }

  /** What the script ends with stays, where this does not end with another. */
  #atExit(text: string): void {
    const { status } = this.#state;
    this.#toItsEnd(() => {
      const script = readScript(text);
      if (isUnread(script)) throw new Fatal(script.problem);
      this.#script(script);
      this.#state.status = status;
    });
  }

  #toItsEnd(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof Leaving)
        this.#state.status = error.kind === 'exit' || error.kind === 'return' ? error.count : 0;
      else if (isFatal(error)) {
        this.#streams.write(2, `sh: ${error.message}\n`);
        this.#state.status = error instanceof Lost ? NOT_FOUND : 2;
      } else throw error;
    }
  }

  #script(script: Script): void {
    for (const [i, pipeline] of script.entries()) {
      const state = this.#state;
      if ((pipeline.after === '&&' && state.status !== 0) || (pipeline.after === '||' && state.status === 0)) continue;
      const isLast = (script[i + 1]?.after ?? ';') === ';';
      const isAsked = !isLast || pipeline.negated;
      if (state.options.has('n')) return;
      if (isAsked) this.#asCondition(() => this.#pipeline(pipeline));
      else this.#pipeline(pipeline);
      if (state.status !== 0 && !isAsked && state.conditions === 0 && state.options.has('e'))
        throw new Leaving('exit', state.status);
    }
  }

  /** What fails here is an answer. */
  #asCondition(ask: () => void): void {
    this.#state.conditions += 1;
    try {
      ask();
    } finally {
      this.#state.conditions -= 1;
    }
  }

  #pipeline({ commands, negated }: Pipeline): void {
    const [first] = commands;
    if (commands.length === 1 && first !== undefined) this.#command(first);
    else this.#pipe(commands);
    if (negated) this.#state.status = this.#state.status === 0 ? 1 : 0;
  }

  /** Each is a shell of its own; the last one decides. */
  #pipe(commands: readonly Command[]): void {
    const { descriptors } = this.#state;
    let input = descriptors.get(0);
    for (const [i, command] of commands.entries()) {
      const output = new Output();
      const within = new Map(descriptors);
      if (input === undefined) within.delete(0);
      else within.set(0, input);
      if (i < commands.length - 1) within.set(1, output);
      this.#state.status = this.#apart([{ commands: [command], negated: false, after: ';' }], within);
      input = new Input(output.text);
    }
  }

  /** A shell of its own: what it sets is not seen here. */
  #apart(script: Script, descriptors = this.#state.descriptors): number {
    return new Interpreter(this.#place, this.#programs, this.#state.copy(descriptors)).whole(script);
  }

  #command(command: Command): void {
    if (command.kind === 'simple') this.#simple(command);
    else this.#streams.within(command.redirections, () => this.#execute(command));
  }

  #execute(command: Command): void {
    switch (command.kind) {
      case 'simple':
        this.#simple(command);
        return;
      case 'group':
        if (command.apart) this.#state.status = this.#apart(command.script);
        else this.#script(command.script);
        return;
      case 'if':
        this.#if(command);
        return;
      case 'for': {
        const words = command.words?.flatMap((word) => this.#expansion.words(word)) ?? this.#state.positional;
        this.#turns(words, (word) => {
          this.#state.assign(command.name, word);
          this.#script(command.script);
        });
        return;
      }
      case 'background':
        this.#background(command.script);
        return;
      case 'case':
        this.#case(command);
        return;
      case 'function':
        this.#state.functions.set(command.name, command.body);
        this.#state.status = 0;
        return;
      case 'loop':
        this.#loop(command);
        return;
      default:
        this.#simple(command);
    }
  }

  /** It reads nothing, and has ended before what stands behind it begins. */
  #background(script: Script): void {
    const descriptors = new Map(this.#state.descriptors).set(0, new Input(''));
    this.#state.jobs.push(this.#apart(script, descriptors));
    this.#state.status = 0;
  }

  #case({ word, clauses }: Command & { kind: 'case' }): void {
    const value = this.#expansion.text(word);
    this.#state.status = 0;
    const clause = clauses.find(({ patterns }) => patterns.some((pattern) => this.#expansion.matches(value, pattern)));
    if (clause !== undefined) this.#script(clause.script);
  }

  #call(body: Command, args: readonly string[]): void {
    const state = this.#state;
    const { positional, loops } = state;
    if (state.calls === MOST_CALLS) throw new Fatal(`functions were left after ${MOST_CALLS} calls within one another`);
    state.positional = args;
    state.calls += 1;
    state.loops = 0;
    try {
      state.within(() => this.#command(body));
    } catch (error) {
      if (!(error instanceof Leaving) || error.kind !== 'return') throw error;
      state.status = error.count;
    } finally {
      state.calls -= 1;
      state.loops = loops;
      state.positional = positional;
    }
  }

  #simple(command: Command & { kind: 'simple' }): void {
    this.#substituted = 0;
    const [first, ...behind] = command.words.flatMap((word) => this.#expansion.words(word));
    // `command NAME` passes over functions.
    const isAsked = first === 'command' && /^-[vV]$/.test(behind[0] ?? '');
    const isPlain = first === 'command' && !isAsked;
    const name = isPlain ? behind.find((word) => word !== '-p') : first;
    const args = isPlain ? behind.slice(behind[0] === '-p' ? 2 : 1) : behind;
    const body = isPlain || name === undefined ? undefined : this.#state.functions.get(name);
    const said = first === undefined ? [] : [first, ...behind];
    if (name === undefined || (body === undefined && STAYING.has(name))) {
      this.#assign(command, said, 'stays');
      if (name === 'exec') this.#exec(args, command.redirections);
      else if (
        !this.#streams.within(command.redirections, () => this.#run(name, args, body, isAsked)) &&
        name !== undefined
      )
        throw new Leaving('exit', 2);
      return;
    }
    // Before another command these are its environment alone.
    this.#state.within(() => {
      this.#assign(command, said, body === undefined ? 'exported' : 'kept');
      this.#streams.within(command.redirections, () => this.#run(name, args, body, isAsked));
    });
  }

  /** One after the other. Without a command the last output within them decides. */
  #assign(
    { assignments }: Command & { kind: 'simple' },
    said: readonly string[],
    how: 'stays' | 'kept' | 'exported',
  ): void {
    const state = this.#state;
    const told: string[] = [];
    for (const { name, value } of assignments) {
      const text = this.#expansion.text(value);
      if (how !== 'stays') state.keep(name);
      state.assign(name, text);
      if (how === 'exported') state.exported.add(name);
      told.push(`${name}=${text}`);
    }
    if (state.options.has('x') && told.length + said.length > 0)
      this.#streams.write(2, `+ ${[...told, ...said].join(' ')}\n`);
  }

  #run(name: string | undefined, args: readonly string[], body: Command | undefined, isAsked: boolean): void {
    const { pathOf } = this.#programs;
    if (name === undefined) this.#state.status = this.#substituted;
    else if (body !== undefined) this.#call(body, args);
    else if (isAsked) this.#streams.print(namedBy(this.#state, args, pathOf));
    else if (name === 'type') this.#streams.print(typeOf(this.#state, args, pathOf));
    else if (name === 'eval') this.#eval(args.join(' '));
    else if (name === '.') this.#sourced(args);
    else if (Object.hasOwn(BUILTINS, name)) this.#builtin(name, args);
    else if (pathOf(name) === undefined && name.includes('/') && isThere(this.#here, name) !== undefined)
      this.#streams.print(failure(NOT_EXECUTABLE, `sh: ${name}: Permission denied`));
    else this.#streams.print(this.#program([name, ...args]));
  }

  /** `exec [COMMAND...]`: what is redirected stays so; a command takes the shell's place. */
  #exec(command: readonly string[], redirections: readonly Redirection[]): void {
    const opened = this.#streams.opened(redirections);
    if (opened === undefined) throw new Leaving('exit', 2);
    this.#state.descriptors = opened;
    this.#state.status = 0;
    const [name] = command;
    if (name === undefined) return;
    this.#state.traps.delete('EXIT');
    if (this.#programs.pathOf(name) === undefined) throw new Lost(`exec: ${name}: not found`);
    this.#streams.print(this.#program(command));
    throw new Leaving('exit', this.#state.status);
  }

  #builtin(name: string, args: readonly string[]): void {
    const result = BUILTINS[name]?.(this.#state, args, this.#here);
    if (result !== undefined) this.#streams.print(result);
    if (!ORDINARY_BUILTINS.has(name) && this.#state.status === 2) throw new Leaving('exit', 2);
  }

  #eval(text: string): void {
    const script = readScript(text);
    if (isUnread(script)) throw new Fatal(`eval: ${script.problem}`);
    this.#state.status = 0;
    this.#script(script);
  }

  /** `. FILE`: a name without a slash would be looked for among the programs, none of which is a script. */
  #sourced([path]: readonly string[]): void {
    if (path === undefined) return;
    if (!path.includes('/')) throw new Fatal(`.: ${path}: not found`);
    const file = readFile(this.#here, path);
    if ('problem' in file) throw new Fatal(`.: cannot open ${path}: ${file.problem.replace(/ or directory$/, '')}`);
    const script = readScript(file.text);
    if (isUnread(script)) throw new Fatal(`${path}: ${script.problem}`);
    this.#state.status = 0;
    try {
      this.#script(script);
    } catch (error) {
      if (!(error instanceof Leaving) || error.kind !== 'return') throw error;
      this.#state.status = error.count;
    }
  }

  #program(command: readonly string[]): ToolResult {
    const { unresolved } = environmentOf(this.#place);
    const environment = { variables: this.#state.environment(), unresolved };
    return this.#programs.run({ ...this.#here, environment }, command, this.#state.input.rest);
  }

  #if({ branches, otherwise }: Command & { kind: 'if' }): void {
    for (const { condition, script } of branches) {
      this.#asCondition(() => this.#script(condition));
      if (this.#state.status !== 0) continue;
      this.#script(script);
      return;
    }
    this.#state.status = 0;
    if (otherwise !== undefined) this.#script(otherwise);
  }

  #loop({ condition, until, script }: Command & { kind: 'loop' }): void {
    let last = 0;
    this.#turns(this.#asLongAs(condition, until), () => {
      this.#script(script);
      last = this.#state.status;
    });
    this.#state.status = last;
  }

  *#asLongAs(condition: Script, until: boolean): IterableIterator<number> {
    for (let turn = 0; ; turn += 1) {
      this.#asCondition(() => this.#script(condition));
      if ((this.#state.status === 0) === until) return;
      if (turn === MOST_TURNS) throw new Fatal(`a loop was left after ${MOST_TURNS} turns`);
      yield turn;
    }
  }

  /** A turn for each, as far as `break` and `continue` let it come. */
  #turns<Item>(items: Iterable<Item>, turn: (item: Item) => void): void {
    const state = this.#state;
    state.status = 0;
    for (const item of items) {
      state.loops += 1;
      try {
        turn(item);
      } catch (error) {
        if (!(error instanceof Leaving) || error.kind === 'exit' || error.kind === 'return') throw error;
        state.status = 0;
        if (error.count > 1 && state.loops > 1) throw new Leaving(error.kind, error.count - 1);
        if (error.kind === 'break') return;
      } finally {
        state.loops -= 1;
      }
    }
  }

  #outputOf(script: Script): string {
    const output = new Output();
    this.#substituted = this.#apart(script, new Map(this.#state.descriptors).set(1, output));
    return output.text.replace(/\n+$/, '');
  }
}
