/** The options of `ps`: those of Unix with a dash, those of BSD without, those of GNU with two (src/ps/parser.c). */

import { type PsColumn, PS_COLUMNS } from './ps-columns.js';

export interface PsSelection {
  readonly by: 'pid' | 'ppid' | 'name' | 'user' | 'sid';
  readonly values: readonly string[];
}

export interface PsSort {
  readonly column: PsColumn;
  readonly descending: boolean;
}

export interface PsOptions {
  /** Letters of either kind: `-e`, `x`. */
  readonly flags: ReadonlySet<string>;
  readonly selections: readonly PsSelection[];
  /** `-o`. */
  readonly columns: readonly PsColumn[];
  readonly sort: readonly PsSort[];
  readonly isBsd: boolean;
}

/** What is wrong, in the words of `ps`. */
export interface PsProblem {
  readonly problem: string;
}

class Wrong extends Error {}

const wrong = (problem: string): never => {
  throw new Wrong(problem);
};

const UNIX_FLAGS = 'AacdefFHjlNPwy';
const BSD_FLAGS = 'acefghjlrSTuwx';
/** What is told of each that is not offered. */
const NOT_OFFERED: ReadonlySet<string> = new Set(['-L', '-M', '-T', '-m', 'H', 'L', 'X', 'Z', 'm', 's', 'v', 'n']);

const LISTS: Readonly<Record<string, { readonly by: PsSelection['by']; readonly missing: string }>> = {
  '-C': { by: 'name', missing: 'list of command names must follow -C' },
  '-p': { by: 'pid', missing: 'list of process IDs must follow -p' },
  '-q': { by: 'pid', missing: 'list of process IDs must follow -q' },
  '-s': { by: 'sid', missing: 'list of session IDs must follow -s' },
  '-g': { by: 'sid', missing: 'list of session leaders OR effective group IDs must follow -g' },
  '-u': { by: 'user', missing: 'list of users must follow -u' },
  '-U': { by: 'user', missing: 'list of real users must follow -U' },
  '-G': { by: 'user', missing: 'list of real groups must follow -G' },
  p: { by: 'pid', missing: 'list of process IDs must follow p' },
  q: { by: 'pid', missing: 'list of process IDs must follow q' },
  U: { by: 'user', missing: 'list of users must follow U' },
  '--pid': { by: 'pid', missing: 'list of process IDs must follow --pid' },
  '--quick-pid': { by: 'pid', missing: 'list of process IDs must follow --quick-pid' },
  '--ppid': { by: 'ppid', missing: 'list of process IDs must follow --ppid' },
  '--sid': { by: 'sid', missing: 'some sid thing(s) must follow --sid' },
  '--user': { by: 'user', missing: 'list of effective users must follow --user' },
  '--User': { by: 'user', missing: 'list of real users must follow --User' },
  '--Group': { by: 'user', missing: 'list of real groups must follow --Group' },
};

const LONG_FLAGS: Readonly<Record<string, string>> = {
  '--deselect': 'N',
  '--forest': 'forest',
  '--no-header': 'no header',
  '--no-headers': 'no header',
  '--no-heading': 'no header',
  '--no-headings': 'no header',
  '--noheader': 'no header',
  '--noheaders': 'no header',
  '--noheading': 'no header',
  '--noheadings': 'no header',
  '--cumulative': 'S',
  '--headers': 'headers',
};
/** Options with a value that changes nothing here. */
const SIZES = new Set(['--cols', '--columns', '--width', '--rows', '--lines']);

const isNumber = (text: string): boolean => /^\d+$/.test(text);

/** Commas and blanks between. */
function listOf(by: PsSelection['by'], text: string): PsSelection {
  const values = text.split(/[\s,]+/).filter((one) => one !== '');
  if (values.length === 0 || /^,|,,|,$/.test(text)) wrong('improper list');
  if (by !== 'name' && by !== 'user') {
    if (!values.every(isNumber)) wrong('process ID list syntax error');
    if (values.some((one) => Number(one) === 0)) wrong('process ID out of range');
  }
  if (by === 'user' && !values.every((one) => isNumber(one) || one === 'root' || one === 'nobody'))
    wrong('user name does not exist');
  return { by, values };
}

/** `pid,comm:20,args=WORDS`. */
function columnsOf(text: string): readonly PsColumn[] {
  const words = text.split(/[\s,]+/).filter((one) => one !== '');
  if (words.length === 0) wrong('improper format list');
  return words.map((word) => {
    const [, name = '', width, title] = /^([^:=]*)(?::(\d+))?(?:=(.*))?$/s.exec(word) ?? [];
    const known = Object.hasOwn(PS_COLUMNS, name) && name !== 'addr_sz' ? PS_COLUMNS[name] : undefined;
    if (known === undefined) return wrong(`unknown user-defined format specifier "${name}"`);
    const titled = title === undefined ? known : { ...known, title, width: Math.max(known.width, title.length) };
    return width === undefined ? titled : { ...titled, width: Number(width) };
  });
}

