/** The emulator against the real kernel: the same cluster, the same packets, every frame, rule and entry. */

import t from 'tap';
import { formatDifference } from './compare.js';
import { EmulatedRun } from './emulated.js';
import { whatIsLacking, whyNotReal } from './real.js';
import { pathMtuCase } from './path-mtu-cases.js';
import { redirectCase } from './redirect-cases.js';
import { steadyDuel } from './steady.js';
import { topologyCase, topologyNames } from './topologies.js';
import { Ledger } from '../report.js';

const why = whyNotReal();
const options = why === undefined ? {} : { skip: why };
const ledger = new Ledger('topologies');
const written = new Ledger('cases written by hand');

for (const { what, make } of [
  { what: 'routers that know a better way tell it, and are heeded', make: redirectCase },
  { what: 'machines that are told of a narrow path send what fits', make: pathMtuCase },
])
  t.test(`${what}, as in the real kernel`, options, async (t) => {
    const case_ = make();
    const result = await steadyDuel(case_, `pwk${process.pid}`);
    t.ok(result.frames > 0, 'frames were compared');
    written.add(result);
    t.same(
      result.differences.map((difference) => formatDifference(case_, difference)),
      [],
    );
  });

for (const name of topologyNames()) {
  t.test(`the topology ${name} behaves as in the real kernel`, options, async (t) => {
    const case_ = topologyCase(name);
    const lacking = whatIsLacking(new EmulatedRun(case_).script(''));
    if (lacking !== undefined) return t.pass('left out', { skip: `${lacking}; conformance-qemu has another` });
    const result = await steadyDuel(case_, `pwk${process.pid}`);
    t.ok(result.frames > 0, 'frames were compared');
    ledger.add(result);
    t.same(
      result.differences.map((difference) => formatDifference(case_, difference)),
      [],
    );
    t.comment(
      `${result.frames} frames, ${result.octets} octets, ${result.rules} rules; build ${result.real.took.build.toFixed(0)} ms, run ${result.real.took.run.toFixed(0)} ms; emulated ${result.emulated.took.build.toFixed(0)} ms, ${result.emulated.took.run.toFixed(0)} ms`,
    );
    return undefined;
  });
}

ledger.tellAtEnd(t);
written.tellAtEnd(t);
