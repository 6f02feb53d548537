/** `set`: options by letters and names, the script's arguments, and what is set. */

import { failure, lines, ok, type ToolResult } from '../tool.js';
import { type Dialect, quoted, type ShellState } from './state.js';

/** Options in the order in which each shell lists them; some have no letter. */
const OPTIONS: Readonly<Record<Dialect, readonly (readonly [letter: string, name: string])[]>> = {
  sh: [
    ['e', 'errexit'],
    ['f', 'noglob'],
    ['I', 'ignoreeof'],
    ['i', 'interactive'],
    ['m', 'monitor'],
    ['n', 'noexec'],
    ['s', 'stdin'],
    ['x', 'xtrace'],
    ['v', 'verbose'],
    ['V', 'vi'],
    ['E', 'emacs'],
    ['C', 'noclobber'],
    ['a', 'allexport'],
    ['b', 'notify'],
    ['u', 'nounset'],
    ['', 'nolog'],
    ['', 'debug'],
  ],
  bash: [
    ['a', 'allexport'],
    ['B', 'braceexpand'],
    ['', 'emacs'],
    ['e', 'errexit'],
    ['E', 'errtrace'],
    ['T', 'functrace'],
    ['h', 'hashall'],
    ['H', 'histexpand'],
    ['', 'history'],
    ['', 'ignoreeof'],
    ['', 'interactive-comments'],
    ['k', 'keyword'],
    ['m', 'monitor'],
    ['C', 'noclobber'],
    ['n', 'noexec'],
    ['f', 'noglob'],
    ['', 'nolog'],
    ['b', 'notify'],
    ['u', 'nounset'],
    ['t', 'onecmd'],
    ['P', 'physical'],
    ['', 'pipefail'],
    ['', 'posix'],
    ['p', 'privileged'],
    ['v', 'verbose'],
    ['', 'vi'],
    ['x', 'xtrace'],
  ],
};

/** What bash has set from the beginning. */
export const INITIAL_OPTIONS: Readonly<Record<Dialect, readonly string[]>> = {
  sh: [],
  bash: ['hashall', 'braceexpand', 'interactive-comments'],
};

/** `$-`; behind bash's stands that its commands were an argument. */
export const optionLetters = ({ dialect, options }: Pick<ShellState, 'dialect' | 'options'>): string => {
  const letters = OPTIONS[dialect].filter(([, name]) => options.has(name)).map(([letter]) => letter);
  return dialect === 'sh' ? letters.join('') : `${letters.sort(byLetter).join('')}c`;
};

/** Small letters first. */
const byLetter = (a: string, b: string): number =>
  /[a-z]/.test(a) === /[a-z]/.test(b) ? (a < b ? -1 : 1) : /[a-z]/.test(a) ? -1 : 1;

function listed({ dialect, options }: ShellState, asCommands: boolean): ToolResult {
  const all = OPTIONS[dialect];
  if (asCommands) return ok(lines(all.map(([, name]) => `set ${options.has(name) ? '-' : '+'}o ${name}`)));
  const between = dialect === 'sh' ? 16 : 15;
  const rows = all.map(
    ([, name]) => `${name.padEnd(between)}${dialect === 'sh' ? '' : '\t'}${options.has(name) ? 'on' : 'off'}`,
  );
  return ok(lines([...(dialect === 'sh' ? ['Current option settings'] : []), ...rows]));
}

/** bash quotes where it must. */
const variables = ({ dialect, variables: all }: ShellState): ToolResult =>
  ok(
    lines(
      [...all]
        .map(
          ([name, value]) => `${name}=${dialect === 'bash' && /^[\w@%+=:,./-]*$/.test(value) ? value : quoted(value)}`,
        )
        .sort(),
    ),
  );

/** `set [-eux] [+eux] [-o NAME] [--] [WORD]...`. */
export function set(state: ShellState, args: readonly string[]): ToolResult {
  if (args.length === 0) return variables(state);
  const { dialect } = state;
  const words = [...args];
  const refused = (word: string): ToolResult =>
    failure(2, dialect === 'sh' ? `sh: set: Illegal option ${word}` : `bash: set: ${word}: invalid option`);
  const turn = (option: string, on: boolean): void => {
    if (on) state.options.add(option);
    else state.options.delete(option);
  };
  for (let word = words[0]; word !== undefined && /^[-+]./.test(word); word = words[0]) {
    words.shift();
    if (word === '--') {
      state.positional = words;
      return ok('');
    }
    const on = word.startsWith('-');
    for (const letter of word.slice(1)) {
      const name = letter === 'o' ? words.shift() : undefined;
      if (letter === 'o' && name === undefined) return listed(state, !on);
      const found = OPTIONS[dialect].find((one) => (name === undefined ? one[0] === letter : one[1] === name));
      if (found === undefined) return refused(`${word[0]}${letter}${name === undefined ? '' : ` ${name}`}`);
      turn(found[1], on);
    }
  }
  if (words[0] === '-') words.shift();
  if (words.length > 0) state.positional = words;
  return ok('');
}
