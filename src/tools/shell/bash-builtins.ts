/** What bash does itself that dash does not, or otherwise (bash(1), SHELL BUILTIN COMMANDS). */

import { printed } from '../text/printf.js';
import { bracket, test as testProgram } from '../test-command.js';
import { failure, lines, ok, type Tool, type ToolResult } from '../tool.js';
import { reckon } from './arithmetic.js';
import { type Builtin, BUILTINS } from './builtins.js';
import { type Input, inputOf } from './descriptors.js';
import { DEFAULT_IFS, readWords } from './fields.js';
import { leadingOptions } from './getopts.js';
import { Leaving, NAME, type ShellState } from './state.js';

const invalid = (tool: string, problem: string): ToolResult =>
  failure(2, `bash: ${tool}: ${problem.replace(/^Illegal option (.*)$/, '$1: invalid option')}`);

const status = (exitCode: number): ToolResult => ({ exitCode, stdout: '', stderr: '' });

/** A line, as many characters, or what stands before another delimiter. */
function taken(input: Input, options: ReadonlyMap<string, string>): { readonly text: string; readonly whole: boolean } {
  const count = Number(options.get('n') ?? options.get('N') ?? 0);
  const delimiter = options.has('d') ? (options.get('d') ?? '').charAt(0) || '\0' : '\n';
  if (count > 0) {
    const line = input.rest.slice(0, count);
    const end = options.has('N') ? -1 : line.indexOf(delimiter);
    input.take(end < 0 ? line.length : end + 1);
    return { text: end < 0 ? line : line.slice(0, end), whole: line.length === count || end >= 0 };
  }
  let text = '';
  for (;;) {
    const line = input.line(delimiter);
    if (line === undefined) return { text, whole: false };
    text += line.text;
    const goesOn = !options.has('r') && line.whole && /(?:^|[^\\])(?:\\\\)*\\$/.test(line.text);
    if (!goesOn) return { text, whole: line.whole };
    text = text.slice(0, -1);
  }
}

/** `read [-rs] [-a ARRAY] [-d DELIMITER] [-n COUNT] [-p PROMPT] [-t SECONDS] [-u DESCRIPTOR] [NAME...]`. */
const read: Builtin = (state, args) => {
  const given = leadingOptions(args, 'ersa:d:i:n:N:p:t:u:');
  if ('problem' in given) return invalid('read', given.problem);
  const { options, rest: names } = given;
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong !== undefined) return failure(1, `bash: read: \`${wrong}': not a valid identifier`);
  const found = taken(inputOf(state.descriptors, Number(options.get('u') ?? 0)), options);
  const text = options.has('r') ? found.text : found.text.replaceAll(/\\([^])/g, '$1');
  const ifs = options.has('N') ? '' : (state.variables.get('IFS') ?? DEFAULT_IFS);
  const array = options.get('a');
  if (array !== undefined)
    state.assignAll(
      array,
      readWords(text, Infinity, ifs).filter((word) => word !== ''),
    );
  else if (names.length === 0) state.assign('REPLY', text);
  else {
    const words = readWords(text, names.length, ifs);
    for (const [i, name] of names.entries()) state.assign(name, words[i] ?? '');
  }
  return status(found.whole ? 0 : 1);
};

/** `mapfile [-t] [ARRAY]`: all lines that are left. */
const mapfile: Builtin = (state, args) => {
  const given = leadingOptions(args, 't');
  if ('problem' in given) return invalid('mapfile', given.problem);
  const all: string[] = [];
  for (let line = state.input.line(); line !== undefined; line = state.input.line())
    all.push(given.options.has('t') || !line.whole ? line.text : `${line.text}\n`);
  state.assignAll(given.rest[0] ?? 'MAPFILE', all);
  return status(0);
};

/** `printf [-v NAME] FORMAT [WORD...]`. */
const printf: Builtin = (state, args) => {
  const given = leadingOptions(args, 'v:');
  if ('problem' in given) return invalid('printf', given.problem);
  const result = printed(given.rest);
  const stderr = result.stderr
    .replaceAll(/^(?=.)/gm, 'bash: ')
    .replaceAll(': expected numeric value', ': invalid number');
  const name = given.options.get('v');
  if (name === undefined) return { ...result, stderr };
  state.assign(name, result.stdout);
  return { ...result, stdout: '', stderr };
};

/** `let SUM...`: the last one decides. */
const sums: Builtin = (state, args) => {
  if (args.length === 0) return failure(1, 'bash: let: expression expected');
  const values = args.map((text) => reckon(text, state));
  return status(values.at(-1) === '0' ? 1 : 0);
};

