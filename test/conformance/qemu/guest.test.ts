/** The emulator against a second real kernel: what this machine's own lacks, and a second opinion of what it has. */

import t from 'tap';
import { formatDifference } from '../kernel/compare.js';
import { topologyCase } from '../kernel/topologies.js';
import { guestDuels } from './duels.js';
import { requireGuest } from './guest.js';

const guest = requireGuest();

t.test('in the kernel of the guest', typeof guest === 'string' ? { skip: guest } : {}, (t) => {
  if (typeof guest === 'string') return t.end();
  t.setTimeout(300_000);
  const cases = ['two-nodes-vxlan'].map(topologyCase);
  const duels = guestDuels(guest, cases);
  for (const [i, case_] of cases.entries()) {
    const duel = duels[i];
    t.test(`${case_.name} behaves as in the emulator`, (t) => {
      if (duel === undefined || 'failed' in duel) {
        t.fail(duel?.failed ?? 'no answer');
        return t.end();
      }
      t.ok(duel.frames > 0, 'frames were compared');
      t.same(
        duel.differences.map((difference) => formatDifference(case_, difference)),
        [],
      );
      t.comment(
        `${duel.frames} frames, ${duel.octets} octets, ${duel.rules} rules; build ${duel.real.took.build.toFixed(0)} ms, run ${duel.real.took.run.toFixed(0)} ms of the guest's time`,
      );
      return t.end();
    });
  }
  return t.end();
});
