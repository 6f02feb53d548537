/**
 * Writes down what the virtual kernel does: integers, references and copies of bytes. Objects and text for
 * readers are made later, by `story.ts` and the formatters, and only for what is asked for.
 */

import type { Step } from './step.js';
import type { Place, TracedPacket, Tracer } from './tracer.js';

export interface RecordedStep {
  /** Place in the recording: of what happens at one moment, one thing still comes before the other. */
  readonly order: number;
  /** Nanoseconds of virtual time. */
  readonly timeNs: number;
  readonly place: Place;
  /** Identity of the packet, and of the one that caused it (0 for none). */
  readonly packet: number;
  readonly parent: number;
  readonly step: Step;
  /** The packet's bytes at that moment, where the step may have changed them; else undefined. */
  readonly bytes: Uint8Array | undefined;
  /** The bytes start with a link-layer header, else with the network header. */
  readonly hasLinkHeader: boolean;
}

/** Steps at which a reader wants to see bytes: where they appear, move, or change. */
const SNAPSHOT: ReadonlySet<Step['kind']> = new Set([
  'send',
  'receive',
  'transmit',
  'nat',
  'forward',
  'set',
  'encapsulate',
  'decapsulate',
  'deliver',
  'drop',
  'reassemble',
]);

/** More steps than any sensible trace has; further ones are counted, not kept. */
const DEFAULT_LIMIT = 1_000_000;

export class Recorder implements Tracer {
  readonly steps: RecordedStep[] = [];
  /** Steps that came after the limit. */
  lost = 0;
  readonly #nowNs: () => number;
  readonly #limit: number;

  constructor(nowNs: () => number, limit: number = DEFAULT_LIMIT) {
    this.#nowNs = nowNs;
    this.#limit = limit;
  }

  step(place: Place, packet: TracedPacket, step: Step): void {
    if (this.steps.length >= this.#limit) {
      this.lost += 1;
      return;
    }
    // Before a socket's segment has its network header there is no packet to show.
    const snapshot = SNAPSHOT.has(step.kind) && (packet.hasLinkHeader || packet.network >= 0);
    this.steps.push({
      order: this.steps.length,
      timeNs: this.#nowNs(),
      place,
      packet: packet.id,
      parent: packet.parent,
      step,
      bytes: snapshot ? copyBytes(packet) : undefined,
      hasLinkHeader: packet.hasLinkHeader,
    });
  }
}

/** From the link-layer or network header on: inside the stack `data` may stand behind the header it is about. */
function copyBytes(packet: TracedPacket): Uint8Array {
  const start = packet.hasLinkHeader ? packet.data : packet.network;
  return new Uint8Array(packet.view.buffer, packet.view.byteOffset + start, packet.tail - start).slice();
}
