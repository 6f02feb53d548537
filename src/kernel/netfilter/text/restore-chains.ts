/** Whole chains of a restore text: who gives the same object again, to whichever namespace, spares their being read again. */

import type { TableName } from '../../../trace/index.js';
import type { SharedChains } from '../shared-chains.js';
import type { RestoreBlock } from './lines-alike.js';

/** A chain and all of its rules; none for a chain that is empty. */
export interface ChainBlock {
  readonly name: string;
  readonly block: RestoreBlock;
}

/** What was read of them. */
export interface ReadChains {
  readonly table: TableName;
  readonly shared: SharedChains;
  /** Chains whose lines have to be read each time. */
  readonly others: ReadonlySet<ChainBlock>;
}

/** The place in a text at which some of the chains are declared, or get their rules: those of the places `from` to before `to`. */
export class ChainsPlace {
  readonly what: 'declarations' | 'rules';
  readonly of: RestoreChains;
  readonly from: number;
  readonly to: number;

  constructor(what: ChainsPlace['what'], of: RestoreChains, [from, to]: readonly [number, number]) {
    this.what = what;
    this.of = of;
    this.from = from;
    this.to = to;
  }

  get chains(): readonly ChainBlock[] {
    return this.of.chains.slice(this.from, this.to);
  }

  /** Each line with its end. */
  get text(): string {
    return this.what === 'declarations'
      ? this.chains.map(({ name }) => `:${name} - [0:0]\n`).join('')
      : this.chains.map(({ block }) => block.text).join('');
  }
}

/**
 * User chains, in the order of their names. A text has all of their declarations and then all of their rules, each in one
 * place or in several: between those stands nothing about these chains.
 */
export class RestoreChains {
  readonly chains: readonly ChainBlock[];
  /** Of all rules. */
  readonly lines: number;
  /** Once they were read. */
  read: ReadChains | undefined = undefined;
  #linesBefore: Int32Array | undefined = undefined;

  constructor(chains: readonly ChainBlock[]) {
    this.chains = chains.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    let lines = 0;
    for (const { block } of this.chains) lines += block.lines;
    this.lines = lines;
  }

  /** The pieces for a text in which chains of those names stand at their place among these; the names in their order. */
  *among(
    what: ChainsPlace['what'],
    names: readonly string[],
  ): Generator<ChainsPlace | { readonly name: string }, void> {
    let from = 0;
    for (const name of names) {
      const to = this.placeOf(name);
      if (to > from) yield new ChainsPlace(what, this, [from, to]);
      yield { name };
      from = to;
    }
    if (this.chains.length > from) yield new ChainsPlace(what, this, [from, this.chains.length]);
  }

  /** How many of the chains stand before that name. */
  placeOf(name: string): number {
    let low = 0;
    let high = this.chains.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.chains[middle]?.name ?? '') < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many rules the chains before that place have. */
  linesBefore(place: number): number {
    this.#linesBefore ??= linesBefore(this.chains);
    return this.#linesBefore[place] ?? 0;
  }
}

function linesBefore(chains: readonly ChainBlock[]): Int32Array {
  const before = new Int32Array(chains.length + 1);
  for (const [i, { block }] of chains.entries()) before[i + 1] = (before[i] ?? 0) + block.lines;
  return before;
}
