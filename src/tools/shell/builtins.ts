/** Commands that are the shell's own, since they change what it keeps (POSIX, Shell Command Language, 2.14). */

import { printed } from '../text/printf.js';
import { isThere, wholePath } from '../files.js';
import { failure, lines, ok, type ToolPlace, type ToolResult } from '../tool.js';
import { DEFAULT_IFS, readWords } from './fields.js';
import { Leaving, NAME, SHELL_OPTIONS, type ShellState } from './state.js';

type Builtin = (state: ShellState, args: readonly string[], place: ToolPlace) => ToolResult;

/** @throws Leaving */
const leave =
  (kind: 'break' | 'continue'): Builtin =>
  ({ loops }, [word = '1']) => {
    if (loops === 0) return ok('');
    throw new Leaving(kind, Math.max(Number(word) || 1, 1));
  };

/** `read [-r] NAME...`: a line in words, of which the last name has the rest. */
const read: Builtin = (state, args) => {
  const raw = args[0] === '-r';
  const names = raw ? args.slice(1) : args;
  if (names.length === 0) return failure(2, 'sh: read: arg count');
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong !== undefined) return failure(2, `sh: read: ${wrong}: bad variable name`);
  const line = state.input.line();
  const text = (raw ? line?.text : line?.text.replaceAll(/\\(.)/g, '$1')) ?? '';
  const words = readWords(text, names.length, state.variables.get('IFS') ?? DEFAULT_IFS);
  for (const [i, name] of names.entries()) state.assign(name, words[i] ?? '');
  return { exitCode: line?.whole === true ? 0 : 1, stdout: '', stderr: '' };
};

/** As a word that stands for itself. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;

/** `export [-p] [NAME[=VALUE]...]`. */
const exported: Builtin = (state, args) => {
  const names = args[0] === '-p' ? args.slice(1) : args;
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
  const kept = state.locals.at(-1);
  if (kept === undefined) return failure(2, 'sh: local: not in a function');
  for (const word of args) {
    const [name = '', ...value] = word.split('=');
    if (!NAME.test(name)) return failure(2, `sh: local: ${name}: bad variable name`);
    if (!kept.has(name)) kept.set(name, state.variables.get(name));
    if (word.includes('=')) state.assign(name, value.join('='));
  }
  return ok('');
};

/** `readonly NAME[=VALUE]...` */
const readonly: Builtin = (state, args) => {
  for (const word of args) {
    const [name = '', ...value] = word.split('=');
    if (!NAME.test(name)) return failure(2, `sh: readonly: ${name}: bad variable name`);
    if (word.includes('=')) state.assign(name, value.join('='));
    state.readonly.add(name);
  }
  return ok('');
};

const unset: Builtin = ({ variables, exported: names }, args) => {
  for (const name of args) {
    variables.delete(name);
    names.delete(name);
  }
  return ok('');
};

/** `set [-eux] [+eux] [--] [WORD]...`. */
const set: Builtin = (state, args) => {
  const words = [...args];
  for (let word = words[0]; word !== undefined && /^[-+]./.test(word); word = words[0]) {
    words.shift();
    if (word === '--') {
      state.positional = words;
      return ok('');
    }
    for (const letter of word.slice(1)) {
      const option = SHELL_OPTIONS.find((one) => one === letter);
      if (option === undefined)
        return failure(2, `sh: set: of options only -e, -u and -x are offered here, not ${word}`);
      if (word.startsWith('-')) state.options.add(option);
      else state.options.delete(option);
    }
  }
  if (words.length > 0) state.positional = words;
  return ok('');
};

/** @throws Leaving */
const returned: Builtin = (state, [word]) => {
  const status = word === undefined ? state.status : Number(word);
  if (!Number.isInteger(status) || status < 0) return failure(2, `sh: return: Illegal number: ${word}`);
  throw new Leaving('return', status & 0xff);
};

/** The shell's own says who speaks. */
const printf: Builtin = (_state, args) => {
  const result = printed(args);
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
  const [action, ...names] = args[0] === '--' ? args.slice(1) : args;
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

export const BUILTINS: Readonly<Record<string, Builtin>> = {
  ':': () => ok(''),
  break: leave('break'),
  cd,
  continue: leave('continue'),
  exit,
  export: exported,
  local,
  printf,
  read,
  readonly,
  return: returned,
  set,
  shift,
  trap,
  unset,
  wait,
};

/** What goes wrong with another than these ends the script (POSIX, Shell Command Language, 2.8.1). */
export const ORDINARY_BUILTINS: ReadonlySet<string> = new Set(['cd', 'printf', 'read', 'wait']);
