/**
 * Round-trip time and the retransmission timeout made of it: RFC 6298 with the variance as Linux keeps it, never below
 * 200 ms and falling no faster than once a round trip (net/ipv4/tcp_input.c:tcp_rtt_estimator(), __tcp_set_rto()).
 */

import { NS_PER_MS, NS_PER_S, NS_PER_US } from '../../clock.js';
import { after } from './sequence.js';

/** TCP_TIMEOUT_INIT, TCP_RTO_MIN, TCP_RTO_MAX. */
export const RTO_INITIAL_NS = NS_PER_S;
export const RTO_MIN_NS = 200 * NS_PER_MS;
export const RTO_MAX_NS = 120 * NS_PER_S;

export class RttEstimator {
  /** Nanoseconds; 0 before the first measurement. */
  smoothedNs = 0;
  #deviationNs = 0;
  /** Largest deviation in the round trip that runs now, and the one the timeout is made of. */
  #deviationMaxNs = RTO_MIN_NS;
  #varianceNs = 0;
  /** When this sequence number is acknowledged, a round trip is over. */
  #roundEnd = 0;

  /** A segment was acknowledged `measuredNs` after it was sent. */
  measure(measuredNs: number, sndUna: number, sndNxt: number): void {
    const sample = Math.max(measuredNs, NS_PER_US);
    if (this.smoothedNs === 0) {
      this.smoothedNs = sample;
      this.#deviationNs = 2 * sample; // a timeout of three times the first sample, RFC 6298 §2.2
      this.#varianceNs = Math.max(this.#deviationNs, RTO_MIN_NS);
      this.#deviationMaxNs = this.#varianceNs;
      this.#roundEnd = sndNxt;
      return;
    }
    const error = sample - this.smoothedNs;
    this.smoothedNs += error / 8;
    // A time that gets shorter raises the deviation eight times slower: it is no reason to wait longer.
    const change = Math.abs(error) - this.#deviationNs;
    this.#deviationNs += error < 0 && change > 0 ? change / 32 : change / 4;
    this.#deviationMaxNs = Math.max(this.#deviationMaxNs, this.#deviationNs);
    this.#varianceNs = Math.max(this.#varianceNs, this.#deviationMaxNs);
    if (!after(sndUna, this.#roundEnd)) return;
    this.#varianceNs -= Math.max(0, this.#varianceNs - this.#deviationMaxNs) / 4;
    this.#roundEnd = sndNxt;
    this.#deviationMaxNs = RTO_MIN_NS;
  }

  get timeoutNs(): number {
    if (this.smoothedNs === 0) return RTO_INITIAL_NS;
    return Math.min(this.smoothedNs + this.#varianceNs, RTO_MAX_NS);
  }
}
