/**
 * Text for iptables-restore, and for each of its lines why it is there.
 *
 * Upstream walks Services in the order of a Go map, other each time. The order here is fixed: that into which
 * upstream's own tests sort both sides (pkg/proxy/iptables/proxier_test.go:sortIPTablesRules()): the chains
 * that all Services share first, then the others by name; rules of one chain by Service; `-X` last.
 */

import { RestoreBlock, RestoreChains, type RestorePart } from '../../../kernel/index.js';
import type { TableName } from '../../../trace/index.js';

const SHARED_FIRST = ['KUBE-NODEPORTS', 'KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES'];

/** One table of the text. */
export class TableText {
  readonly name: TableName;
  readonly #chains = new Map<string, RestoreBlock[]>();
  readonly #deleted: string[] = [];
  #whole = new RestoreChains([]);

  constructor(name: TableName) {
    this.name = name;
  }

  /** `:CHAIN - [0:0]`: made, or emptied. */
  declare(chain: string): void {
    if (!this.#chains.has(chain)) this.#chains.set(chain, []);
  }

  /** `-A`, to a chain that was declared or is declared by this. */
  append(chain: string, block: RestoreBlock): void {
    const blocks = this.#chains.get(chain);
    const added = block.lines === 0 ? [] : [block];
    if (blocks === undefined) this.#chains.set(chain, added);
    else blocks.push(...added);
  }

  /** Chains that are declared and filled by this alone. */
  addWhole(chains: RestoreChains): void {
    this.#whole = chains;
  }

  /** `-X`; a chain must be empty to go. */
  delete(chain: string): void {
    this.declare(chain);
    this.#deleted.push(chain);
  }

  /** Rules of all chains. */
  get rules(): number {
    let count = this.#whole.lines;
    for (const blocks of this.#chains.values()) for (const { lines } of blocks) count += lines;
    return count;
  }

  *parts(): Generator<RestorePart, void> {
    const shared = SHARED_FIRST.filter((name) => this.#chains.has(name));
    const others = [...this.#chains.keys()].filter((name) => !SHARED_FIRST.includes(name)).sort();
    yield new RestoreBlock(`*${this.name}\n`, 1);
    yield* shared.map(declaration);
    for (const part of this.#whole.among('declarations', others)) yield 'name' in part ? declaration(part.name) : part;
    for (const name of shared) yield* this.#chains.get(name) ?? [];
    for (const part of this.#whole.among('rules', others)) {
      if ('name' in part) yield* this.#chains.get(part.name) ?? [];
      else yield part;
    }
    for (const name of this.#deleted.sort()) yield new RestoreBlock(`-X ${name}\n`, 1);
    yield new RestoreBlock('COMMIT\n', 1);
  }
}

const declaration = (name: string): RestoreBlock => new RestoreBlock(`:${name} - [0:0]\n`, 1);
