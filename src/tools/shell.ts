/** `sh -c TEXT`: commands one after the other, with quotes, `;`, `&&` and `||`; nothing else of a shell. */

import { failure, ok, type ToolPlace, type ToolResult } from './tool.js';

type Separator = ';' | '&&' | '||';

interface Command {
  readonly words: readonly string[];
  /** What stands before it. */
  readonly after: Separator;
}

/** What a shell would act upon, and is not offered. */
const SPECIAL = /[|&<>()$`*?[\]{}~#!]/;

interface Unread {
  readonly problem: string;
}

const TOKEN = /\s*(?:(&&|\|\||[;\n])|((?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s;&|'"\\])+)|(.))/gsy;
const PART = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^'"\\]+)/gs;

/** A word without its quotes (POSIX, Shell Command Language, 2.2). */
function wordOf(text: string): string | Unread {
  let word = '';
  for (const [, single, double, escaped, bare] of text.matchAll(PART)) {
    const special = (bare === undefined ? undefined : SPECIAL.exec(bare)) ?? (/[$`]/.exec(double ?? '') || undefined);
    if (special !== undefined) return { problem: `"${special[0]}" is not offered here, but quoted` };
    word += single ?? double?.replaceAll(/\\([$`"\\\n])/g, '$1') ?? escaped ?? bare ?? '';
  }
  return word;
}

function read(text: string): readonly Command[] | Unread {
  const commands: Command[] = [];
  let words: string[] = [];
  let after: Separator = ';';
  const end = (next: Separator): void => {
    if (words.length > 0) commands.push({ words, after });
    words = [];
    after = next;
  };
  for (const [, separator, word, stray] of text.trim().matchAll(TOKEN)) {
    if (stray !== undefined) return { problem: `"${stray}" is not offered here, but quoted` };
    if (word !== undefined) {
      const given = wordOf(word);
      if (typeof given !== 'string') return given;
      words.push(given);
    } else if (separator === '&&' || separator === '||') {
      if (words.length === 0) return { problem: `Syntax error: "${separator}" unexpected` };
      end(separator);
    } else end(';');
  }
  if (words.length === 0 && after !== ';') return { problem: 'Syntax error: end of file unexpected' };
  end(';');
  return commands;
}

type Run = (place: ToolPlace, command: readonly string[]) => ToolResult;

/** Runs each in the same cluster, so that a later one sees what an earlier one has done. */
export function shell(place: ToolPlace, args: readonly string[], run: Run): ToolResult {
  const [option, text] = args;
  if (option !== '-c') return failure(2, 'sh: only sh -c COMMANDS is offered here');
  if (text === undefined) return failure(2, 'sh: 0: -c requires an argument');
  const commands = read(text);
  if ('problem' in commands) return failure(2, `sh: ${commands.problem}`);
  let all = ok('');
  for (const { words, after } of commands) {
    if ((after === '&&' && all.exitCode !== 0) || (after === '||' && all.exitCode === 0)) continue;
    const one = run(place, words);
    all = { exitCode: one.exitCode, stdout: all.stdout + one.stdout, stderr: all.stderr + one.stderr };
  }
  return all;
}
