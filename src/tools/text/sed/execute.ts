/** What a script does to lines: GNU sed's execute.c. */

import { replaced } from './patterns.js';
import {
  type Action,
  type Address,
  type Program,
  SedError,
  type Selection,
  type Step,
  type Substitution,
} from './syntax.js';

/** Branches may go round for ever. */
const MOST_STEPS = 1_000_000;

/** A line of the input, and whether a newline ends it, which the last may lack. */
interface Line {
  readonly text: string;
  readonly ended: boolean;
}

const linesWithEnds = (texts: readonly string[]): readonly Line[] =>
  texts.flatMap((text) =>
    [...text.matchAll(/([^\n]*)\n|[^\n]+$/g)].map(([whole, line]) => ({
      text: line ?? whole,
      ended: line !== undefined,
    })),
  );

/** What ends the cycle before its last step. */
type Next = 'on' | 'again' | 'end' | 'quit' | 'quit-silent';

class Execution {
  readonly #program: Program;
  readonly #silent: boolean;
  readonly #lines: readonly Line[];
  #number = 0;
  #space = '';
  #ended = true;
  /** With whether a newline ended it. */
  #hold: Line = { text: '', ended: true };
  #changed = false;
  #last: RegExp | undefined;
  /** What `a` says, for the end of the cycle. */
  #appended = '';
  #output = '';
  #lacksNewline = false;
  /** Of ranges: the line in which they end. */
  readonly #ranges = new Map<Step, number>();
  #steps = 0;
  exitCode = 0;

  constructor(program: Program, silent: boolean, texts: readonly string[]) {
    this.#program = program;
    this.#silent = silent || program.silent;
    this.#lines = linesWithEnds(texts);
  }

  get output(): string {
    return this.#output;
  }

  whole(): void {
    let next: Next = 'on';
    while (next !== 'quit' && next !== 'quit-silent' && (next === 'again' || this.#read())) {
      next = this.#cycle();
      if (next !== 'end' && next !== 'again' && next !== 'quit-silent' && !this.#silent)
        this.#print(this.#space, this.#ended);
      this.#flush();
    }
  }

  get #isLast(): boolean {
    return this.#number >= this.#lines.length;
  }

  #read(): boolean {
    const line = this.#lines[this.#number];
    if (line === undefined) return false;
    this.#number += 1;
    this.#space = line.text;
    this.#ended = line.ended;
    return true;
  }

