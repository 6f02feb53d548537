/** The traces that a topology expects, before and after its changes, sent and held against what it says. */

import { randomUUID } from 'node:crypto';
import { changedObjects, type ExpectedTrace, unmetBy } from '../../cluster/index.js';
import type { Session } from './session.js';

function run(session: Session, expected: ExpectedTrace, after: string | undefined) {
  const { name, from, to, protocol, size } = expected;
  const sized = size === undefined ? {} : { size };
  const { summary, trace } = session.trace({ from, to, protocol, ...sized, branches: 'one' }, randomUUID());
  const unmet = unmetBy(expected, trace);
  return {
    name,
    ...(after === undefined ? {} : { after }),
    from,
    to,
    protocol,
    expected: expected.verdict,
    verdict: summary.verdict,
    passed: unmet.length === 0,
    unmet,
    trace: summary.id,
  };
}

/** All of them, each kept as a trace of its own; objects are in the end what they were. @throws Problem for names that name nothing */
export function runExpected(session: Session) {
  const { declared, cluster } = session;
  const results = cluster.expectations.map((expected) => run(session, expected, undefined));
  const changes = cluster.expectedChanges;
  for (const change of changes) {
    session.change({ declared: changedObjects(session.declared, change) });
    results.push(...change.traces.map((expected) => run(session, expected, change.name)));
  }
  if (changes.length > 0) session.change({ declared });
  return results;
}
