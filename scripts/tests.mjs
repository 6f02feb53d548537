/** Running test suites: building them, tap, and what came out. */

import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Parser } from 'tap-parser';
import { PROJECT } from './project.mjs';

/** Raw TAP of the last run. */
export const TAP_OUTPUT = `${PROJECT}/build/test.tap`;

/**
 * A script for node itself, or a program of node_modules/.bin.
 * @typedef {readonly [name: string, program: string, ...args: string[]]} Check
 */

/** @type {Check} */
const BUILD_TESTS = ['compile the tests', 'node', 'scripts/build-tests.mjs'];

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {number | 'inherit'} stdout a file descriptor, or this process' own
 * @returns {number} its exit status
 */
function run(program, args, stdout = 'inherit') {
  const path = program === 'node' ? process.execPath : `${PROJECT}/node_modules/.bin/${program}`;
  const { status, error } = spawnSync(path, args, { cwd: PROJECT, stdio: ['ignore', stdout, 'inherit'] });
  if (error) console.error(`${program}: ${error.message}`);
  return status ?? 1;
}

/** @type {(check: Check) => boolean} */
export function check([name, program, ...args]) {
  const started = performance.now();
  const passed = run(program, args) === 0;
  console.log(`${passed ? 'passed' : 'FAILED'}  ${name}  ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return passed;
}

/** The compiled suites: all, or those whose names start with one of `wanted`. */
function suiteFiles(/** @type {readonly string[]} */ wanted) {
  const suites = readdirSync(`${PROJECT}/build/test`).filter((file) => file.endsWith('.test.js'));
  const chosen = suites.filter((file) => wanted.length === 0 || wanted.some((name) => file.startsWith(name)));
  return chosen.map((file) => `build/test/${file}`);
}

/**
 * @typedef {import('tap-parser').Result} Result
 * @returns {Result[]} every assertion, named by the tests around it; a suite that broke outside of them counts too
 */
function readTap() {
  const events = Parser.parse(readFileSync(TAP_OUTPUT, 'utf8'), { flat: true });
  return events.flatMap((event) => (event[0] === 'assert' ? [event[1]] : []));
}

/** @type {(result: Result) => string} */
export const suiteOf = (result) => /^build\/test\/(.+?)\.test\.js/.exec(result.fullname)?.[1] ?? 'tap';
/** @type {(result: Result) => string} */
const titleOf = (result) => result.fullname.replace(/^build\/test\/(.+?)\.test\.js/, '$1');
/** @type {(result: Result) => boolean} */
export const wasSkipped = (result) => Boolean(result.skip || result.todo);
/** @type {(results: readonly Result[], ok: boolean) => number} */
const count = (results, ok) => results.filter((result) => result.ok === ok && !wasSkipped(result)).length;

/** @type {(results: readonly Result[]) => Map<string, Result[]>} */
function bySuite(results) {
  /** @type {Map<string, Result[]>} */
  const suites = new Map();
  for (const result of results) suites.set(suiteOf(result), [...(suites.get(suiteOf(result)) ?? []), result]);
  return suites;
}

/** What failed, where, and how the values differ. */
function printFailure(/** @type {Result} */ result) {
  /** @type {Record<string, unknown>} */
  const { at: _at, source: _source, args: _args, diff, stack, ...rest } = result.diag ?? {};
  console.log(`\nFAILED  ${titleOf(result)}`);
  for (const [key, value] of Object.entries(rest)) {
    console.log(`  ${key}: ${typeof value === 'string' ? value.trimEnd() : JSON.stringify(value)}`);
  }
  for (const block of [diff, stack]) if (typeof block === 'string') console.log(block.trimEnd().replace(/^/gm, '  '));
}

/** Suites, then what was skipped with its reason, then failures in full. */
function printReport(/** @type {readonly Result[]} */ results) {
  for (const [suite, own] of bySuite(results)) {
    const failed = count(own, false);
    console.log(`${failed === 0 ? 'passed' : 'FAILED'}  ${suite}  ${count(own, true)} passed, ${failed} failed`);
  }
  for (const result of results.filter(wasSkipped)) {
    console.log(`skipped ${titleOf(result)}: ${String(result.skip || result.todo)}`);
  }
  for (const result of results) if (!result.ok && !wasSkipped(result)) printFailure(result);
}

/**
 * Builds and runs the suites whose names start with one of `wanted` (all where there is none), and reports.
 * @param {readonly string[]} wanted
 * @returns {{ passed: number, failed: number, results: readonly Result[] }}
 */
export function runTests(wanted) {
  if (!check([...BUILD_TESTS, ...wanted])) return { passed: 0, failed: 1, results: [] };
  const files = suiteFiles(wanted);
  if (files.length === 0) {
    console.log(`FAILED  no test suite is named ${wanted.join(' or ')}`);
    return { passed: 0, failed: 1, results: [] };
  }
  mkdirSync(dirname(TAP_OUTPUT), { recursive: true });
  const output = openSync(TAP_OUTPUT, 'w');
  const status = run('tap', ['--reporter=tap', ...files], output);
  closeSync(output);
  const results = readTap();
  printReport(results);
  const failed = count(results, false);
  // A runner that stopped half way has failed even where no assertion says so.
  return { passed: count(results, true), failed: status !== 0 && failed === 0 ? 1 : failed, results };
}
