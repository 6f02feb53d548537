/**
 * Compiles bench/*.bench.ts and runs each in its own process, one after the other.
 * `npm run bench -- forward fib` runs those whose names start so.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { bundle, PROJECT, removeAllBut } from './project.mjs';

const OUT = 'build/bench';

const wanted = process.argv.slice(2);
const files = readdirSync(`${PROJECT}/bench`);
/** What benches start as processes of their own. */
const processes = files.filter((file) => file.endsWith('.process.ts'));
const benches = files
  .filter((file) => file.endsWith('.bench.ts'))
  .filter((file) => wanted.length === 0 || wanted.some((name) => file.startsWith(name)));
if (benches.length === 0) {
  console.error(wanted.length === 0 ? 'bench: no bench/*.bench.ts' : `bench: none is named ${wanted.join(' or ')}`);
  process.exit(1);
}

const outputs = await bundle({
  entryPoints: [...benches, ...processes].map((file) => `bench/${file}`),
  outbase: 'bench',
  outdir: OUT,
  packages: 'external',
});
await removeAllBut(OUT, outputs);

for (const file of benches) {
  const path = `${OUT}/${file.replace(/\.ts$/, '.js')}`;
  const { status } = spawnSync(process.execPath, ['--expose-gc', path], { cwd: PROJECT, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
