/** A session as its daemon has it. */

import type { BgpConfig } from '../bird/index.js';

export interface Session {
  readonly config: BgpConfig;
  readonly up: boolean;
  /** `Established`, `Active`, `Idle`. */
  readonly bgpState: string;
  /** In BIRD's words; empty where nothing failed. */
  readonly reason: string;
}
