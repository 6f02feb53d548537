/**
 * From a fresh clone to a trace with one command: installs what is missing, builds what is out of date, then runs
 * the command line with the arguments given, or the demo. Uses nothing that has to be installed first.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What `npm start` shows: one pod calling another on another node, over VXLAN. */
const DEMO = ['trace', '-f', 'topologies/two-nodes-vxlan', 'pod/default/client', 'pod/default/web:80'];

const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const CLI = `${PROJECT}/dist/cli/main.js`;
/** npm writes this at the end of every installation. */
const INSTALLED = `${PROJECT}/node_modules/.package-lock.json`;
/** Set-up failed: apart from the statuses that the command itself gives (0, 1 and 2). EX_SOFTWARE of sysexits.h. */
const SET_UP_FAILED = 70;

/** @type {(path: string) => number} */
const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

/** The newest time below a folder; a folder's own time tells of removed files. */
function newest(/** @type {string} */ folder) {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return Math.max(modified(folder), ...entries.map((entry) => modified(`${folder}/${entry}`)));
}

/**
 * Says what it does in one line; the program's own output is shown only if it fails.
 *
 * @param {string} what
 * @param {readonly string[]} args of node
 */
function step(what, args) {
  process.stderr.write(`podwire: ${what}\n`);
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: PROJECT, encoding: 'utf8' });
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}podwire: ${what} failed\n`);
  process.exit(SET_UP_FAILED);
}

/** npm as a script for node: the one that runs us, or the one beside node. */
function npmScript() {
  const candidates = [
    process.env['npm_execpath'] ?? '',
    resolve(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js'),
    resolve(dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js'),
    '/usr/share/nodejs/npm/bin/npm-cli.js',
  ];
  const found = candidates.find((path) => /npm-cli\.c?js$/.test(path) && existsSync(path));
  if (found !== undefined) return found;
  process.stderr.write('podwire: npm was not found; run `npm start` or, once, `npm ci`\n');
  return process.exit(SET_UP_FAILED);
}

if (modified(INSTALLED) < modified(`${PROJECT}/package-lock.json`)) {
  step('installing packages (npm ci)', [npmScript(), 'ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

const sources = [
  newest(`${PROJECT}/src`),
  newest(`${PROJECT}/web`),
  modified(`${PROJECT}/package-lock.json`),
  modified(`${PROJECT}/scripts/build.mjs`),
  modified(`${PROJECT}/scripts/build-page.mjs`),
];
if (modified(CLI) < Math.max(...sources)) step('building', [`${PROJECT}/scripts/build.mjs`]);

if (!existsSync(CLI)) {
  process.stderr.write('podwire: this checkout has no command line yet (src/cli/main.ts)\n');
  process.exit(SET_UP_FAILED);
}

const given = process.argv.slice(2);
const byNpm = process.env['npm_lifecycle_event'] === 'start' ? process.env['INIT_CWD'] : undefined;
// npm runs scripts in the project's folder: paths that the user gave are meant from where the user is.
process.chdir(given.length === 0 ? PROJECT : (byNpm ?? process.cwd()));
process.argv = [process.execPath, CLI, ...(given.length === 0 ? DEMO : given)];
await import(pathToFileURL(CLI).href);
