/**
 * What all virtual hosts of one emulated network share: time, chance, memory for packets, the queue of
 * frames that wait to be received, and whoever listens.
 */

import { SlabAllocator } from '../packet/index.js';
import { tellAll, type Tracer } from '../trace/index.js';
import { Clock, NS_PER_S, TimeEnds } from './clock.js';
import type { Device } from './device.js';
import { assert } from './errors.js';
import { Random } from './random.js';
import { HEADROOM, Skb } from './skb.js';

/** As many frames as may be received while time stands still; with a tracer, each leaves steps in memory. */
const MOST_FRAMES = 20_000_000;
const MOST_TRACED_FRAMES = 200_000;
/** Frames from one look at the guard to the next. */
const FRAMES_UNGUARDED = 4096;

/** Frames beget frames without end: hosts that answer each other's answers, or switches in a circle. */
export class NeverAtRest extends Error {
  override readonly name = 'NeverAtRest';
}

/** What ends a run for good: the network's fault or time's, and not the emulator's. */
export const cannotGoOn = (error: unknown): error is NeverAtRest | TimeEnds =>
  error instanceof NeverAtRest || error instanceof TimeEnds;

function listeners(tracer: Tracer | undefined, watcher: Tracer | undefined): Tracer | undefined {
  if (tracer === undefined || watcher === undefined) return tracer ?? watcher;
  return {
    step: (place, packet, step) => {
      tracer.step(place, packet, step);
      watcher.step(place, packet, step);
    },
    allOf: (place, packet, steps) => {
      tellAll(tracer, place, packet, steps);
      tellAll(watcher, place, packet, steps);
    },
  };
}

/** A month. */
const UP_BEFORE_NS = 30 * 86_400 * NS_PER_S;

/** INITIAL_JIFFIES (include/linux/jiffies.h): the kernel's clock stands at minus five minutes when it starts. */
const INITIAL_JIFFIES_NS = -300 * NS_PER_S;

export interface EmulationOptions {
  readonly seed?: number;
}

export class Emulation {
  readonly clock = new Clock();
  readonly seed: number;
  readonly random: Random;
  readonly slabs = new SlabAllocator();
  #tracer: Tracer | undefined = undefined;
  #watcher: Tracer | undefined = undefined;
  /** Both, where there are both. */
  #listener: Tracer | undefined = undefined;
  /** Decides what happens with a probability. By default a draw of 31 bits, as xt_statistic takes them. */
  chance: (probability: number) => boolean;
  /** How long machines had been running when virtual time began, in nanoseconds. */
  upBeforeNs = UP_BEFORE_NS;
  /**
   * Where somebody keeps one, what rules remember of packets (limits, lists, elements of sets) is put down here before it
   * changes: called from the last to the first, all is as it was.
   */
  journal: (() => void)[] | undefined = undefined;
  /** Transmissions inside of one another (softnet_data.xmit.recursion): a tunnel's packet leaves by another device. */
  xmitRecursion = 0;
  /** Asked before every timer and now and then between frames: ends what runs by throwing, and is not asked otherwise. */
  guard: (() => void) | undefined = undefined;
  #nextId = 1;
  /** The softirq backlog: frames in the order in which they were put on wires. */
  readonly #backlog: Skb[] = [];
  #backlogHead = 0;
  #draining = false;
  #sendingIcmp = false;
  /** Frames since time stood still. */
  #received = 0;
  readonly #runnable: (() => void)[] = [];

  constructor(options: EmulationOptions = {}) {
    this.seed = options.seed ?? 1;
    this.random = new Random(this.seed);
    this.chance = (probability) => (this.random.u32() & 0x7fff_ffff) < probability * 0x8000_0000;
  }

  /** Whoever listens. Steps are built only where this is set. */
  get tracer(): Tracer | undefined {
    return this.#listener;
  }

  /** Records for a while: one trace. */
  set tracer(tracer: Tracer | undefined) {
    this.#tracer = tracer;
    this.#listener = listeners(tracer, this.#watcher);
  }

  /** Listens beside whoever records, for as long as it is set. */
  set watcher(watcher: Tracer | undefined) {
    this.#watcher = watcher;
    this.#listener = listeners(this.#tracer, watcher);
  }

  /** What `jiffies` says, in nanoseconds, and without turning over. */
  get jiffiesNs(): number {
    return INITIAL_JIFFIES_NS + this.upBeforeNs + this.clock.nowNs;
  }

  /** An empty packet with headroom; `size` octets can be written from `data` on. */
  allocSkb(size: number, headroom = HEADROOM): Skb {
    const at = this.slabs.reserve(headroom + size);
    const skb = new Skb(this.slabs.slab, at, at + headroom + size);
    skb.data = at + headroom;
    skb.tail = skb.data;
    skb.id = this.#nextId++;
    return skb;
  }

