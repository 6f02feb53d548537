/** What the real kernel has done, as text. */

import type { KernelCase, RunRecord } from '../kernel/record.js';

export interface RecordedCase {
  readonly case: KernelCase;
  readonly real: RunRecord;
}

/** A Map is written as `{ "map": [[key, value], …] }`. */
export const formatRecords = (records: readonly RecordedCase[]): string =>
  JSON.stringify(records, (_, value: unknown) => (value instanceof Map ? { map: [...value] } : value));

interface WrittenMap {
  readonly map: readonly (readonly [unknown, unknown])[];
}

const isWrittenMap = (value: unknown): value is WrittenMap =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, 'map') && Object.keys(value).length === 1;

export const parseRecords = (text: string): RecordedCase[] =>
  JSON.parse(text, (_, value: unknown) => (isWrittenMap(value) ? new Map(value.map) : value)) as RecordedCase[];
