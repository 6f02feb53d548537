/** Virtual time: a counter of nanoseconds and a heap of timers. Nothing happens unless somebody runs it. */

import { assert } from './errors.js';

export const NS_PER_US = 1_000;
export const NS_PER_MS = 1_000_000;
export const NS_PER_S = 1_000_000_000;

/** Where numbers stop being whole ones: after 104 days. */
export const LATEST_NS = Number.MAX_SAFE_INTEGER;

/** Somebody wants to wait until after the end of time. */
export class TimeEnds extends Error {
  override readonly name = 'TimeEnds';

  constructor() {
    super('time ends after 104 days: the rest of that wait is not to be had');
  }
}

/** A callback that is due at a time. Timers due at the same time run in the order they were set. */
export class Timer {
  readonly dueNs: number;
  readonly order: number;
  callback: (() => void) | undefined;

  constructor(dueNs: number, order: number, callback: () => void) {
    this.dueNs = dueNs;
    this.order = order;
    this.callback = callback;
  }

  get pending(): boolean {
    return this.callback !== undefined;
  }

  cancel(): void {
    this.callback = undefined;
  }
}

const before = (a: Timer, b: Timer): boolean => a.dueNs < b.dueNs || (a.dueNs === b.dueNs && a.order < b.order);

export class Clock {
  /** Nanoseconds since the start of the emulation. */
  #nowNs = 0;
  #order = 0;
  /** A binary heap; cancelled timers stay until they surface. */
  readonly #heap: Timer[] = [];

  get nowNs(): number {
    return this.#nowNs;
  }

  /** Calls back once, `delayNs` from now. */
  schedule(delayNs: number, callback: () => void): Timer {
    assert(delayNs >= 0, 'a timer cannot be due in the past');
    const timer = new Timer(this.#nowNs + Math.round(delayNs), this.#order++, callback);
    this.#push(timer);
    return timer;
  }

  /** When the next timer is due, or undefined where none is set. */
  get nextDueNs(): number | undefined {
    while (this.#heap[0]?.pending === false) this.#pop();
    return this.#heap[0]?.dueNs;
  }

  /** Moves time to the next timer and runs it; false where there is none due at or before `limitNs`. */
  runNext(limitNs = Number.POSITIVE_INFINITY): boolean {
    const due = this.nextDueNs;
    if (due === undefined || due > limitNs || due > LATEST_NS) return false;
    const timer = this.#pop();
    const callback = timer?.callback;
    assert(timer !== undefined && callback !== undefined, 'a due timer has a callback');
    this.#nowNs = Math.max(this.#nowNs, timer.dueNs);
    timer.callback = undefined;
    callback();
    return true;
  }

  /**
   * Moves time on without running anything; timers that became due run next.
   * @throws TimeEnds
   */
  moveTo(timeNs: number): void {
    if (timeNs > LATEST_NS) throw new TimeEnds();
    assert(timeNs >= this.#nowNs, 'time does not run backwards');
    this.#nowNs = timeNs;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let i = heap.push(timer) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !before(timer, parent)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      let least = heap[child];
      if (least === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, least)) {
        child += 1;
        least = right;
      }
      if (!before(least, last)) break;
      heap[i] = least;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}

const MS_PER_DAY = 86_400_000;

/** inet_current_timestamp(): milliseconds since midnight (RFC 791 §3.1, RFC 792). The emulation starts at midnight. */
export const timeOfDayMs = ({ nowNs }: Clock): number => Math.floor(nowNs / NS_PER_MS) % MS_PER_DAY;
