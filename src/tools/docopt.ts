/** Long options as calicoctl reads them (docopt): `--ip X`, `--ip=X`, `-o FILE`, in any order with other words. */

export interface Usage {
  /** Those with a value, by name without dashes. */
  readonly values: readonly string[];
  readonly flags: readonly string[];
  /** `o` for `output`. */
  readonly short?: Readonly<Record<string, string>>;
  /** How many words there are beside options. */
  readonly words: number;
  /** Whether there may be more of them. */
  readonly moreWords?: boolean;
}

export interface Parsed {
  /** In the order in which they were given. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly flags: ReadonlySet<string>;
  readonly words: readonly string[];
}

/** Taken by every command: there is one datastore, and one version. */
const COMMON: Usage = {
  values: ['config', 'context'],
  flags: ['allow-version-mismatch'],
  short: { c: 'config' },
  words: 0,
};

const OPTION = /^--(?<name>[^=]+)(?:=(?<value>.*))?$/;

function optionOf(arg: string, short: Readonly<Record<string, string>>) {
  const [, letter, value] = /^-([a-zA-Z])(.+)?$/s.exec(arg) ?? [];
  if (letter !== undefined) return { name: short[letter], value };
  const found = OPTION.exec(arg)?.groups;
  return found && { name: found['name'], value: found['value'] };
}

/** Undefined where the arguments are not those of the usage. */
export function docopt(args: readonly string[], usage: Usage): Parsed | undefined {
  const values = new Map<string, string[]>();
  const flags = new Set<string>();
  const words: string[] = [];
  const short = { ...COMMON.short, ...usage.short };
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? '';
    const option = optionOf(arg, short);
    if (option === undefined) words.push(arg);
    else if (option.name === undefined) return undefined;
    else if ([...COMMON.flags, ...usage.flags].includes(option.name) && option.value === undefined)
      flags.add(option.name);
    else if ([...COMMON.values, ...usage.values].includes(option.name)) {
      if (option.value === undefined) i += 1;
      const value = option.value ?? args[i];
      if (value === undefined) return undefined;
      values.set(option.name, [...(values.get(option.name) ?? []), value]);
    } else return undefined;
  }
  const isEnough = usage.moreWords === true ? words.length >= usage.words : words.length === usage.words;
  return isEnough ? { values, flags, words } : undefined;
}

/** What calicoctl says of arguments that it does not take. */
export const invalidOption = (command: string, args: readonly string[]): string =>
  `invalid option: 'calicoctl ${[command, ...args].join(' ')}'. Use flag '--help' to read about a specific subcommand`;
