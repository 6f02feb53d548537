/** Virtual time of one cluster: stands still, is stepped or jumps, or runs at a pace beside the real clock. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cluster } from '../../cluster/index.js';
import { cannotGoOn, type Emulation, LATEST_NS } from '../../kernel/index.js';
import { Problem } from '../problem.js';
import { mending } from './mending.js';

export interface ClockState {
  readonly nowNs: number;
  /** When the next timer is due; absent where none is set. */
  readonly nextEventNs?: number;
  readonly running: boolean;
  /** Virtual seconds in a real one. */
  readonly pace: number;
  /** Why it stopped, where it stopped by itself. */
  readonly stopped?: string;
}

const TICK_MS = 20;
const NS_PER_MS = 1e6;
/** Jumps are cut, so that others are served in between. */
const SLICE_MS = 50;

interface Told {
  /** The state has changed by itself or on request. */
  readonly told: () => void;
  /** When something is due beside what the emulation does by itself. */
  readonly dueNs: () => number | undefined;
  /** It is. */
  readonly due: () => void;
}

export class SessionClock {
  #cluster: Cluster;
  #pace = 1;
  #timer: NodeJS.Timeout | undefined = undefined;
  #lastMs = 0;
  #stopped: string | undefined = undefined;
  readonly #told: () => void;
  readonly #dueNs: () => number | undefined;
  readonly #due: () => void;

  constructor(cluster: Cluster, { told, dueNs, due }: Told) {
    this.#cluster = cluster;
    this.#told = told;
    this.#dueNs = dueNs;
    this.#due = due;
  }

  get #emulation(): Emulation {
    return this.#cluster.emulation;
  }

  /** When the next timer is due, if time comes so far. */
  get #nextNs(): number | undefined {
    const { nextDueNs = Infinity } = this.#emulation.clock;
    return nextDueNs > LATEST_NS ? undefined : nextDueNs;
  }

  get state(): ClockState {
    const nextEventNs = this.#nextNs;
    return {
      nowNs: this.#emulation.clock.nowNs,
      ...(nextEventNs === undefined ? {} : { nextEventNs }),
      running: this.#timer !== undefined,
      pace: this.#pace,
      ...(this.#stopped === undefined ? {} : { stopped: this.#stopped }),
    };
  }

  run(pace: number): ClockState {
    this.pause();
    this.#pace = pace;
    this.#stopped = undefined;
    this.#lastMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#told();
    return this.state;
  }

  pause(): ClockState {
    clearInterval(this.#timer);
    if (this.#timer !== undefined) {
      this.#timer = undefined;
      this.#told();
    }
    return this.state;
  }

  #tick(): void {
    const now = performance.now();
    const passed = now - this.#lastMs;
    this.#lastMs = now;
    const { clock } = this.#emulation;
    const ns = Math.min(passed * this.#pace * NS_PER_MS, LATEST_NS - clock.nowNs);
    this.#guarded(() => this.#advanceFor(Math.round(ns), TICK_MS * 10));
    if (clock.nowNs >= LATEST_NS) this.pause();
  }

  /** As far as it comes within `limitMs` of real time: a pace that the machine cannot keep is not caught up with. */
  #advanceFor(ns: number, limitMs: number): boolean {
    const { clock } = this.#emulation;
    const dueNs = Math.max(clock.nowNs, this.#dueNs() ?? Infinity);
    const wanted = clock.nowNs + ns;
    const until = Math.min(wanted, dueNs);
    const deadline = performance.now() + limitMs;
    let done = false;
    this.#cluster.live(() => {
      this.#emulation.run(() => performance.now() > deadline, until);
      // Asked while daemons run: their timers are set no longer than that.
      done = clock.nextDueNs === undefined || clock.nextDueNs > until;
      if (done) clock.moveTo(until);
    });
    if (clock.nowNs >= dueNs) this.#due();
    return done && until === wanted;
  }

  /** A network that never comes to rest stops the clock, and the one who asked is told. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!cannotGoOn(error)) throw error;
      this.#stopped = error.message;
      this.pause();
    }
  }

  /** Runs the next events, one by one. */
  step(events: number): ClockState & { readonly ran: number } {
    let ran = 0;
    try {
      this.#cluster.live(() => {
        while (ran < events && this.#nextNs !== undefined) {
          let once = 0;
          this.#emulation.run(() => once++ > 0);
          ran += 1;
        }
      });
    } catch (error) {
      if (cannotGoOn(error)) throw new Problem('conflict', error.message);
      throw error;
    }
    this.#told();
    return { ...this.state, ran };
  }

  /** Time passes at once, and nobody is served in between. @throws Problem where it cannot */
  pass(ns: number): void {
    const toNs = this.#emulation.clock.nowNs + ns;
    mending(() => {
      while (this.#emulation.clock.nowNs < toNs) this.#advanceFor(toNs - this.#emulation.clock.nowNs, SLICE_MS);
    });
    if (ns > 0) this.#told();
  }

  /** Moves on to a time; `complete` is false where that took longer than `limitMs`. */
  async jump(toNs: number, limitMs: number): Promise<ClockState & { readonly complete: boolean }> {
    const { clock } = this.#emulation;
    if (toNs < clock.nowNs)
      throw new Problem('conflict', `it is ${clock.nowNs} ns already, and time does not run backwards`, [
        { message: 'before now', field: '/toNs' },
      ]);
    if (toNs > LATEST_NS)
      throw new Problem('bad-request', 'time ends after 104 days', [{ message: 'too late', field: '/toNs' }]);
    const deadline = performance.now() + limitMs;
    let done = false;
    const emulation = this.#emulation;
    while (!done && performance.now() < deadline && emulation === this.#emulation && clock.nowNs <= toNs) {
      try {
        done = this.#advanceFor(toNs - clock.nowNs, SLICE_MS);
      } catch (error) {
        if (cannotGoOn(error)) throw new Problem('conflict', error.message);
        throw error;
      }
      if (!done) await nextTurn();
    }
    this.#told();
    return { ...this.state, complete: done };
  }

  /** Goes on in a cluster that was built anew. */
  carryTo(cluster: Cluster): void {
    this.#cluster = cluster;
  }
}
