/** Cases of the differential test, judged by the kernel of the guest: one boot for all of them. */

import { readFileSync } from 'node:fs';
import { type Duel, holdTo, patienceOf } from '../kernel/duel.js';
import { EmulatedRun } from '../kernel/emulated.js';
import { RealRun, REFEREE } from '../kernel/real.js';
import type { KernelCase, RunRecord } from '../kernel/record.js';
import { type Guest, runGuest } from './guest.js';

const JOB = 'test/conformance/qemu/cases.sh';
/** Before the names of the guest's namespaces. */
export const PREFIX = 'pwg';
const MS_PER_S = 1000;
/** Switches that Linux 6.1 does not have yet: what they are set to here is what it does anyway. */
const NEWER = /: not set: net\/ipv4\/tcp_syn_linear_timeouts 0$/;

/** What the referee has said in the guest, and milliseconds of the guest's time. */
export interface GuestAnswer {
  readonly output: string;
  readonly took: RunRecord['took'];
}

interface Prepared {
  readonly case_: KernelCase;
  readonly real: RealRun;
  readonly job: string;
}

function prepare(case_: KernelCase): Prepared {
  const emulated = new EmulatedRun(case_);
  const real = new RealRun(emulated, PREFIX);
  return { case_, real, job: real.job(case_.orders, patienceOf(emulated, case_)) };
}

/** The referee's answers in order, or what went wrong. */
function ask(guest: Guest, prepared: readonly Prepared[]): (GuestAnswer | { readonly failed: string })[] {
  const { results, console } = runGuest(guest, {
    'job.sh': readFileSync(JOB, 'utf8'),
    'referee.py': readFileSync(REFEREE, 'utf8'),
    ...Object.fromEntries(
      prepared.flatMap(({ real, job }, i) => [
        [`${i}.script.sh`, real.script],
        [`${i}.job.json`, job],
      ]),
    ),
  });
  return prepared.map((_, i) => {
    const output = results[`${i}.answer.json`] ?? '';
    const [build = 0, run = 0] = (results[`${i}.took`] ?? '').split(' ').map((seconds) => Number(seconds) * MS_PER_S);
    const complaints = `${results[`${i}.up`] ?? ''}${results[`${i}.referee`] ?? ''}`
      .split('\n')
      .filter((line) => line !== '' && !NEWER.test(line));
    if (complaints.length > 0 || output === '')
      return { failed: complaints.join('\n') || results['stderr.txt'] || console };
    return { output, took: { build, run } };
  });
}

export type GuestDuel = { readonly case: KernelCase } & (
  | (Duel & { readonly answer: GuestAnswer })
  | { readonly failed: string }
);

export function guestDuels(guest: Guest, cases: readonly KernelCase[]): GuestDuel[] {
  const prepared = cases.map(prepare);
  const answers = ask(guest, prepared);
  return prepared.map(({ case_, real }, i) => {
    const answer = answers[i] ?? { failed: 'no answer' };
    if ('failed' in answer) return { case: case_, failed: answer.failed };
    return { case: case_, answer, ...holdTo(case_, real.record(answer.output, answer.took)) };
  });
}
