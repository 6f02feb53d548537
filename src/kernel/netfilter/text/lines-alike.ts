/** Lines that need not be read before somebody wants their rules, since lines of their shape have been read. */

import { type Cause, NO_CAUSE, type TableName } from '../../../trace/index.js';
import { assert } from '../../errors.js';
import { RuleError } from '../extension.js';
import { Rule, type RuleParts } from '../rule.js';
import { type ReadLine, UnreadRule } from '../rule-entry.js';
import { SharedChains } from '../shared-chains.js';
import { shapeOf } from './line-shape.js';
import { type MatchPool, type ParsedRule, parseRule } from './rule-parser.js';
import type { ChainBlock, ReadChains, RestoreChains } from './restore-chains.js';
import { splitWords } from './tokenize.js';

/** Rules of that shape need nothing of the namespace, and are the same whenever they are made. */
function canWait({ matches, action }: RuleParts): boolean {
  const parts = matches.map(({ match }) => match);
  const made = action.kind === 'target' ? [...parts, action.target] : parts;
  return (
    action.kind !== 'unknown' &&
    matches.every(({ kind }) => kind?.pure === true || kind?.ageless === true) &&
    !made.some((part) => 'attach' in part || 'detach' in part)
  );
}

type Unread = Pick<UnreadRule, 'like' | 'leadsTo'> & { readonly chain: string; readonly read: ReadLine };

/** Rules of one chain, in the order of their lines. Nothing of them is of the namespace that they were first restored in. */
export interface UnreadBlock {
  readonly table: TableName;
  readonly chain: string;
  readonly entries: readonly UnreadRule[];
}

/** Whole lines of one cause. Who gives the same object again, to whichever namespace, spares its being read again. */
export class RestoreBlock {
  /** Each line with its end. */
  readonly text: string;
  readonly lines: number;
  readonly because: readonly Cause[];
  /** Once they were read, if they can wait. */
  unread: UnreadBlock | undefined = undefined;

  constructor(text: string, lines: number, because: readonly Cause[] = NO_CAUSE) {
    this.text = text;
    this.lines = lines;
    this.because = because;
  }
}

const NO_LINES: readonly UnreadRule[] = [];

export function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (text.endsWith('\n')) lines.pop();
  return lines;
}

/** Of one restore. */
export class LinesAlike {
  readonly #pool: MatchPool;
  /** By table and shape. */
  readonly #known = new Map<string, Rule>();
  readonly #readers = new Map<TableName, ReadLine>();

  constructor(pool: MatchPool) {
    this.#pool = pool;
  }

  /** A line is a rule of that table now: those that are like it can wait, unless this one could not. */
  haveRead(line: string, table: TableName, { rules, counters, unmodelled }: ParsedRule): void {
    const [parts] = rules;
    if (parts === undefined || rules.length > 1 || counters !== undefined || unmodelled.length > 0) return;
    const shaped = shapeOf(line);
    if (shaped === undefined || !canWait(parts)) return;
    const { kind } = parts.action;
    // Where a line leads must be seen without reading it.
    if ((kind === 'jump' || kind === 'goto') !== (shaped.leadsTo !== undefined)) return;
    this.#known.set(`${table} ${shaped.shape}`, new Rule(parts, { because: NO_CAUSE }));
  }

  /** Undefined for a block of which some line has to be read now, or that is not of one chain. */
  unreadBlock(block: RestoreBlock, table: TableName): UnreadBlock | undefined {
    if (block.unread?.table === table) return block.unread;
    const entries: UnreadRule[] = [];
    let chain: string | undefined;
    for (const line of linesOf(block.text)) {
      const unread = this.#unread(line, table);
      if (unread === undefined || (chain !== undefined && unread.chain !== chain)) return undefined;
      chain = unread.chain;
      entries.push(new UnreadRule(line, { because: block.because, ...unread }));
    }
    if (chain === undefined) return undefined;
    block.unread = { table, chain, entries };
    return block.unread;
  }

  /** Chains of one name alone, and of names that `mayBe`, are shared if all of their lines can wait. */
  readChains(chains: RestoreChains, table: TableName, mayBe: (name: string) => boolean): ReadChains {
    if (chains.read?.table === table) return chains.read;
    const shared = new Map<string, readonly UnreadRule[]>();
    const others = new Set<ChainBlock>();
    for (const chain of chains.chains) {
      const { name, block } = chain;
      const lines = mayBe(name) && !shared.has(name) ? this.#linesOfChain(name, block, table) : undefined;
      if (lines === undefined) others.add(chain);
      else shared.set(name, lines);
    }
    chains.read = { table, shared: new SharedChains(shared), others };
    return chains.read;
  }

  /** Undefined where one of them has to be read now. */
  #linesOfChain(name: string, block: RestoreBlock, table: TableName): readonly UnreadRule[] | undefined {
    if (block.lines === 0) return NO_LINES;
    const unread = this.unreadBlock(block, table) ?? this.#learn(block, table);
    return unread?.chain === name ? unread.entries : undefined;
  }

  /** Reads the lines that are like none before. */
  #learn(block: RestoreBlock, table: TableName): UnreadBlock | undefined {
    for (const line of linesOf(block.text)) {
      const shaped = shapeOf(line);
      if (shaped === undefined) return undefined;
      if (this.#known.has(`${table} ${shaped.shape}`)) continue;
      try {
        const { words } = splitWords(line);
        this.haveRead(line, table, parseRule(words, 2, { table, chain: shaped.chain, pool: this.#pool }));
      } catch (error) {
        if (error instanceof RuleError) return undefined;
        throw error;
      }
    }
    return this.unreadBlock(block, table);
  }

  /** Undefined for a line that has to be read now. */
  unread(line: string, table: TableName, because: readonly Cause[]): { chain: string; entry: UnreadRule } | undefined {
    const unread = this.#unread(line, table);
    return unread === undefined
      ? undefined
      : { chain: unread.chain, entry: new UnreadRule(line, { because, ...unread }) };
  }

  #unread(line: string, table: TableName): Unread | undefined {
    const shaped = shapeOf(line);
    if (shaped === undefined) return undefined;
    const like = this.#known.get(`${table} ${shaped.shape}`);
    if (like === undefined) return undefined;
    return { like, chain: shaped.chain, leadsTo: shaped.leadsTo, read: this.#reader(table) };
  }

  #reader(table: TableName): ReadLine {
    const present = this.#readers.get(table);
    if (present !== undefined) return present;
    const pool = this.#pool;
    const read: ReadLine = (line, because) => {
      const { words } = splitWords(line);
      const [parts] = parseRule(words, 2, { table, chain: words[1] ?? '', pool }).rules;
      assert(parts !== undefined, 'a line is read as those that are like it');
      return new Rule(parts, { because });
    };
    this.#readers.set(table, read);
    return read;
  }
}
