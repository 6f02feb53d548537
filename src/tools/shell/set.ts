/** `set`: options by letters and names, the script's arguments, and what is set. */

import { failure, lines, ok, type ToolResult } from '../tool.js';
import { isOption, OPTION_NAMES, quoted, type ShellOption, type ShellState } from './state.js';

const NAMES = Object.entries(OPTION_NAMES).flatMap(([letter, name]) =>
  isOption(letter) ? [[letter, name] as const] : [],
);

function listed({ options }: ShellState, asCommands: boolean): ToolResult {
  if (asCommands) return ok(lines(NAMES.map(([letter, name]) => `set ${options.has(letter) ? '-' : '+'}o ${name}`)));
  const rows = NAMES.map(([letter, name]) => name.padEnd(16) + (options.has(letter) ? 'on' : 'off'));
  return ok(lines(['Current option settings', ...rows]));
}

const variables = (state: ShellState): ToolResult =>
  ok(lines([...state.variables].map(([name, value]) => `${name}=${quoted(value)}`).sort()));

/** `set [-eux] [+eux] [-o NAME] [--] [WORD]...`. */
export function set(state: ShellState, args: readonly string[]): ToolResult {
  if (args.length === 0) return variables(state);
  const words = [...args];
  const turn = (option: ShellOption, on: boolean): void => {
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
      if (letter !== 'o') {
        if (!isOption(letter)) return failure(2, `sh: set: Illegal option ${word[0]}${letter}`);
        turn(letter, on);
        continue;
      }
      const name = words.shift();
      if (name === undefined) return listed(state, !on);
      const found = NAMES.find(([, known]) => known === name);
      if (found === undefined) return failure(2, `sh: set: Illegal option ${word[0]}o ${name}`);
      turn(found[0], on);
    }
  }
  if (words[0] === '-') words.shift();
  if (words.length > 0) state.positional = words;
  return ok('');
}
