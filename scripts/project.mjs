/** What the scripts share: where the project is, bundling for Node, and folders kept free of leftovers. */

import { readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** The checkout's root, without a slash at its end. */
export const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * Removes files below `folder` that the last build did not write: a deleted source leaves nothing behind.
 * Files are replaced, never the folder, so that a running podwire keeps its chunks as long as they are current.
 *
 * @param {string} folder relative to the project, as the paths in `keep`
 * @param {readonly string[]} keep files, or folders to keep whole
 */
export async function removeAllBut(folder, keep) {
  const kept = new Set(keep);
  for (const entry of await readdir(join(PROJECT, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (kept.has(path)) continue;
    if (entry.isDirectory() && keep.some((file) => file.startsWith(`${path}/`))) await removeAllBut(path, keep);
    else await rm(join(PROJECT, path), { recursive: true });
  }
}

/**
 * Bundles for the oldest Node that we run on. Errors are printed by esbuild, with their source, and end the process.
 *
 * @param {import('esbuild').BuildOptions} options
 * @returns {Promise<string[]>} the files written, relative to the project
 */
export async function bundle(options) {
  try {
    const { metafile } = await build({
      absWorkingDir: PROJECT,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      logLevel: 'warning',
      ...options,
      metafile: true,
    });
    return Object.keys(metafile.outputs);
  } catch {
    return process.exit(1);
  }
}
