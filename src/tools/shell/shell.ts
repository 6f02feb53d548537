/** `sh -c TEXT`: commands one after the other in the same cluster, so that a later one sees what an earlier one has done. */

import { matchingPaths, readFile } from '../files.js';
import { failure, ok, type ToolPlace, type ToolResult } from '../tool.js';
import { type Command, isUnread, type Pipeline, readScript, type Script, type Sink, type Word } from './script.js';

type Run = (place: ToolPlace, command: readonly string[], input: string) => ToolResult;

/** A word on its way, and the pattern of file names that it is. */
interface Field {
  readonly text: string;
  /** Undefined where nothing in it stands for other names. */
  readonly pattern: string | undefined;
}

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);

/** `*` and `?` stop at slashes (POSIX, 2.13.3); `[!a]` is `[^a]`. */
function patternSource(text: string): string {
  if (text === '*') return '[^/]*';
  return text === '?' ? '[^/]' : text.replace(/^\[!/, '[^');
}

class Shell {
  readonly #place: ToolPlace;
  readonly #run: Run;
  /** `$?` */
  #status = 0;
  /** What commands whose output becomes words have said on standard error. */
  #aside = '';

  constructor(place: ToolPlace, run: Run) {
    this.#place = place;
    this.#run = run;
  }

  script(script: Script): ToolResult {
    let stdout = '';
    let stderr = '';
    for (const pipeline of script) {
      if ((pipeline.after === '&&' && this.#status !== 0) || (pipeline.after === '||' && this.#status === 0)) continue;
      const one = this.#pipeline(pipeline);
      this.#status = one.exitCode;
      stdout += one.stdout;
      stderr += one.stderr;
    }
    return { exitCode: this.#status, stdout, stderr };
  }

  /** The last one decides; each ends before the next begins, since time is the emulation's. */
  #pipeline({ commands }: Pipeline): ToolResult {
    let result = ok('');
    let stderr = '';
    for (const command of commands) {
      result = this.#command(command, result.stdout);
      stderr += result.stderr;
    }
    return { ...result, stderr };
  }

  #command({ words, redirections }: Command, input: string): ToolResult {
    const expanded = words.flatMap((word) => this.#expand(word));
    const aside = this.#aside;
    this.#aside = '';
    const sinks: Record<1 | 2, Sink> = { 1: 'out', 2: 'err' };
    let read = input;
    for (const one of redirections)
      if (one.from === 0) {
        const [path = ''] = this.#expand(one.file);
        const file = path === '/dev/null' ? { text: '' } : readFile(this.#place, path);
        if ('problem' in file)
          return failure(2, `sh: cannot open ${path}: ${file.problem.replace(/ or directory$/, '')}`);
        read = file.text;
      } else sinks[one.from] = one.to === 'nowhere' ? 'nowhere' : sinks[one.to];
    const result = expanded.length === 0 ? ok('') : this.#run(this.#place, expanded, read);
    const printed = (sink: Sink): string =>
      (sinks[1] === sink ? result.stdout : '') + (sinks[2] === sink ? result.stderr : '');
    return { exitCode: result.exitCode, stdout: printed('out'), stderr: aside + printed('err') };
  }

  /** What a word stands for (2.6): none, one or several. */
  #expand(word: Word): readonly string[] {
    const fields: Field[] = [];
    let isOpen = false;
    const add = (text: string, pattern?: string): void => {
      const before = isOpen ? fields.pop() : undefined;
      const known = before?.pattern ?? (pattern === undefined ? undefined : escaped(before?.text ?? ''));
      fields.push({
        text: (before?.text ?? '') + text,
        pattern: known === undefined ? undefined : known + (pattern ?? escaped(text)),
      });
      isOpen = true;
    };
    for (const part of word) {
      if (part.kind === 'text') add(part.text);
      else if (part.kind === 'pattern') add(part.text, patternSource(part.text));
      else if (part.kind === 'status') add(String(this.#status));
      else if (part.quoted) add(this.#outputOf(part.script));
      else
        for (const piece of this.#outputOf(part.script).split(/([ \t\n]+)/)) {
          if (/^[ \t\n]/.test(piece)) isOpen = false;
          else if (piece !== '') add(piece);
        }
    }
    return fields.flatMap(({ text, pattern }) => {
      const names = pattern === undefined ? [] : matchingPaths(this.#place, pattern);
      return names.length === 0 ? [text] : names;
    });
  }

  /** Without the newlines at its end. */
  #outputOf(script: Script): string {
    const { stdout, stderr } = new Shell(this.#place, this.#run).script(script);
    this.#aside += stderr;
    return stdout.replace(/\n+$/, '');
  }
}

export function shell(place: ToolPlace, args: readonly string[], run: Run): ToolResult {
  const [option, text] = args;
  if (option !== '-c') return failure(2, 'sh: only sh -c COMMANDS is offered here');
  if (text === undefined) return failure(2, 'sh: 0: -c requires an argument');
  const script = readScript(text);
  return isUnread(script) ? failure(2, `sh: ${script.problem}`) : new Shell(place, run).script(script);
}
