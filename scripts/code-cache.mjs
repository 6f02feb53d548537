/**
 * `node scripts/code-cache.mjs SCRIPT`: traces the demo with the command line's script, and keeps beside it what V8 has
 * compiled by then: the functions that a trace needs.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';

const [file = ''] = process.argv.slice(2);
const url = pathToFileURL(file);
const script = new Script(readFileSync(file, 'latin1'), { filename: file });
process.argv = [
  process.execPath,
  file,
  'trace',
  '-f',
  'topologies/two-nodes-vxlan',
  'pod/default/client',
  'pod/default/web:80',
];
/** @type {import('../src/cli/launch.js').CommandLine} */
const run = script.runInThisContext();
run(createRequire(url), url.href, { exports: {} });
process.on('exit', () => {
  writeFileSync(`${file}.cache`, script.createCachedData());
});
