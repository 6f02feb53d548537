/** What listens to the virtual kernel. Absent, no step is ever built. */

import type { Step, WalkStep } from './step.js';

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
  /**
   * A walk through rules, at one place and moment, which changes none of the packet's bytes; the array is the listener's
   * to keep.
   * Who does not care is given them one by one.
   */
  allOf?(place: Place, packet: TracedPacket, steps: readonly WalkStep[]): void;
}

/** Several steps at one place and moment. */
export function tellAll(tracer: Tracer, place: Place, packet: TracedPacket, steps: readonly WalkStep[]): void {
  if (tracer.allOf !== undefined) tracer.allOf(place, packet, steps);
  else for (const step of steps) tracer.step(place, packet, step);
}
