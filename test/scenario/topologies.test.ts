/** Every topology in topologies/ loads without an error, and every trace that it expects comes out as it says. */

import { readdirSync } from 'node:fs';
import t, { type Test } from 'tap';
import {
  changedObjects,
  type ExpectedTrace,
  isNameProblem,
  parseDestination,
  parseEndpointName,
  unmetBy,
} from '../../src/cluster/index.js';
import { RoutedCluster } from '../../src/routing/index.js';
import { Declared, formatConfigError, formatFinding, readSources } from '../../src/kubernetes/index.js';
import { formatMinimal } from '../../src/trace/index.js';

const FOLDER = 'topologies';

function declaredOf(name: string): Declared {
  const { sources } = readSources([`${FOLDER}/${name}`]);
  return Declared.read({ sources: sources.map(({ file, text }) => ({ file, text, dropped: [] })) });
}

function expectTrace(t: Test, cluster: RoutedCluster, expected: ExpectedTrace): void {
  t.test(expected.name, (t) => {
    const from = parseEndpointName(expected.from);
    const to = parseDestination(expected.to);
    if (isNameProblem(from) || isNameProblem(to)) throw new Error(`bad names: ${expected.name}`);
    const trace = cluster.trace({ from, to, protocol: expected.protocol, size: expected.size });
    const told = `\n${formatMinimal(trace)}\n${trace.explanation.join('\n')}`;
    t.same(unmetBy(expected, trace), [], told);
    t.end();
  });
}

for (const name of readdirSync(FOLDER)) {
  t.test(`the topology ${name}`, (t) => {
    let declared = declaredOf(name);
    const cluster = new RoutedCluster(declared.documents);
    t.same(cluster.errors.map(formatConfigError), [], 'loads without an error');
    t.ok(cluster.expectations.length > 0, 'expects something');
    for (const expected of cluster.expectations) expectTrace(t, cluster, expected);
    for (const change of cluster.expectedChanges) {
      t.test(change.name, (t) => {
        declared = changedObjects(declared, change);
        t.match(cluster.change(declared.documents), { kind: 'changed' }, 'while it runs');
        for (const expected of change.traces) expectTrace(t, cluster, expected);
        t.end();
      });
    }
    const warnings = cluster.findings.filter(({ severity }) => severity === 'warning');
    t.same(warnings.map(formatFinding), [], 'has nothing that a real cluster would suffer from');
    t.end();
  });
}