  #print(text: string, ended = true): void {
    this.#output += `${this.#lacksNewline ? '\n' : ''}${text}${ended ? '\n' : ''}`;
    this.#lacksNewline = !ended;
  }

  #flush(): void {
    if (this.#appended !== '') this.#print(this.#appended.slice(0, -1));
    this.#appended = '';
  }

  #cycle(): Next {
    const { steps } = this.#program;
    this.#changed = false;
    for (let at = 0; at < steps.length; ) {
      const step = steps[at];
      if (step === undefined) break;
      if ((this.#steps += 1) > MOST_STEPS) throw new SedError(`left after ${MOST_STEPS} steps`);
      at += 1;
      const { action } = step;
      if (this.#isSelected(step) === step.negated) {
        if (action.kind === 'group') at = action.end;
        continue;
      }
      if (action.kind === 'branch') {
        if (this.#takes(action.when))
          at = action.label === '' ? steps.length : (this.#program.labels.get(action.label) ?? 0);
        continue;
      }
      const next = this.#do(action, step);
      if (next !== 'on') return next;
    }
    return 'on';
  }

  #takes(when: 'always' | 'changed' | 'unchanged'): boolean {
    if (when === 'always') return true;
    const changed = this.#changed;
    this.#changed = false;
    return changed === (when === 'changed');
  }

  #finds(pattern: RegExp | undefined): boolean {
    const wanted = pattern ?? this.#last;
    if (wanted === undefined) throw new SedError('no previous regular expression');
    this.#last = wanted;
    return this.#space.search(wanted) >= 0;
  }

  #isAt(address: Address): boolean {
    switch (address.kind) {
      case 'line':
        return this.#number === address.number;
      case 'last':
        return this.#isLast;
      case 'step':
        if (address.step === 0) return this.#number === address.first;
        return this.#number >= address.first && (this.#number - address.first) % address.step === 0;
      default:
        return this.#finds(address.pattern);
    }
  }

  /** match_address_p() */
  #isSelected(step: Step): boolean {
    const { selection } = step;
    if (selection === undefined) return true;
    if (selection.end === undefined) return this.#isAt(selection.first);
    const open = this.#ranges.get(step);
    if (open !== undefined) return this.#goesOn(step, selection, open);
    if (selection.first.kind === 'line' && selection.first.number === 0 && this.#number === 1)
      return this.#goesOn(step, selection, Infinity);
    if (!this.#isAt(selection.first)) return false;
    const end = this.#endOf(selection);
    if (end > this.#number) this.#ranges.set(step, end);
    return true;
  }

  /** The line in which a range ends that begins in this one; without a number for one that is looked for. */
  #endOf({ end }: Selection): number {
    if (end?.kind === 'line') return end.number;
    if (end?.kind === 'more') return this.#number + end.lines;
    if (end?.kind === 'multiple') return end.of === 0 ? this.#number : Math.ceil(this.#number / end.of) * end.of;
    return end?.kind === 'last' && this.#isLast ? this.#number : Infinity;
  }

  #goesOn(step: Step, { first, end }: Selection, last: number): boolean {
    const isNumbered = last !== Infinity;
    const isOver = isNumbered
      ? this.#number >= last
      : end !== undefined && end.kind !== 'more' && end.kind !== 'multiple' && this.#isAt(end);
    if (isOver) this.#ranges.delete(step);
    else this.#ranges.set(step, last);
    // A line behind the end, which was passed over, begins anew.
    if (isNumbered && this.#number > last) return this.#isAt(first);
    return true;
  }

  #do(action: Exclude<Action, { kind: 'branch' }>, step: Step): Next {
    switch (action.kind) {
      case 's':
        this.#substitute(action);
        return 'on';
      case 'translate':
        this.#space = this.#space.replaceAll(/[^]/g, (one) => action.to.get(one) ?? one);
        return 'on';
      case 'quit':
        this.exitCode = action.exitCode;
        return action.print ? 'quit' : 'quit-silent';
      case 'text':
        return this.#say(action, step);
      case 'plain':
        return this.#plain(action.letter);
      default:
        return 'on';
    }
  }

  #say({ letter, text }: Action & { kind: 'text' }, step: Step): Next {
    if (letter === 'a') this.#appended += text;
    else if (letter === 'i') this.#print(text.slice(0, -1));
    else {
      // Of a range the end alone is replaced, the rest goes.
      if (step.selection?.end === undefined || step.negated || !this.#ranges.has(step)) this.#print(text.slice(0, -1));
      return 'end';
    }
    return 'on';
  }

  #plain(letter: string): Next {
    const newline = this.#space.indexOf('\n');
    switch (letter) {
      case '=':
        this.#print(String(this.#number));
        return 'on';
      case 'p':
        this.#print(this.#space, this.#ended);
        return 'on';
      case 'P':
        this.#print(newline < 0 ? this.#space : this.#space.slice(0, newline), newline >= 0 || this.#ended);
        return 'on';
      case 'd':
        return 'end';
      case 'D':
        if (newline < 0) return 'end';
        this.#space = this.#space.slice(newline + 1);
        return 'again';
      case 'n':
      case 'N':
        return this.#following(letter);
      default:
        this.#exchange(letter);
        return 'on';
    }
  }

  #following(letter: 'n' | 'N'): Next {
    // Where no line follows GNU's sed prints what it has.
    if (this.#isLast) return 'quit';
    const before = this.#space;
    if (letter === 'n' && !this.#silent) this.#print(before, this.#ended);
    this.#flush();
    this.#read();
    if (letter === 'N') this.#space = `${before}\n${this.#space}`;
    return 'on';
  }

  /** With the hold space. */
  #exchange(letter: string): void {
    const space = { text: this.#space, ended: this.#ended };
    const hold = this.#hold;
    if (letter === 'g' || letter === 'x') [this.#space, this.#ended] = [hold.text, hold.ended];
    else if (letter === 'G') this.#space = `${space.text}\n${hold.text}`;
    else if (letter === 'z') this.#space = '';
    if (letter === 'h' || letter === 'x') this.#hold = space;
    else if (letter === 'H') this.#hold = { ...hold, text: `${hold.text}\n${space.text}` };
  }

  #substitute({ pattern, replacement, all, print, number }: Substitution): void {
    if (!this.#finds(pattern) || this.#last === undefined) return;
    let found = 0;
    let changed = false;
    let end = -1;
    this.#space = this.#space.replace(this.#last, (...parts) => {
      const offset = parts.findIndex((part) => typeof part === 'number');
      const groups: readonly (string | undefined)[] = parts.slice(0, offset);
      const [whole = ''] = groups;
      const at = Number(parts[offset]);
      // What is empty just behind another is none.
      if (whole === '' && at === end) return '';
      end = at + whole.length;
      found += 1;
      if (found < number || (found > number && !all)) return whole;
      changed = true;
      return replaced(replacement, groups);
    });
    this.#changed ||= changed;
    if (changed && print) this.#print(this.#space, this.#ended);
  }
}

export function execute(
  program: Program,
  { silent, texts }: { readonly silent: boolean; readonly texts: readonly string[] },
): { readonly output: string; readonly exitCode: number; readonly problem: string | undefined } {
  const execution = new Execution(program, silent, texts);
  try {
    execution.whole();
    return { output: execution.output, exitCode: execution.exitCode, problem: undefined };
  } catch (error) {
    if (!(error instanceof SedError)) throw error;
    return { output: execution.output, exitCode: 1, problem: error.message };
  }
}
