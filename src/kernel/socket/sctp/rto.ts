/** Round-trip time and the retransmission timeout made of it (RFC 9260 §6.3.1; transport.c:sctp_transport_update_rto()). */

import { NS_PER_MS } from '../../clock.js';
import type { Sysctls } from '../../sysctl.js';

export class Rto {
  timeoutNs: number;
  readonly #sysctl: Sysctls;
  #smoothedNs = 0;
  #varianceNs = 0;

  constructor(sysctl: Sysctls) {
    this.#sysctl = sysctl;
    this.timeoutNs = sysctl.values['sctp.rto_initial'] * NS_PER_MS;
  }

  get #maxNs(): number {
    return this.#sysctl.values['sctp.rto_max'] * NS_PER_MS;
  }

  measure(sampleNs: number): void {
    if (this.#smoothedNs === 0) {
      this.#smoothedNs = sampleNs;
      this.#varianceNs = sampleNs / 2;
    } else {
      this.#varianceNs += (Math.abs(this.#smoothedNs - sampleNs) - this.#varianceNs) / 4;
      this.#smoothedNs += (sampleNs - this.#smoothedNs) / 8;
    }
    const least = this.#sysctl.values['sctp.rto_min'] * NS_PER_MS;
    this.timeoutNs = Math.min(Math.max(this.#smoothedNs + 4 * this.#varianceNs, least), this.#maxNs);
  }

  /** RFC 9260 §6.3.3, rule E2. */
  backOff(): void {
    this.timeoutNs = Math.min(this.timeoutNs * 2, this.#maxNs);
  }
}
