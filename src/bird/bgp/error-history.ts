/** What went wrong with a session last, and how long its next start waits for it (bgp_update_startup_delay()). */

import { NS_PER_S } from '../../kernel/index.js';
import type { BgpConfig } from '../config/types.js';
import type { LastError } from './error-text.js';

export class ErrorHistory {
  last: LastError = { kind: 'none' };
  /** Seconds that the next start waits. */
  startupDelay = 0;
  #lastNs: number | undefined = undefined;

  /** Twice as long after each error in a row. */
  delay({ errorForgetTime, errorWaitMin, errorWaitMax, disableAfterError }: BgpConfig, nowNs: number): void {
    const since = this.#lastNs === undefined ? 0 : (nowNs - this.#lastNs) / NS_PER_S;
    if (this.#lastNs !== undefined && since >= errorForgetTime) this.startupDelay = 0;
    this.#lastNs = nowNs;
    if (disableAfterError) this.startupDelay = 0;
    else this.startupDelay = this.startupDelay === 0 ? errorWaitMin : Math.min(2 * this.startupDelay, errorWaitMax);
  }
}
