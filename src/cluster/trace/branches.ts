/**
 * Every way that chance can take: a connection is sent again and again, each time with other outcomes of the random
 * decisions, until all have been seen. Decisions are those of `-m statistic --mode random`, kube-proxy's choice among
 * endpoints; each leaves a part of the probability to the ways behind it.
 *
 * What rules remember of packets (session affinity, limits, elements of sets) is put back after each, so that every
 * connection is the first. Conntrack keeps them apart by their ports; what ARP and bridges have learned stays, and time
 * goes on.
 */

import type { Emulation } from '../../kernel/index.js';
import { choicesOf, type ConnectionTrace, type TraceBranch, type TraceBranches } from '../../trace/index.js';
import { finalDestination } from './conclude.js';
import { type LocatedEndpoint } from './places.js';
import { UnknownEndpoint } from './unknown-endpoint.js';

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

/** What `run` makes is as if nobody had sent before, and nothing is remembered of it afterwards. */
function forgotten<T>(emulation: Emulation, run: () => T): T {
  const journal: (() => void)[] = [];
  emulation.journal = journal;
  try {
    return run();
  } finally {
    emulation.journal = undefined;
    for (const undo of journal.toReversed()) undo();
  }
}

const nobody = (): boolean => false;

/** `send` sends the same each time. `wanted` ends the search where it holds for what came of it. */
export function everyBranch(
  emulation: Emulation,
  limit: number,
  send: () => ConnectionTrace,
  wanted: (trace: ConnectionTrace) => boolean = nobody,
): TraceBranches {
  const drawn = emulation.chance;
  const branches: TraceBranch[] = [];
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
      const trace = forgotten(emulation, send);
      const probability = made.reduce(
        (product, one) => product * (one.taken ? one.probability : 1 - one.probability),
        1,
      );
      branches.push({ probability, trace });
      if (wanted(trace)) return { branches, complete: false };
      script = nextScript(made);
    }
    return { branches, complete: true };
  } finally {
    emulation.chance = drawn;
  }
}

/** The first branch that leads to the backend. @throws UnknownEndpoint that says where they lead instead */
export function branchTo(
  { address, label }: LocatedEndpoint,
  emulation: Emulation,
  limit: number,
  send: () => ConnectionTrace,
): TraceBranch {
  const leads = ({ packets }: ConnectionTrace): boolean => finalDestination(packets) === address;
  const { branches } = everyBranch(emulation, limit, send, leads);
  const last = branches.at(-1);
  if (last !== undefined && leads(last.trace)) return last;
  const ends = branches.map(({ trace }) => {
    const choice = choicesOf(trace).findLast(({ of }) => of === 'connection');
    return choice?.reached ?? trace.to.label;
  });
  const others = new Set(ends);
  throw new UnknownEndpoint(`no way that chance can take leads to ${label}, but to ${[...others].join(', ')}`);
}
