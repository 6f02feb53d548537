/** The words of a rule, from the command on: basic options read, the others dealt out to matches and target. */

import type { OptionSpec, OptionTable } from '../extension.js';
import { RuleError } from '../extension.js';
import { matchKind, protocolMatch } from '../match/index.js';
import type { GivenOption } from '../options.js';
import { targetKind } from '../target/index.js';
import { isUnmodelledTarget } from '../unknown.js';
import { parseProtocol } from './protocol-names.js';

/** A match or target as it stands in the rule. */
export interface ExtensionWords {
  readonly name: string;
  /** Undefined where it is not modelled. */
  readonly table: OptionTable | undefined;
  readonly given: GivenOption[];
  /** All of it, for printing back what is not understood. */
  readonly verbatim: string[];
  /** An option came that it does not have, in a form that iptables may know. */
  unmodelled: boolean;
}

export interface RuleWords {
  /** Basic options by short name: `-s`, `-d`, `-i`, `-o`, `-p`, `-f`. */
  readonly basic: Map<string, { readonly value: string; readonly inverted: boolean }>;
  readonly matches: ExtensionWords[];
  readonly target: ExtensionWords | undefined;
  readonly goto: boolean;
  readonly counters: { readonly packets: number; readonly bytes: number } | undefined;
}

/** Long and short names of the basic options, by the short one. */
const BASIC: ReadonlyMap<string, string> = new Map([
  ['-s', '-s'],
  ['--source', '-s'],
  ['--src', '-s'],
  ['-d', '-d'],
  ['--destination', '-d'],
  ['--dst', '-d'],
  ['-i', '-i'],
  ['--in-interface', '-i'],
  ['-o', '-o'],
  ['--out-interface', '-o'],
  ['-p', '-p'],
  ['--protocol', '-p'],
  ['--proto', '-p'],
  ['-f', '-f'],
  ['--fragments', '-f'],
  ['--fragment', '-f'],
  ['-m', '-m'],
  ['--match', '-m'],
  ['-j', '-j'],
  ['--jump', '-j'],
  ['-g', '-g'],
  ['--goto', '-g'],
  ['-c', '-c'],
  ['--set-counters', '-c'],
  ['-4', '-4'],
  ['--ipv4', '-4'],
]);

/** Basic options that `!` may stand before. */
const INVERTIBLE: ReadonlySet<string> = new Set(['-s', '-d', '-i', '-o', '-p', '-f']);

/** set_option(): of these it is told once the rule has been read. */
const NEVER_INVERTED: ReadonlySet<string> = new Set(['-j', '-g', '-c']);

/** do_parse() takes argv[optind - 1] for their value: where it stands attached, that is the whole word. */
const WHOLE_WORD: ReadonlySet<string> = new Set(['-s', '-d', '-i', '-o', '-p', '-j']);

const isOption = (word: string): boolean => /^--?\w/.test(word);

