/** What a name means to a shell: `command -v`, `command -V` and `type`, in dash's words before it has looked for a program. */

import type { ToolResult } from '../tool.js';
import type { ShellState } from './state.js';

const KEYWORDS = new Set([
  '!',
  '{',
  '}',
  'case',
  'do',
  'done',
  'elif',
  'else',
  'esac',
  'fi',
  'for',
  'if',
  'in',
  'then',
  'until',
  'while',
]);
const SPECIAL = new Set([
  '.',
  ':',
  'break',
  'continue',
  'eval',
  'exec',
  'exit',
  'export',
  'local',
  'readonly',
  'return',
  'set',
  'shift',
  'times',
  'trap',
  'unset',
]);
const ORDINARY = new Set([
  '[',
  'cd',
  'command',
  'echo',
  'false',
  'getopts',
  'hash',
  'jobs',
  'kill',
  'printf',
  'pwd',
  'read',
  'test',
  'true',
  'type',
  'umask',
  'wait',
]);
/** Of a name that is nobody's. */
const NOT_FOUND = 127;

export type PathOf = (name: string) => string | undefined;

/** How each form tells of it; undefined where nothing has that name. */
function meaning(
  { functions }: ShellState,
  name: string,
  pathOf: PathOf,
): { readonly short: string; readonly long: string } | undefined {
  if (KEYWORDS.has(name)) return { short: name, long: `${name} is a shell keyword` };
  if (SPECIAL.has(name)) return { short: name, long: `${name} is a special shell builtin` };
  if (functions.has(name)) return { short: name, long: `${name} is a shell function` };
  if (ORDINARY.has(name)) return { short: name, long: `${name} is a shell builtin` };
  const path = pathOf(name);
  if (path === undefined) return undefined;
  return { short: path, long: `${name} is ${path}` };
}

/** `command -v NAME` tells of the first alone. */
export function namedBy(state: ShellState, [option = '', name]: readonly string[], pathOf: PathOf): ToolResult {
  if (name === undefined) return { exitCode: 0, stdout: '', stderr: '' };
  const found = meaning(state, name, pathOf);
  if (option === '-v')
    return {
      exitCode: found === undefined ? NOT_FOUND : 0,
      stdout: found === undefined ? '' : `${found.short}\n`,
      stderr: '',
    };
  return typeOf(state, [name], pathOf);
}

/** `type NAME...` */
export function typeOf(state: ShellState, names: readonly string[], pathOf: PathOf): ToolResult {
  const told = names.map((name) => meaning(state, name, pathOf)?.long ?? `${name}: not found`);
  const isLost = names.some((name) => meaning(state, name, pathOf) === undefined);
  return { exitCode: isLost ? NOT_FOUND : 0, stdout: told.map((row) => `${row}\n`).join(''), stderr: '' };
}
