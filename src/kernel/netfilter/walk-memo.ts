/**
 * Walks that are remembered, for packets like one that went the same way: the rules that took it, in order. What rows
 * ask (addresses, protocol, ports, devices, mark, connection state) leads the same way each time until rules change,
 * and then the memory goes with them; all else (sets, addresses of the host, counters with a memory, targets) is asked
 * again at its place, and a walk that goes on otherwise there is walked on.
 *
 * Of ports only that is part of the memory what the chains on the way tell apart: a connection from another port goes the
 * same way. A way is remembered with its second packet: of many there is only one.
 */

import type { WalkStep } from '../../trace/index.js';
import type { Chain } from './chain.js';
import { ctStatesOf } from './ct-states.js';
import type { RulePacket } from './packet.js';

/** A rule whose answer may be another one each time, and where the walk stood. */
export interface Question {
  /** How the walk went on; a verdict where it ended here. */
  readonly answer: number | string;
  /** Where the jumps before it came from. */
  readonly backChain: readonly Chain[];
  readonly backNext: readonly number[];
  /** The packet's mark after it, which later rows have asked. */
  readonly mark: number;
  /** What a trace has to tell of the rules since the question before. */
  readonly before: readonly WalkStep[];
  /** Rules until here. */
  readonly tally: Tally;
}

/** Of the rules of a walk. */
export interface Tally {
  readonly tried: number;
  readonly matched: number;
}

/** A rule that took the packet, or that had to be asked whether it does. */
export interface MemoStep {
  readonly chain: Chain;
  readonly position: number;
  readonly setsMark: boolean;
  readonly question: Question | undefined;
}

/** How it ended, unless a rule that was asked said so. */
export type MemoEnd = 'policy' | 'accept' | 'asked';

/** A power of two. */
const SLOTS = 64;

const MAX_PORT = 0xffff;

/** Ports that chains have not told apart from one packet's; of packets without ports, all that have none. */
class PortRange {
  #first = 0;
  #last = MAX_PORT;

  widen(): void {
    this.#first = 0;
    this.#last = MAX_PORT;
  }

  has(port: number): boolean {
    return port < 0 || (port >= this.#first && port <= this.#last);
  }

  /** `bounds`: ports at which another range begins, ascending. */
  narrow(bounds: Int32Array, port: number): void {
    if (port < 0 || bounds.length === 0) return;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((bounds[middle] ?? 0) <= port) low = middle + 1;
      else high = middle;
    }
    if (low > 0) this.#first = Math.max(this.#first, bounds[low - 1] ?? 0);
    if (low < bounds.length) this.#last = Math.min(this.#last, (bounds[low] ?? 0) - 1);
  }
}

/** Packets that have met the same rules so far have the same key. */
class Key {
  #source = 0;
  #destination = 0;
  #protocol = -1;
  readonly #sourcePorts = new PortRange();
  readonly #destinationPorts = new PortRange();
  #mark = 0;
  #states = 0;
  #laterFragment = false;
  #in: Int32Array | undefined = undefined;
  #out: Int32Array | undefined = undefined;

  equals(packet: RulePacket): boolean {
    return (
      this.#source === packet.source &&
      this.#destination === packet.destination &&
      this.#protocol === packet.protocol &&
      this.#mark === packet.skb.mark &&
      this.#in === packet.inKeys &&
      this.#out === packet.outKeys &&
      this.#sourcePorts.has(packet.sourcePort) &&
      this.#destinationPorts.has(packet.destinationPort) &&
      this.#laterFragment === (packet.fragmentOffset !== 0) &&
      this.#states === ctStatesOf(packet.skb)
    );
  }

  set(packet: RulePacket): void {
    this.#source = packet.source;
    this.#destination = packet.destination;
    this.#protocol = packet.protocol;
    this.#mark = packet.skb.mark;
    this.#in = packet.inKeys;
    this.#out = packet.outKeys;
    this.#sourcePorts.widen();
    this.#destinationPorts.widen();
    this.#laterFragment = packet.fragmentOffset !== 0;
    this.#states = ctStatesOf(packet.skb);
  }

  narrow({ sourcePortBounds, destinationPortBounds }: Chain, { sourcePort, destinationPort }: RulePacket): void {
    this.#sourcePorts.narrow(sourcePortBounds, sourcePort);
    this.#destinationPorts.narrow(destinationPortBounds, destinationPort);
  }
}

const NOTHING_TOLD: readonly WalkStep[] = [];

export class Memo {
  readonly #key = new Key();
  #steps: MemoStep[] | undefined = undefined;
  #end: MemoEnd = 'asked';
  #told = false;
  #lastTold: readonly WalkStep[] = NOTHING_TOLD;

  isOf(packet: RulePacket): boolean {
    return this.#key.equals(packet);
  }

  /** For packets like this one from now on. */
  begin(packet: RulePacket): void {
    this.#key.set(packet);
    this.#steps = undefined;
  }

  /** What is noted next is the way; with what a trace tells of it where it is `told`. */
  remember(told: boolean): void {
    this.#steps = [];
    this.#end = 'asked';
    this.#told = told;
    this.#lastTold = NOTHING_TOLD;
  }

  /** The walk has come to a chain. */
  enter(chain: Chain, packet: RulePacket): void {
    this.#key.narrow(chain, packet);
  }

  note(step: MemoStep): void {
    this.#steps?.push(step);
  }

  endsBy(end: MemoEnd): void {
    this.#end = end;
  }

  /** What a trace has to tell since the last question. */
  tellsLast(steps: readonly WalkStep[]): void {
    this.#lastTold = steps;
  }

  /** Undefined where nothing is remembered yet, or not what a trace wants to be `told`. */
  stepsFor(told: boolean): readonly MemoStep[] | undefined {
    return told && !this.#told ? undefined : this.#steps;
  }

  get end(): MemoEnd {
    return this.#end;
  }

  get lastTold(): readonly WalkStep[] {
    return this.#lastTold;
  }
}

/** The memory of one built-in chain, for as long as the table is as it is. */
export class WalkMemory {
  readonly #slots: (Memo | undefined)[] = [];

  /** Where the way of packets like that one is, or will be, remembered. */
  at(packet: RulePacket): Memo {
    const { skb } = packet;
    const slot = (packet.wayHash ^ (skb.mark >>> 16) ^ (ctStatesOf(skb) << 2)) & (SLOTS - 1);
    return (this.#slots[slot] ??= new Memo());
  }
}
