/** `ip -batch FILE`: a command a line (lib/utils.c:do_batch()); `-` is standard input. */

import { readTexts } from '../text/input.js';
import { failure, ok, together, type ToolPlace, type ToolResult } from '../tool.js';

export interface Batch {
  readonly file: string;
  /** Goes on behind a command that fails. */
  readonly force: boolean;
}

/** Lines with their numbers: a backslash goes on with the next, and what stands behind `#` is none of it. */
function* commandLines(text: string): Iterable<{ readonly words: readonly string[]; readonly number: number }> {
  let line = '';
  for (const [i, own] of text.split('\n').entries()) {
    line += own.replace(/#.*$/, '');
    if (line.endsWith('\\')) {
      line = line.slice(0, -1);
      continue;
    }
    const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|[^\s"']+/g)].map(([whole, a, b]) => a ?? b ?? whole);
    if (words.length > 0) yield { words, number: i + 1 };
    line = '';
  }
}

export function runBatch(
  place: ToolPlace,
  { file, force }: Batch,
  input: string,
  run: (words: readonly string[]) => ToolResult,
): ToolResult {
  const { files, problems } = readTexts(place, [file], input);
  if (problems.length > 0) return failure(1, `Cannot open file "${file}" for reading: No such file or directory`);
  const results: ToolResult[] = [];
  for (const { words, number } of commandLines(files[0]?.text ?? '')) {
    const result = run(words);
    results.push(result);
    if (result.exitCode === 0) continue;
    results.push({ ...ok(''), stderr: `Command failed ${file}:${number}\n` });
    if (!force) break;
  }
  const all = together(results);
  return { ...all, exitCode: all.exitCode === 0 ? 0 : 1 };
}
