/** `head` and `tail` of coreutils 9.1: the first or last lines or octets. */

import { getopt, isBadOption } from '../getopt.js';
import { failure, lines, type Tool } from '../tool.js';
import { readTexts } from './input.js';

const DEFAULT = '10';

/** Each with its newline; the last may lack it. */
const units = (text: string, unit: 'lines' | 'octets'): readonly string[] =>
  unit === 'octets' ? text.split('') : (text.match(/[^\n]*\n|[^\n]+$/g) ?? []);

/** `-3`: all but the last three. */
function headOf(all: readonly string[], count: string): readonly string[] {
  const number = Number(count.replace(/^[+-]/, ''));
  return count.startsWith('-') ? all.slice(0, Math.max(0, all.length - number)) : all.slice(0, number);
}

/** `+3`: from the third. */
function tailOf(all: readonly string[], count: string): readonly string[] {
  const number = Number(count.replace(/^[+-]/, ''));
  return count.startsWith('+') ? all.slice(Math.max(0, number - 1)) : all.slice(Math.max(0, all.length - number));
}

const cut =
  (tool: 'head' | 'tail'): Tool =>
  (place, args, input = '') => {
    // `-5`, as it was before POSIX.
    const [first = '', ...others] = args;
    const given = getopt(/^-\d+$/.test(first) ? ['-n', first.slice(1), ...others] : args, 'n:c:qv');
    if (isBadOption(given)) return failure(1, `${tool}: ${given.problem}\nTry '${tool} --help' for more information.`);
    const { values, flags, rest } = given;
    const unit = values.has('c') ? 'octets' : 'lines';
    const count = values.get('c') ?? values.get('n') ?? DEFAULT;
    if (!/^[+-]?\d+$/.test(count))
      return failure(1, `${tool}: invalid number of ${unit === 'lines' ? 'lines' : 'bytes'}: '${count}'`);
    const { files, problems } = readTexts(place, rest, input);
    const titled = flags.has('v') || (rest.length > 1 && !flags.has('q'));
    const blocks = files.map(({ name, text }) => {
      const all = units(text, unit);
      const kept = (tool === 'head' ? headOf(all, count) : tailOf(all, count)).join('');
      return titled ? `==> ${name === '-' ? 'standard input' : name} <==\n${kept}` : kept;
    });
    const verb = (problem: string): string => {
      const [, name = '', why = ''] = /^(.*): (.*)$/.exec(problem) ?? [];
      return why === 'Is a directory' ? `error reading '${name}': ${why}` : `cannot open '${name}' for reading: ${why}`;
    };
    return {
      exitCode: problems.length > 0 ? 1 : 0,
      stdout: blocks.join(titled ? '\n' : ''),
      stderr: lines(problems.map((problem) => `${tool}: ${verb(problem)}`)),
    };
  };

export const head = cut('head');
export const tail = cut('tail');
