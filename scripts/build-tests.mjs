/**
 * Compiles test/ to one suite a folder: tap's cost is per process, so test/packet/*.test.ts become
 * build/test/packet.test.js. A folder inside is a suite of its own (test/kernel/netfilter →
 * kernel-netfilter.test.js) as soon as it has MIN_FILES files; until then its files belong to the folder above.
 * With arguments, only the suites whose names start so.
 */

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundle, PROJECT, removeAllBut } from './project.mjs';

const MIN_FILES = 4;
const SUITES = 'build/suites';
const OUT = 'build/test';

/**
 * @param {ReadonlyMap<string, readonly string[]>} folders a folder's own test files, by its path below test/ ('' for test/ itself)
 * @returns {Map<string, string[]>} files by suite name
 */
function groupSuites(folders) {
  /** @type {Map<string, string[]>} */
  const suites = new Map();
  /** @type {(folder: string) => string} */
  const suiteOf = (folder) => {
    // What is compared with one real thing is a suite of its own, to be run alone: npm run conformance -- kernel.
    const inner = folder.includes('/') && !/^conformance\/[^/]+$/.test(folder);
    return inner && (folders.get(folder) ?? []).length < MIN_FILES ? suiteOf(dirname(folder)) : folder;
  };
  for (const [folder, files] of folders) {
    if (files.length === 0) continue;
    const name = suiteOf(folder).replaceAll('/', '-') || 'project';
    suites.set(name, [...(suites.get(name) ?? []), ...files]);
  }
  return suites;
}

async function testFolders() {
  /** @type {Map<string, string[]>} */
  const folders = new Map();
  const entries = await readdir(join(PROJECT, 'test'), { recursive: true });
  for (const path of entries.map((entry) => entry.replaceAll('\\', '/')).toSorted()) {
    if (!path.endsWith('.test.ts')) continue;
    const folder = dirname(path) === '.' ? '' : dirname(path);
    folders.set(folder, [...(folders.get(folder) ?? []), path]);
  }
  return folders;
}

const wanted = process.argv.slice(2);
const all = groupSuites(await testFolders());
const suites = new Map(
  [...all].filter(([name]) => wanted.length === 0 || wanted.some((prefix) => name.startsWith(prefix))),
);
await rm(join(PROJECT, SUITES), { recursive: true, force: true });
await mkdir(join(PROJECT, SUITES), { recursive: true });
for (const [name, files] of suites) {
  const imports = files.map((file) => `import '../../test/${file}';\n`).join('');
  await writeFile(join(PROJECT, SUITES, `${name}.test.ts`), `import '../../test/fixed-seed.ts';\n${imports}`);
}

const outputs = await bundle({
  entryPoints: {
    ...Object.fromEntries([...suites.keys()].map((name) => [`${name}.test`, `${SUITES}/${name}.test.ts`])),
    // A thread is started from a file.
    'server-worker': 'src/server/thread/worker.ts',
  },
  outdir: OUT,
  splitting: true,
  packages: 'external',
  sourcemap: 'linked',
  chunkNames: 'chunks/[name]-[hash]',
});
if (wanted.length === 0) await removeAllBut(OUT, outputs);
// What is built in part is built into what is there: a suite that no longer exists must not run.
for (const file of await readdir(join(PROJECT, OUT))) {
  const name = /^(.+)\.test\.js$/.exec(file)?.[1];
  if (name !== undefined && !all.has(name)) await rm(join(PROJECT, OUT, file));
}
