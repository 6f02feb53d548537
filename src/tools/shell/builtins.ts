/** Commands that are the shell's own, since they change what it keeps (POSIX, Shell Command Language, 2.14). */

import { printed } from '../text/printf.js';
import { isThere, wholePath } from '../files.js';
import { failure, lines, ok, type ToolPlace, type ToolResult } from '../tool.js';
import type { Input } from './descriptors.js';
import { DEFAULT_IFS, readWords } from './fields.js';
import { getopts, leadingOptions } from './getopts.js';
import { set } from './set.js';
import { Leaving, NAME, quoted, type ShellState } from './state.js';

export type Builtin = (state: ShellState, args: readonly string[], place: ToolPlace) => ToolResult;

/** @throws Leaving */
const leave =
  (kind: 'break' | 'continue'): Builtin =>
  ({ loops }, [word = '1']) => {
    if (loops === 0) return ok('');
    throw new Leaving(kind, Math.max(Number(word) || 1, 1));
  };

/** `read [-r] [-p PROMPT] NAME...`: a line in words, of which the last name has the rest. */
const read: Builtin = (state, args) => {
  const given = leadingOptions(args, 'rp:');
  if ('problem' in given) return failure(2, `sh: read: ${given.problem}`);
  const { options, rest: names } = given;
  if (names.length === 0) return failure(2, 'sh: read: arg count');
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong !== undefined) return failure(2, `sh: read: ${wrong}: bad variable name`);
  const { text, whole } = lineOf(state.input, options.has('r'));
  const words = readWords(text, names.length, state.variables.get('IFS') ?? DEFAULT_IFS);
  for (const [i, name] of names.entries()) state.assign(name, words[i] ?? '');
  return { exitCode: whole ? 0 : 1, stdout: '', stderr: '' };
};

/** Without `raw` a backslash takes its meaning from what stands behind it, and a newline away. */
function lineOf(input: Input, raw: boolean): { readonly text: string; readonly whole: boolean } {
  let text = '';
  for (;;) {
    const line = input.line();
    if (line === undefined) return { text, whole: false };
    if (raw) return line;
    const goesOn = /(?:^|[^\\])(?:\\\\)*\\$/.test(line.text) && line.whole;
    text += line.text.slice(0, goesOn ? -1 : undefined).replaceAll(/\\(.)/g, '$1');
    if (!goesOn) return { text, whole: line.whole };
  }
}

/** `export [-p] [NAME[=VALUE]...]`. */
const exported: Builtin = (state, args) => {
  const given = leadingOptions(args, 'p');
  if ('problem' in given) return failure(2, `sh: export: ${given.problem}`);
  const names = given.rest;
  if (names.length === 0)
    return ok(
      [...state.exported]
        .sort()
        .map((name) => {
          const value = state.variables.get(name);
          return value === undefined ? `export ${name}\n` : `export ${name}=${quoted(value)}\n`;
        })
        .join(''),
    );
  for (const word of names) {
    const [name = '', ...value] = word.split('=');
    if (!NAME.test(name)) return failure(2, `sh: export: ${name}: bad variable name`);
    if (word.includes('=')) state.assign(name, value.join('='));
    state.exported.add(name);
  }
  return ok('');
};

/** `local NAME[=VALUE]...`: as it was before, when the function ends. */
const local: Builtin = (state, args) => {
  if (state.calls === 0) return failure(2, 'sh: local: not in a function');
  for (const word of args) {
    const [name = '', ...value] = word.split('=');
    if (!NAME.test(name)) return failure(2, `sh: local: ${name}: bad variable name`);
    state.keep(name);
    if (word.includes('=')) state.assign(name, value.join('='));
  }
  return ok('');
};

/** `readonly [-p] [NAME[=VALUE]...]` */
const readonly: Builtin = (state, args) => {
  const given = leadingOptions(args, 'p');
  if ('problem' in given) return failure(2, `sh: readonly: ${given.problem}`);
  if (given.rest.length === 0)
    return ok(
      lines(
        [...state.readonly].sort().map((name) => {
          const value = state.variables.get(name);
          return value === undefined ? `readonly ${name}` : `readonly ${name}=${quoted(value)}`;
        }),
      ),
    );
  for (const word of given.rest) {
    const [name = '', ...value] = word.split('=');
    if (!NAME.test(name)) return failure(2, `sh: readonly: ${name}: bad variable name`);
    if (word.includes('=')) state.assign(name, value.join('='));
    state.readonly.add(name);
  }
  return ok('');
};

/** `unset [-f|-v] NAME...` */
const unset: Builtin = (state, args) => {
  const given = leadingOptions(args, 'fv');
  if ('problem' in given) return failure(2, `sh: unset: ${given.problem}`);
  for (const name of given.rest)
    if (given.options.has('f')) state.functions.delete(name);
    else state.remove(name);
  return ok('');
};

