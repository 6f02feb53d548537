/**
 * Writes down what the virtual kernel does: integers, references and copies of bytes. Objects and text for
 * readers are made later, by `story.ts` and the formatters, and only for what is asked for.
 */

import type { Step, WalkStep } from './step.js';
import type { Place, TracedPacket, Tracer } from './tracer.js';

interface About {
  /** Place in the recording: of what happens at one moment, one thing still comes before the other. */
  readonly order: number;
  /** Nanoseconds of virtual time. */
  readonly timeNs: number;
  readonly place: Place;
  /** Identity of the packet, and of the one that caused it (0 for none). */
  readonly packet: number;
  readonly parent: number;
  /** The bytes start with a link-layer header, else with the network header. */
  readonly hasLinkHeader: boolean;
}

export interface RecordedStep extends About {
  readonly step: Step;
  /** The packet's bytes at that moment, where the step may have changed them; else undefined. */
  readonly bytes: Uint8Array | undefined;
}

/** As it is written down: one step, or those of a walk through rules, of which `order` is the first's. */
export interface Moment extends About {
  readonly told: Step | readonly WalkStep[];
  /** The bytes are these of a slab that recordings share; undefined where none were kept. */
  readonly slab: Uint8Array | undefined;
  readonly from: number;
  readonly to: number;
}

/** Not those of a walk. */
export const isOne = (told: Moment['told']): told is Step => !Array.isArray(told);

/** The steps of a moment alone. */
export const toldIn = ({ told }: Moment): readonly Step[] => (isOne(told) ? [told] : told);

export const bytesOf = ({ slab, from, to }: Moment): Uint8Array | undefined => slab?.subarray(from, to);

/** One of a moment's steps, by its place among them, with what is known of it. */
export function recordedAt(moment: Moment, at: number): RecordedStep {
  const step = toldIn(moment)[at];
  if (step === undefined) throw new RangeError(`a moment of ${toldIn(moment).length} steps has none at ${at}`);
  return recorded(moment, step, at);
}

function recorded(moment: Moment, step: Step, at: number): RecordedStep {
  const { order, timeNs, place, packet, parent, hasLinkHeader } = moment;
  return { order: order + at, timeNs, place, packet, parent, step, bytes: bytesOf(moment), hasLinkHeader };
}

/** Each with what is known of it. */
export const stepsIn = (moment: Moment): RecordedStep[] => toldIn(moment).map((step, at) => recorded(moment, step, at));

/** Steps at which a reader wants to see bytes: where they appear, move, or change. */
const SNAPSHOT: ReadonlySet<Step['kind']> = new Set([
  'send',
  'receive',
  'transmit',
  'nat',
  'forward',
  'encapsulate',
  'decapsulate',
  'deliver',
  'drop',
  'reassemble',
]);

/** Of what targets set, one is in the packet itself. */
const showsBytes = (step: Step): boolean => SNAPSHOT.has(step.kind) || (step.kind === 'set' && step.field === 'dscp');

const SLAB_OCTETS = 8192;
const NO_ROOM = new Uint8Array(0);

/** More steps than any sensible trace has; further ones are counted, not kept. */
const DEFAULT_LIMIT = 1_000_000;

export class Recorder implements Tracer {
  readonly moments: Moment[] = [];
  /** Steps that came after the limit. */
  lost = 0;
  readonly #nowNs: () => number;
  readonly #limit: number;
  /** Steps that are kept. */
  #count = 0;
  /** Room for copies of packets, which a buffer each would cost more than they hold; the last copy starts at `#from`. */
  #slab: Uint8Array<ArrayBuffer> = NO_ROOM;
  #from = 0;
  #used = 0;

  constructor(nowNs: () => number, limit: number = DEFAULT_LIMIT) {
    this.#nowNs = nowNs;
    this.#limit = limit;
  }

  /** One by one, with what is known of each. */
  get steps(): readonly RecordedStep[] {
    return this.moments.flatMap(stepsIn);
  }

  step(place: Place, packet: TracedPacket, step: Step): void {
    const order = this.#take(1);
    if (order < 0) return;
    // Before a socket's segment has its network header there is no packet to show.
    const shown = showsBytes(step) && (packet.hasLinkHeader || packet.network >= 0);
    if (shown) this.#copy(packet);
    this.moments.push({
      order,
      timeNs: this.#nowNs(),
      place,
      packet: packet.id,
      parent: packet.parent,
      hasLinkHeader: packet.hasLinkHeader,
      told: step,
      slab: shown ? this.#slab : undefined,
      from: this.#from,
      to: this.#used,
    });
  }

  allOf(place: Place, packet: TracedPacket, steps: readonly WalkStep[]): void {
    const order = this.#take(steps.length);
    if (order < 0) return;
    this.moments.push({
      order,
      timeNs: this.#nowNs(),
      place,
      packet: packet.id,
      parent: packet.parent,
      hasLinkHeader: packet.hasLinkHeader,
      told: steps,
      slab: undefined,
      from: 0,
      to: 0,
    });
  }

  /** The order of the first of so many steps; -1 where there is no room for them. */
  #take(count: number): number {
    const order = this.#count;
    if (order + count > this.#limit) {
      this.lost += count;
      return -1;
    }
    this.#count = order + count;
    return order;
  }

  /** From the link-layer or network header on: inside the stack `data` may stand behind the header it is about. */
  #copy({ hasLinkHeader, data, network, tail, view }: TracedPacket): void {
    const start = hasLinkHeader ? data : network;
    const length = Math.max(0, tail - start);
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(Math.max(SLAB_OCTETS, length));
      this.#used = 0;
    }
    this.#from = this.#used;
    this.#used += length;
    this.#slab.set(new Uint8Array(view.buffer, view.byteOffset + start, length), this.#from);
  }
}
