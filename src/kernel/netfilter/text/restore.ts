/** The text of iptables-restore, line by line: `*table`, `:CHAIN`, commands, `COMMIT`. */

import type { Cause, TableName } from '../../../trace/index.js';
import { NO_CAUSE } from '../../../trace/index.js';
import { assert } from '../../errors.js';
import { RuleError } from '../extension.js';
import type { Counters } from '../rule.js';
import type { NewRule, TableDraft } from '../table-draft.js';
import { isTableName } from '../table-kinds.js';
import type { CommitProblem } from '../table-commit.js';
import { LinesAlike, linesOf, type RestoreBlock } from './lines-alike.js';
import { type ChainBlock, ChainsPlace, type RestoreChains } from './restore-chains.js';
import { type MatchPool, type ParsedRule, parseRule } from './rule-parser.js';
import { splitWords } from './tokenize.js';

export interface RestoreProblem {
  /** From 1. */
  readonly line: number;
  readonly table: TableName | undefined;
  /** `error`: the table was not changed. `unmodelled`: kept and printed back, but what it does is not known. */
  readonly severity: 'error' | 'unmodelled';
  readonly message: string;
}

export interface RestoreOptions {
  /** Tables are changed, not replaced. */
  readonly noflush?: boolean;
  /** Counters in the text are taken over. */
  readonly counters?: boolean;
  /** Why the rule of a line of a text exists; blocks say so themselves. */
  readonly causes?: (line: number) => readonly Cause[];
}

/** A piece of a text. */
export type RestorePart = RestoreBlock | ChainsPlace;

/** What the text works on. */
export interface RestoreTarget {
  begin(table: TableName): TableDraft;
  commit(draft: TableDraft): readonly CommitProblem[];
}

const COMMANDS: ReadonlyMap<string, string> = new Map([
  ['-A', '-A'],
  ['--append', '-A'],
  ['-I', '-I'],
  ['--insert', '-I'],
  ['-D', '-D'],
  ['--delete', '-D'],
  ['-R', '-R'],
  ['--replace', '-R'],
  ['-C', '-C'],
  ['--check', '-C'],
  ['-N', '-N'],
  ['--new-chain', '-N'],
  ['-X', '-X'],
  ['--delete-chain', '-X'],
  ['-F', '-F'],
  ['--flush', '-F'],
  ['-P', '-P'],
  ['--policy', '-P'],
  ['-E', '-E'],
  ['--rename-chain', '-E'],
  ['-Z', '-Z'],
  ['--zero', '-Z'],
]);

/** Behind the name of a chain that a program declares. */
const UNCOUNTED = ' - [0:0]';
const NONE_COUNTED: Counters = { packets: 0, bytes: 0 };

const COUNTERS = /^\[(\d+):(\d+)\]$/;

function parseCounters(text: string): Counters | undefined {
  const match = COUNTERS.exec(text);
  return match === null ? undefined : { packets: Number(match[1]), bytes: Number(match[2]) };
}

function requireWord(words: readonly string[], at: number, command: string): string {
  const word = words[at];
  if (word === undefined) throw new RuleError(`option "${command}" requires an argument`);
  return word;
}

/** A rule's number where one stands, always from 1. */
function parsePosition(word: string | undefined): number | undefined {
  if (word === undefined || !/^\d+$/.test(word)) return undefined;
  const position = Number(word);
  if (position === 0) throw new RuleError(`Invalid rule number \`${word}'`);
  return position;
}

/** Where in the text rules of whole chains stand. */
class FilledPlaces {
  readonly of: RestoreChains;
  /** Ascending, of each piece the place of its first chain and the line of its first rule. */
  readonly #pieces: { readonly from: number; readonly line: number }[] = [];

  constructor(of: RestoreChains) {
    this.of = of;
  }

  add(from: number, line: number): void {
    this.#pieces.push({ from, line });
  }

  /** Of the first rule of that chain. */
  lineOf(name: string): number {
    const place = this.of.placeOf(name);
    const piece = this.#pieces.findLast(({ from }) => from <= place);
    assert(piece !== undefined, 'a chain has its place in a piece');
    return piece.line + this.of.linesBefore(place) - this.of.linesBefore(piece.from);
  }
}

/** Reads one restore text. */
export class Restorer {
  readonly #target: RestoreTarget;
  readonly #options: RestoreOptions;
  readonly #problems: RestoreProblem[] = [];
  readonly #pool: MatchPool = new Map();
  readonly #alike = new LinesAlike(this.#pool);
  #draft: TableDraft | undefined = undefined;
  /** Chains that have got their rules as a whole. */
  #filled: FilledPlaces | undefined = undefined;
  /** Something is wrong with the table that is open, or was with one before: nothing is committed any more. */
  #failed = false;
  #line = 0;

