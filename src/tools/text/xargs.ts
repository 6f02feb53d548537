/** `xargs` of GNU findutils 4.9: `[-0] [-d X] [-I X] [-L N] [-n N] [-r] [-t] [COMMAND [WORD]...]`. */

import { type LongOption, orderedOptions } from '../getopt.js';
import { failure, lines, ok, type Run, together, type ToolPlace, type ToolResult } from '../tool.js';

const SHORT = '0a:d:E:I:i::L:n:P:rs:tx';
const LONG: readonly LongOption[] = [
  ['null', '0', 'flag'],
  ['delimiter', 'd', 'value'],
  ['max-args', 'n', 'value'],
  ['max-lines', 'L', 'value'],
  ['max-procs', 'P', 'value'],
  ['no-run-if-empty', 'r', 'flag'],
  ['replace', 'i', 'optional'],
  ['verbose', 't', 'flag'],
];
const NOT_OFFERED = new Set(['a', 'E', 's']);
const TRY_HELP = "Try 'xargs --help' for more information.";
/** Who ends with these ends it: a command that is not there, one that said 255. */
const ENDING: Readonly<Record<number, number>> = { 126: 126, 127: 127, 255: 124 };
const SOME_FAILED = 123;

/** Options stand before the command. */
function split(args: readonly string[]): { readonly own: readonly string[]; readonly command: readonly string[] } {
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? '';
    if (word === '--') return { own: args.slice(0, at), command: args.slice(at + 1) };
    if (!word.startsWith('-') || word === '-') return { own: args.slice(0, at), command: args.slice(at) };
    if (/^-[0rtx]*[adEILnPs]$/.test(word) || /^--(?:delimiter|max-args|max-lines|max-procs)$/.test(word)) at += 1;
  }
  return { own: args, command: [] };
}

interface Quoted {
  readonly words: readonly string[];
  /** What is not closed. */
  readonly open: string | undefined;
}

