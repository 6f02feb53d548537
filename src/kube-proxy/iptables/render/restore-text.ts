/**
 * Text for iptables-restore, and for each of its lines why it is there.
 *
 * Upstream walks Services in the order of a Go map, other each time. The order here is fixed: that into which
 * upstream's own tests sort both sides (pkg/proxy/iptables/proxier_test.go:sortIPTablesRules()): the chains
 * that all Services share first, then the others by name; rules of one chain by Service; `-X` last.
 */

import { assert } from '../../../kernel/index.js';
import type { Cause, TableName } from '../../../trace/index.js';
import type { RuleBlock } from './service-rules.js';

/** Rules that follow one another and have one cause. */
interface Block {
  readonly block: RuleBlock;
  readonly because: readonly Cause[];
}

export interface RestoreText {
  readonly text: string;
  /** By the number of a line, from 1. */
  readonly causes: (line: number) => readonly Cause[];
}

/** Runs of lines with one cause, in the order of their first lines. */
class Causes {
  readonly #first: number[] = [];
  readonly #because: (readonly Cause[])[] = [];

  add(line: number, because: readonly Cause[]): void {
    if (this.#because.at(-1) === because) return;
    this.#first.push(line);
    this.#because.push(because);
  }

  /** Of the last run that begins at or before the line. */
  at(line: number): readonly Cause[] {
    let low = 0;
    let high = this.#first.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#first[middle] ?? 0) <= line) low = middle + 1;
      else high = middle;
    }
    return this.#because[low - 1] ?? [];
  }
}

const SHARED_FIRST = ['KUBE-NODEPORTS', 'KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES'];

/** One table of the text. */
export class TableText {
  readonly name: TableName;
  readonly #chains = new Map<string, Block[]>();
  readonly #deleted: string[] = [];

  constructor(name: TableName) {
    this.name = name;
  }

  /** `:CHAIN - [0:0]`: made, or emptied. */
  declare(chain: string): void {
    if (!this.#chains.has(chain)) this.#chains.set(chain, []);
  }

  /** `-A`, to a chain that was declared or is declared by this. */
  append(chain: string, block: RuleBlock, because: readonly Cause[]): void {
    const blocks = this.#chains.get(chain);
    const added = block.lines === 0 ? [] : [{ block, because }];
    if (blocks === undefined) this.#chains.set(chain, added);
    else blocks.push(...added);
  }

  /** `-X`; a chain must be empty to go. */
  delete(chain: string): void {
    this.declare(chain);
    this.#deleted.push(chain);
  }

  /** Rules of all chains. */
  get rules(): number {
    let count = 0;
    for (const blocks of this.#chains.values()) for (const { block } of blocks) count += block.lines;
    return count;
  }

  #order(): string[] {
    const shared = SHARED_FIRST.filter((name) => this.#chains.has(name));
    const others = [...this.#chains.keys()].filter((name) => !SHARED_FIRST.includes(name));
    return [...shared, ...others.sort()];
  }

  writeTo(writer: Writer): void {
    const own: readonly Cause[] = [];
    const order = this.#order();
    assert(order.length > 0, 'a table is written for its chains');
    writer.write(`*${this.name}\n`, 1, own);
    writer.write(`:${order.join(' - [0:0]\n:')} - [0:0]\n`, order.length, own);
    for (const name of order) {
      for (const { block, because } of this.#chains.get(name) ?? []) writer.write(block.text, block.lines, because);
    }
    for (const name of this.#deleted.sort()) writer.write(`-X ${name}\n`, 1, own);
    writer.write('COMMIT\n', 1, own);
  }
}

/** Pieces of a text, and which lines are whose. */
class Writer {
  readonly #pieces: string[] = [];
  readonly #causes = new Causes();
  #next = 1;

  write(text: string, lines: number, because: readonly Cause[]): void {
    this.#causes.add(this.#next, because);
    this.#pieces.push(text);
    this.#next += lines;
  }

  finish(): RestoreText {
    const causes = this.#causes;
    return { text: this.#pieces.join(''), causes: (line) => causes.at(line) };
  }
}

export function formatRestore(tables: readonly TableText[]): RestoreText {
  const writer = new Writer();
  for (const table of tables) table.writeTo(writer);
  return writer.finish();
}
