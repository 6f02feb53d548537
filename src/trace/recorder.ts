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

const SLAB_OCTETS = 8192;
const NO_ROOM = new Uint8Array(0);

/** More steps than any sensible trace has; further ones are counted, not kept. */
const DEFAULT_LIMIT = 1_000_000;

export class Recorder implements Tracer {
  readonly steps: RecordedStep[] = [];
  /** Steps that came after the limit. */
  lost = 0;
  readonly #nowNs: () => number;
  readonly #limit: number;
  /** Room for copies of packets, which a buffer each would cost more than they hold. */
  #slab: Uint8Array<ArrayBuffer> = NO_ROOM;
  #used = 0;

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
      bytes: snapshot ? this.#copy(packet) : undefined,
      hasLinkHeader: packet.hasLinkHeader,
    });
  }

  /** From the link-layer or network header on: inside the stack `data` may stand behind the header it is about. */
  #copy({ hasLinkHeader, data, network, tail, view }: TracedPacket): Uint8Array {
    const start = hasLinkHeader ? data : network;
    const length = Math.max(0, tail - start);
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(Math.max(SLAB_OCTETS, length));
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    this.#slab.set(new Uint8Array(view.buffer, view.byteOffset + start, length), at);
    return this.#slab.subarray(at, at + length);
  }
}