  /** Packets that were made so far: where none was, nothing was sent. */
  get packetsMade(): number {
    return this.#nextId - 1;
  }

  /** Its packets are numbered on from those of an emulation whose place it takes. */
  numberOn({ packetsMade }: Emulation): void {
    this.#nextId = Math.max(this.#nextId, packetsMade + 1);
  }

  /** A packet that already has its bytes, as a new identity. */
  skbFrom(bytes: Uint8Array): Skb {
    const skb = this.allocSkb(bytes.length);
    skb.slab.bytes.set(bytes, skb.data);
    skb.tail = skb.data + bytes.length;
    return skb;
  }

  /** netif_rx(): the frame is received by `dev` once what runs now has finished. */
  netifRx(dev: Device, skb: Skb): void {
    skb.dev = dev;
    this.#backlog.push(skb);
  }

  /**
   * local_bh_enable() at the end of dev_queue_xmit(): what a system call has put on a wire is received before the call
   * sends on. Inside the softirq, frames wait for their turn.
   */
  endOfTransmission(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#receiveAll();
    this.#draining = false;
  }

  /**
   * icmp_xmit_lock(): a processor has one socket for ICMP. While that sends, nothing that comes of it can be told by
   * ICMP. What it puts on a wire is received afterwards.
   */
  sendIcmp(send: () => void): void {
    assert(!this.#sendingIcmp, 'ICMP is sent by one at a time');
    const nested = this.#draining;
    this.#draining = true;
    this.#sendingIcmp = true;
    send();
    this.#sendingIcmp = false;
    this.#draining = nested;
    this.endOfTransmission();
  }

  get sendsIcmp(): boolean {
    return this.#sendingIcmp;
  }

  /** A process is runnable: it runs once the softirq is done, as everything that waits in a system call does. */
  wake(process: () => void): void {
    this.#runnable.push(process);
  }

  /** Receives what waits and runs whom it wakes, until nothing waits any more; time stands still. */
  drain(): void {
    if (this.#draining) {
      this.#receiveAll();
      return;
    }
    this.#received = 0;
    for (;;) {
      this.#draining = true;
      this.#receiveAll();
      this.#draining = false;
      const process = this.#runnable.shift();
      if (process === undefined) return;
      process();
    }
  }

  /** Timers run in a softirq of their own. */
  #runTimer(limitNs: number): boolean {
    const nested = this.#draining;
    this.#draining = true;
    const ran = this.clock.runNext(limitNs);
    this.#draining = nested;
    return ran;
  }

  #receiveAll(): void {
    const backlog = this.#backlog;
    const most = this.#tracer === undefined ? MOST_FRAMES : MOST_TRACED_FRAMES;
    while (this.#backlogHead < backlog.length) {
      const skb = backlog[this.#backlogHead++];
      if (skb?.dev !== undefined) {
        this.#received += 1;
        if (this.#received > most) this.#giveUp(skb.dev);
        if (this.#received % FRAMES_UNGUARDED === 0) this.#guarded();
        skb.dev.receive(skb);
      }
      if (this.#backlogHead === 1024) {
        backlog.splice(0, this.#backlogHead);
        this.#backlogHead = 0;
      }
    }
    backlog.length = 0;
    this.#backlogHead = 0;
  }

  /** Frames that are on their way are lost with what was ended. */
  #guarded(): void {
    try {
      this.guard?.();
    } catch (error) {
      this.#loseFrames();
      throw error;
    }
  }

  #loseFrames(): void {
    this.#backlog.length = 0;
    this.#backlogHead = 0;
    this.#runnable.length = 0;
    this.#draining = false;
    this.#sendingIcmp = false;
    this.#received = 0;
  }

  #giveUp(dev: Device): never {
    const count = this.#received - 1;
    this.#loseFrames();
    const { host, netns } = dev.netns.place;
    const where = `${dev.name} of ${netns === '' ? host : `${netns} on ${host}`}`;
    throw new NeverAtRest(
      `the network does not come to rest: ${count} frames at one instant, the last for ${where}; ` +
        'look for switches in a circle, or for servers that answer each other',
    );
  }

  /** Runs until `done` says so, nothing is left to happen, or the time limit is reached. */
  run(done: () => boolean = () => false, limitNs = Number.POSITIVE_INFINITY): void {
    this.drain();
    for (;;) {
      this.guard?.();
      if (done() || !this.#runTimer(limitNs)) return;
      this.drain();
    }
  }

  /** Moves time on by `ns`, running what falls due. */
  advance(ns: number): void {
    const until = this.clock.nowNs + ns;
    this.run(() => false, until);
    this.clock.moveTo(until);
  }
}
