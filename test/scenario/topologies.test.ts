/** Every topology in topologies/ loads without an error, and every trace that it expects comes out as it says. */

import { readdirSync } from 'node:fs';
import t from 'tap';
import { isNameProblem, parseDestination, parseEndpointName, unmetBy } from '../../src/cluster/index.js';
import { RoutedCluster } from '../../src/routing/index.js';
import { formatConfigError, formatFinding } from '../../src/kubernetes/index.js';
import { formatMinimal } from '../../src/trace/index.js';

const FOLDER = 'topologies';

for (const name of readdirSync(FOLDER)) {
  t.test(`the topology ${name}`, (t) => {
    const cluster = RoutedCluster.load([`${FOLDER}/${name}`]);
    t.same(cluster.errors.map(formatConfigError), [], 'loads without an error');
    t.ok(cluster.expectations.length > 0, 'expects something');
    for (const expected of cluster.expectations) {
      t.test(expected.name, (t) => {
        const from = parseEndpointName(expected.from);
        const to = parseDestination(expected.to);
        if (isNameProblem(from) || isNameProblem(to)) throw new Error(`bad names in ${name}: ${expected.name}`);
        const trace = cluster.trace({ from, to, protocol: expected.protocol });
        const told = `\n${formatMinimal(trace)}\n${trace.explanation.join('\n')}`;
        t.same(unmetBy(expected, trace), [], told);
        t.end();
      });
    }
    const warnings = cluster.findings.filter(({ severity }) => severity === 'warning');
    t.same(warnings.map(formatFinding), [], 'has nothing that a real cluster would suffer from');
    t.end();
  });
}
