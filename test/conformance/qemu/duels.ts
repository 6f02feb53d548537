/** Cases of the differential test, judged by the kernel of the guest: one boot for all of them. */

import { readFileSync } from 'node:fs';
import { type Duel, holdTo, patienceOf } from '../kernel/duel.js';
import { EmulatedRun } from '../kernel/emulated.js';
import { RealRun, REFEREE } from '../kernel/real.js';
import type { KernelCase } from '../kernel/record.js';
import { type Guest, runGuest } from './guest.js';

const JOB = 'test/conformance/qemu/cases.sh';
/** Before the names of the guest's namespaces. */
const PREFIX = 'pwg';
const MS_PER_S = 1000;
/** Switches that Linux 6.1 does not have yet: what they are set to here is what it does anyway. */
const NEWER = /: not set: net\/ipv4\/tcp_syn_linear_timeouts 0$/;

/** A duel, or what went wrong in the guest. */
export type GuestDuel = Duel | { readonly failed: string };

export function guestDuels(guest: Guest, cases: readonly KernelCase[]): GuestDuel[] {
  const prepared = cases.map((case_) => {
    const emulated = new EmulatedRun(case_);
    const real = new RealRun(emulated, PREFIX);
    return { case_, real, job: real.job(case_.orders, patienceOf(emulated, case_)) };
  });
  const files = Object.fromEntries([
    ['job.sh', readFileSync(JOB, 'utf8')],
    ['referee.py', readFileSync(REFEREE, 'utf8')],
    ...prepared.flatMap(({ real, job }, i) => [
      [`${i}.script.sh`, real.script],
      [`${i}.job.json`, job],
    ]),
  ]);
  const { results, console } = runGuest(guest, files);
  return prepared.map(({ case_, real }, i) => {
    const answer = results[`${i}.answer.json`] ?? '';
    const [build = 0, run = 0] = (results[`${i}.took`] ?? '').split(' ').map((seconds) => Number(seconds) * MS_PER_S);
    const complaints = `${results[`${i}.up`] ?? ''}${results[`${i}.referee`] ?? ''}`
      .split('\n')
      .filter((line) => line !== '' && !NEWER.test(line))
      .join('\n');
    if (complaints !== '' || answer === '') return { failed: complaints || results['stderr.txt'] || console };
    return holdTo(case_, real.record(answer, { build, run }));
  });
}
