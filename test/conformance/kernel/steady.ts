/** A duel whose differences come again. */

import { formatDifference } from './compare.js';
import { type Duel, duel } from './duel.js';
import type { KernelCase } from './record.js';

/**
 * Real servers wait for their processor, real limits of rates go by the clock, and what two machines send may come in another
 * order: what differed is said and run once more, since a mistake comes again.
 */
export async function steadyDuel(case_: KernelCase, prefix: string): Promise<Duel> {
  const once = await duel(case_, prefix);
  const [first] = once.differences;
  if (first === undefined) return once;
  process.stderr.write(
    `${case_.name} differed, and is run again: ${formatDifference(case_, first).split('\n', 1).join('')}\n`,
  );
  return duel(case_, prefix);
}
