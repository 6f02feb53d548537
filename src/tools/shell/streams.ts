/** What the commands of a shell write, and the descriptors that a command has for itself. */

import type { ToolPlace, ToolResult } from '../tool.js';
import { type Descriptors, Output, redirected, type RedirectionContext, RedirectionError } from './descriptors.js';
import type { ShellState } from './state.js';
import type { Redirection, Word } from './syntax.js';

export interface StreamsContext {
  readonly state: ShellState;
  readonly here: () => ToolPlace;
  readonly text: (word: Word) => string;
}

export class Streams {
  readonly #context: StreamsContext;

  constructor(context: StreamsContext) {
    this.#context = context;
  }

  write(descriptor: 1 | 2, text: string): void {
    const output = this.#context.state.descriptors.get(descriptor);
    if (output instanceof Output) output.write(text);
  }

  complain(problem: string): void {
    this.write(2, `${this.#context.state.dialect}: ${problem}\n`);
  }

  /** What goes to nobody is an error of whoever prints it. */
  print({ exitCode, stdout, stderr }: ToolResult): void {
    const { state } = this.#context;
    const isLost = stdout !== '' && !(state.descriptors.get(1) instanceof Output);
    this.write(1, stdout);
    this.write(2, isLost ? `${stderr}write error: Bad file descriptor\n` : stderr);
    state.status = isLost ? 1 : exitCode;
  }

  /** False, and nothing is done, where one does not open. */
  within(redirections: readonly Redirection[], work: () => void): boolean {
    const { state } = this.#context;
    const before = state.descriptors;
    const opened = this.opened(redirections);
    if (opened === undefined) return false;
    state.descriptors = opened;
    try {
      work();
    } finally {
      state.descriptors = before;
    }
    return true;
  }

  /** Undefined where one does not open, which has been told. */
  opened(redirections: readonly Redirection[]): Descriptors | undefined {
    const { state, here, text } = this.#context;
    const isBash = state.dialect === 'bash';
    const context: RedirectionContext = {
      place: here(),
      text,
      cannotOpen: (path, problem) =>
        isBash ? `${path}: ${problem}` : `cannot open ${path}: ${problem.replace(/ or directory$/, '')}`,
      cannotCreate: (path, problem) => `${isBash ? '' : 'cannot create '}${path}: ${problem}`,
    };
    try {
      return redirected(state.descriptors, redirections, context);
    } catch (error) {
      if (!(error instanceof RedirectionError)) throw error;
      this.complain(error.message);
      state.status = isBash ? 1 : 2;
      return undefined;
    }
  }
}
