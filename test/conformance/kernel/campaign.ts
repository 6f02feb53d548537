/** Many cases one after another: what they compared in all, and what failed. */

import { NeverAtRest } from '../../../src/kernel/index.js';
import { formatDifference } from './compare.js';
import { duel, type Duel } from './duel.js';
import type { KernelCase } from './record.js';
import { shrink } from './shrink.js';
import { Tally } from './tally.js';

export interface Failure {
  readonly case: KernelCase;
  readonly text: string;
}

export interface Totals {
  /** Cases whose packets met something that mattered; others do not count. */
  readonly cases: number;
  readonly idle: number;
  /** Whose servers answer each other for ever: nothing to compare. */
  readonly endless: readonly string[];
  /** That differed once and not when they were run again: what the real kernel does there depends on its clock. */
  readonly unsteady: readonly Failure[];
  /** Orders that led to something that mattered, of all. */
  readonly mattered: number;
  readonly orders: number;
  readonly frames: number;
  readonly octets: number;
  readonly rules: number;
  readonly failures: readonly Failure[];
  readonly tally: Tally;
  /** Milliseconds: the emulator's building and running, and the real kernel's. */
  readonly emulatedMs: { readonly build: number; readonly run: number };
  readonly realMs: { readonly build: number; readonly run: number };
}

interface Equal {
  readonly case: KernelCase;
  readonly duel: Duel;
  /** How it differed before, where it did. */
  readonly before?: Failure;
}

interface Endless {
  readonly case: KernelCase;
  readonly endless: true;
}

type Result = Equal | Endless | Failure;

/** How often a failing case is tried again to make it small. */
const SHRINK_BUDGET = 120;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function attempt(case_: KernelCase, prefix: string): Promise<Result> {
  try {
    const result = await duel(case_, prefix);
    if (result.differences.length === 0) return { case: case_, duel: result };
    return { case: case_, text: result.differences.map((one) => formatDifference(case_, one)).join('\n') };
  } catch (error) {
    if (error instanceof NeverAtRest) return { case: case_, endless: true };
    return { case: case_, text: messageOf(error) };
  }
}

/** How often a case is run before a difference counts: one that the clock makes does not come every time. */
const ATTEMPTS = 3;

async function judge(case_: KernelCase, prefix: string): Promise<Result> {
  let failure: Failure | undefined;
  for (let i = 0; i < ATTEMPTS; i += 1) {
    const result = await attempt(case_, prefix);
    if (!('text' in result))
      return failure === undefined || 'endless' in result ? result : { ...result, before: failure };
    failure ??= result;
  }
  if (failure === undefined) throw new Error('never run');
  return failure;
}

/** Adds up. */
class Sum {
  #cases = 0;
  #idle = 0;
  #mattered = 0;
  #orders = 0;
  #frames = 0;
  #octets = 0;
  #rules = 0;
  readonly #tally = new Tally();
  readonly #failures: Failure[] = [];
  readonly #unsteady: Failure[] = [];
  readonly #endless: string[] = [];
  readonly #emulatedMs = { build: 0, run: 0 };
  readonly #realMs = { build: 0, run: 0 };

  add(result: Result): void {
    if ('text' in result) {
      this.#failures.push(result);
      return;
    }
    if ('endless' in result) {
      this.#endless.push(result.case.name);
      return;
    }
    if (result.before !== undefined) this.#unsteady.push(result.before);
    const { frames, octets, rules, tally, emulated, real } = result.duel;
    this.#orders += result.case.orders.length;
    this.#mattered += tally.mattered.size;
    if (tally.mattered.size === 0) {
      this.#idle += 1;
      return;
    }
    this.#cases += 1;
    this.#frames += frames;
    this.#octets += octets;
    this.#rules += rules;
    this.#tally.add(tally);
    for (const key of ['build', 'run'] as const) {
      this.#emulatedMs[key] += emulated.took[key];
      this.#realMs[key] += real.took[key];
    }
  }

  get totals(): Totals {
    return {
      cases: this.#cases,
      idle: this.#idle,
      endless: this.#endless,
      unsteady: this.#unsteady,
      mattered: this.#mattered,
      orders: this.#orders,
      frames: this.#frames,
      octets: this.#octets,
      rules: this.#rules,
      failures: this.#failures,
      tally: this.#tally,
      emulatedMs: this.#emulatedMs,
      realMs: this.#realMs,
    };
  }
}

/**
 * Runs all cases, `jobs` of them at once. `prefix` and the number of the job name the namespaces. `progress` hears of
 * each when it is done, and how it failed.
 */
export async function campaign(
  cases: readonly (() => KernelCase)[],
  {
    prefix,
    jobs,
    progress,
  }: {
    readonly prefix: string;
    readonly jobs: number;
    readonly progress?: (done: number, failure: Failure | undefined) => void;
  },
): Promise<Totals> {
  const sum = new Sum();
  let next = 0;
  let done = 0;
  const work = async (job: number): Promise<void> => {
    for (let make = cases[next]; make !== undefined; make = cases[next]) {
      next += 1;
      const result = await judge(make(), `${prefix}j${job}`);
      sum.add(result);
      done += 1;
      progress?.(done, 'text' in result ? result : undefined);
    }
  };
  await Promise.all(Array.from({ length: jobs }, (_, job) => work(job)));
  return sum.totals;
}

/** The same failure by fewer orders in a smaller cluster. */
export async function shrinkFailure({ case: case_ }: Failure, prefix: string): Promise<Failure> {
  const fails = async (smaller: KernelCase): Promise<boolean> => {
    const result = await attempt(smaller, prefix);
    // A case that cannot be built shows nothing.
    return 'text' in result && /^(order|at the end)/.test(result.text);
  };
  const smallest = await shrink(case_, fails, SHRINK_BUDGET);
  const again = await attempt(smallest, prefix);
  return { case: smallest, text: 'text' in again ? again.text : 'not every time: it depends on chance or time' };
}
