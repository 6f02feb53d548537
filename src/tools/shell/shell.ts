/**
 * `sh -c TEXT [NAME [WORD...]]`: commands one after the other in the same cluster, so that a later one sees what an earlier one
 * has done. Each command of a pipe ends before the next one begins, since time is the emulation's.
 */

import { matchingPaths, readFile } from '../files.js';
import { environmentOf, failure, ok, type Programs, type ToolPlace, type ToolResult } from '../tool.js';
import { ArithmeticError } from './arithmetic.js';
import { BUILTINS, ORDINARY_BUILTINS } from './builtins.js';
import { Expansion, ParameterError } from './expand.js';
import { namedBy, typeOf } from './lookup.js';
import { isUnread, readScript } from './reader.js';
import { Leaving, ReadOnly, SHELL_OPTIONS, ShellState } from './state.js';
import type { Command, Pipeline, Redirection, Script, Sink } from './syntax.js';

/** Turns of one loop: time passes only as commands take it, so that waiting for another day would never end. */
const MOST_TURNS = 1_000;
/** Calls of functions within one another. */
const MOST_CALLS = 100;

/** Something that ends the script: what has been printed before it stays. */
class Fatal extends Error {}

const isFatal = (error: unknown): error is Error =>
  [Fatal, ReadOnly, ArithmeticError, ParameterError].some((kind) => error instanceof kind);

class Shell {
  readonly #place: ToolPlace;
  readonly #programs: Programs;
  readonly #state: ShellState;
  readonly #expansion: Expansion;
  #stdout = '';
  #stderr = '';
  /** What does not go where a command's own errors do: errors within its words, and what `set -x` tells of it. */
  #told = '';

