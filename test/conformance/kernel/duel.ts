/** A case against the real kernel: emulate, run for real, emulate again with the real kernel's dice, compare. */

import { type Comparison, compare } from './compare.js';
import { type Decide, EmulatedRun } from './emulated.js';
import { type Patience, RealRun } from './real.js';
import type { KernelCase, RunRecord } from './record.js';
import type { Tally } from './tally.js';

export interface Duel extends Comparison {
  readonly emulated: RunRecord;
  readonly real: RunRecord;
  /** What the emulator's packets met. */
  readonly tally: Tally;
}

/**
 * Rules that match by chance match where the next rule that matched in the real kernel is this one, or where the answer
 * that it sends has begun its way out: behind FORWARD and INPUT come other chains, behind OUTPUT's filter no other table.
 */
const byRealDice =
  (real: RunRecord): Decide =>
  ({ order, place, next, rule, answers }) => {
    const row = real.rounds[order]?.rules.get(place)?.[next];
    if (row?.table === rule.table && row.chain === rule.chain && row.position === rule.position) return true;
    const begins =
      row !== undefined && (row.table !== rule.table || (row.chain === 'OUTPUT' && rule.chain !== 'OUTPUT'));
    return answers && begins;
  };

/** How long to wait for what: a run whose dice are its own says where somebody waits for an answer. */
export function patienceOf(run: EmulatedRun, case_: KernelCase): Patience {
  const { rounds } = run.run(case_.orders);
  return (order) => ({
    timers: run.patient.has(order),
    frames: [...(rounds[order]?.frames.values() ?? [])].reduce((sum, frames) => sum + frames.length, 0),
  });
}

/** The real kernel's part alone: a record that emulators can be held to. */
export async function runReal(case_: KernelCase, prefix: string): Promise<RunRecord> {
  const first = new EmulatedRun(case_);
  const script = new RealRun(first, prefix);
  const patience = patienceOf(first, case_);
  try {
    await script.up();
    return await script.run(case_.orders, patience);
  } finally {
    await script.down();
  }
}

/** How often what the real kernel has drawn is looked for anew: each time until something else depended on it. */
const DRAWS = 16;
const RULES = /^(rules|iptables) of /;

/** Where rules have asked for a port that NAT has drawn, the emulator draws what the real kernel drew. */
export function holdTo(case_: KernelCase, real: RunRecord): Duel {
  const drawn: (number | undefined)[] = [];
  const first = hold(case_, real, drawn);
  let last = first;
  for (let i = 0; i < DRAWS && last.differences.some(({ where }) => RULES.test(where)); i += 1) {
    const known = drawn.filter((port) => port !== undefined).length;
    for (const [n, port] of (last.emulated.draws ?? []).entries()) drawn[n] ??= last.ports.get(port);
    if (drawn.filter((port) => port !== undefined).length === known) break;
    last = hold(case_, real, drawn);
  }
  return last.differences.length === 0 ? last : first;
}

function hold(case_: KernelCase, real: RunRecord, drawn: readonly (number | undefined)[]): Duel {
  const run = new EmulatedRun(case_);
  const emulated = run.run(case_.orders, {
    decide: byRealDice(real),
    tookMs: (order) => real.rounds[order]?.tookMs ?? 0,
    drawnPort: (n) => drawn[n],
    uptimeS: real.uptimeS,
  });
  return { ...compare(case_, emulated, real), emulated, real, tally: run.tally };
}

/** `prefix` names the namespaces: two duels at once must have two. */
export const duel = async (case_: KernelCase, prefix: string): Promise<Duel> =>
  holdTo(case_, await runReal(case_, prefix));
