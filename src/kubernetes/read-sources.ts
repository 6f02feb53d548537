/** Files, folders and standard input to texts: the only part of this module that touches the file system. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigError } from './messages.js';
import type { SourceText } from './source/source-text.js';

const STDIN = '-';
const MANIFEST = /\.(ya?ml|json)$/i;
/** Folders of a checkout that hold no manifests. */
const PASSED_OVER = new Set(['.git', 'node_modules']);

export interface Sources {
  readonly sources: readonly SourceText[];
  /** A path that cannot be read is an error like any other. */
  readonly errors: readonly ConfigError[];
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Manifests in and below a folder, sorted: a file of a folder never depends on how the disk lists it. */
function manifestsBelow(folder: string): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => byCodeUnit(a.name, b.name));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return PASSED_OVER.has(entry.name) ? [] : manifestsBelow(path);
    return entry.isFile() && MANIFEST.test(entry.name) ? [path] : [];
  });
}

/** A file that is named is read whatever it is called; in a folder only *.yaml, *.yml and *.json are. */
function filesOf(path: string): readonly string[] {
  return path !== STDIN && statSync(path).isDirectory() ? manifestsBelow(path) : [path];
}

const readText = (file: string): SourceText => ({ file, text: readFileSync(file === STDIN ? 0 : file, 'utf8') });

const unreadable = (file: string, error: unknown): ConfigError => ({
  file,
  line: 0,
  column: 0,
  object: '',
  path: '',
  expected: 'a file or folder that can be read',
  got: error instanceof Error ? error.message : String(error),
});

export function readSources(paths: readonly string[]): Sources {
  const sources: SourceText[] = [];
  const errors: ConfigError[] = [];
  for (const path of paths) {
    try {
      sources.push(...filesOf(path).map(readText));
    } catch (error) {
      errors.push(unreadable(path, error));
    }
  }
  return { sources, errors };
}
