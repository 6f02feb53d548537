/** TCP flows that mostly behave, and often enough do not: what a tracker has to make sense of. */

import { Random } from '../../../src/kernel/random.js';
import type { TcpOptions } from '../../../src/packet/index.js';
import { tcp } from './packets.js';
import type { Sent, Side } from './real-gateway.js';

interface End {
  next: number;
  scale: number;
  /** The highest sequence number that came from the other end. */
  seen: number;
}

/** Flags by how likely they are. */
const FLAGS = ['A', 'A', 'A', 'PA', 'PA', 'S', 'SA', 'FA', 'FA', 'R', 'RA', 'A', 'A', 'F', 'SF', ''] as const;
const HANDSHAKE = [
  { side: 'a', flags: 'S' },
  { side: 'b', flags: 'SA' },
  { side: 'a', flags: 'A' },
] as const;

export class TcpWalk {
  readonly #random: Random;
  readonly #port: number;
  readonly #ends: Record<Side, End>;
  readonly #orderly: number;
  #step = 0;

  constructor(seed: number, port: number) {
    this.#random = new Random(seed);
    this.#port = port;
    const end = (): End => ({ next: this.#random.u32(), scale: this.#random.below(4) * 3, seen: 0 });
    this.#ends = { a: end(), b: end() };
    // How far the flow keeps to the book before it goes astray.
    this.#orderly = this.#random.below(6);
  }

  next(): Sent {
    const step = this.#step++;
    const planned = step < this.#orderly ? HANDSHAKE[step] : undefined;
    if (planned !== undefined) return this.#segment(planned.side, planned.flags, 'true');
    const side = this.#random.below(2) === 0 ? 'a' : 'b';
    const flags = step < this.#orderly ? 'PA' : (FLAGS[this.#random.below(FLAGS.length)] ?? 'A');
    return this.#segment(side, flags, this.#random.below(4) === 0 ? 'off' : 'true');
  }

  #segment(side: Side, flags: string, numbers: 'true' | 'off'): Sent {
    const own = this.#ends[side];
    const peer = this.#ends[side === 'a' ? 'b' : 'a'];
    const data = flags.includes('P') ? this.#random.below(1400) : 0;
    const wrong = (): number =>
      numbers === 'true'
        ? 0
        : (this.#random.below(3) - 1) * (this.#random.below(2) === 0 ? 1 + this.#random.below(2000) : 200_000);
    const seq = flags === 'R' && this.#random.below(4) === 0 ? 0 : own.next + wrong();
    const ack = flags.includes('A') ? own.seen + wrong() : 0;
    if (numbers === 'true') {
      own.next = (own.next + data + (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0)) >>> 0;
      peer.seen = own.next;
    }
    const client = `10.0.1.2:${this.#port}`;
    const server = '10.0.2.2:80';
    const options = this.#options(flags, own);
    return {
      side,
      bytes: tcp({
        from: side === 'a' ? client : server,
        to: side === 'a' ? server : client,
        flags,
        seq,
        ack,
        win: this.#random.below(8) === 0 ? 0 : 500 + this.#random.below(64_000),
        data,
        ...(options === undefined ? {} : { options }),
      }),
    };
  }

  #options(flags: string, own: End): TcpOptions | undefined {
    if (flags.includes('S') && this.#random.below(3) > 0) {
      return { mss: 1460, sackPermitted: true, timestamps: { value: 1, echo: 0 }, windowScale: own.scale };
    }
    if (flags === 'A' && this.#random.below(4) === 0) {
      const left = own.seen + this.#random.below(3000);
      return { timestamps: { value: 2, echo: 1 }, sack: [{ left: left >>> 0, right: (left + 100) >>> 0 }] };
    }
    return undefined;
  }
}
