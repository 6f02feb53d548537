/**
 * Builds the page (web/) with Vite to dist/web: assets with their hash in the name, each also compressed.
 * Does nothing where nothing has changed.
 */

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { PROJECT } from './project.mjs';

const OUT = 'dist/web';
/** What the page was built from; beside the folder, so that it is not served. */
export const FINGERPRINT = 'dist/web.fingerprint';
/** Folders and files that the page is made of. */
const INPUTS = ['web', 'src/packet', 'package-lock.json', 'scripts/build-page.mjs'];
const COMPRESSED = /\.(?:js|css|html|svg|json)$/;
/** Below this a compressed form gains nothing. */
const MIN_OCTETS = 1024;

/** @type {(path: string) => string[]} files below a folder of the project, or the file itself */
const filesBelow = (path) =>
  statSync(join(PROJECT, path)).isDirectory()
    ? readdirSync(join(PROJECT, path), { withFileTypes: true }).flatMap((entry) => filesBelow(`${path}/${entry.name}`))
    : [path];

function fingerprint() {
  const hash = createHash('sha256');
  for (const file of INPUTS.flatMap(filesBelow).toSorted()) {
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(PROJECT, file)));
  }
  return hash.digest('hex');
}

async function compress() {
  for (const file of filesBelow(OUT).filter((name) => COMPRESSED.test(name))) {
    const bytes = await readFile(join(PROJECT, file));
    if (bytes.length < MIN_OCTETS) continue;
    await writeFile(join(PROJECT, `${file}.gz`), gzipSync(bytes, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    await writeFile(join(PROJECT, `${file}.br`), brotliCompressSync(bytes, { params }));
  }
}

export async function buildPage() {
  const wanted = fingerprint();
  const stamp = join(PROJECT, FINGERPRINT);
  if (existsSync(stamp) && existsSync(join(PROJECT, OUT, 'index.html')) && readFileSync(stamp, 'utf8') === wanted)
    return;
  const { build } = await import('vite');
  await build({ configFile: join(PROJECT, 'web/vite.config.ts'), logLevel: 'warn' });
  await compress();
  await writeFile(stamp, wanted);
}

if (import.meta.filename === process.argv[1]) await buildPage();
