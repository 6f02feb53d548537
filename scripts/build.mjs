/**
 * Bundles the command line and the library to dist/ with esbuild. The library is ESM with code splitting. The command
 * line is one script without blanks, since V8 keeps compiled code of scripts only and a short one is read sooner
 * (src/cli/launch.ts); its names stay, for stack traces. `serve`, whose start-up nobody waits for, and the thread of a
 * cluster stay modules. The page is built beside them (build-page.mjs).
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { buildPage, FINGERPRINT } from './build-page.mjs';
import { bundle, PROJECT, removeAllBut } from './project.mjs';

const CLI = 'dist/cli/main.js';

/** Name below dist/ (without .js) → source. */
const ENTRY_POINTS = {
  index: 'src/index.ts',
  packet: 'src/packet/index.ts',
  'server/serve': 'src/cli/serve.ts',
  'server/worker': 'src/server/thread/worker.ts',
};

/** Packages of `serve` alone stay packages: nothing else loads them, and some find their own files by their place. */
const EXTERNAL = ['@fastify/*', 'ajv', 'cbor-x', 'fastify', 'prom-client', 'typebox', 'ws'];

/** CommonJS packages inside an ESM bundle need a `require`. */
const REQUIRE = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
].join('\n');

const modules = await bundle({
  entryPoints: Object.fromEntries(
    Object.entries(ENTRY_POINTS).filter(([, source]) => existsSync(`${PROJECT}/${source}`)),
  ),
  outdir: 'dist',
  splitting: true,
  external: EXTERNAL,
  chunkNames: 'chunks/[name]-[hash]',
  banner: { js: `// podwire, Apache-2.0\n${REQUIRE}` },
});

const [script = ''] = await bundle({
  entryPoints: { podwire: 'src/cli/main.ts' },
  outdir: 'dist/cli',
  outExtension: { '.js': '.cjs' },
  entryNames: '[name]-[hash]',
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  // An exception that nobody catches is printed with its line.
  lineLimit: 160,
  // As launch.ts calls it.
  banner: { js: '(function (require, __url, module) {' },
  footer: { js: '})' },
  define: { 'import.meta.url': '__url' },
});

// No module: Node starts one some 6 ms later.
const launcher = await bundle({
  entryPoints: { main: 'src/cli/launch.ts' },
  outdir: 'dist/cli',
  format: 'cjs',
  external: ['../server/serve.js'],
  banner: { js: '#!/usr/bin/env node\n// podwire, Apache-2.0' },
  define: { 'import.meta.dirname': '__dirname', COMMAND_LINE: JSON.stringify(basename(script)) },
});
await chmod(`${PROJECT}/${CLI}`, 0o755);
const COMMONJS = 'dist/cli/package.json';
await writeFile(`${PROJECT}/${COMMONJS}`, '{ "type": "commonjs" }\n');

const warmed = spawnSync(process.execPath, ['scripts/code-cache.mjs', script], {
  cwd: PROJECT,
  stdio: ['ignore', 'ignore', 'inherit'],
});
if (warmed.status !== 0) throw new Error('the command line does not trace the demo');

await removeAllBut('dist', [
  ...modules,
  script,
  `${script}.cache`,
  ...launcher,
  COMMONJS,
  'dist/types',
  'dist/web',
  FINGERPRINT,
]);

await buildPage();
