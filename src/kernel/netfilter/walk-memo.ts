/**
 * Walks that are remembered, for packets like one that went the same way: the rules that took it, in order. What rows
 * ask (addresses, protocol, ports, devices, mark, connection state) leads the same way each time until rules change,
 * and then the memory goes with them; all else (sets, addresses of the host, counters with a memory, targets) is asked
 * again at its place, and a walk that goes on otherwise there is walked on.
 *
 * A flow is remembered with its second packet: of many a flow there is only one.
 */

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

/** Packets of one flow that have met the same rules so far have the same key. */
class Key {
  #source = 0;
  #destination = 0;
  #protocol = -1;
  #ports = 0;
  #mark = 0;
  #states = 0;
  #laterFragment = false;
  #in: Int32Array | undefined = undefined;
  #out: Int32Array | undefined = undefined;

  equals(packet: RulePacket): boolean {
    return (
      this.#source === packet.source &&
      this.#destination === packet.destination &&
      this.#ports === packet.ports &&
      this.#protocol === packet.protocol &&
      this.#mark === packet.skb.mark &&
      this.#in === packet.inKeys &&
      this.#out === packet.outKeys &&
      this.#laterFragment === (packet.fragmentOffset !== 0) &&
      this.#states === ctStatesOf(packet.skb)
    );
  }

  set(packet: RulePacket): void {
    this.#source = packet.source;
    this.#destination = packet.destination;
    this.#ports = packet.ports;
    this.#protocol = packet.protocol;
    this.#mark = packet.skb.mark;
    this.#in = packet.inKeys;
    this.#out = packet.outKeys;
    this.#laterFragment = packet.fragmentOffset !== 0;
    this.#states = ctStatesOf(packet.skb);
  }
}

export class Memo {
  readonly #key = new Key();
  #steps: MemoStep[] | undefined = undefined;
  #end: MemoEnd = 'asked';

  isOf(packet: RulePacket): boolean {
    return this.#key.equals(packet);
  }

  /** For another flow from now on. */
  begin(packet: RulePacket): void {
    this.#key.set(packet);
    this.#steps = undefined;
  }

  /** What `note` and `endsBy` say next is the way. */
  remember(): void {
    this.#steps = [];
    this.#end = 'asked';
  }

  note(step: MemoStep): void {
    this.#steps?.push(step);
  }

  endsBy(end: MemoEnd): void {
    this.#end = end;
  }

  /** Undefined where nothing is remembered yet. */
  get steps(): readonly MemoStep[] | undefined {
    return this.#steps;
  }

  get end(): MemoEnd {
    return this.#end;
  }
}

/** The memory of one built-in chain, for as long as the table is as it is. */
export class WalkMemory {
  readonly #slots: (Memo | undefined)[] = [];

  /** Where that packet's flow is, or will be, remembered. */
  at(packet: RulePacket): Memo {
    const slot = (packet.flowHash ^ (packet.skb.mark >>> 16)) & (SLOTS - 1);
    return (this.#slots[slot] ??= new Memo());
  }
}
