/** Bounds of what one command may take, so that it ends before its thread has to. */

import type { Emulation } from '../../kernel/index.js';
import type { Limits } from '../options.js';
import { Problem } from '../problem.js';

/** Events from one look at the clock to the next. */
const EVENTS_UNTIMED = 64;

/** Runs a command; one that takes too long ends alone, and what it has done stays. @throws Problem */
export function bounded<T>(emulation: Emulation, { execMs, execEvents }: Limits, run: () => T): T {
  const deadline = performance.now() + execMs;
  let events = 0;
  emulation.guard = () => {
    events += 1;
    if (events > execEvents) throw ended(`${execEvents} events`);
    if (events % EVENTS_UNTIMED === 0 && performance.now() > deadline) throw ended(`${execMs / 1000} s`);
  };
  try {
    return run();
  } finally {
    emulation.guard = undefined;
  }
}

const ended = (limit: string): Problem =>
  new Problem('timeout', `the command took more than ${limit} and was ended; the cluster goes on: ask for less`);
