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
    if (!MANIFEST.test(entry.name)) return [];
    return entry.isFile() || (entry.isSymbolicLink() && leadsToFile(path)) ? [path] : [];
  });
}

/** Files of a mounted ConfigMap are links. One that leads nowhere is told of when it is read; folders behind links are not entered. */
const leadsToFile = (link: string): boolean => statSync(link, { throwIfNoEntry: false })?.isFile() ?? true;

/** A file that is named is read whatever it is called; in a folder only *.yaml, *.yml and *.json are. */
function filesOf(path: string): readonly string[] {
  return path !== STDIN && statSync(path).isDirectory() ? manifestsBelow(path) : [path];
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** A file that is no text, and where that shows. */
class NoText extends Error {
  readonly line: number;
  readonly column: number;

  constructor(bytes: Uint8Array, offset: number) {
    super(`the byte 0x${(bytes[offset] ?? 0).toString(16).padStart(2, '0')}`);
    const before = new TextDecoder().decode(bytes.subarray(0, offset)).split('\n');
    this.line = before.length;
    this.column = (before.at(-1) ?? '').length + 1;
  }
}

function decodes(bytes: Uint8Array, options: { readonly stream: boolean }): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, options);
    return true;
  } catch {
    return false;
  }
}

/** The first byte that belongs to no character. */
function firstOdd(bytes: Uint8Array): number {
  let [low, high] = [0, bytes.length];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    // A character that is not complete at the end may become one.
    if (decodes(bytes.subarray(0, middle), { stream: true })) low = middle;
    else high = middle - 1;
  }
  while (!decodes(bytes.subarray(0, low), { stream: false })) low -= 1;
  return low;
}

function readText(path: string): SourceText {
  const bytes = readFileSync(path === STDIN ? 0 : path);
  try {
    return { file: path, text: UTF_8.decode(bytes) };
  } catch {
    throw new NoText(bytes, firstOdd(bytes));
  }
}

function unreadable(file: string, error: unknown): ConfigError {
  const nowhere = { file, line: 0, column: 0, object: '', path: '' };
  if (error instanceof NoText)
    return { ...nowhere, line: error.line, column: error.column, expected: 'text in UTF-8', got: error.message };
  const got = error instanceof Error ? error.message : String(error);
  return { ...nowhere, expected: 'a file or folder that can be read', got };
}

function files(path: string, errors: ConfigError[]): readonly string[] {
  try {
    return filesOf(path);
  } catch (error) {
    errors.push(unreadable(path, error));
    return [];
  }
}

export function readSources(paths: readonly string[]): Sources {
  const sources: SourceText[] = [];
  const errors: ConfigError[] = [];
  for (const path of paths) {
    for (const file of files(path, errors)) {
      try {
        sources.push(readText(file));
      } catch (error) {
        errors.push(unreadable(file, error));
      }
    }
  }
  return { sources, errors };
}
