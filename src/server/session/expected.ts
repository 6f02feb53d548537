/** The traces that a topology expects, before and after its changes, sent and held against what it says. */

import { randomUUID } from 'node:crypto';
import {
  changedObjects,
  type ExpectedChange,
  type ExpectedTrace,
  type FaultRequest,
  faultSubject,
  unmetBy,
} from '../../cluster/index.js';
import { NS_PER_S } from '../../kernel/index.js';
import { Problem } from '../problem.js';
import { mending } from './mending.js';
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

/** What expectations have broken, of all that is broken. */
class Broken {
  readonly #session: Session;
  readonly #ids = new Map<string, string>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** These are broken and no others: what goes on being so is left alone. @throws Problem */
  become(faults: readonly FaultRequest[]): void {
    const wanted = new Set(faults.map(faultSubject));
    for (const [subject, id] of this.#ids) {
      if (wanted.has(subject)) continue;
      this.#ids.delete(subject);
      // One whose place is gone has been forgotten.
      if (this.#session.faults.list().some((fault) => fault.id === id)) this.#session.mend(id);
    }
    for (const fault of faults) {
      const subject = faultSubject(fault);
      if (!this.#ids.has(subject)) this.#ids.set(subject, this.#session.break(randomUUID(), fault).id);
    }
  }
}

/** @throws Problem that says in which change */
function carryOut(session: Session, broken: Broken, change: ExpectedChange): void {
  if (change.delete.length > 0 || change.apply !== '')
    session.change({ declared: mending(() => changedObjects(session.declared, change)) });
  try {
    broken.become(change.faults);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Problem(error.kind, `${change.name}: ${error.message}`, error.errors);
  }
  session.clock.pass(change.wait * NS_PER_S);
}

/** Pods that time ends meanwhile are not ended again where the session is made anew: their objects come back. */
function untold<T>(session: Session, run: () => T): T {
  const { onEvicted, onTerminating } = session;
  session.onEvicted = () => undefined;
  session.onTerminating = () => undefined;
  try {
    return run();
  } finally {
    session.onEvicted = onEvicted;
    session.onTerminating = onTerminating;
  }
}

type Result = ReturnType<typeof run>;

function runChanges(session: Session): Result[] {
  const { declared, cluster } = session;
  const broken = new Broken(session);
  try {
    return cluster.expectedChanges.flatMap((change) => {
      carryOut(session, broken, change);
      return change.traces.map((expected) => run(session, expected, change.name));
    });
  } finally {
    broken.become([]);
    if (session.declared !== declared) session.change({ declared });
  }
}

/** All of them, each kept as a trace of its own; objects are in the end what they were, and whole. @throws Problem for names that name nothing */
export function runExpected(session: Session): readonly Result[] {
  const results = session.cluster.expectations.map((expected) => run(session, expected, undefined));
  return [...results, ...untold(session, () => runChanges(session))];
}
