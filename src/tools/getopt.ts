/** Short options as getopt(3) reads them: `-c 1`, `-c1`, `-nq`, in any order with other words (GNU's permutation). */

export interface Given {
  /** With their values, the last where one is repeated. */
  readonly values: ReadonlyMap<string, string>;
  readonly flags: ReadonlySet<string>;
  readonly rest: readonly string[];
}

export interface BadOption {
  /** `invalid option -- 'x'`, `option requires an argument -- 'c'`. */
  readonly problem: string;
}

/** `spec` is getopt's: `c:nq` has `-c` with a value. */
export function getopt(args: readonly string[], spec: string): Given | BadOption {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? '';
    if (word === '--') {
      rest.push(...args.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      rest.push(word);
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at] ?? '';
      const where = letter === ':' ? -1 : spec.indexOf(letter);
      if (where < 0) return { problem: `invalid option -- '${letter}'` };
      if (spec[where + 1] !== ':') {
        flags.add(letter);
        continue;
      }
      const attached = word.slice(at + 1);
      if (attached === '') i += 1;
      const value = attached === '' ? args[i] : attached;
      if (value === undefined) return { problem: `option requires an argument -- '${letter}'` };
      values.set(letter, value);
      break;
    }
  }
  return { values, flags, rest };
}

export const isBadOption = (given: Given | BadOption): given is BadOption => 'problem' in given;

/** A long option, its letter, and whether it has a value behind it, or one that is attached by `=` alone. */
export type LongOption = readonly [name: string, letter: string, takes: 'flag' | 'value' | 'optional'];

/** An option with its value as it was `written`, or, without a letter, a word between options. */
export type OrderedOption =
  | { readonly letter: string; readonly value: string | undefined; readonly written: string }
  | { readonly letter: undefined; readonly value: string };

/** Goes through options and words, of which an option may take the one behind it though getopt did not. */
export class OptionCursor {
  readonly #options: readonly OrderedOption[];
  #next = 0;

  constructor(options: readonly OrderedOption[]) {
    this.#options = options;
  }

  /** Undefined at the end. */
  take(): OrderedOption | undefined {
    const one = this.#options[this.#next];
    this.#next += 1;
    return one;
  }

  /** The word that is next, taken, where it is no option and does not begin with `!`. */
  takeWord(): string | undefined {
    const next = this.#options[this.#next];
    if (next === undefined || next.letter !== undefined || next.value.startsWith('!')) return undefined;
    this.#next += 1;
    return next.value;
  }
}

export interface OrderedOptions {
  readonly options: readonly OrderedOption[];
  /** Behind `--`. */
  readonly rest: readonly string[];
  /** The option behind the last of `options`, where it is wrong. */
  readonly bad: WrongOption | undefined;
}

/** An option as it was written, which is unknown or has no value. */
export interface WrongOption {
  readonly written: string;
  readonly why: 'unknown' | 'valueless';
}

/** As getopt_long(3) says it: `invalid option -- 'x'`. */
export function optionProblem({ written, why }: WrongOption): string {
  const isLong = written.startsWith('--');
  if (why === 'unknown')
    return isLong ? `unrecognized option '${written}'` : `invalid option -- '${written.at(-1) ?? ''}'`;
  return isLong
    ? `option '${written}' requires an argument`
    : `option requires an argument -- '${written.at(-1) ?? ''}'`;
}

export interface Getopt {
  /** getopt's own: `c:nw::` has `-c` with a value, and `-w` with one if it is attached. */
  readonly short: string;
  readonly long: readonly LongOption[];
  /** The first word that is none ends them, as where getopt's own `short` begins with `+`: it is the first of `rest`. */
  readonly stops?: true;
  /** Long options that others before them bring along. */
  readonly longAfter?: (before: readonly OrderedOption[]) => readonly LongOption[];
}

/** The option of that name, or the only one of which it is the beginning. */
function longOption(name: string, long: readonly LongOption[]): LongOption | undefined {
  const begin = long.filter(([known]) => known.startsWith(name));
  return begin.find(([known]) => known === name) ?? (begin.length === 1 ? begin[0] : undefined);
}

function takesOf(short: string, letter: string): LongOption[2] | undefined {
  const at = letter === ':' || letter === '-' ? -1 : short.indexOf(letter);
  if (at < 0) return undefined;
  return short.startsWith('::', at + 1) ? 'optional' : short[at + 1] === ':' ? 'value' : 'flag';
}

/** Options and words in their order, as getopt_long(3) gives them where its `short` begins with a dash. */
export function orderedOptions(args: readonly string[], { short, long, stops, longAfter }: Getopt): OrderedOptions {
  const options: OrderedOption[] = [];
  const ended = (bad: WrongOption | undefined, rest: readonly string[] = []): OrderedOptions => ({
    options,
    rest,
    bad,
  });
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? '';
    if (word === '--') return ended(undefined, args.slice(i + 1));
    if (!word.startsWith('-') || word === '-') {
      if (stops === true) return ended(undefined, args.slice(i));
      options.push({ letter: undefined, value: word });
      continue;
    }
    const known = longAfter === undefined ? long : [...long, ...longAfter(options)];
    for (const { letter, takes, attached } of optionsIn(word, { short, long: known })) {
      if (letter === undefined) return ended({ written: word, why: 'unknown' });
      if (takes === 'value' && attached === undefined) i += 1;
      const value = takes === 'value' ? (attached ?? args[i]) : attached;
      if (takes === 'value' && value === undefined) return ended({ written: word, why: 'valueless' });
      options.push({ letter, value, written: word });
    }
  }
  return ended(undefined);
}

interface FoundOption {
  /** Undefined where there is no such option. */
  readonly letter: string | undefined;
  readonly takes: LongOption[2];
  readonly attached: string | undefined;
}

const UNKNOWN: FoundOption = { letter: undefined, takes: 'flag', attached: undefined };

/** The options of one word: `--name=value`, or letters of which the last may have its value behind it. */
function optionsIn(word: string, { short, long }: Getopt): FoundOption[] {
  if (word.startsWith('--')) {
    const [name = '', attached] = word.slice(2).split(/=(.*)/s);
    const [, letter, takes = 'flag'] = longOption(name, long) ?? [];
    return [takes === 'flag' && attached !== undefined ? UNKNOWN : { letter, takes, attached }];
  }
  const found: FoundOption[] = [];
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? '';
    const takes = takesOf(short, letter);
    if (takes === undefined) return [...found, UNKNOWN];
    const attached = takes === 'flag' || at + 1 === word.length ? undefined : word.slice(at + 1);
    found.push({ letter, takes, attached });
    if (attached !== undefined) break;
  }
  return found;
}