const doubleQuoted = (text: string): string => `"${text.replaceAll(/[$`"\\]/g, String.raw`\$&`)}"`;

function shown(state: ShellState, name: string): string | undefined {
  const values = state.arrays.get(name);
  const flags = [
    values === undefined ? '' : 'a',
    state.readonly.has(name) ? 'r' : '',
    state.exported.has(name) ? 'x' : '',
  ].join('');
  const before = `declare -${flags === '' ? '-' : flags} ${name}`;
  if (values !== undefined) return `${before}=(${values.map((value, i) => `[${i}]=${doubleQuoted(value)}`).join(' ')})`;
  const value = state.variables.get(name);
  if (value === undefined) return state.exported.has(name) ? before : undefined;
  return `${before}=${doubleQuoted(value)}`;
}

/** What the options of these say of variables. */
function declaring(tool: string, always: string): Builtin {
  return (state, args) => {
    const given = leadingOptions(args, 'aAfgilnprtux');
    if ('problem' in given) return invalid(tool, given.problem);
    const options = new Set([...given.options.keys(), always]);
    const isUnset = tool === 'export' && options.has('n');
    if (given.rest.length === 0 || options.has('p')) return listed(state, given.rest, { tool, options });
    if (tool === 'local' && state.calls === 0) return failure(1, 'bash: local: can only be used in a function');
    let failed = '';
    for (const word of given.rest) {
      const [, name = '', plus, value] = /^([^=+]*)(?:(\+?)=([^]*))?$/.exec(word) ?? [];
      if (!NAME.test(name)) {
        failed += `bash: ${tool}: \`${word}': not a valid identifier\n`;
        continue;
      }
      const isLocal = state.calls > 0 && !options.has('g') && tool !== 'export' && tool !== 'readonly';
      if (isLocal) {
        state.keep(name);
        if (value === undefined) state.remove(name);
      }
      const text = plus === '+' ? (state.variables.get(name) ?? '') + value : value;
      if (text !== undefined) state.assign(name, options.has('i') ? reckon(text, state) : text);
      if (isUnset) state.exported.delete(name);
      else if (options.has('x')) state.exported.add(name);
      if (options.has('r')) state.readonly.add(name);
    }
    return { exitCode: failed === '' ? 0 : 1, stdout: '', stderr: failed };
  };
}

interface Listing {
  readonly tool: string;
  readonly options: ReadonlySet<string>;
}

function listed(state: ShellState, names: readonly string[], { tool, options }: Listing): ToolResult {
  const known = [...new Set([...state.variables.keys(), ...state.arrays.keys(), ...state.exported])].sort();
  const wanted = known.filter(
    (name) =>
      (!options.has('x') || state.exported.has(name)) &&
      (!options.has('r') || state.readonly.has(name)) &&
      (!options.has('a') || state.arrays.has(name)),
  );
  const rows = (names.length > 0 ? names : wanted).map((name) => shown(state, name));
  const lost = names.filter((name) => shown(state, name) === undefined);
  return {
    exitCode: lost.length > 0 ? 1 : 0,
    stdout: lines(rows.filter((row) => row !== undefined)),
    stderr: lines(lost.map((name) => `bash: ${tool}: ${name}: not found`)),
  };
}

const cd: Builtin = (state, args, place) => {
  const result = BUILTINS['cd']?.(state, args, place) ?? ok('');
  const stderr = result.stderr.replace(/^sh: cd: can't cd to (.*)$/m, 'cd: $1: No such file or directory');
  return result.exitCode === 0 ? result : { ...result, exitCode: 1, stderr: `bash: ${stderr}` };
};

const shift: Builtin = (state, args, place) => {
  const count = Number(args[0] ?? 1);
  if (Number.isInteger(count) && count > state.positional.length) return status(1);
  return BUILTINS['shift']?.(state, args, place) ?? ok('');
};

/** @throws Leaving */
const returned: Builtin = (state, [word]) => {
  if (state.calls + state.sources === 0)
    return failure(2, "bash: return: can only `return' from a function or sourced script");
  const isNumber = word === undefined || /^[-+]?\d+$/.test(word);
  throw new Leaving('return', isNumber ? Number(word ?? state.status) & 0xff : 2);
};

/** @throws Leaving */
const exit: Builtin = (state, [word = '']) => {
  if (word === '') throw new Leaving('exit', state.status);
  throw new Leaving('exit', /^[-+]?\d+$/.test(word) ? Number(word) & 0xff : 2);
};

/** `-v NAME`: whether a variable is set. */
const test =
  (program: Tool): Builtin =>
  ({ variables, arrays }, args, place) => {
    const [option, name = '', ...rest] = args;
    const isAsked = option === '-v' && rest.every((word) => word === ']');
    return isAsked ? status(variables.has(name) || arrays.has(name) ? 0 : 1) : program(place, args);
  };

const trap: Builtin = (state, args, place) => {
  const result = BUILTINS['trap']?.(state, args[0] === '-p' ? args.slice(1, 1) : args, place) ?? ok('');
  return {
    ...result,
    stderr: result.stderr.replace(/^trap: (.*): bad trap$/m, 'bash: trap: $1: invalid signal specification'),
  };
};

/** Of its options `nullglob` alone does something here. */
const shopt: Builtin = (state, args) => {
  const given = leadingOptions(args, 'suqpo');
  if ('problem' in given) return invalid('shopt', given.problem);
  const { options, rest } = given;
  if (!options.has('s') && !options.has('u')) {
    const rows = rest.map((name) => `${name.padEnd(15)}\t${state.options.has(name) ? 'on' : 'off'}`);
    const exitCode = rest.every((name) => state.options.has(name)) ? 0 : 1;
    return { exitCode, stdout: options.has('q') ? '' : lines(rows), stderr: '' };
  }
  for (const name of rest)
    if (options.has('s')) state.options.add(name);
    else state.options.delete(name);
  return status(0);
};

export const BASH_BUILTINS: Readonly<Record<string, Builtin>> = {
  ...BUILTINS,
  '[': test(bracket),
  cd,
  declare: declaring('declare', ''),
  exit,
  export: declaring('export', 'x'),
  let: sums,
  local: declaring('local', ''),
  mapfile,
  printf,
  read,
  readarray: mapfile,
  readonly: declaring('readonly', 'r'),
  return: returned,
  shift,
  shopt,
  test: test(testProgram),
  trap,
  typeset: declaring('typeset', ''),
};
