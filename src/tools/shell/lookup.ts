/** What a name means to a shell: `command -v`, `command -V` and `type`, in dash's words before it has looked for a program. */

import { lines, type ToolResult } from '../tool.js';
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
const OF_BASH = {
  keywords: new Set(['[[', ']]', 'function']),
  builtins: new Set(['builtin', 'declare', 'let', 'mapfile', 'readarray', 'shopt', 'source', 'typeset']),
} as const;
/** Of a name that is nobody's. */
const NOT_FOUND = 127;

export type PathOf = (name: string) => string | undefined;

interface Meaning {
  readonly short: string;
  readonly long: string;
  /** `type -t` */
  readonly kind: 'keyword' | 'builtin' | 'function' | 'file';
}

/** How each form tells of it; undefined where nothing has that name. */
function meaning({ functions, dialect }: ShellState, name: string, pathOf: PathOf): Meaning | undefined {
  const isBash = dialect === 'bash';
  const of = (kind: Meaning['kind'], what: string): Meaning => ({ short: name, long: `${name} is a ${what}`, kind });
  if (KEYWORDS.has(name) || (isBash && OF_BASH.keywords.has(name))) return of('keyword', 'shell keyword');
  if (isBash && functions.has(name)) return of('function', 'function');
  if (SPECIAL.has(name)) return of('builtin', isBash ? 'shell builtin' : 'special shell builtin');
  if (functions.has(name)) return of('function', 'shell function');
  if (ORDINARY.has(name) || (isBash && OF_BASH.builtins.has(name))) return of('builtin', 'shell builtin');
  const path = pathOf(name);
  return path === undefined ? undefined : { short: path, long: `${name} is ${path}`, kind: 'file' };
}

/** `command -v NAME...`, `command -V NAME...`: of dash the first alone. */
export function namedBy(state: ShellState, [option = '', ...names]: readonly string[], pathOf: PathOf): ToolResult {
  const asked = state.dialect === 'bash' ? names : names.slice(0, 1);
  if (option !== '-v') return told(state, asked, { pathOf, tool: 'command' });
  const found = asked.map((name) => meaning(state, name, pathOf)).filter((one) => one !== undefined);
  const isLost = asked.length > 0 && found.length === 0;
  return { exitCode: isLost ? lostOf(state) : 0, stdout: lines(found.map(({ short }) => short)), stderr: '' };
}

const lostOf = ({ dialect }: ShellState): number => (dialect === 'bash' ? 1 : NOT_FOUND);

interface Telling {
  readonly pathOf: PathOf;
  readonly tool: string;
}

function told(state: ShellState, names: readonly string[], { pathOf, tool }: Telling): ToolResult {
  const isBash = state.dialect === 'bash';
  const found = names.map((name) => ({ name, long: meaning(state, name, pathOf)?.long }));
  const lost = found.filter(({ long }) => long === undefined);
  const rows = found.flatMap(({ name, long }) => long ?? (isBash ? [] : `${name}: not found`));
  const isWell = tool === 'command' && isBash ? lost.length < names.length : lost.length === 0;
  return {
    exitCode: isWell ? 0 : lostOf(state),
    stdout: lines(rows),
    stderr: isBash ? lines(lost.map(({ name }) => `bash: ${tool}: ${name}: not found`)) : '',
  };
}

/** `type NAME...`; of bash `type -t` and `type -p` too. */
export function typeOf(state: ShellState, args: readonly string[], pathOf: PathOf): ToolResult {
  const [option = '', ...names] = args;
  if (state.dialect !== 'bash' || !/^-[tpP]$/.test(option)) return told(state, args, { pathOf, tool: 'type' });
  const found = names.map((name) => meaning(state, name, pathOf)).filter((one) => one !== undefined);
  const rows = found.flatMap(({ kind, short }) => (option === '-t' ? kind : kind === 'file' ? short : []));
  return { exitCode: found.length === names.length ? 0 : 1, stdout: lines(rows), stderr: '' };
}
