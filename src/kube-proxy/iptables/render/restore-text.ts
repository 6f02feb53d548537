/**
 * Text for iptables-restore, and for each of its lines why it is there.
 *
 * Upstream walks Services in the order of a Go map, other each time. The order here is fixed: that into which
 * upstream's own tests sort both sides (pkg/proxy/iptables/proxier_test.go:sortIPTablesRules()): the chains
 * that all Services share first, then the others by name; rules of one chain by Service; `-X` last.
 */

import type { Cause, TableName } from '../../../trace/index.js';

/** Rules that follow one another and have one cause. */
interface Block {
  readonly rules: readonly string[];
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
  append(chain: string, rules: readonly string[], because: readonly Cause[]): void {
    const blocks = this.#chains.get(chain);
    const block = { rules, because };
    if (blocks === undefined) this.#chains.set(chain, rules.length === 0 ? [] : [block]);
    else if (rules.length > 0) blocks.push(block);
  }

  /** `-X`; a chain must be empty to go. */
  delete(chain: string): void {
    this.declare(chain);
    this.#deleted.push(chain);
  }

  #order(): string[] {
    const shared = SHARED_FIRST.filter((name) => this.#chains.has(name));
    const others = [...this.#chains.keys()].filter((name) => !SHARED_FIRST.includes(name));
    return [...shared, ...others.sort()];
  }

  /** Lines behind those that are there already. */
  writeTo(lines: string[], causes: Causes): void {
    const own: readonly Cause[] = [];
    const order = this.#order();
    causes.add(lines.length + 1, own);
    lines.push(`*${this.name}`);
    for (const name of order) lines.push(`:${name} - [0:0]`);
    for (const name of order) {
      const head = `-A ${name} `;
      for (const { rules, because } of this.#chains.get(name) ?? []) {
        causes.add(lines.length + 1, because);
        for (const rule of rules) lines.push(head + rule);
      }
    }
    causes.add(lines.length + 1, own);
    for (const name of this.#deleted.sort()) lines.push(`-X ${name}`);
    lines.push('COMMIT');
  }
}

export function formatRestore(tables: readonly TableText[]): RestoreText {
  const lines: string[] = [];
  const causes = new Causes();
  for (const table of tables) table.writeTo(lines, causes);
  lines.push('');
  return { text: lines.join('\n'), causes: (line) => causes.at(line) };
}
