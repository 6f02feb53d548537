/**
 * Every way that chance can take: a connection is sent again and again, each time with other outcomes of the random
 * decisions, until all have been seen. Decisions are those of `-m statistic --mode random`, kube-proxy's choice among
 * endpoints; each leaves a part of the probability to the ways behind it.
 */

import type { Emulation } from '../../kernel/index.js';

export interface Branch<T> {
  /** Of this way, from 0 to 1. */
  readonly probability: number;
  readonly result: T;
}

export interface Branches<T> {
  readonly branches: readonly Branch<T>[];
  /** False where there are more ways than the limit; the probabilities then do not add up to 1. */
  readonly complete: boolean;
}

interface Decision {
  readonly probability: number;
  readonly taken: boolean;
}

/** The next script in depth-first order: the last decision that can still go the other way does. */
function nextScript(made: readonly Decision[]): boolean[] | undefined {
  for (let i = made.length - 1; i >= 0; i -= 1) {
    const decision = made[i];
    if (decision?.taken === true && decision.probability < 1)
      return [...made.slice(0, i).map(({ taken }) => taken), false];
  }
  return undefined;
}

/** `run` must send the same each time. */
export function everyBranch<T>(emulation: Emulation, limit: number, run: () => T): Branches<T> {
  const drawn = emulation.chance;
  const branches: Branch<T>[] = [];
  try {
    for (let script: boolean[] | undefined = []; script !== undefined; ) {
      if (branches.length >= limit) return { branches, complete: false };
      const made: Decision[] = [];
      const given: readonly boolean[] = script;
      emulation.chance = (probability) => {
        // What cannot happen is no way.
        const taken = given[made.length] ?? probability > 0;
        made.push({ probability, taken });
        return taken;
      };
      const result = run();
      const probability = made.reduce(
        (product, one) => product * (one.taken ? one.probability : 1 - one.probability),
        1,
      );
      branches.push({ probability, result });
      script = nextScript(made);
    }
    return { branches, complete: true };
  } finally {
    emulation.chance = drawn;
  }
}
