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
  /** Options that may be given more than once. */
  readonly repeated?: readonly string[];
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

/** Long names may be cut short as long as one alone begins so; docopt-go: parseLong(). */
function wholeName(name: string, { values, flags }: Usage): string {
  const known = [...COMMON.flags, ...flags, ...COMMON.values, ...values];
  if (known.includes(name)) return name;
  const begun = known.filter((one) => one.startsWith(name));
  return begun.length === 1 ? (begun[0] ?? name) : name;
}

const isRepeated = (name: string, { values, flags }: Omit<Parsed, 'words'>, { repeated = [] }: Usage): boolean =>
  (values.has(name) || flags.has(name)) && !repeated.includes(name);

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
    else {
      const name = wholeName(option.name, usage);
      if (isRepeated(name, { values, flags }, usage)) return undefined;
      if ([...COMMON.flags, ...usage.flags].includes(name) && option.value === undefined) flags.add(name);
      else if ([...COMMON.values, ...usage.values].includes(name)) {
        if (option.value === undefined) i += 1;
        const value = option.value ?? args[i];
        if (value === undefined) return undefined;
        values.set(name, [...(values.get(name) ?? []), value]);
      } else return undefined;
    }
  }
  const isEnough = usage.moreWords === true ? words.length >= usage.words : words.length === usage.words;
  return isEnough ? { values, flags, words } : undefined;
}