/** @throws Leaving */
const returned: Builtin = (state, [word]) => {
  const status = word === undefined ? state.status : Number(word);
  if (!Number.isInteger(status) || status < 0) return failure(2, `sh: return: Illegal number: ${word}`);
  throw new Leaving('return', status);
};

/** The shell's own says who speaks. */
const printf: Builtin = (_state, args) => {
  const given = leadingOptions(args, '');
  if ('problem' in given) return failure(2, `sh: printf: ${given.problem}`);
  const result = printed(given.rest);
  return { ...result, stderr: result.stderr.replaceAll(/^(?=.)/gm, 'sh: ') };
};

/** `cd [-L|-P] [FOLDER|-]`. */
const cd: Builtin = (state, args, place) => {
  const word = args.find((one) => one !== '-L' && one !== '-P') ?? state.variables.get('HOME') ?? '';
  const wanted = word === '-' ? (state.variables.get('OLDPWD') ?? '') : word;
  if (wanted === '') return ok('');
  if (isThere(place, wanted)?.folder !== true) return failure(2, `sh: cd: can't cd to ${wanted}`);
  const before = state.folder;
  state.folder = wholePath(place, wanted);
  for (const [name, value] of [
    ['OLDPWD', before],
    ['PWD', state.folder],
  ] as const) {
    state.variables.set(name, value);
    state.exported.add(name);
  }
  return ok(word === '-' ? `${state.folder}\n` : '');
};

/** `wait [NUMBER]...`: whatever was begun in the background has ended when another begins. */
const wait: Builtin = ({ jobs }, args) => {
  const last = args.at(-1);
  return { ...ok(''), exitCode: last === undefined ? 0 : (jobs[Number(last) - 1] ?? NOBODY) };
};
/** Of a number that is nobody's. */
const NOBODY = 127;

const SIGNALS = new Set([
  'HUP',
  'INT',
  'QUIT',
  'PIPE',
  'ALRM',
  'TERM',
  'USR1',
  'USR2',
  'CHLD',
  'CONT',
  'TSTP',
  'WINCH',
]);
const NUMBERED: Readonly<Record<string, string>> = {
  0: 'EXIT',
  1: 'HUP',
  2: 'INT',
  3: 'QUIT',
  13: 'PIPE',
  14: 'ALRM',
  15: 'TERM',
};

/** `trap [ACTION|-] WHAT...`: of signals nobody sends one, and EXIT comes. */
const trap: Builtin = ({ traps }, args) => {
  const given = args[0] === '-' ? { rest: args } : leadingOptions(args, '');
  if ('problem' in given) return failure(2, `sh: trap: ${given.problem}`);
  const [action, ...names] = given.rest;
  if (action === undefined) return ok(lines([...traps].map(([name, text]) => `trap -- ${quoted(text)} ${name}`)));
  const asked = names.length === 0 ? [action] : names;
  for (const word of asked) {
    const name = Object.hasOwn(NUMBERED, word) ? (NUMBERED[word] ?? word) : word;
    if (name !== 'EXIT' && !SIGNALS.has(name)) return failure(1, `trap: ${word}: bad trap`);
    if (names.length === 0 || action === '-') traps.delete(name);
    else traps.set(name, action);
  }
  return ok('');
};

const shift: Builtin = (state, [word = '1']) => {
  const count = Number(word);
  if (!Number.isInteger(count) || count < 0) return failure(2, `sh: shift: Illegal number: ${word}`);
  if (count > state.positional.length) return failure(2, "sh: shift: can't shift that many");
  state.positional = state.positional.slice(count);
  return ok('');
};

/** @throws Leaving */
const exit: Builtin = (state, [word]) => {
  const status = word === undefined ? state.status : Number(word);
  if (!Number.isInteger(status) || status < 0) return failure(2, `sh: exit: Illegal number: ${word}`);
  throw new Leaving('exit', status & 0xff);
};

/** `umask` shows what root has; no file is made here. */
const umask: Builtin = (_state, args) => (args.length === 0 ? ok('0022\n') : ok(''));

/** Computing takes no time. */
const times: Builtin = () => ok('0m0.000000s 0m0.000000s\n0m0.000000s 0m0.000000s\n');

export const BUILTINS: Readonly<Record<string, Builtin>> = {
  ':': () => ok(''),
  break: leave('break'),
  cd,
  continue: leave('continue'),
  exit,
  export: exported,
  getopts,
  hash: () => ok(''),
  jobs: () => ok(''),
  local,
  printf,
  read,
  readonly,
  return: returned,
  set,
  shift,
  times,
  trap,
  umask,
  unset,
  wait,
};

/** What goes wrong with another than these ends the script (POSIX, Shell Command Language, 2.8.1). */
export const ORDINARY_BUILTINS: ReadonlySet<string> = new Set([
  'cd',
  'getopts',
  'hash',
  'jobs',
  'printf',
  'read',
  'umask',
  'wait',
]);
