/** What the guest's kernel has answered, kept: any machine can hold the emulator to it. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Duel, holdTo } from '../kernel/duel.js';
import { EmulatedRun } from '../kernel/emulated.js';
import { RealRun } from '../kernel/real.js';
import type { KernelCase } from '../kernel/record.js';
import { type GuestAnswer, PREFIX } from './duels.js';

const FOLDER = 'test/conformance/qemu/recorded';
const SUFFIX = '.json.gz';

interface Recording {
  readonly kernel: string;
  readonly case: KernelCase;
  readonly answer: GuestAnswer;
}

const fileOf = (name: string): string => join(FOLDER, `${name.replaceAll(/\W+/g, '-')}${SUFFIX}`);

export function keep(recording: Recording): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(recording.case.name), gzipSync(JSON.stringify(recording), { level: 9 }));
}

export const recordings = (): string[] =>
  existsSync(FOLDER) ? readdirSync(FOLDER).filter((file) => file.endsWith(SUFFIX)) : [];

export function replay(file: string): Duel & { readonly case: KernelCase; readonly kernel: string } {
  const {
    kernel,
    case: case_,
    answer,
  } = JSON.parse(gunzipSync(readFileSync(join(FOLDER, file))).toString()) as Recording;
  const real = new RealRun(new EmulatedRun(case_), PREFIX).record(answer.output, answer.took);
  return { ...holdTo(case_, real), case: case_, kernel };
}
