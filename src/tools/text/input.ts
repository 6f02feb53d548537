/** What tools for text read: files by their names, or what comes from the command before. */

import { readFile } from '../files.js';
import type { ToolPlace } from '../tool.js';

export interface TextFile {
  /** As it was written on the command line; `-` where it is standard input. */
  readonly name: string;
  readonly text: string;
}

export interface Texts {
  readonly files: readonly TextFile[];
  /** `NAME: No such file or directory`, for those that are none. */
  readonly problems: readonly string[];
}

/** Standard input where no file is named. */
export function readTexts(place: ToolPlace, names: readonly string[], input: string): Texts {
  const files: TextFile[] = [];
  const problems: string[] = [];
  for (const name of names.length === 0 ? ['-'] : names) {
    const file = name === '-' ? { text: input } : readFile(place, name);
    if ('text' in file) files.push({ name, text: file.text });
    else problems.push(`${name}: ${file.problem}`);
  }
  return { files, problems };
}

/** Without their newlines; the last one may lack it. */
export const linesOf = (text: string): readonly string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));
