/**
 * The same generated cases in the emulator and in network namespaces of the real kernel: building, injecting, capturing,
 * in one run. Wall time: the real side mostly waits until its wires are quiet.
 */

import { campaign } from '../test/conformance/kernel/campaign.js';
import { generateCase } from '../test/conformance/kernel/generate/case.js';
import { whyNotReal } from '../test/conformance/kernel/real.js';

const CASES = 20;
const FIRST_SEED = 9001;

const why = whyNotReal();
if (why !== undefined) console.log(`not measured: ${why}`);
else {
  const seeds = Array.from({ length: CASES }, (_, i) => FIRST_SEED + i);
  const totals = await campaign(
    seeds.map((seed) => () => generateCase(seed)),
    { prefix: `pwb${process.pid}`, jobs: 1 },
  );
  const each = (ms: number): string => `${(ms / CASES).toFixed(0)} ms a case`;
  console.log(
    `${CASES} cases, ${totals.orders} orders, ${totals.frames} frames, ${totals.failures.length} differences`,
  );
  console.log(`emulator     build ${each(totals.emulatedMs.build)}, run ${each(totals.emulatedMs.run)}`);
  console.log(`real kernel  build ${each(totals.realMs.build)}, run ${each(totals.realMs.run)}`);
}
