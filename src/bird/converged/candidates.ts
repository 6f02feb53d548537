import type { Net } from '../address.js';

/**
 * Networks that may have a route at a place: those near it, and those that are known where what comes by transit comes from. The
 * latter are the same for all clients of a set of reflectors, and are kept once.
 */
export class Candidates {
  readonly #near: ReadonlyMap<Net['key'], Net>;
  readonly #far: Candidates | undefined;

  constructor(near: ReadonlyMap<Net['key'], Net>, far: Candidates | undefined) {
    this.#near = near;
    this.#far = far;
  }

  get(key: Net['key']): Net | undefined {
    return this.#near.get(key) ?? this.#far?.get(key);
  }

  *values(): Iterable<Net> {
    yield* this.#near.values();
    if (this.#far === undefined) return;
    for (const net of this.#far.values()) if (!this.#near.has(net.key)) yield net;
  }
}
