/** tbf: a device sends no faster than its rate, after a burst (net/sched/sch_tbf.c), on virtual time. */

import { type Clock, NS_PER_S } from '../clock.js';
import type { Skb } from '../skb.js';

export interface TokenBucketState {
  /** Octets a second. */
  readonly rate: number;
  /** Octets that may go at once; a longer packet never goes. */
  readonly burst: number;
  /** Octets that may wait. */
  readonly limit: number;
}

export class TokenBucket {
  readonly state: TokenBucketState;
  readonly #clock: Clock;
  readonly #queue: Skb[] = [];
  #queued = 0;
  #tokens: number;
  #filledNs: number;
  #waiting = false;
  /** Packets that found no room. */
  dropped = 0;
  /** How often there were too few tokens for a packet. */
  overlimits = 0;

  constructor(clock: Clock, state: TokenBucketState) {
    this.#clock = clock;
    this.state = state;
    this.#tokens = state.burst;
    this.#filledNs = clock.nowNs;
  }

  /** tbf_enqueue(): false where the packet is dropped. `send` is called for each packet in its turn. */
  enqueue(skb: Skb, send: (skb: Skb) => void): boolean {
    if (skb.length > this.state.burst || this.#queued + skb.length > this.state.limit) {
      this.dropped += 1;
      return false;
    }
    this.#queue.push(skb);
    this.#queued += skb.length;
    if (!this.#waiting) this.#dequeue(send);
    return true;
  }

  /** tbf_dequeue(): as many as there are tokens for; the watchdog comes back when there are enough for the next. */
  #dequeue(send: (skb: Skb) => void): void {
    this.#waiting = false;
    this.#fill();
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const missing = next.length - this.#tokens;
      if (missing > 0) {
        this.#waiting = true;
        this.overlimits += 1;
        this.#clock.schedule(Math.ceil((missing * NS_PER_S) / this.state.rate), () => this.#dequeue(send));
        return;
      }
      this.#queue.shift();
      this.#queued -= next.length;
      this.#tokens -= next.length;
      send(next);
    }
  }

  /** What is in the queue. */
  get waiting(): { readonly octets: number; readonly packets: number } {
    return { octets: this.#queued, packets: this.#queue.length };
  }

  #fill(): void {
    const { nowNs } = this.#clock;
    const fresh = ((nowNs - this.#filledNs) * this.state.rate) / NS_PER_S;
    this.#tokens = Math.min(this.state.burst, this.#tokens + fresh);
    this.#filledNs = nowNs;
  }
}
