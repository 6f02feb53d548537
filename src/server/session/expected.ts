/** The traces that a topology expects, sent and held against what it says. */

import { randomUUID } from 'node:crypto';
import { unmetBy } from '../../cluster/index.js';
import type { Session } from './session.js';

/** All of them, each kept as a trace of its own. @throws Problem for names that name nothing */
export const runExpected = (session: Session) =>
  session.cluster.expectations.map((expected) => {
    const { name, from, to, protocol } = expected;
    const { summary, trace } = session.trace({ from, to, protocol, branches: 'one' }, randomUUID());
    const unmet = unmetBy(expected, trace);
    return {
      name,
      from,
      to,
      protocol,
      expected: expected.verdict,
      verdict: summary.verdict,
      passed: unmet.length === 0,
      unmet,
      trace: summary.id,
    };
  });
