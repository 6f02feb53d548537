/** `cut` of coreutils 9.1, and of `awk` what picks columns: `[-F SEPARATOR] '[PATTERN] {print …}'`. */

import { getopt, isBadOption } from '../getopt.js';
import { failure, lines, type Tool, type ToolResult } from '../tool.js';
import { linesOf, readTexts } from './input.js';
import { posixRegExp } from './regexp.js';

/** `2`, `1,3-5`, `2-`, `-3`; undefined where it is no list. */
function rangesOf(text: string): readonly (readonly [first: number, last: number])[] | undefined {
  const ranges: (readonly [number, number])[] = [];
  for (const part of text.split(',')) {
    const [, from = '', dash, to = ''] = /^(\d*)(-?)(\d*)$/.exec(part) ?? [];
    if (from === '' && to === '') return undefined;
    const first = from === '' ? 1 : Number(from);
    ranges.push([first, dash === '' ? first : to === '' ? Number.POSITIVE_INFINITY : Number(to)]);
  }
  return ranges;
}

/** `cut -d SEPARATOR -f LIST`, `cut -c LIST`; a line without the separator stays as it is. */
export const cut: Tool = (place, args, input = '') => {
  const given = getopt(args, 'd:f:c:b:s');
  if (isBadOption(given)) return failure(1, `cut: ${given.problem}\nTry 'cut --help' for more information.`);
  const { values, flags, rest } = given;
  const separator = values.get('d') ?? '\t';
  const octets = values.get('c') ?? values.get('b');
  const ranges = rangesOf(values.get('f') ?? octets ?? '');
  if (ranges === undefined)
    return failure(
      1,
      "cut: you must specify a list of bytes, characters, or fields\nTry 'cut --help' for more information.",
    );
  const kept = (parts: readonly string[], between: string): string =>
    parts.filter((_, i) => ranges.some(([first, last]) => i + 1 >= first && i + 1 <= last)).join(between);
  const { files, problems } = readTexts(place, rest, input);
  const rows = files
    .flatMap(({ text }) => linesOf(text))
    .filter((line) => octets !== undefined || !flags.has('s') || line.includes(separator))
    .map((line) => {
      if (octets !== undefined) return kept(line.split(''), '');
      return line.includes(separator) ? kept(line.split(separator), separator) : line;
    });
  return {
    exitCode: problems.length > 0 ? 1 : 0,
    stdout: lines(rows),
    stderr: lines(problems.map((problem) => `cut: ${problem}`)),
  };
};

interface Line {
  readonly number: number;
  readonly fields: readonly string[];
  readonly text: string;
}

type Value = (line: Line) => string;
type Test = (line: Line) => boolean;

const STRING = String.raw`"(?:[^"\\]|\\.)*"`;
const ATOM = String.raw`\$NF|\$\d+|NR|NF|${STRING}`;

function valueOf(atom: string): Value {
  if (atom === 'NR') return ({ number }) => String(number);
  if (atom === 'NF') return ({ fields }) => String(fields.length);
  if (atom === '$NF') return ({ fields, text }) => fields.at(-1) ?? text;
  if (atom === '$0') return ({ text }) => text;
  if (atom.startsWith('$')) return ({ fields }) => fields[Number(atom.slice(1)) - 1] ?? '';
  const literal = atom.startsWith('"') ? atom.slice(1, -1) : atom;
  const text = literal.replaceAll(/\\(.)/g, (_, letter: string) => ({ t: '\t', n: '\n' })[letter] ?? letter);
  return () => text;
}

/** `$1, "x" $2`: commas become blanks. */
function printOf(list: string): Value | undefined {
  if (list.trim() === '') return ({ text }) => text;
  const values: Value[] = [];
  let rest = list.trim();
  while (rest !== '') {
    const [whole, comma, atom] = new RegExp(String.raw`^(?:(,)\s*)?(${ATOM})\s*`).exec(rest) ?? [];
    if (whole === undefined || atom === undefined) return undefined;
    if (comma !== undefined) values.push(() => ' ');
    values.push(valueOf(atom));
    rest = rest.slice(whole.length);
  }
  return (line) => values.map((value) => value(line)).join('');
}

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

