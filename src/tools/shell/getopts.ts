/** Options of what a shell does itself, and `getopts`, which reads those of a script (POSIX, utilities, getopts). */

import { failure, type ToolResult } from '../tool.js';
import { NAME, type ShellState } from './state.js';

export interface LeadingOptions {
  readonly options: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
}

/** Up to the first word that is none, in dash's words. */
export function leadingOptions(args: readonly string[], spec: string): LeadingOptions | { readonly problem: string } {
  const options = new Map<string, string>();
  let at = 0;
  for (; /^-./.test(args[at] ?? ''); at += 1) {
    const word = args[at] ?? '';
    if (word === '--') return { options, rest: args.slice(at + 1) };
    for (let i = 1; i < word.length; i += 1) {
      const letter = word[i] ?? '';
      if (letter === ':' || !spec.includes(letter)) return { problem: `Illegal option -${letter}` };
      if (spec[spec.indexOf(letter) + 1] !== ':') {
        options.set(letter, '');
        continue;
      }
      const attached = word.slice(i + 1);
      if (attached === '') at += 1;
      const value = attached === '' ? args[at] : attached;
      if (value === undefined) return { problem: `No arg for -${letter} option` };
      options.set(letter, value);
      break;
    }
  }
  return { options, rest: args.slice(at) };
}

const told = (exitCode: number, stderr = ''): ToolResult => ({ exitCode, stdout: '', stderr });

/** `getopts OPTIONS NAME [WORD...]`: the next option, of the words or of the script's arguments. */
export function getopts(state: ShellState, args: readonly string[]): ToolResult {
  const [spec, name, ...own] = args;
  if (spec === undefined || name === undefined) return failure(2, 'sh: getopts: Usage: getopts optstring var [arg...]');
  if (!NAME.test(name)) return failure(2, `sh: getopts: ${name}: bad variable name`);
  const words = own.length > 0 ? own : state.positional;
  // Within a word OPTIND is already that of the next.
  let at = state.optionAt;
  let index = Math.max(Number(state.variables.get('OPTIND')) || 1, 1) - (at > 1 ? 1 : 0);
  const word = words[index - 1];
  const ends = at === 1 && (word === undefined || !/^-./.test(word) || word === '--');
  const settle = (value: string, argument: string | undefined): void => {
    state.assign('OPTIND', String(at > 1 ? index + 1 : index));
    state.optionAt = at;
    state.assign(name, value);
    if (argument === undefined) state.remove('OPTARG');
    else state.assign('OPTARG', argument);
  };
  if (ends || word === undefined) {
    if (word === '--') index += 1;
    settle('?', undefined);
    return told(1);
  }
  const letter = word[at] ?? '';
  const isSilent = spec.startsWith(':');
  const known = letter === ':' ? -1 : spec.indexOf(letter);
  at += 1;
  const attached = word.slice(at);
  const next = (): void => {
    index += 1;
    at = 1;
  };
  if (known < 0) {
    if (attached === '') next();
    settle('?', isSilent ? letter : undefined);
    return told(0, isSilent ? '' : `Illegal option -${letter}\n`);
  }
  if (spec[known + 1] !== ':') {
    if (attached === '') next();
    settle(letter, '');
    return told(0);
  }
  next();
  if (attached !== '') {
    settle(letter, attached);
    return told(0);
  }
  const value = words[index - 1];
  if (value !== undefined) {
    index += 1;
    settle(letter, value);
    return told(0);
  }
  settle(isSilent ? ':' : '?', isSilent ? letter : undefined);
  return told(0, isSilent ? '' : `No arg for -${letter} option\n`);
}