const sortOf = (text: string): readonly PsSort[] =>
  text.split(/[\s,]+/).map((word) => {
    const [, sign, name = ''] = /^([+-]?)(.*)$/.exec(word) ?? [];
    const column = Object.hasOwn(PS_COLUMNS, name) ? PS_COLUMNS[name] : undefined;
    return column === undefined ? wrong('unknown sort specifier') : { column, descending: sign === '-' };
  });

class Reader {
  readonly flags = new Set<string>();
  readonly selections: PsSelection[] = [];
  readonly columns: PsColumn[] = [];
  readonly sort: PsSort[] = [];
  readonly #words: readonly string[];
  readonly #allBsd: boolean;
  #next = 0;
  isBsd = false;

  /** Without `allBsd` words with a dash are Unix'. */
  constructor(words: readonly string[], allBsd: boolean) {
    this.#words = words;
    this.#allBsd = allBsd;
  }

  read(): void {
    for (let word = this.#take(); word !== undefined; word = this.#take()) {
      if (word.startsWith('--')) this.#long(word);
      else if (word.startsWith('-')) this.#letters(word.slice(1), this.#allBsd ? '' : '-');
      else if (/^[\d,]+$/.test(word)) {
        this.isBsd = true;
        this.selections.push(listOf('pid', word));
      } else this.#letters(word, '');
    }
  }

  #take(): string | undefined {
    const word = this.#words[this.#next];
    this.#next += 1;
    return word;
  }

  #letters(letters: string, dash: '' | '-'): void {
    if (letters === '') wrong('garbage option');
    if (dash === '') this.isBsd = true;
    for (let at = 0; at < letters.length; at += 1) {
      const letter = letters[at] ?? '';
      const option = dash + letter;
      if (NOT_OFFERED.has(option)) wrong(`${option} is not offered here`);
      if ((dash === '' ? BSD_FLAGS : UNIX_FLAGS).includes(letter)) {
        this.flags.add(option);
        continue;
      }
      const value = letters.slice(at + 1);
      if (!this.#valued(option, value === '' ? undefined : value))
        wrong(dash === '' ? 'unsupported option (BSD syntax)' : 'unsupported SysV option');
      return;
    }
  }

  /** Whether there is an option of that name with a value. */
  #valued(option: string, attached: string | undefined): boolean {
    const value = (missing: string): string => attached ?? this.#take() ?? wrong(missing);
    if (Object.hasOwn(LISTS, option)) {
      const { by = 'pid', missing = '' } = LISTS[option] ?? {};
      this.selections.push(listOf(by, value(missing)));
      return true;
    }
    if (option === '-o' || option === 'o' || option === '--format')
      this.columns.push(...columnsOf(value(`format specification must follow ${option}`)));
    else if (option === '-O' || option === 'O')
      this.#wrapped(value(`format or sort specification must follow ${option}`));
    else if (option === 'k' || option === '--sort')
      this.sort.push(
        ...sortOf(
          value(
            option === 'k' ? "long sort specification must follow 'k'" : 'long sort specification must follow --sort',
          ),
        ),
      );
    else if (option === '-t' || option === 't' || option === '--tty')
      return value(`list of terminals (pty, tty...) must follow ${option}`) === '' || wrong('TTY could not be found');
    else if (SIZES.has(option)) value(`number must follow ${option}`);
    else return false;
    return true;
  }

  /** What `-O` asks for stands behind the number. */
  #wrapped(text: string): void {
    const names = this.isBsd ? ['pid', 'stat', 'tname', 'bsdtime', 'args'] : ['pid', 's', 'tname', 'time', 'args'];
    const [first, ...others] = names.flatMap((name) => PS_COLUMNS[name] ?? []);
    if (first !== undefined) this.columns.push(first, ...columnsOf(text), ...others);
  }

  #long(word: string): void {
    const [, name = '', value] = /^(--[^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const flag = Object.hasOwn(LONG_FLAGS, name) ? LONG_FLAGS[name] : undefined;
    if (flag !== undefined) this.flags.add(flag);
    else if (!this.#valued(name, value)) wrong('unknown gnu long option');
  }
}

function read(args: readonly string[], allBsd: boolean): PsOptions | PsProblem {
  const reader = new Reader(args, allBsd);
  try {
    reader.read();
  } catch (error) {
    if (error instanceof Wrong) return { problem: error.message };
    throw error;
  }
  const { flags, selections, columns, sort, isBsd } = reader;
  return { flags, selections, columns, sort, isBsd };
}

/** What is nothing of Unix', as `-aux`, may be BSD's. */
export function readPsOptions(args: readonly string[]): PsOptions | PsProblem {
  const asked = read(args, false);
  if (!('problem' in asked)) return asked;
  const again = read(args, true);
  return 'problem' in again ? asked : again;
}
