/** `echo`, `true`, `false`, `sleep`: what scripts put between other commands. */

import { NS_PER_S } from '../../kernel/index.js';
import { failure, ok, type Tool } from '../tool.js';

/** As bash has it: `-n` leaves the newline out, and backslashes are what they are. */
export const echo: Tool = (_place, args) => {
  const [first, ...others] = args;
  return first === '-n' ? ok(others.join(' ')) : ok(`${args.join(' ')}\n`);
};

export const success: Tool = () => ok('');
export const fail: Tool = () => ({ exitCode: 1, stdout: '', stderr: '' });

const UNIT_S: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 };

/** `sleep NUMBER[smhd]...`: time of the emulation, in which timers run off and packets go on. */
export const sleep: Tool = ({ netns }, args) => {
  if (args.length === 0) return failure(1, "sleep: missing operand\nTry 'sleep --help' for more information.");
  let seconds = 0;
  for (const word of args) {
    const [, number, unit = ''] = /^(\d+\.?\d*|\.\d+)([smhd]?)$/.exec(word) ?? [];
    if (number === undefined)
      return failure(1, `sleep: invalid time interval '${word}'\nTry 'sleep --help' for more information.`);
    seconds += Number(number) * (UNIT_S[unit] ?? 1);
  }
  netns.emulation.advance(Math.round(seconds * NS_PER_S));
  return ok('');
};
