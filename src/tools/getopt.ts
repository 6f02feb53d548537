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
