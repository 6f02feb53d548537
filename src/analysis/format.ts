/** Comparisons of flows as text, for the command line. */

import { formatCause } from '../trace/index.js';
import type { Decision } from './decisions.js';
import type { FlowComparison, FlowOutcome } from './what-if.js';

function decision({ place, text, because }: Decision): string {
  const causes = because.length === 0 ? '' : ` [${because.map(formatCause).join('; ')}]`;
  return `      ${place}  ${text}${causes}`;
}

const outcome = (when: string, { verdict, explanation, decidedBy }: FlowOutcome): string[] => [
  `    ${when} ${verdict}`,
  ...explanation.map((sentence) => `      ${sentence}`),
  ...decidedBy.map(decision),
];

function comparison({ from, to, protocol, before, after, changed }: FlowComparison): string[] {
  const head = `${from} → ${to}, ${protocol}`;
  if (changed === 'no') return [`  ${head}: ${before.verdict}, as before`];
  const what = changed === 'verdict' ? `${before.verdict} → ${after.verdict}` : `${after.verdict}, by another way`;
  return [`* ${head}: ${what}`, ...outcome('before:', before), ...outcome('after: ', after)];
}

/** One flow after the other, those that change with what decided them; then how many they are. */
export function formatComparisons(comparisons: readonly FlowComparison[]): string {
  const changed = comparisons.filter((one) => one.changed !== 'no').length;
  return [...comparisons.flatMap(comparison), '', `${changed} of ${comparisons.length} flows change`].join('\n');
}
