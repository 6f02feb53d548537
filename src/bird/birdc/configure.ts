/** `configure …` of `birdc` (sysdep/unix/config.Y; main.c: cmd_reconfig() and its kin). */

import type { Parsing } from '../config/parsing.js';
import { type ConfigProblem, formatProblem } from '../config/source.js';

export type ConfigureOutcome =
  | {
      readonly kind: 'unchanged' | 'reconfigured';
      /** A protocol must end first, and begins anew or not at all. */
      readonly inProgress: boolean;
    }
  | { readonly kind: 'refused'; readonly errors: readonly ConfigProblem[] };

export interface ConfigureRequest {
  /** Another file than the daemon's own. */
  readonly file?: string | undefined;
  /** Seconds until the change is taken back, if nobody confirms it. */
  readonly timeout?: number | undefined;
  /** What new filters are about is told again, or not until somebody reloads it. */
  readonly type?: ReconfigurationType;
}

/** RECONFIG_HARD, RECONFIG_SOFT. */
export type ReconfigurationType = 'hard' | 'soft';

/** What a daemon can be asked to do with its configuration. */
export interface Configurable {
  readonly configure: (request: ConfigureRequest) => ConfigureOutcome;
  readonly check: (file: string | undefined) => readonly ConfigProblem[];
  /** Back to the one before; undefined where there is none. */
  readonly undo: () => ConfigureOutcome | undefined;
  /** False where nothing would be taken back. */
  readonly confirm: () => boolean;
  /** Seconds until it is. */
  readonly undoLeft: () => number | undefined;
}

/** UNIX_DEFAULT_CONFIGURE_TIMEOUT. */
const DEFAULT_TIMEOUT_S = 300;

/** cmd_reconfig_msg(). */
function outcomeLine(outcome: ConfigureOutcome | undefined): string {
  if (outcome === undefined) return 'Nothing to do';
  if (outcome.kind === 'refused') return outcome.errors.slice(0, 1).map(formatProblem).join('');
  return outcome.inProgress ? 'Reconfiguration in progress' : 'Reconfigured';
}

function parseTimeout(p: Parsing): number | undefined {
  if (!p.takeKeyword('timeout')) return undefined;
  return p.is('end') ? DEFAULT_TIMEOUT_S : p.expr();
}

const parseFile = (p: Parsing): string | undefined => (p.is('text') ? p.next().text : undefined);

/** cmd_reconfig_status(). */
function statusLines(daemon: Configurable): string[] {
  const left = daemon.undoLeft();
  const undo = left === undefined ? [] : [`Configuration unconfirmed, undo in ${left.toFixed(3)} s`];
  return ['Daemon is up and running', ...undo];
}

/** The lines of an answer; `end` sees to it that no word is left, before anything is done. */
export function runConfigure(
  p: Parsing,
  daemon: Configurable,
  of: { readonly file: string; readonly end: () => void },
) {
  if (p.takeKeyword('undo')) {
    of.end();
    return ['Undo requested', outcomeLine(daemon.undo())];
  }
  if (p.takeKeyword('confirm')) {
    of.end();
    return [daemon.confirm() ? 'Reconfiguration confirmed' : 'Nothing to do'];
  }
  if (p.isBird2 && p.takeKeyword('status')) {
    of.end();
    return statusLines(daemon);
  }
  const checks = p.takeKeyword('check');
  const type = !checks && p.takeKeyword('soft') ? 'soft' : 'hard';
  const file = parseFile(p);
  const timeout = checks ? undefined : parseTimeout(p);
  of.end();
  const reading = `Reading configuration from ${file ?? of.file}`;
  if (checks) {
    const [problem] = daemon.check(file);
    return [reading, problem === undefined ? 'Configuration OK' : formatProblem(problem)];
  }
  const outcome = daemon.configure({ file, timeout, type });
  const scheduled = timeout !== undefined && outcome.kind !== 'refused';
  return [reading, ...(scheduled ? [`Undo scheduled in ${timeout} s`] : []), outcomeLine(outcome)];
}
