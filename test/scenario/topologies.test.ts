/** Every topology in topologies/ loads without an error, and every trace that it expects comes out as it says. */

import { readdirSync } from 'node:fs';
import t from 'tap';
import { formatFinding, readSources } from '../../src/kubernetes/index.js';
import { limitsOf } from '../../src/server/options.js';
import { runExpected } from '../../src/server/session/expected.js';
import { Session } from '../../src/server/session/session.js';

const FOLDER = 'topologies';
/** Those of one topology are all there when they have been sent. */
const KEPT_TRACES = 1000;
const utf8 = new TextDecoder();

for (const name of readdirSync(FOLDER)) {
  t.test(`the topology ${name}`, (t) => {
    const { sources } = readSources([`${FOLDER}/${name}`]);
    const session = new Session({
      origin: { kind: 'sources', sources, seed: 1 },
      limits: limitsOf({ traces: KEPT_TRACES }),
    });
    const { cluster } = session;
    const results = runExpected(session);
    t.ok(results.length > 0, 'expects something');
    for (const { name, after = 'at first', passed, unmet, trace } of results) {
      const told = passed ? {} : { told: utf8.decode(session.traces.render(trace, 'minimal', undefined)) };
      t.same(unmet, [], `${after}: ${name}`, told);
    }
    t.equal(session.cluster, cluster, 'is changed while it runs');
    const warnings = cluster.findings.filter(({ severity }) => severity === 'warning');
    t.same(warnings.map(formatFinding), [], 'has nothing that a real cluster would suffer from');
    t.end();
  });
}
