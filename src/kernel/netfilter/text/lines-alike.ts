/** Lines that need not be read before somebody wants their rules, since lines of their shape have been read. */

import { NO_CAUSE, type TableName } from '../../../trace/index.js';
import { assert } from '../../errors.js';
import { Rule, type RuleParts } from '../rule.js';
import type { ReadLine, UnreadRule } from '../rule-entry.js';
import { shapeOf } from './line-shape.js';
import { type MatchPool, type ParsedRule, parseRule } from './rule-parser.js';
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

export type Unread = Pick<UnreadRule, 'like' | 'leadsTo'> & { readonly chain: string; readonly read: ReadLine };

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
    this.#known.set(`${table} ${shaped.shape}`, new Rule(parts, { because: NO_CAUSE }));
  }

  /** Undefined for a line that has to be read now. */
  unread(line: string, table: TableName): Unread | undefined {
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
