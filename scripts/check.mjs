/**
 * All checks in sequence: build, lint, format, types, then every test suite. The last line is
 * `N passed, N failed`: each check counts as one, each assertion of the tests as one. The exit status says the same.
 *
 * `npm test -- packet kernel-fib` runs only the test suites whose names start so (see build-tests.mjs).
 */

import { check, runTests } from './tests.mjs';

/** @type {readonly import('./tests.mjs').Check[]} */
const CHECKS = [
  ['build', 'node', 'scripts/build.mjs'],
  ['lint', 'oxlint', '--type-aware'],
  ['format', 'biome', 'format'],
  ['types', 'tsc', '-p', '.'],
  ['types of the page', 'tsc', '-p', 'web'],
  ['exports that nobody uses', 'knip'],
];

const wanted = process.argv.slice(2);
const checks = wanted.length === 0 ? CHECKS.map(check) : [];
const tests = runTests(wanted);
const passed = tests.passed + checks.filter(Boolean).length;
const failed = tests.failed + checks.filter((ok) => !ok).length;
process.exitCode = failed === 0 ? 0 : 1;
console.log(`\n${passed} passed, ${failed} failed`);
