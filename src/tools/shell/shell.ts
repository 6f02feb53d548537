/** `sh -c TEXT [NAME [WORD...]]`, `sh FILE [WORD...]`, `sh [-s WORD...]`: a script that is given, in a file, or what is to be read. */

import { readFile } from '../files.js';
import { environmentOf, failure, type Programs, type ToolPlace, type ToolResult } from '../tool.js';
import { Input, Output } from './descriptors.js';
import { Interpreter } from './interpreter.js';
import { isUnread, readScript } from './reader.js';
import { NOT_FOUND } from './fatal.js';
import { INITIAL_OPTIONS, set } from './set.js';
import { type Dialect, ShellState } from './state.js';

interface Asked {
  readonly text: string;
  readonly input: string;
  readonly scriptName: string;
  readonly positional: readonly string[];
  /** Words of `set`. */
  readonly options: readonly string[];
}

/** Options before the script: those of `set`; that it is a login shell changes nothing. */
function asked(
  place: ToolPlace,
  args: readonly string[],
  { dialect, input }: { readonly dialect: Dialect; readonly input: string },
): Asked | ToolResult {
  const options: string[] = [];
  const words = [...args];
  let [isText, isRead] = [false, false];
  for (let word = words[0]; word !== undefined && /^[-+]./.test(word); word = words[0]) {
    words.shift();
    if (word === '--') break;
    isText ||= /^-[^-]*c/.test(word);
    isRead ||= /^-[^-]*s/.test(word);
    const others = word.replaceAll(/[cls]/g, '');
    if (others.length > 1 && word !== '--login')
      options.push(others, ...(others.endsWith('o') ? words.splice(0, 1) : []));
  }
  if (isText) {
    const [text, scriptName = dialect, ...positional] = words;
    if (text === undefined)
      return failure(2, dialect === 'sh' ? 'sh: 0: -c requires an argument' : 'bash: -c: option requires an argument');
    return { text, input, scriptName, positional, options };
  }
  const [path] = words;
  if (isRead || path === undefined) return { text: input, input: '', scriptName: dialect, positional: words, options };
  const file = readFile(place, path);
  if ('problem' in file)
    return dialect === 'sh'
      ? failure(2, `sh: 0: cannot open ${path}: ${file.problem.replace(/ or directory$/, '')}`)
      : failure(NOT_FOUND, `bash: ${path}: ${file.problem}`);
  return { text: file.text, input, scriptName: path, positional: words.slice(1), options };
}

export interface ShellCall {
  readonly dialect: Dialect;
  readonly programs: Programs;
  readonly input: string;
}

export function shell(place: ToolPlace, args: readonly string[], { dialect, programs, input }: ShellCall): ToolResult {
  const given = asked(place, args, { dialect, input });
  if ('exitCode' in given) return given;
  const script = readScript(given.text, dialect);
  if (isUnread(script)) return failure(2, `${dialect}: ${script.problem}`);
  const [stdout, stderr] = [new Output(), new Output()];
  const { scriptName, positional } = given;
  const descriptors = new Map<number, Input | Output>([
    [0, new Input(given.input)],
    [1, stdout],
    [2, stderr],
  ]);
  const environment = environmentOf(place).variables;
  const state = new ShellState({
    dialect,
    scriptName,
    positional,
    descriptors,
    environment,
    folder: place.folder ?? '/',
  });
  for (const option of INITIAL_OPTIONS[dialect]) state.options.add(option);
  const wrong = given.options.length === 0 ? undefined : set(state, given.options);
  if (wrong !== undefined && wrong.exitCode !== 0) return wrong;
  const exitCode = new Interpreter(place, programs, state).whole(script);
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}
