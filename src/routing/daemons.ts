/** What is wanted of a cluster's daemons, whether they spoke or their rest was computed. */

import type { BgpConfig } from '../bird/index.js';
import type { RoutingChange } from '../cluster/index.js';
import type { Host } from '../kernel/index.js';
import type { Underlay } from '../underlay/index.js';
import type { Described } from './program.js';

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
  /** What a machine's daemon would have in its kernel now. */
  readonly wanted: (host: Host) => readonly Described[];
  /** Opens the ports that its daemon listens on. */
  readonly listen: (host: Host) => void;
  /** Why its configuration cannot be read, in words. */
  readonly problems: (name: string) => readonly string[];
  readonly runs: (name: string) => boolean;
  readonly sessions: (name: string) => readonly Session[];
  /** `birdc disable` or `enable` of a session; nobody waits for what comes of it. */
  readonly setSession: (name: string, session: BgpConfig, enabled: boolean) => void;
  readonly birdc: (name: string, command: string) => string | undefined;
  /** Tells them what has changed, and waits until they are at rest. */
  readonly change: (changes: readonly RoutingChange[]) => void;
  /** Cables are pulled or plugged in as in the cluster; nobody waits for what comes of it. */
  readonly faultsChanged: () => void;
  /** MetalLB's speakers read what they announce, if that has changed; whether it had. Nobody waits for what comes of it. */
  readonly refresh: () => boolean;
  /** Lets so much time pass. */
  readonly pass: (ns: number) => void;
  /** Switched off and on: the machine and its daemon begin anew. */
  readonly reboot: (name: string) => void;
  /** How long after the last change a timer may still take a route away. */
  readonly longestTimerNs: number;
}