/** `--source=X` and `-sX`; no value where it stands behind. */
function attached(word: string): { readonly name: string; readonly value: string | undefined } {
  const [, name = word, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? /^(-[sdiopmjgc])(.+)$/s.exec(word) ?? [];
  const isWhole = value !== undefined && WHOLE_WORD.has(BASIC.get(name) ?? '');
  return { name, value: isWhole ? word : value };
}

/** Options of a table by every spelling. */
const SPELLINGS = new WeakMap<OptionTable, ReadonlyMap<string, { readonly name: string; readonly spec: OptionSpec }>>();

function spellings(table: OptionTable): ReadonlyMap<string, { readonly name: string; readonly spec: OptionSpec }> {
  const known = SPELLINGS.get(table);
  if (known !== undefined) return known;
  const made = new Map<string, { name: string; spec: OptionSpec }>();
  for (const [name, spec] of Object.entries(table)) {
    for (const spelling of [name, ...(spec.aliases ?? [])]) made.set(spelling, { name, spec });
  }
  SPELLINGS.set(table, made);
  return made;
}

const extension = (name: string, table: OptionTable | undefined): ExtensionWords => ({
  name,
  table,
  given: [],
  verbatim: [],
  unmodelled: false,
});

/** Reads the words in order; what an option means depends on what was loaded before it. */
export class RuleReader {
  readonly #words: readonly string[];
  #at: number;
  readonly #basic = new Map<string, { value: string; inverted: boolean }>();
  readonly #matches: ExtensionWords[] = [];
  #target: ExtensionWords | undefined = undefined;
  #goto = false;
  #counters: { packets: number; bytes: number } | undefined = undefined;
  /** The extension that was named last. */
  #last: ExtensionWords | undefined = undefined;

  constructor(words: readonly string[], from: number) {
    this.#words = words;
    this.#at = from;
  }

  /** @throws RuleError */
  read(): RuleWords {
    while (this.#at < this.#words.length) this.#readOption();
    return {
      basic: this.#basic,
      matches: this.#matches,
      target: this.#target,
      goto: this.#goto,
      counters: this.#counters,
    };
  }

  #next(option: string): string {
    const word = this.#words[this.#at];
    if (word === undefined) throw new RuleError(`option "${option}" requires an argument`);
    this.#at += 1;
    return word;
  }

  /** One that is no option, or undefined. */
  #takeWord(): string | undefined {
    const word = this.#words[this.#at];
    if (word === undefined || /^[-!]/.test(word)) return undefined;
    this.#at += 1;
    return word;
  }

  #readOption(): void {
    let word = this.#next('');
    const inverted = word === '!';
    if (inverted) word = this.#inverted();
    const { name, value } = attached(word);
    const basic = BASIC.get(name);
    if (basic !== undefined) this.#readBasic(basic, { inverted, value, written: name });
    else if (isOption(name)) this.#readExtension(name, { inverted, value });
    else throw new RuleError(`Bad argument \`${word}'`);
  }

  /** What stands behind `!`. */
  #inverted(): string {
    const word = this.#words[this.#at];
    this.#at += 1;
    if (word === undefined) throw new RuleError('nothing appropriate following !');
    if (word === '!') throw new RuleError('multiple consecutive ! not allowed');
    return word;
  }

  #readBasic(name: string, given: { inverted: boolean; value: string | undefined; written: string }): void {
    if (given.inverted && NEVER_INVERTED.has(name))
      throw new RuleError(`cannot have ! before ${name === '-g' ? '-j' : name}`);
    if (given.inverted && !INVERTIBLE.has(name))
      throw new RuleError(`unexpected ! flag before ${name === '-m' ? '--match' : name}`);
    if (name === '-4') return;
    if (name === '-f') {
      this.#setBasic(name, '', given.inverted);
      return;
    }
    const value = given.value ?? this.#next(given.written);
    switch (name) {
      case '-m':
        this.#load(value);
        return;
      case '-j':
      case '-g':
        this.#setTarget(name, value);
        return;
      case '-c':
        this.#setCounters(value);
        return;
      default:
        this.#setBasic(name, value, given.inverted);
    }
  }

  #setBasic(name: string, value: string, inverted: boolean): void {
    if (this.#basic.has(name)) throw new RuleError(`multiple ${name} flags not allowed`);
    this.#basic.set(name, { value, inverted });
  }

  #load(name: string): ExtensionWords {
    const match = extension(name, matchKind(name)?.options);
    this.#matches.push(match);
    this.#last = match;
    return match;
  }

  #setTarget(option: string, name: string): void {
    if (this.#target !== undefined) throw new RuleError(`multiple ${option} flags not allowed`);
    this.#goto = option === '-g';
    this.#target = extension(name, this.#goto ? undefined : targetKind(name)?.options);
    this.#last = this.#target;
  }

  /** `-c 5 6` or `-c 5,6`. */
  #setCounters(value: string): void {
    const [packets = '', attached] = value.split(',');
    const bytes = attached ?? this.#takeWord();
    if (bytes === undefined) throw new RuleError('-c requires packet and byte counter');
    if (!/^\d+$/.test(packets)) throw new RuleError('-c packet counter not numeric');
    if (!/^\d+$/.test(bytes)) throw new RuleError('-c byte counter not numeric');
    this.#counters = { packets: Number(packets), bytes: Number(bytes) };
  }

  /** Whose option it is: that of the extension named last that has it, of `-p`'s own match, or nobody's known. */
  #ownerOf(name: string): ExtensionWords | undefined {
    const last = this.#last;
    // `-j CHAIN -p tcp --dport 80` is a way to write it; a target that is not modelled keeps its options.
    const perhapsChain = last !== undefined && last === this.#target && !isUnmodelledTarget(last.name);
    if (last !== undefined && last.table === undefined && !perhapsChain) return last;
    const loaded = [...this.#matches, ...(this.#target === undefined ? [] : [this.#target])];
    if (last !== undefined) loaded.push(last);
    const owner = loaded.findLast(({ table }) => table !== undefined && spellings(table).has(name));
    return owner ?? this.#protocolOwner(name);
  }

  /** `-p tcp --dport 80`: the protocol's match comes by itself. */
  #protocolOwner(name: string): ExtensionWords | undefined {
    const given = this.#basic.get('-p');
    const protocol = given === undefined || given.inverted ? undefined : parseProtocol(given.value);
    const matchName = protocol === undefined ? undefined : protocolMatch(protocol);
    if (matchName === undefined || this.#matches.some((match) => match.name === matchName)) return undefined;
    const table = matchKind(matchName)?.options;
    return table !== undefined && spellings(table).has(name) ? this.#load(matchName) : undefined;
  }

  /** getopt_long(): the beginning of one option's name alone means that option (`-j DNAT --to`). */
  #begunBy(beginning: string): string | undefined {
    const loaded = [...this.#matches, ...(this.#target === undefined ? [] : [this.#target])];
    const all = loaded.flatMap(({ table }) => (table === undefined ? [] : [...spellings(table)]));
    const begun = new Set(all.filter(([spelling]) => spelling.startsWith(beginning)).map(([, { name }]) => name));
    const [only] = begun;
    return begun.size === 1 && beginning.length > 2 ? only : undefined;
  }

  #readExtension(written: string, given: { inverted: boolean; value: string | undefined }): void {
    const exact = this.#ownerOf(written);
    const name = exact === undefined ? (this.#begunBy(written) ?? written) : written;
    const owner = exact ?? this.#ownerOf(name) ?? this.#last;
    if (owner === undefined) throw new RuleError(`unknown option "${name}"`);
    const known = owner.table === undefined ? undefined : spellings(owner.table).get(name);
    if (given.inverted) owner.verbatim.push('!');
    owner.verbatim.push(name);
    if (known === undefined) {
      owner.unmodelled = true;
      this.#readUnknown(owner, given.value);
      return;
    }
    if (given.inverted && known.spec.invertible !== true) {
      throw new RuleError(`${owner.name}: option "${known.name}" cannot be inverted.`);
    }
    const values: string[] = [];
    for (let i = 0; i < (known.spec.arguments ?? 1); i++) {
      values.push(i === 0 && given.value !== undefined ? given.value : this.#next(written));
    }
    owner.verbatim.push(...values);
    owner.given.push({ name: known.name, inverted: given.inverted, arguments: values });
  }

  /** An option that nobody here knows takes every word up to the next one. */
  #readUnknown(owner: ExtensionWords, value: string | undefined): void {
    if (value !== undefined) owner.verbatim.push(value);
    for (;;) {
      const word = this.#words[this.#at];
      if (word === undefined || word === '!' || isOption(word)) return;
      owner.verbatim.push(word);
      this.#at += 1;
    }
  }
}