const isNumber = (text: string): boolean => /^\s*-?\d+(?:\.\d*)?\s*$/.test(text);

/** As numbers where both are some. */
function compare(a: string, b: string): number {
  if (isNumber(a) && isNumber(b)) return Number(a) - Number(b);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `/RE/`, `!/RE/`, `$2 ~ /RE/`, `NR > 1`, `$1 == "tcp"`. */
function testOf(pattern: string): Test | undefined {
  const [, left = '$0', sign = '~', source] =
    new RegExp(String.raw`^(?:(${ATOM})\s*(!?~)\s*|(?=!?/))(?:/((?:[^/\\]|\\.)*)/)$`).exec(pattern.replace(/^!/, '')) ??
    [];
  if (source !== undefined) {
    const found = posixRegExp([source.replaceAll('\\/', '/')], {
      kind: 'extended',
      ignoreCase: false,
      whole: undefined,
    });
    if ('problem' in found) return undefined;
    const not = pattern.startsWith('!') || sign === '!~';
    const value = valueOf(left);
    return (line) => value(line).search(found) >= 0 !== not;
  }
  const [, one, operator = '', other] =
    new RegExp(String.raw`^(${ATOM})\s*([=!<>]=|[<>])\s*(${ATOM}|-?\d+)$`).exec(pattern) ?? [];
  const holds = COMPARISONS[operator];
  if (one === undefined || other === undefined || holds === undefined) return undefined;
  const [a, b] = [valueOf(one), valueOf(other)];
  return (line) => holds(compare(a(line), b(line)));
}

interface Program {
  readonly test: Test;
  readonly print: Value;
}

function programOf(text: string): Program | ToolResult {
  const [, pattern = '', action] = /^\s*((?:[^{"/]|"[^"]*"|\/(?:[^/\\]|\\.)*\/)*?)\s*(\{.*\})?\s*$/s.exec(text) ?? [];
  const [, list] = action === undefined ? [undefined, ''] : (/^\{\s*print\b([^;]*?);?\s*\}$/s.exec(action) ?? []);
  const test = pattern === '' ? (): boolean => true : testOf(pattern);
  const print = list === undefined ? undefined : printOf(list);
  if (test === undefined || print === undefined || (pattern === '' && action === undefined))
    return failure(2, `awk: only '[PATTERN] {print FIELDS}' is offered here, of one pattern`);
  return { test, print };
}

export const awk: Tool = (place, args, input = '') => {
  const given = getopt(args, 'F:');
  if (isBadOption(given)) return failure(2, `awk: ${given.problem}`);
  const [text = '', ...names] = given.rest;
  const program = programOf(text);
  if ('exitCode' in program) return program;
  const separator = given.values.get('F');
  const wanted = separator === undefined || separator === ' ' ? undefined : separator;
  const parts =
    wanted === undefined || wanted.length === 1
      ? wanted
      : posixRegExp([wanted], { kind: 'extended', ignoreCase: false, whole: undefined });
  if (typeof parts === 'object' && 'problem' in parts) return failure(2, `awk: ${parts.problem}`);
  const { files, problems } = readTexts(place, names, input);
  const rows = files
    .flatMap((file) => linesOf(file.text))
    .map((line, i): Line => {
      const fields = parts === undefined ? (line.match(/[^ \t]+/g) ?? []) : line === '' ? [] : line.split(parts);
      return { number: i + 1, fields, text: line };
    })
    .filter((line) => program.test(line))
    .map((line) => program.print(line));
  return {
    exitCode: problems.length > 0 ? 2 : 0,
    stdout: lines(rows),
    stderr: lines(problems.map((problem) => `awk: cannot open ${problem}`)),
  };
};
