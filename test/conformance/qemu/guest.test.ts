/**
 * The emulator against a second real kernel, a distribution's under qemu: tunnels, sets and devices that this machine's
 * own kernel may lack, and a second opinion of what it has. Live where there is a qemu, and of answers that were kept.
 */

import t, { type Test } from 'tap';
import { formatDifference } from '../kernel/compare.js';
import type { Duel } from '../kernel/duel.js';
import { EmulatedRun } from '../kernel/emulated.js';
import type { KernelCase } from '../kernel/record.js';
import { topologyCase, topologyNames } from '../kernel/topologies.js';
import { Ledger } from '../report.js';
import { guestDuels, type GuestDuel } from './duels.js';
import { GuestTooSlow, requireGuest } from './guest.js';
import { keep, recordings, replay } from './recorded.js';
import { sctpServicesCase } from './sctp-cases.js';
import { setCase } from './set-cases.js';
import { tunnelCase } from './tunnel-cases.js';
import { vlanCase } from './vlan-cases.js';

/** Topologies that the host's kernel may not be able to judge. */
const needsIpip = (case_: KernelCase): boolean => new EmulatedRun(case_).script('').includes(' type ipip ');

/** Few: an emulated processor needs many seconds for each. */
const LIVE: readonly (() => KernelCase)[] = [
  ...topologyNames()
    .map(topologyCase)
    .filter(needsIpip)
    .map((case_) => () => case_),
  () => tunnelCase(3),
  // Others have a router whose limit on errors (ip_rt_error_cost) ends in the milliseconds that two clocks differ by.
  () => setCase(2),
  () => vlanCase(1),
  sctpServicesCase,
];

const replayed = new Ledger('recorded answers of Linux 6.1');
const live = new Ledger('Linux 6.1 under qemu');
replayed.tellAtEnd(t);
live.tellAtEnd(t);

function judge(t: Test, case_: KernelCase, duel: Duel, ledger: Ledger): void {
  ledger.add(duel);
  t.ok(duel.frames > 0, 'frames were compared');
  t.same(
    duel.differences.map((difference) => formatDifference(case_, difference)),
    [],
  );
  const { build, run } = duel.real.took;
  t.comment(
    `${duel.frames} frames, ${duel.octets} octets, ${duel.rules} rules; ${(build + run).toFixed(0)} ms of the guest's time`,
  );
}

for (const file of recordings()) {
  t.test(`${file.replace(/\..*/, '')} behaves as the guest's kernel did`, (t) => {
    const duel = replay(file);
    if (duel === undefined) t.pass('left out', { skip: 'clusters are programmed otherwise now; to be recorded again' });
    else judge(t, duel.case, duel, replayed);
    t.end();
  });
}

/** Or why there are none. */
function liveDuels(): readonly GuestDuel[] | string {
  const guest = requireGuest();
  if (typeof guest === 'string') return guest;
  try {
    return guestDuels(
      guest,
      LIVE.map((make) => make()),
    );
  } catch (error) {
    if (error instanceof GuestTooSlow) return error.message;
    throw error;
  }
}

const duels = liveDuels();
if (typeof duels === 'string') t.test('cases in the guest', { skip: duels }, (t) => t.end());
else {
  for (const duel of duels) {
    t.test(`${duel.case.name} behaves as in the guest's kernel`, (t) => {
      if ('failed' in duel) t.fail(duel.failed);
      else {
        judge(t, duel.case, duel, live);
        if (process.env['PODWIRE_RECORD'] !== undefined && duel.differences.length === 0)
          keep({ kernel: '6.1', case: duel.case, answer: duel.answer });
      }
      t.end();
    });
  }
}
