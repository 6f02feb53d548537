/** How much a conformance suite has compared: comments of its TAP that `npm run conformance` makes a table of. */

import type { Test } from 'tap';

export interface Compared {
  /** What was held against what, in a few words. */
  readonly what: string;
  readonly cases: number;
  readonly packets: number;
  readonly octets: number;
  readonly rules: number;
  readonly differences: number;
}

export const tellCompared = (t: Pick<Test, 'comment'>, compared: Compared): void =>
  t.comment(`compared ${JSON.stringify(compared)}`);

/** What the duels of a suite have compared so far. */
export class Ledger {
  readonly #what: string;
  #cases = 0;
  #packets = 0;
  #octets = 0;
  #rules = 0;
  #differences = 0;

  constructor(what: string) {
    this.#what = what;
  }

  add(compared: {
    readonly frames: number;
    readonly octets: number;
    readonly rules: number;
    readonly differences: { readonly length: number };
  }): void {
    this.#cases += 1;
    this.#packets += compared.frames;
    this.#octets += compared.octets;
    this.#rules += compared.rules;
    this.#differences += compared.differences.length;
  }

  /** Says it when the suite is over, if there is anything to say. */
  tellAtEnd(t: Pick<Test, 'comment' | 'teardown'>): void {
    t.teardown(() => {
      if (this.#cases > 0)
        tellCompared(t, {
          what: this.#what,
          cases: this.#cases,
          packets: this.#packets,
          octets: this.#octets,
          rules: this.#rules,
          differences: this.#differences,
        });
    });
  }
}