  constructor(place: ToolPlace, programs: Programs, state: ShellState) {
    this.#place = place;
    this.#programs = programs;
    this.#state = state;
    this.#expansion = new Expansion({
      state,
      unresolved: environmentOf(place).unresolved,
      outputOf: (script) => this.#outputOf(script),
      matching: (pattern) => matchingPaths(this.#here, pattern),
    });
  }

  get #here(): ToolPlace {
    return { ...this.#place, folder: this.#state.folder };
  }

  /** Everything, to its end or to what ends it, and what was to be done then. */
  whole(script: Script): ToolResult {
    this.#toItsEnd(() => this.#script(script));
    const last = this.#state.traps.get('EXIT') ?? '';
    this.#state.traps.delete('EXIT');
    if (last !== '') this.#atExit(last);
    return { exitCode: this.#state.status, stdout: this.#stdout, stderr: this.#stderr };
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
        this.#stderr += `sh: ${error instanceof ArithmeticError ? 'arithmetic expression: ' : ''}${error.message}\n`;
        this.#state.status = 2;
      } else throw error;
    }
  }

  #script(script: Script): void {
    for (const [i, pipeline] of script.entries()) {
      const state = this.#state;
      if ((pipeline.after === '&&' && state.status !== 0) || (pipeline.after === '||' && state.status === 0)) continue;
      const isLast = (script[i + 1]?.after ?? ';') === ';';
      const isAsked = !isLast || pipeline.negated;
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
    let input = this.#state.input.rest;
    for (const command of commands) {
      const result = this.#apart([{ commands: [command], negated: false, after: ';' }], input);
      this.#stderr += result.stderr;
      input = result.stdout;
      this.#state.status = result.exitCode;
    }
    this.#stdout += input;
  }

  /** A shell of its own: what it sets is not seen here. */
  #apart(script: Script, input = this.#state.input.rest): ToolResult {
    return new Shell(this.#place, this.#programs, this.#state.copy(input)).whole(script);
  }

  /** Where output goes is decided when it is there, since nothing else prints meanwhile. */
  #command(command: Command): void {
    const [stdout, stderr, told, { input }] = [this.#stdout, this.#stderr, this.#told, this.#state];
    this.#stdout = '';
    this.#stderr = '';
    this.#told = '';
    const sinks: Record<1 | 2, Sink> = { 1: 'out', 2: 'err' };
    try {
      if (this.#redirect(command.redirections, sinks)) this.#execute(command);
    } finally {
      const printed = (sink: Sink): string =>
        (sinks[1] === sink ? this.#stdout : '') + (sinks[2] === sink ? this.#stderr : '');
      [this.#stdout, this.#stderr] = [stdout + printed('out'), stderr + this.#told + printed('err')];
      this.#told = told;
      this.#state.input = input;
    }
  }

  /** False where a file cannot be read. */
  #redirect(redirections: readonly Redirection[], sinks: Record<1 | 2, Sink>): boolean {
    for (const one of redirections) {
      if (one.from !== 0) {
        sinks[one.from] = one.to === 'nowhere' ? 'nowhere' : sinks[one.to];
        continue;
      }
      if ('lines' in one) {
        this.#state.give(this.#expansion.text(one.lines));
        continue;
      }
      const path = this.#expansion.text(one.file);
      const file = path === '/dev/null' ? { text: '' } : readFile(this.#here, path);
      if ('problem' in file) {
        this.#stderr += `sh: cannot open ${path}: ${file.problem.replace(/ or directory$/, '')}\n`;
        this.#state.status = 2;
        return false;
      }
      this.#state.give(file.text);
    }
    return true;
  }

  #execute(command: Command): void {
    switch (command.kind) {
      case 'simple':
        this.#simple(command);
        return;
      case 'group':
        if (command.apart) this.#print(this.#apart(command.script));
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
      default:
        this.#loop(command);
    }
  }

  /** It reads nothing, and has ended before what stands behind it begins. */
  #background(script: Script): void {
    const { exitCode, stdout, stderr } = this.#apart(script, '');
    this.#stdout += stdout;
    this.#stderr += stderr;
    this.#state.jobs.push(exitCode);
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
    const { positional } = state;
    if (state.calls === MOST_CALLS) throw new Fatal(`functions were left after ${MOST_CALLS} calls within one another`);
    state.positional = args;
    state.calls += 1;
    state.locals.push(new Map());
    try {
      this.#command(body);
    } catch (error) {
      if (!(error instanceof Leaving) || error.kind !== 'return') throw error;
      state.status = error.count;
    } finally {
      state.calls -= 1;
      state.positional = positional;
      for (const [name, value] of state.locals.pop() ?? [])
        if (value === undefined) state.variables.delete(name);
        else state.variables.set(name, value);
    }
  }

  #simple({ assignments, words }: Command & { kind: 'simple' }): void {
    const [first, ...behind] = words.flatMap((word) => this.#expansion.words(word));
    // `command NAME` passes over functions.
    const isAsked = first === 'command' && /^-[vV]$/.test(behind[0] ?? '');
    const isPlain = first === 'command' && !isAsked;
    const name = isPlain ? behind.find((word) => word !== '-p') : first;
    const args = isPlain ? behind.slice(behind[0] === '-p' ? 2 : 1) : behind;
    // Before a command these are its environment alone.
    const values = assignments.map(({ name: variable, value }) => [variable, this.#expansion.text(value)] as const);
    this.#told = this.#stderr;
    this.#stderr = '';
    if (this.#state.options.has('x')) {
      const set = values.map(([variable, value]) => `${variable}=${value}`);
      this.#told += `+ ${[...set, ...(first === undefined ? [] : [first]), ...behind].join(' ')}\n`;
    }
    if (name === undefined) {
      if (!assignments.some(({ value }) => value.some(({ kind }) => kind === 'output'))) this.#state.status = 0;
      for (const [variable, value] of values) this.#state.assign(variable, value);
      return;
    }
    const body = isPlain ? undefined : this.#state.functions.get(name);
    if (body !== undefined) {
      for (const [variable, value] of values) this.#state.assign(variable, value);
      this.#call(body, args);
      return;
    }
    const { pathOf } = this.#programs;
    if (isAsked || name === 'type') {
      this.#print(isAsked ? namedBy(this.#state, args, pathOf) : typeOf(this.#state, args, pathOf));
      return;
    }
    if (name === 'eval') this.#eval(args.join(' '));
    else if (Object.hasOwn(BUILTINS, name)) this.#builtin(name, args, values);
    else this.#print(this.#program([name, ...args], new Map(values)));
  }

  /** What is set before it stays with one that is special, and is as it was behind another. */
  #builtin(name: string, args: readonly string[], values: readonly (readonly [string, string])[]): void {
    const { variables } = this.#state;
    const before = values.map(([variable]) => [variable, variables.get(variable)] as const);
    for (const [variable, value] of values) this.#state.assign(variable, value);
    const result = BUILTINS[name]?.(this.#state, args, this.#here);
    if (result !== undefined) this.#print(result);
    if (!ORDINARY_BUILTINS.has(name)) {
      if (this.#state.status === 2) throw new Leaving('exit', 2);
      return;
    }
    for (const [variable, value] of before)
      if (value === undefined) variables.delete(variable);
      else variables.set(variable, value);
  }

  #eval(text: string): void {
    const script = readScript(text);
    if (isUnread(script)) throw new Fatal(`eval: ${script.problem}`);
    this.#state.status = 0;
    this.#script(script);
  }

  #program(command: readonly string[], own: ReadonlyMap<string, string>): ToolResult {
    const { unresolved } = environmentOf(this.#place);
    const environment = { variables: new Map([...this.#state.environment(), ...own]), unresolved };
    return this.#programs.run({ ...this.#here, environment }, command, this.#state.input.rest);
  }

  #print({ exitCode, stdout, stderr }: ToolResult): void {
    this.#stdout += stdout;
    this.#stderr += stderr;
    this.#state.status = exitCode;
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
    const { exitCode, stdout, stderr } = this.#apart(script);
    this.#stderr += stderr;
    this.#state.status = exitCode;
    return stdout.replace(/\n+$/, '');
  }
}

/** Options before `c`: those of `set`; that it is a login shell changes nothing. */
const COMMAND_OPTION = /^-([eulx]*)c$/;

export function shell(place: ToolPlace, args: readonly string[], programs: Programs, input = ''): ToolResult {
  const [option = '', text, scriptName = 'sh', ...positional] = args;
  const letters = COMMAND_OPTION.exec(option)?.[1];
  if (letters === undefined) return failure(2, 'sh: only sh -c COMMANDS is offered here');
  if (text === undefined) return failure(2, 'sh: 0: -c requires an argument');
  const script = readScript(text);
  if (isUnread(script)) return failure(2, `sh: ${script.problem}`);
  const environment = environmentOf(place).variables;
  const { folder = '/' } = place;
  const state = new ShellState({ scriptName, positional, input, environment, folder });
  for (const one of SHELL_OPTIONS) if (letters.includes(one)) state.options.add(one);
  return script.length === 0 ? ok('') : new Shell(place, programs, state).whole(script);
}
