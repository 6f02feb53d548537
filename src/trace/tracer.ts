/** What listens to the virtual kernel. Absent, no step is ever built. */

import type { Step } from './step.js';

/** Where a step happened. */
export interface Place {
  /** The machine. */
  readonly host: string;
  /** The network namespace on it; `''` is the host's own. */
  readonly netns: string;
}

/** The packet a step is about: enough to copy its bytes at that moment. */
export interface TracedPacket {
  /** Identity that survives NAT, forwarding and encapsulation. */
  readonly id: number;
  /** Identity of the packet that made this one (an ICMP error, an ARP request, a reply), or 0. */
  readonly parent: number;
  readonly view: DataView;
  /** First and past-the-end offset of the packet in `view`. */
  readonly data: number;
  readonly tail: number;
  /** Offset of the outermost network header, or -1. */
  readonly network: number;
  /** Where a link-layer header starts at `data`. */
  readonly hasLinkHeader: boolean;
}

export interface Tracer {
  step(place: Place, packet: TracedPacket, step: Step): void;
}
