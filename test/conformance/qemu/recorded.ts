/** What the guest's kernel has answered, kept: any machine can hold the emulator to it. */

import { createHash } from 'node:crypto';
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
  /** Of the script that made the namespaces: an answer fits no others. */
  readonly digest: string;
  readonly case: KernelCase;
  readonly answer: GuestAnswer;
}

const fileOf = (name: string): string => join(FOLDER, `${name.replaceAll(/\W+/g, '-')}${SUFFIX}`);

const digestOf = (real: RealRun): string => createHash('sha256').update(real.script).digest('hex');

export function keep(answered: Omit<Recording, 'digest'>): void {
  const digest = digestOf(new RealRun(new EmulatedRun(answered.case), PREFIX));
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(answered.case.name), gzipSync(JSON.stringify({ ...answered, digest }), { level: 9 }));
}

export const recordings = (): string[] =>
  existsSync(FOLDER) ? readdirSync(FOLDER).filter((file) => file.endsWith(SUFFIX)) : [];

/** Undefined where what the guest was asked then is not what the same case programs now. */
export function replay(file: string): (Duel & { readonly case: KernelCase; readonly kernel: string }) | undefined {
  const {
    kernel,
    digest,
    case: case_,
    answer,
  } = JSON.parse(gunzipSync(readFileSync(join(FOLDER, file))).toString()) as Recording;
  const real = new RealRun(new EmulatedRun(case_), PREFIX);
  if (digestOf(real) !== digest) return undefined;
  return { ...holdTo(case_, real.record(answer.output, answer.took)), case: case_, kernel };
}
