/** What a shell's commands read from and write to: descriptors by their numbers, and what redirections make of them. */

import { readFile } from '../files.js';
import type { ToolPlace } from '../tool.js';
import type { Redirection, Word } from './syntax.js';

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

  /** Up to the delimiter. Undefined at its end. A last line without a delimiter is `whole: false`. */
  line(delimiter = '\n'): { readonly text: string; readonly whole: boolean } | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const end = this.#text.indexOf(delimiter, this.#at);
    const text = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + delimiter.length;
    return { text, whole: end >= 0 };
  }

  take(count: number): string {
    const taken = this.#text.slice(this.#at, this.#at + count);
    this.#at += taken.length;
    return taken;
  }
}

/** What has been written: by several descriptors maybe. */
export class Output {
  text = '';

  write(text: string): void {
    this.text += text;
  }
}

/** One that is closed is not there. */
export type Descriptors = ReadonlyMap<number, Input | Output>;

export const inputOf = (descriptors: Descriptors, number = 0): Input => {
  const found = descriptors.get(number);
  return found instanceof Input ? found : new Input('');
};

/** Names of descriptors among the files. */
const NAMED: Readonly<Record<string, number>> = { '/dev/stdin': 0, '/dev/stdout': 1, '/dev/stderr': 2 };

const descriptorOf = (path: string): number | undefined =>
  NAMED[path] ?? (/^\/dev\/fd\/\d+$/.test(path) ? Number(path.slice('/dev/fd/'.length)) : undefined);

/** Thrown to the shell that has asked. */
export class RedirectionError extends Error {}

/** How a shell words what does not open. */
export interface RedirectionContext {
  readonly place: ToolPlace;
  readonly text: (word: Word) => string;
  readonly cannotOpen: (path: string, problem: string) => string;
  readonly cannotCreate: (path: string, problem: string) => string;
}

/** @throws RedirectionError */
export function redirected(
  descriptors: Descriptors,
  redirections: readonly Redirection[],
  context: RedirectionContext,
): Descriptors {
  const all = new Map(descriptors);
  const become = (number: number, path: string | number): void => {
    const found = all.get(Number(path));
    if (found === undefined) throw new RedirectionError(`${path}: Bad file descriptor`);
    all.set(number, found);
  };
  for (const one of redirections) {
    const { descriptor } = one;
    if (one.kind === 'lines') {
      all.set(descriptor, new Input(context.text(one.lines)));
      continue;
    }
    const path = context.text(one.target);
    const named = descriptorOf(path);
    if (one.kind === 'same' && path === '-') all.delete(descriptor);
    else if (one.kind === 'same' && /^\d+$/.test(path)) become(descriptor, path);
    else if (one.kind === 'same') throw new RedirectionError(`${path}: ambiguous redirect`);
    else if (named !== undefined) become(descriptor, named);
    else if (one.kind === 'input') all.set(descriptor, opened(path, context));
    else if (path === '/dev/null') all.set(descriptor, new Output());
    else throw new RedirectionError(context.cannotCreate(path, 'no file is written here'));
  }
  return all;
}

function opened(path: string, { place, cannotOpen }: RedirectionContext): Input {
  const file = readFile(place, path);
  if ('problem' in file) throw new RedirectionError(cannotOpen(path, file.problem));
  return new Input(file.text);
}