  constructor(target: RestoreTarget, options: RestoreOptions) {
    this.#target = target;
    this.#options = options;
  }

  run(text: string | readonly RestorePart[]): readonly RestoreProblem[] {
    if (typeof text === 'string') this.#readLines(text.split('\n'), (line) => this.#options.causes?.(line) ?? NO_CAUSE);
    else
      for (const part of text) {
        if (!(part instanceof ChainsPlace)) this.#readBlock(part);
        else if (part.what === 'declarations') this.#declareChains(part);
        else this.#fillChains(part);
      }
    if (this.#draft !== undefined) this.#error(`COMMIT expected at line ${this.#line}`);
    return this.#problems;
  }

  #readBlock(block: RestoreBlock): void {
    const draft = this.#draft;
    const unread = draft === undefined ? undefined : this.#alike.unreadBlock(block, draft.table.name);
    // Where there is no such chain, each of the lines is wrong.
    if (draft === undefined || unread === undefined || !draft.chains.has(unread.chain)) {
      this.#readLines(linesOf(block.text), () => block.because);
      return;
    }
    draft.appendBlock(unread.chain, unread.entries, this.#line + 1);
    this.#line += unread.entries.length;
  }

  #declareChains({ of, from, chains }: ChainsPlace): void {
    const draft = this.#draft;
    if (draft !== undefined && from === 0) {
      const { shared } = this.#alike.readChains(of, draft.table.name, (name) => draft.mayBeUserChain(name));
      draft.declareAll(shared);
    }
    for (const chain of chains) {
      if (draft !== undefined && this.#isShared(of, chain, draft)) this.#line += 1;
      else this.#readLines([`:${chain.name}${UNCOUNTED}`], () => NO_CAUSE);
    }
  }

  #isShared({ read }: RestoreChains, chain: ChainBlock, { table }: TableDraft): boolean {
    return read?.table === table.name && !read.others.has(chain);
  }

  #fillChains({ of, from, chains }: ChainsPlace): void {
    const draft = this.#draft;
    const { read } = of;
    if (draft !== undefined && from === 0 && read?.table === draft.table.name) {
      const places = new FilledPlaces(of);
      if (draft.fillAll(read.shared, (name) => places.lineOf(name))) this.#filled = places;
    }
    this.#filled?.add(from, this.#line + 1);
    for (const chain of chains) {
      if (draft !== undefined && this.#filled?.of === of && this.#isShared(of, chain, draft))
        this.#line += chain.block.lines;
      else this.#readBlock(chain.block);
    }
  }

