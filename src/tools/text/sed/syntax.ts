/** What a script of sed is made of (sed(1), POSIX). */

export type Address =
  | { readonly kind: 'line'; readonly number: number }
  /** `2~3`: the second, and each third behind it. */
  | { readonly kind: 'step'; readonly first: number; readonly step: number }
  | { readonly kind: 'last' }
  /** Without a pattern the one that was looked for last. */
  | { readonly kind: 'pattern'; readonly pattern: RegExp | undefined };

/** Where a range ends: at an address, so many lines on, or at a multiple. */
export type RangeEnd =
  | Address
  | { readonly kind: 'more'; readonly lines: number }
  | { readonly kind: 'multiple'; readonly of: number };

export interface Selection {
  readonly first: Address;
  readonly end: RangeEnd | undefined;
}

/** A piece of what stands for what was found: text, a group (0: all of it), or how letters go on. */
export type ReplacementPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'group'; readonly number: number }
  | { readonly kind: 'case'; readonly letter: string };

export interface Substitution {
  readonly kind: 's';
  readonly pattern: RegExp | undefined;
  readonly replacement: readonly ReplacementPart[];
  readonly all: boolean;
  readonly print: boolean;
  /** The first that is replaced. */
  readonly number: number;
}

/** Commands of a letter alone. */
export const PLAIN_COMMANDS = '=dDgGhHnNpPxz';

export type Action =
  | Substitution
  | { readonly kind: 'plain'; readonly letter: string }
  | { readonly kind: 'text'; readonly letter: 'a' | 'i' | 'c'; readonly text: string }
  | { readonly kind: 'translate'; readonly to: ReadonlyMap<string, string> }
  | { readonly kind: 'quit'; readonly print: boolean; readonly exitCode: number }
  /** `b`, `t`, `T` to a label, or to the end; `at` is set when all is read. */
  | { readonly kind: 'branch'; readonly when: 'always' | 'changed' | 'unchanged'; readonly label: string }
  /** Passes over all that is between braces where the lines are not selected. */
  | { readonly kind: 'group'; end: number };

export interface Step {
  readonly selection: Selection | undefined;
  readonly negated: boolean;
  readonly action: Action;
}

export interface Program {
  readonly steps: readonly Step[];
  readonly labels: ReadonlyMap<string, number>;
  /** `#n` in the first line. */
  readonly silent: boolean;
}

/** Thrown within this folder alone. */
export class SedError extends Error {
  readonly exitCode: number;

  constructor(problem: string, exitCode = 1) {
    super(problem);
    this.exitCode = exitCode;
  }
}
