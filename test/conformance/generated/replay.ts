/**
 * Holds this build of the emulator to what the real kernel has done: `node replay.mjs RECORDS`. Prints the first case
 * that differs and how, or nothing. mutations.test.ts builds it with mistakes in.
 */

import { readFileSync } from 'node:fs';
import { formatDifference } from '../kernel/compare.js';
import { holdTo } from '../kernel/duel.js';
import { parseRecords } from './records.js';

function firstDifference(file: string): string | undefined {
  for (const { case: case_, real } of parseRecords(readFileSync(file, 'utf8'))) {
    try {
      const [first] = holdTo(case_, real).differences;
      if (first !== undefined) return `${case_.name}: ${formatDifference(case_, first)}`;
    } catch (error) {
      return `${case_.name}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  return undefined;
}

process.stdout.write(firstDifference(process.argv[2] ?? '') ?? '');
