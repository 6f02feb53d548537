/** Flags of a command of `crictl` as urfave/cli v2 reads them: they end where the first other word stands. */

export interface FlagSpec {
  readonly names: readonly string[];
  readonly takes: 'flag' | 'value';
}

export interface Flags {
  /** By its first name, each with all its values; those without one have `true`. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly rest: readonly string[];
}

/** `-aq` where each is a flag of one letter. */
function separated(word: string, specs: readonly FlagSpec[]): readonly string[] {
  const letters = word.slice(1).split('');
  const isKnown = (name: string): boolean => specs.some(({ names }) => names.includes(name));
  if (word.startsWith('--') || word.includes('=') || isKnown(word.slice(1)) || !letters.every(isKnown)) return [word];
  return letters.map((letter) => `-${letter}`);
}

/** What is wrong is a text. */
export function readFlags(args: readonly string[], specs: readonly FlagSpec[]): Flags | string {
  const values = new Map<string, string[]>();
  const words = [...args];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') return { values, rest: words };
    if (!word.startsWith('-') || word === '-') return { values, rest: [word, ...words] };
    const [first = '', ...others] = separated(word, specs);
    words.unshift(...others);
    const [, name = '', attached] = /^--?([^=]*)(?:=(.*))?$/s.exec(first) ?? [];
    const spec = specs.find(({ names }) => names.includes(name));
    if (spec === undefined) return `flag provided but not defined: -${name}`;
    const value = attached ?? (spec.takes === 'flag' ? 'true' : words.shift());
    if (value === undefined) return `flag needs an argument: -${name}`;
    const [own = ''] = spec.names;
    values.set(own, [...(values.get(own) ?? []), value]);
  }
  return { values, rest: [] };
}
