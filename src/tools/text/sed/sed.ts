/**
 * `sed [-n] [-E] [-e SCRIPT] [-f FILE] [SCRIPT] [FILE]...` of GNU sed 4.9: all but what reads, writes or runs files. All files are
 * one text; nothing is edited in its place.
 */

import { type LongOption, orderedOptions } from '../../getopt.js';
import { failure, lines, type Tool, type ToolPlace, type ToolResult } from '../../tool.js';
import { readTexts } from '../input.js';
import { execute } from './execute.js';
import { parseSed } from './parse.js';
import { type Program, SedError } from './syntax.js';

const SHORT = 'nErue:f:i::sz';
const LONG: readonly LongOption[] = [
  ['quiet', 'n', 'flag'],
  ['silent', 'n', 'flag'],
  ['regexp-extended', 'E', 'flag'],
  ['unbuffered', 'u', 'flag'],
  ['expression', 'e', 'value'],
  ['file', 'f', 'value'],
  ['in-place', 'i', 'optional'],
  ['separate', 's', 'flag'],
  ['null-data', 'z', 'flag'],
];
const NOT_OFFERED: Readonly<Record<string, string>> = {
  i: '-i is not offered here: no file is written',
  s: '-s is not offered here: files are one text',
  z: '-z is not offered here: lines end with newlines',
};

interface Asked {
  readonly scripts: readonly string[];
  readonly flags: ReadonlySet<string>;
  readonly words: readonly string[];
}

function askedOf(place: ToolPlace, args: readonly string[]): Asked | ToolResult {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined)
    return failure(
      1,
      `sed: ${bad.why === 'unknown' ? 'unknown option' : 'option requires an argument'}: '${bad.written}'`,
    );
  const scripts: string[] = [];
  const flags = new Set<string>();
  const words: string[] = [];
  for (const { letter, value = '' } of options) {
    const why = NOT_OFFERED[letter ?? ''];
    if (why !== undefined) return failure(1, `sed: ${why}`);
    if (letter === undefined) words.push(value);
    else if (letter === 'e') scripts.push(value);
    else if (letter === 'f') {
      const { files, problems } = readTexts(place, [value], '');
      if (problems.length > 0) return failure(1, `sed: couldn't open file ${problems.join('')}`);
      scripts.push(...files.map(({ text }) => text.replace(/\n$/, '')));
    } else flags.add(letter === 'r' ? 'E' : letter);
  }
  return { scripts, flags, words: [...words, ...rest] };
}

function programOf(text: string, extended: boolean): Program | ToolResult {
  try {
    return parseSed(text, extended);
  } catch (error) {
    if (error instanceof SedError) return failure(error.exitCode, `sed: ${error.message}`);
    throw error;
  }
}

export const sed: Tool = (place, args, input = '') => {
  const asked = askedOf(place, args);
  if ('exitCode' in asked) return asked;
  const [first, ...others] = asked.words;
  const hasScripts = asked.scripts.length > 0;
  if (!hasScripts && first === undefined)
    return failure(1, 'Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...');
  const program = programOf(hasScripts ? asked.scripts.join('\n') : (first ?? ''), asked.flags.has('E'));
  if ('exitCode' in program) return program;
  const { files, problems } = readTexts(place, hasScripts ? asked.words : others, input);
  const { output, exitCode, problem } = execute(program, {
    silent: asked.flags.has('n'),
    texts: files.map(({ text }) => text),
  });
  return {
    exitCode: exitCode === 0 && problems.length > 0 ? 2 : exitCode,
    stdout: output,
    stderr: lines([
      ...problems.map((one) => `sed: ${one.endsWith('Is a directory') ? 'read error on' : "can't read"} ${one}`),
      ...(problem === undefined ? [] : [`sed: -e expression #1, char 0: ${problem}`]),
    ]),
  };
};