/** Blanks part words, quotes and backslashes hold them together. */
function quotedWords(line: string): Quoted {
  const words: string[] = [];
  const unit = /(?:"[^"\n]*"|'[^'\n]*'|\\[^]|[^\s"'\\])+/y;
  for (let at = 0; at < line.length; ) {
    unit.lastIndex = at;
    const found = unit.exec(line)?.[0];
    if (found !== undefined) {
      words.push(
        found.replaceAll(/"([^"]*)"|'([^']*)'|\\([^])/g, (_, a?: string, b?: string, c?: string) => a ?? b ?? c ?? ''),
      );
      at += found.length;
    } else if (/["']/.test(line[at] ?? ''))
      return { words: /\S/.test(line[at - 1] ?? ' ') ? words.slice(0, -1) : words, open: line[at] };
    else at += 1;
  }
  return { words, open: undefined };
}

interface Asked {
  readonly command: readonly string[];
  readonly replace: string | undefined;
  readonly delimiter: string | undefined;
  readonly mostWords: number;
  readonly mostLines: number;
  readonly evenNone: boolean;
  readonly verbose: boolean;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\n': '\n', '\\t': '\t', '\\0': '\0', '\\r': '\r' };

function askedOf(args: readonly string[]): Asked | ToolResult {
  const { own, command } = split(args);
  const { options, bad } = orderedOptions(own, { short: SHORT, long: LONG });
  if (bad !== undefined) {
    const why = bad.why === 'unknown' ? 'invalid option' : 'option requires an argument';
    return failure(1, `xargs: ${why} -- '${bad.written.at(-1) ?? ''}'\n${TRY_HELP}`);
  }
  const values = new Map(options.map(({ letter = '', value }) => [letter, value]));
  const wrong = [...values.keys()].find((letter) => NOT_OFFERED.has(letter));
  if (wrong !== undefined) return failure(1, `xargs: -${wrong} is not offered here`);
  for (const letter of ['n', 'L']) {
    const value = values.get(letter);
    if (value !== undefined && !/^\d+$/.test(value))
      return failure(1, `xargs: invalid number "${value}" for -${letter} option\n${TRY_HELP}`);
    if (Number(value) === 0)
      return failure(1, `xargs: value ${value} for -${letter} option should be >= 1\n${TRY_HELP}`);
  }
  const delimiter = values.get('d');
  return {
    command: command.length === 0 ? ['echo'] : command,
    replace: values.has('I') ? values.get('I') : values.has('i') ? (values.get('i') ?? '{}') : undefined,
    delimiter: values.has('0') ? '\0' : delimiter === undefined ? undefined : (ESCAPES[delimiter] ?? delimiter),
    mostWords: Number(values.get('n') ?? Infinity),
    mostLines: Number(values.get('L') ?? Infinity),
    evenNone: !values.has('r'),
    verbose: values.has('t'),
  };
}

/** What each call is given. */
function callsOf(
  asked: Asked,
  input: string,
): { readonly calls: readonly (readonly string[])[]; readonly open: string | undefined } {
  const { delimiter, replace, mostLines, mostWords } = asked;
  const chunks = (words: readonly string[], most: number): readonly (readonly string[])[] => {
    const size = Math.max(1, Math.min(most, words.length));
    return Array.from({ length: Math.ceil(words.length / size) }, (_, i) => words.slice(i * size, (i + 1) * size));
  };
  if (delimiter !== undefined) {
    const words = input.split(delimiter);
    if (words.at(-1) === '') words.pop();
    return { calls: chunks(words, replace === undefined ? mostWords : 1), open: undefined };
  }
  if (replace === undefined && mostLines === Infinity) {
    const { words, open } = quotedWords(input);
    const calls = chunks(words, mostWords);
    // Where a quote is open what is gathered by then is given to nobody.
    return { calls: open === undefined ? calls : calls.filter(({ length }) => length === mostWords), open };
  }
  const lists = input
    .split('\n')
    .map((line) => line.replace(/^[ \t]+/, ''))
    .filter((line) => line !== '');
  const read = lists.map(quotedWords);
  const open = read.find((one) => one.open !== undefined)?.open;
  // With -I a line is one word, in which blanks stay.
  if (replace !== undefined) return { calls: lists.map((line) => [line.replaceAll(/["'\\]/g, '')]), open };
  const calls = chunks(
    read.map((_, i) => String(i)),
    mostLines,
  ).map((some) => some.flatMap((i) => read[Number(i)]?.words ?? []));
  return { calls, open };
}

export function xargs(place: ToolPlace, args: readonly string[], run: Run, input = ''): ToolResult {
  const asked = askedOf(args);
  if ('exitCode' in asked) return asked;
  const { command, replace, verbose, evenNone } = asked;
  const { calls, open } = callsOf(asked, input);
  const results: ToolResult[] = [];
  let exitCode = 0;
  const isNone = calls.length === 0 && open === undefined && replace === undefined && evenNone;
  for (const words of isNone ? [[]] : calls) {
    const whole =
      replace === undefined ? [...command, ...words] : command.map((one) => one.replaceAll(replace, words[0] ?? ''));
    if (verbose) results.push({ ...ok(''), stderr: `${whole.join(' ')}\n` });
    const result = run(place, whole, '');
    results.push(result);
    const ending = ENDING[result.exitCode];
    if (result.exitCode === 255)
      results.push({ ...ok(''), stderr: `xargs: ${whole[0]}: exited with status 255; aborting\n` });
    if (ending !== undefined) return { ...together(results), exitCode: ending };
    if (result.exitCode !== 0) exitCode = SOME_FAILED;
  }
  const kind = open === '"' ? 'double' : 'single';
  const problem = `xargs: unmatched ${kind} quote; by default quotes are special to xargs unless you use the -0 option`;
  return {
    ...together(results),
    exitCode: open === undefined ? exitCode : 1,
    stderr: together(results).stderr + lines(open === undefined ? [] : [problem]),
  };
}
