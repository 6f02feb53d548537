/**
 * Generated cases against the real kernel: PODWIRE_CASES of them from seed PODWIRE_SEED on, and those that once failed.
 * A failure is made small and kept in regressions/.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { campaign, type Failure, shrinkFailure, type Totals } from '../kernel/campaign.js';
import { generateCase } from '../kernel/generate/case.js';
import { whyNotReal } from '../kernel/real.js';
import type { KernelCase } from '../kernel/record.js';
import { formatTally } from '../kernel/tally.js';
import { tellCompared } from '../report.js';

const FOLDER = 'test/conformance/generated/regressions';
const CASES = Number(process.env['PODWIRE_CASES'] ?? 60);
const SEED = Number(process.env['PODWIRE_SEED'] ?? 1);
/** Mostly they wait for the kernel's timers. */
const JOBS = 2;
/** The share of cases that may differ once: four of a thousand did where other work kept the machine busy. */
const UNSTEADY = 0.02;
/** Making one small takes minutes. */
const SHRUNK = 2;
const PREFIX = `pwc${process.pid}`;
const PROGRESS_EVERY = 50;
/** As long as it takes: tap's own limit is for suites of milliseconds. */
const PATIENCE_MS = 86_400_000;

const why = whyNotReal();
const options = why === undefined ? { timeout: PATIENCE_MS } : { skip: why };
t.setTimeout(PATIENCE_MS);

const kept = (): readonly KernelCase[] =>
  (existsSync(FOLDER) ? readdirSync(FOLDER) : [])
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as KernelCase);

function keep({ case: case_ }: Failure): string {
  const file = join(FOLDER, `${case_.name.replaceAll(/\W+/g, '-')}.json`);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, `${JSON.stringify(case_, null, 2)}\n`);
  return file;
}

function tell(what: string, totals: Totals): void {
  const { cases, frames, octets, rules, failures } = totals;
  tellCompared(t, { what, cases, packets: frames, octets, rules, differences: failures.length });
}

/** Nothing is passed over in silence. */
function tellUncounted(to: Test, { unsteady, endless }: Totals): void {
  for (const { case: case_, text } of unsteady)
    process.stderr.write(`${case_.name} differed, and not when it was run again: ${text.split('\n', 1).join('')}\n`);
  to.comment(`${unsteady.length} cases differed once and not when they were run again, by the real kernel's clock`);
  for (const name of endless) to.comment(`${name} does not count: servers answer each other for ever`);
}

t.test('cases that failed once', options, async (t) => {
  const cases = kept();
  const totals = await campaign(
    cases.map((case_) => () => case_),
    { prefix: PREFIX, jobs: JOBS },
  );
  for (const { case: case_, text } of totals.failures) t.fail(`${case_.name}: ${text}`);
  t.equal(totals.failures.length, 0, `${cases.length} cases that failed once`);
  tellUncounted(t, totals);
  if (cases.length > 0) tell('cases that failed once', totals);
});

t.test(`generated cases, seeds ${SEED} to ${SEED + CASES - 1}`, options, async (t) => {
  const seeds = Array.from({ length: CASES }, (_, i) => SEED + i);
  const totals = await campaign(
    seeds.map((seed) => () => generateCase(seed)),
    {
      prefix: PREFIX,
      jobs: JOBS,
      progress: (done, failure) => {
        if (failure !== undefined) process.stderr.write(`${failure.case.name} failed: ${failure.text}\n`);
        if (done % PROGRESS_EVERY === 0) process.stderr.write(`${done} of ${CASES} cases\n`);
      },
    },
  );
  for (const [i, failure] of totals.failures.entries()) {
    const small = i < SHRUNK ? await shrinkFailure(failure, PREFIX) : failure;
    t.fail(`${failure.case.name}: ${failure.text}\nmade small, kept as ${keep(small)}:\n${small.text}`);
  }
  t.equal(totals.failures.length, 0, 'cases without a difference');
  const most = Math.max(1, Math.ceil(CASES * UNSTEADY));
  t.ok(totals.unsteady.length <= most, `${totals.unsteady.length} cases are not steady, of ${most} that may be`);
  t.ok(totals.cases >= CASES * 0.95, `${totals.cases} of ${CASES} cases came to something that mattered`);
  tell('generated cases', totals);
  tellUncounted(t, totals);
  t.comment(`${totals.mattered} of ${totals.orders} orders came to something that mattered`);
  for (const line of formatTally(totals.tally)) t.comment(`met ${line}`);
  const { emulatedMs, realMs } = totals;
  t.comment(
    `emulator: build ${Math.round(emulatedMs.build)} ms, run ${Math.round(emulatedMs.run)} ms; real kernel: build ${Math.round(realMs.build)} ms, run ${Math.round(realMs.run)} ms`,
  );
});
