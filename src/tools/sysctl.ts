/** `sysctl` of procps 4.0.2: what shows. */

import { failure, lines, type Tool, type ToolResult } from './tool.js';

interface Options {
  readonly names: boolean;
  readonly values: boolean;
  readonly binary: boolean;
  readonly ignore: boolean;
  readonly all: boolean;
  readonly pattern: RegExp | undefined;
  readonly keys: readonly string[];
}

const LONG: Readonly<Record<string, string>> = {
  '--all': '-a',
  '-A': '-a',
  '-X': '-a',
  '--binary': '-b',
  '--ignore': '-e',
  '--names': '-N',
  '--values': '-n',
  '--pattern': '-r',
  '--quiet': '-q',
  '--write': '-w',
};

function regularExpression(text: string): RegExp | undefined {
  try {
    return new RegExp(text);
  } catch {
    return undefined;
  }
}

function read(args: readonly string[]): Options | ToolResult {
  const flags = new Set<string>();
  const keys: string[] = [];
  let pattern: RegExp | undefined;
  for (let i = 0; i < args.length; i++) {
    const given = args[i] ?? '';
    const word = LONG[given] ?? given;
    if (!word.startsWith('-')) keys.push(word);
    else if (/^-[a-zA-Z]*r$/.test(word)) {
      for (const letter of word.slice(1, -1)) flags.add(LONG[`-${letter}`]?.slice(1) ?? letter);
      i += 1;
      pattern = regularExpression(args[i] ?? '');
      if (pattern === undefined) return failure(1, `sysctl: invalid expression "${args[i]}"`);
    } else for (const letter of word.slice(1)) flags.add(LONG[`-${letter}`]?.slice(1) ?? letter);
  }
  const unknown = [...flags].find((letter) => !'abeNnqwox'.includes(letter));
  if (unknown !== undefined) return failure(1, `sysctl: invalid option -- '${unknown}'`);
  return {
    names: flags.has('N'),
    values: flags.has('n'),
    binary: flags.has('b'),
    ignore: flags.has('e'),
    all: flags.has('a'),
    pattern,
    keys,
  };
}

function row({ names, values, binary }: Options, path: string, value: string): string {
  if (binary) return value;
  return names ? `${path}\n` : values ? `${value}\n` : `${path} = ${value}\n`;
}

/** `net.ipv4.conf.*.rp_filter`, `net.ipv4.conf`: procps hands names to glob(3), whose `*` and `?` stop at a dot. */
function isBelow(path: string): (variable: readonly [name: string, value: string]) => boolean {
  const text = path
    .replaceAll(/[\\^$+(){}|.]/g, '\\$&')
    .replaceAll('*', '[^.]*')
    .replaceAll('?', '[^.]');
  const pattern = regularExpression(`^${text}(?:\\.|$)`);
  return ([name]) => pattern?.test(name) === true;
}

export const sysctl: Tool = ({ netns }, args) => {
  const options = read(args);
  if ('exitCode' in options) return options;
  const all = netns.sysctl.list();
  const chosen = (path: string): boolean => options.pattern?.test(path) ?? true;
  if (options.all) {
    const rows = all.filter(([path]) => chosen(path));
    return { exitCode: 0, stdout: rows.map(([path, value]) => row(options, path, value)).join(''), stderr: '' };
  }
  if (options.keys.length === 0) return failure(1, 'sysctl: no variables specified');
  const rows: string[] = [];
  const problems: string[] = [];
  for (const key of options.keys) {
    if (key.includes('=')) return failure(1, `sysctl: ${key}: only what shows is offered here`);
    const path = key.replaceAll('/', '.');
    const value = netns.sysctl.get(path);
    // A folder of /proc/sys stands for all that is in it.
    const below: readonly (readonly [string, string])[] =
      value === undefined ? all.filter(isBelow(path)) : [[path, value]];
    if (below.length === 0 && !options.ignore)
      problems.push(`sysctl: cannot stat /proc/sys/${path.replaceAll('.', '/')}: No such file or directory`);
    for (const [one, text] of below) if (chosen(one)) rows.push(row(options, one, text));
  }
  return { exitCode: problems.length > 0 ? 1 : 0, stdout: rows.join(''), stderr: lines(problems) };
};
