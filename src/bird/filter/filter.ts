/** Running filters: the one entry that protocols, tables and `birdc` use (filter/filter.c: f_run()). */

import type { AttributeId } from '../rib/attributes.js';
import type { Route } from '../rib/route.js';
import { compileCommands } from './compile.js';
import { compileTerm } from './compile-term.js';
import { type Execute, FilterError, type FilterEnvironment, FilterRun, HALT, STEP } from './run.js';
import type { Command, FilterChoice, FunctionDefinition, Term, Verdict } from './syntax.js';
import type { Value } from './value.js';

export interface FilterOutcome {
  readonly verdict: Verdict;
  /** As the filter left it; the same object where nothing was set. */
  readonly route: Route;
  /** Attributes that the filter set. */
  readonly touched: readonly AttributeId[];
  /** How often it set or unset one. */
  readonly settings: number;
  /** Whether anything but attributes was set: 1.6 has a copy of the route then (rte_cow()). */
  readonly copied: boolean;
  /** The function that gave the verdict, where one did. */
  readonly endedIn?: string | undefined;
}

const NOTHING: readonly AttributeId[] = [];

/** Compiled bodies by the list of commands that they come from: a definition is compiled once, whoever runs it. */
const compiled = new WeakMap<readonly Command[], Execute>();

function bodyOf(commands: readonly Command[]): Execute {
  const known = compiled.get(commands);
  if (known !== undefined) return known;
  const execute = compileCommands(commands);
  compiled.set(commands, execute);
  return execute;
}

const PROGRAM = { body: (callee: FunctionDefinition): Execute => bodyOf(callee.body) };

const VERDICTS: Readonly<Record<number, Verdict>> = {
  [STEP.accept]: 'accept',
  [STEP.reject]: 'reject',
};

/** What a filter's commands say; reaching the end without a verdict is a mistake of the filter's, and refuses. */
function execute(run: FilterRun, body: Execute): Verdict {
  try {
    return VERDICTS[body(run)] ?? 'error';
  } catch (error) {
    if (error === HALT) return VERDICTS[run.verdict] ?? 'error';
    if (!(error instanceof FilterError)) throw error;
    run.environment.log(`filters, line ${error.line}: ${error.message}`);
    return 'error';
  }
}

export function runFilter(filter: FilterChoice, route: Route, environment: FilterEnvironment): FilterOutcome {
  if (filter === 'all') return { verdict: 'accept', route, touched: NOTHING, settings: 0, copied: false };
  if (filter === 'none') return { verdict: 'reject', route, touched: NOTHING, settings: 0, copied: false };
  const run = new FilterRun(PROGRAM, environment, route);
  if (filter.slots > 0) run.frame = Array.from({ length: filter.slots }, () => ({ type: 'void' }));
  const verdict = execute(run, bodyOf(filter.body));
  const { touched, settings, copied, endedIn } = run;
  return { verdict, route: run.route ?? route, touched, settings, copied, endedIn };
}

/**
 * Which attribute still counts as just set when the route is in its table. nest/rt-attr.c:ea_do_prune() takes that mark
 * away, but is not called for a list of one: what a filter set, once, where nothing was before.
 */
export function freshAfter(before: Route, { settings, touched }: Pick<FilterOutcome, 'settings' | 'touched'>) {
  if (settings === 0) return before.fresh;
  const alone = settings === 1 && Object.keys(before.attributes).length === 0;
  return alone ? touched[0] : undefined;
}

/** Commands of a static route: they change it, and their verdict counts for nothing (f_eval_rte()). */
export function applyCommands(commands: readonly Command[], route: Route, environment: FilterEnvironment): Route {
  const run = new FilterRun(PROGRAM, environment, route);
  execute(run, bodyOf(commands));
  return run.route === undefined ? route : { ...run.route, fresh: freshAfter(route, run) };
}

/** A term without a route: constants of a configuration, `eval`. Text: why it has no value. */
export function evaluateTerm(term: Term, environment: FilterEnvironment): Value | string {
  try {
    return compileTerm(term)(new FilterRun(PROGRAM, environment, undefined));
  } catch (error) {
    if (error instanceof FilterError) return error.message;
    if (error === HALT) return 'Runtime error';
    throw error;
  }
}
