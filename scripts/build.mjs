/**
 * Builds the page (build-page.mjs), and bundles the command line and the library to dist/ with esbuild: ESM with code splitting, so that a command
 * loads only what it needs (one file for everything costs about twice the start-up time).
 */

import { existsSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { buildPage, FINGERPRINT } from './build-page.mjs';
import { bundle, PROJECT, removeAllBut } from './project.mjs';

const CLI = 'dist/cli/main.js';

/** Name below dist/ (without .js) → source. */
const ENTRY_POINTS = {
  'cli/main': 'src/cli/main.ts',
  index: 'src/index.ts',
  packet: 'src/packet/index.ts',
  'server/worker': 'src/server/thread/worker.ts',
};

/** Packages of `serve` alone stay packages: nothing else loads them, and some find their own files by their place. */
const EXTERNAL = ['@fastify/*', 'ajv', 'cbor-x', 'fast-json-patch', 'fastify', 'prom-client', 'typebox', 'ws'];

/** The first line is kept for the command's shebang. CommonJS packages inside an ESM bundle need a `require`. */
const BANNER = [
  '// podwire, Apache-2.0',
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
].join('\n');

const entryPoints = Object.entries(ENTRY_POINTS).filter(([, source]) => existsSync(`${PROJECT}/${source}`));
for (const [name, source] of Object.entries(ENTRY_POINTS)) {
  if (!entryPoints.some(([present]) => present === name)) console.error(`build: ${source} does not exist yet, skipped`);
}

const outputs = await bundle({
  entryPoints: Object.fromEntries(entryPoints),
  outdir: 'dist',
  splitting: true,
  external: EXTERNAL,
  chunkNames: 'chunks/[name]-[hash]',
  banner: { js: BANNER },
});
await removeAllBut('dist', [...outputs, 'dist/types', 'dist/web', FINGERPRINT]);

if (outputs.includes(CLI)) {
  const file = `${PROJECT}/${CLI}`;
  const text = await readFile(file, 'utf8');
  // A source with its own shebang keeps it, above the banner.
  if (!text.startsWith('#!')) await writeFile(file, text.replace(/^.*\n/, '#!/usr/bin/env node\n'));
  await chmod(file, 0o755);
}

await buildPage();
