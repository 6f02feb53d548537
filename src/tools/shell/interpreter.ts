/**
 * Does what a shell has read: commands one after the other in the same cluster, so that a later one sees what an earlier one
 * has done. Each command of a pipe ends before the next one begins, since time is the emulation's.
 */

import { matchingPaths } from '../files.js';
import { environmentOf, type Programs, type ToolPlace } from '../tool.js';
import { reckon } from './arithmetic.js';
import { holds } from './conditional.js';
import { Input, Output } from './descriptors.js';
import { Expansion } from './expand.js';
import { Fatal, isFatal, statusOf } from './fatal.js';
import { isUnread, readScript } from './reader.js';
import { SimpleCommands } from './simple-commands.js';
import { Leaving, type ShellState } from './state.js';
import { Streams } from './streams.js';
import type { Command, Pipeline, Script, Word } from './syntax.js';

/** Turns of one loop: time passes only as commands take it, so that waiting for another day would never end. */
const MOST_TURNS = 1_000;
export class Interpreter {
  readonly #place: ToolPlace;
  readonly #programs: Programs;
  readonly #state: ShellState;
  readonly #expansion: Expansion;
  readonly #streams: Streams;
  readonly #simple: SimpleCommands;

  constructor(place: ToolPlace, programs: Programs, state: ShellState) {
    this.#place = place;
    this.#programs = programs;
    this.#state = state;
    const here = (): ToolPlace => this.#here;
    const expansion = new Expansion({
      state,
      unresolved: environmentOf(place).unresolved,
      outputOf: (script) => this.#outputOf(script),
      matching: (pattern) => (state.options.has('noglob') ? [] : matchingPaths(this.#here, pattern)),
    });
    const streams = new Streams({ state, here, text: (word) => expansion.text(word) });
    this.#expansion = expansion;
    this.#streams = streams;
    this.#simple = new SimpleCommands({
      state,
      expansion,
      streams,
      programs,
      here,
      script: (script) => this.#script(script),
      command: (command) => this.#command(command),
    });
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
      const script = readScript(text, this.#state.dialect);
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
        this.#streams.complain(error.message);
        this.#state.status = statusOf(error, this.#state.dialect);
      } else throw error;
    }
  }

  #script(script: Script): void {
    for (const [i, pipeline] of script.entries()) {
      const state = this.#state;
      if ((pipeline.after === '&&' && state.status !== 0) || (pipeline.after === '||' && state.status === 0)) continue;
      const isLast = (script[i + 1]?.after ?? ';') === ';';
      const isAsked = !isLast || pipeline.negated;
      if (state.options.has('noexec')) return;
      if (isAsked) this.#asCondition(() => this.#pipeline(pipeline));
      else this.#pipeline(pipeline);
      if (state.status !== 0 && !isAsked && state.conditions === 0 && state.options.has('errexit'))
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
      const status = this.#apart([{ commands: [command], negated: false, after: ';' }], within);
      if (status !== 0 || !this.#state.options.has('pipefail') || i === 0) this.#state.status = status;
      input = new Input(output.text);
    }
  }

  /** A shell of its own: what it sets is not seen here. */
  #apart(script: Script, descriptors = this.#state.descriptors): number {
    return new Interpreter(this.#place, this.#programs, this.#state.copy(descriptors)).whole(script);
  }

  #command(command: Command): void {
    if (command.kind === 'simple') this.#simple.run(command);
    else this.#streams.within(command.redirections, () => this.#execute(command));
  }

  #execute(command: Command): void {
    switch (command.kind) {
      case 'simple':
        this.#simple.run(command);
        return;
      case 'group':
        if (command.apart) this.#state.status = this.#apart(command.script);
        else this.#script(command.script);
        return;
      case 'if':
        this.#if(command);
        return;
      case 'for':
        this.#for(command);
        return;
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
      case 'count':
        this.#count(command);
        return;
      case 'sum':
        this.#state.status = this.#reckon(command.inside) === '0' ? 1 : 0;
        return;
      default:
        this.#state.status = this.#holds(command) ? 0 : 1;
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
    let goesOn = false;
    for (const { patterns, script, end } of clauses) {
      if (!goesOn && !patterns.some((pattern) => this.#expansion.matches(value, pattern))) continue;
      this.#script(script);
      if (end === ';;') return;
      goesOn = end === ';&';
    }
  }

  #reckon(sum: Word): string {
    return reckon(this.#expansion.text(sum), this.#state);
  }

  #holds({ condition }: Command & { kind: 'condition' }): boolean {
    return holds(condition, { state: this.#state, expansion: this.#expansion, place: this.#here });
  }

  #for({ words, name, script }: Command & { kind: 'for' }): void {
    const values = words?.flatMap((word) => this.#expansion.words(word)) ?? this.#state.positional;
    this.#turns(values, (value) => {
      this.#state.assign(name, value);
      this.#script(script);
    });
  }

  /** `for (( FIRST; WHILE; THEN ))` */
  #count({ sums: [first = [], condition = [], step = []], script }: Command & { kind: 'count' }): void {
    let last = 0;
    this.#reckon(first);
    this.#turns(this.#counted(condition, step), () => {
      this.#script(script);
      last = this.#state.status;
    });
    this.#state.status = last;
  }

  /** What is empty holds. */
  *#counted(condition: Word, step: Word): IterableIterator<number> {
    for (let turn = 0; ; turn += 1) {
      if (turn > 0) this.#reckon(step);
      if (this.#expansion.text(condition).trim() !== '' && this.#reckon(condition) === '0') return;
      if (turn === MOST_TURNS) throw new Fatal(`a loop was left after ${MOST_TURNS} turns`);
      yield turn;
    }
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
    const state = this.#state.copy(new Map(this.#state.descriptors).set(1, output));
    if (state.dialect === 'bash') state.options.delete('errexit');
    const status = new Interpreter(this.#place, this.#programs, state).whole(script);
    this.#simple.substituted = status;
    if (state.dialect === 'bash') this.#state.status = status;
    return output.text.replace(/\n+$/, '');
  }
}
