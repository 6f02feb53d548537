/** Whoever connects to a machine of the emulation is connected to a real daemon on the loopback interface. */

import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { NS_PER_MS, type Netns, type TcpSocket } from '../../../src/kernel/index.js';
import { BGP_MAX_EXTENDED_MESSAGE_LENGTH, isBgpProblem, nextBgpFrame } from '../../../src/packet/index.js';
import type { Fabric } from '../../bird/fabric.js';

/** Where real daemons listen. */
export const REAL_ADDRESS = '127.0.0.2';

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, REAL_ADDRESS, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** The machine with 10.9.0.N calls from 127.0.0.N. */
const loopbackOf = (address: number): string => `127.0.0.${address & 0xff}`;

/** The types of the messages in a stream, as they become whole. */
class MessageTypes {
  readonly seen: number[] = [];
  #rest = new Uint8Array();

  add(bytes: Uint8Array): void {
    this.#rest = new Uint8Array(Buffer.concat([this.#rest, bytes]));
    for (;;) {
      const frame = nextBgpFrame(this.#rest, 0, BGP_MAX_EXTENDED_MESSAGE_LENGTH);
      if (frame === undefined || isBgpProblem(frame)) return;
      this.seen.push(frame.type);
      this.#rest = this.#rest.slice(frame.bytes.length);
    }
  }
}

export class Bridge {
  readonly #fabric: Fabric;
  readonly #open = new Set<{ readonly virtual: TcpSocket; readonly real: Socket }>();
  readonly #arrived: (() => void)[] = [];
  readonly #types = { emulated: [] as MessageTypes[], real: [] as MessageTypes[] };

  /** Stands for the daemon at port 179 of a machine. */
  constructor(fabric: Fabric, netns: Netns, port: number) {
    this.#fabric = fabric;
    netns.sockets.listen({
      protocol: 'tcp',
      address: 0 as never,
      port: 179,
      onConnection: (socket) => this.#join(socket, port),
    });
  }

  /** How many messages of a type one side has sent so far. */
  sent(side: 'emulated' | 'real', type: number): number {
    return this.#types[side].reduce((sum, { seen }) => sum + seen.filter((each) => each === type).length, 0);
  }

  #typesOf(side: 'emulated' | 'real'): MessageTypes {
    const types = new MessageTypes();
    this.#types[side].push(types);
    return types;
  }

  #join(virtual: TcpSocket, port: number): void {
    const localAddress = loopbackOf(Number(virtual.remoteAddress));
    const real = connect({ host: REAL_ADDRESS, port, localAddress });
    const pair = { virtual, real };
    this.#open.add(pair);
    const [ours, theirs] = [this.#typesOf('emulated'), this.#typesOf('real')];
    virtual.onData = (bytes) => {
      ours.add(bytes);
      real.write(bytes);
    };
    virtual.onEnd = () => real.end();
    virtual.onError = () => real.destroy();
    let waiting = new Uint8Array();
    const flush = (): void => {
      const taken = waiting.length === 0 ? 0 : virtual.send(waiting);
      if (typeof taken === 'number') waiting = waiting.slice(taken);
    };
    virtual.onWritable = flush;
    // What arrives waits for the emulation's next turn.
    real.on('data', (data) =>
      this.#arrived.push(() => {
        theirs.add(data);
        waiting = new Uint8Array(Buffer.concat([waiting, data]));
        flush();
      }),
    );
    real.on('error', () => undefined);
    real.on('close', () =>
      this.#arrived.push(() => {
        virtual.close();
        this.#open.delete(pair);
      }),
    );
  }

  /** Real time and virtual time go on, the latter `speed` times as fast, until it holds. */
  async until(holds: () => boolean, limitMs = 15_000, speed = 10): Promise<boolean> {
    const step = 10;
    for (let waited = 0; waited < limitMs; waited += step) {
      await sleep(step);
      for (const deliver of this.#arrived.splice(0)) deliver();
      this.#fabric.emulation.advance(step * speed * NS_PER_MS);
      if (holds()) return true;
    }
    return false;
  }

  close(): void {
    for (const { real } of this.#open) real.destroy();
    this.#open.clear();
  }
}
