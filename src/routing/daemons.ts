/** What is wanted of a cluster's daemons, whether they spoke or their rest was computed. */

import type { BgpConfig } from '../bird/index.js';
import type { Host } from '../kernel/index.js';
import type { Underlay } from '../underlay/index.js';

/** A session as its daemon has it. */
export interface Session {
  readonly config: BgpConfig;
  readonly up: boolean;
  /** `Established`, `Active`, `Idle`. */
  readonly bgpState: string;
  /** In BIRD's words; empty where nothing failed. */
  readonly reason: string;
}

export interface Daemons {
  /** Machines that were built once more: connections can be tried between them. */
  readonly underlay: Underlay;
  /** Gives a machine the routes and listeners that its daemon made; what went wrong, in words. */
  readonly equip: (host: Host) => readonly string[];
  readonly runs: (name: string) => boolean;
  readonly sessions: (name: string) => readonly Session[];
  readonly birdc: (name: string, command: string) => string | undefined;
}
