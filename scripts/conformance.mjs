/**
 * Holds podwire to the real things, and says in a table how much was compared.
 *
 * `npm run conformance` does all of it, `npm run conformance -- kernel tshark` parts of it. `--cases N --seed S` says how
 * many generated cases there are, and where they begin.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { PROJECT } from './project.mjs';
import { runTests, suiteOf, TAP_OUTPUT, wasSkipped } from './tests.mjs';

const PREFIX = 'conformance-';

/** @returns {never} */
function fail(/** @type {string} */ message) {
  console.error(`conformance: ${message}`);
  process.exit(2);
}

const parts = readdirSync(`${PROJECT}/test/conformance`, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .toSorted();

/** Generated cases are a part of what the kernel is asked. */
/** @type {(name: string) => string[]} */
const suitesOf = (name) => (name === 'kernel' ? ['kernel', 'generated'] : [name]);

/** @type {string[]} */
const wanted = [];
const args = process.argv.slice(2);
for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
  const number = { '--cases': 'PODWIRE_CASES', '--seed': 'PODWIRE_SEED' }[arg];
  if (number !== undefined) {
    const value = args.shift() ?? '';
    if (!/^[0-9]+$/.test(value)) fail(`${arg} wants a whole number, not "${value}"`);
    process.env[number] = value;
  } else if (parts.includes(arg)) wanted.push(...suitesOf(arg));
  else fail(`there is no part ${arg}; there are ${parts.join(', ')}`);
}

/**
 * @typedef {object} Row
 * @property {string} part
 * @property {string} what
 * @property {number} cases
 * @property {number} [packets]
 * @property {number} [octets]
 * @property {number} [rules]
 * @property {number} differences
 */

/** What the suites themselves say that they have compared (test/conformance/report.ts), and what they have met. */
function readTold() {
  /** @type {Row[]} */
  const rows = [];
  /** @type {string[]} */
  const met = [];
  let part = '';
  for (const line of readFileSync(TAP_OUTPUT, 'utf8').split('\n')) {
    part = /^# Subtest: build\/test\/conformance-(.+?)\.test\.js/.exec(line)?.[1] ?? part;
    const told = /^ *# compared (\{.*\})$/.exec(line)?.[1];
    if (told !== undefined) rows.push({ part, .../** @type {Omit<Row, 'part'>} */ (JSON.parse(told)) });
    const tally = /^ *# met (.*)$/.exec(line)?.[1];
    if (tally !== undefined) met.push(tally);
  }
  return { rows, met };
}

/** Of a suite that says nothing itself: its assertions. */
/** @type {(results: readonly import('./tests.mjs').Result[], part: string) => Row} */
function rowOf(results, part) {
  const own = results.filter((result) => suiteOf(result) === `${PREFIX}${part}` && !wasSkipped(result));
  return { part, what: 'assertions', cases: own.length, differences: own.filter(({ ok }) => !ok).length };
}

/** @type {(value: number | undefined) => string} */
const written = (value) => (value === undefined ? '' : value.toLocaleString('en'));

/** @type {(rows: readonly Row[]) => void} */
function printTable(rows) {
  const cells = [
    ['part', 'what', 'cases', 'packets', 'bytes', 'rules', 'differences'],
    ...rows.map(({ part, what, cases, packets, octets, rules, differences }) => [
      part,
      what,
      ...[cases, packets, octets, rules, differences].map(written),
    ]),
  ];
  const widths = cells[0]?.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0))) ?? [];
  for (const [i, row] of cells.entries()) {
    const line = row.map((cell, j) => (j < 2 ? cell.padEnd(widths[j] ?? 0) : cell.padStart(widths[j] ?? 0)));
    console.log(`| ${line.join(' | ')} |`);
    if (i === 0)
      console.log(
        `| ${widths.map((width, j) => (j < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`,
      );
  }
}

const chosen = wanted.length === 0 ? parts : [...new Set(wanted)];
const { passed, failed, results } = runTests(chosen.map((name) => `${PREFIX}${name}`));
const { rows, met } = readTold();
console.log();
for (const line of met) console.log(`met ${line}\n`);
printTable(
  chosen.flatMap((part) => {
    const own = rows.filter((row) => row.part === part);
    return own.length > 0 ? own : [rowOf(results, part)];
  }),
);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