  #readLines(lines: readonly string[], causes: (line: number) => readonly Cause[]): void {
    for (const line of lines) {
      this.#line += 1;
      try {
        this.#readLine(line, causes);
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        this.#error(error.message);
      }
    }
  }

  #error(message: string, line: number = this.#line): void {
    this.#failed = true;
    this.#problems.push({ line, table: this.#draft?.table.name, severity: 'error', message });
  }

  #readLine(line: string, causes: (line: number) => readonly Cause[]): void {
    const first = line.charAt(0);
    if (first === '#' || line.trim() === '') return;
    if (first === '*' && this.#draft === undefined) this.#begin(line.slice(1).trim());
    else if (this.#draft === undefined)
      this.#error(line.trim() === 'COMMIT' ? 'COMMIT without a table' : 'no table is open');
    else if (line.trim() === 'COMMIT') this.#commit(this.#draft);
    else if (first === ':') this.#declare(this.#draft, line.slice(1));
    else this.#command(this.#draft, line, causes(this.#line));
  }

  #begin(name: string): void {
    if (isTableName(name)) this.#draft = this.#target.begin(name);
    else this.#error(`table name '${name}' invalid`);
  }

  #commit(draft: TableDraft): void {
    if (!this.#failed) {
      const problems = this.#target
        .commit(draft)
        .map(({ chain, at, message }) => ({ message, line: draft.lineOf(chain, at) ?? this.#line }));
      for (const { message, line } of problems.sort((a, b) => a.line - b.line)) this.#error(message, line);
    }
    this.#draft = undefined;
    this.#filled = undefined;
  }

  #declare(draft: TableDraft, text: string): void {
    if (text.endsWith(UNCOUNTED)) {
      // The most of them by far.
      const name = text.slice(0, -UNCOUNTED.length);
      if (!/\s/.test(name)) {
        draft.declare(name, '-', this.#options.counters === true ? NONE_COUNTED : undefined);
        return;
      }
    }
    const [name = '', policy, counters] = text.split(/\s+/);
    if (policy === undefined || policy === '') throw new RuleError(`invalid policy for chain '${name}'`);
    const given = counters === undefined ? undefined : parseCounters(counters);
    if (this.#options.counters === true && given === undefined && policy !== '-') {
      throw new RuleError(`invalid policy counters for chain '${name}'`);
    }
    draft.declare(name, policy, this.#options.counters === true ? given : undefined);
  }

  #command(draft: TableDraft, line: string, because: readonly Cause[]): void {
    const unread = this.#alike.unread(line, draft.table.name, because);
    if (unread !== undefined) {
      draft.appendUnread(unread.chain, unread.entry, this.#line);
      return;
    }
    const split = splitWords(line);
    if (split.unclosed) throw new RuleError('a quote is not closed');
    const counters = parseCounters(split.words[0] ?? '');
    const words = counters === undefined ? split.words : split.words.slice(1);
    const given = words[0] ?? '';
    const command = COMMANDS.get(given);
    if (command === undefined)
      throw new RuleError(given.startsWith('-') ? `unknown option "${given}"` : `Bad argument \`${given}'`);
    if ('-A-I-D-R-C'.includes(command)) this.#ruleCommand(draft, { command, words, counters, because, text: line });
    else chainCommand(draft, command, words);
  }

  #ruleCommand(
    draft: TableDraft,
    given: {
      readonly command: string;
      readonly words: readonly string[];
      readonly counters: Counters | undefined;
      readonly because: readonly Cause[];
      readonly text: string;
    },
  ): void {
    const { command, words, because } = given;
    const chain = requireWord(words, 1, command);
    const position = command === '-A' || command === '-C' ? undefined : parsePosition(words[2]);
    if (command === '-R' && position === undefined) throw new RuleError('-R requires a rule number');
    if (command === '-D' && position !== undefined && words.length === 3) {
      draft.deleteAt(chain, position);
      return;
    }
    const parsed = parseRule(words, position === undefined ? 2 : 3, {
      table: draft.table.name,
      chain,
      pool: this.#pool,
    });
    const counters = parsed.counters ?? (this.#options.counters === true ? given.counters : undefined);
    const line = this.#line;
    const rules: NewRule[] = parsed.rules.map((parts) => ({ parts, counters, because, line }));
    apply(draft, { command, chain, position, rules });
    this.#alike.haveRead(given.text, draft.table.name, parsed);
    if (command === '-A' || command === '-I' || command === '-R') this.#unmodelled(parsed);
  }

  #unmodelled({ unmodelled }: ParsedRule): void {
    for (const name of unmodelled) {
      const message = `${name} is not modelled`;
      this.#problems.push({ line: this.#line, table: this.#draft?.table.name, severity: 'unmodelled', message });
    }
  }
}

function apply(
  draft: TableDraft,
  {
    command,
    chain,
    position,
    rules,
  }: { command: string; chain: string; position: number | undefined; rules: readonly NewRule[] },
): void {
  for (const rule of rules) {
    switch (command) {
      case '-A':
        draft.append(chain, rule);
        break;
      case '-I':
        draft.insert(chain, position ?? 1, rule);
        break;
      case '-R':
        draft.replace(chain, position ?? 1, rule);
        break;
      case '-D':
        draft.deleteRule(chain, rule.parts);
        break;
      default:
        draft.check(chain, rule.parts);
    }
  }
}

/** Words that a command about a chain takes. */
const CHAIN_WORDS: Readonly<Record<string, number>> = { '-N': 1, '-X': 1, '-F': 1, '-P': 2, '-E': 2, '-Z': 2 };

function chainCommand(draft: TableDraft, command: string, words: readonly string[]): void {
  const tooMany = words[1 + (CHAIN_WORDS[command] ?? words.length)];
  if (tooMany?.startsWith('-') === false) throw new RuleError(`Bad argument \`${tooMany}'`);
  switch (command) {
    case '-N':
      draft.create(requireWord(words, 1, command));
      return;
    case '-X':
      draft.delete(words[1]);
      return;
    case '-F':
      draft.flush(words[1]);
      return;
    case '-P':
      draft.setPolicy(requireWord(words, 1, command), requireWord(words, 2, command));
      return;
    case '-E':
      draft.rename(requireWord(words, 1, command), requireWord(words, 2, command));
      return;
    default:
      draft.zero(words[1], parsePosition(words[2]));
  }
}
