/** A real BIRD 2 on the loopback interface, and a bridge by which a virtual daemon speaks with it. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NS_PER_MS, type Netns, type TcpSocket } from '../../../src/kernel/index.js';
import type { Fabric } from '../../bird/fabric.js';

/** Why it cannot be run here, or undefined. */
export function whyNoBird2(): string | undefined {
  const probe = spawnSync('bird', ['--version'], { encoding: 'utf8' });
  if (probe.error !== undefined) return `bird is not installed: ${probe.error.message}`;
  const version = `${probe.stdout}${probe.stderr}`.trim();
  return /version 2\./.test(version) ? undefined : `bird is not version 2: ${version}`;
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.2', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** What `birdc` answers with, without its greeting. */
const afterGreeting = (text: string): string => text.replace(/^BIRD [^\n]*\n/, '');

export class RealBird {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'bird-'));
  #process: ChildProcess | undefined = undefined;
  log = '';

  private constructor(port: number) {
    this.port = port;
  }

  /** `config` is asked for with the port to listen on. */
  static async start(config: (port: number) => string): Promise<RealBird> {
    const bird = new RealBird(await freePort());
    writeFileSync(bird.#file, config(bird.port));
    const child = spawn('bird', ['-f', '-c', bird.#file, '-s', bird.#control, '-P', join(bird.#folder, 'pid')]);
    child.stderr.on('data', (data: Buffer) => (bird.log += data.toString()));
    bird.#process = child;
    for (let tries = 0; tries < 100; tries++) {
      await sleep(20);
      if (bird.birdc('show status').includes('Daemon is up and running')) return bird;
    }
    throw new Error(`bird does not start: ${bird.log}`);
  }

  get #file(): string {
    return join(this.#folder, 'bird.conf');
  }

  get #control(): string {
    return join(this.#folder, 'ctl');
  }

  birdc(command: string): string {
    const run = spawnSync('birdc', ['-s', this.#control, ...command.split(' ')], { encoding: 'utf8' });
    return afterGreeting(run.stdout);
  }

  configure(text: string): string {
    writeFileSync(this.#file, text);
    return this.birdc('configure');
  }

  stop(): void {
    this.#process?.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Whoever connects to a machine's port 179 in the emulation is connected to a real daemon. */
export class Bridge {
  readonly #fabric: Fabric;
  readonly #open = new Set<{ readonly virtual: TcpSocket; readonly real: Socket }>();
  readonly #arrived: (() => void)[] = [];

  constructor(fabric: Fabric, netns: Netns, port: number) {
    this.#fabric = fabric;
    netns.sockets.listen({
      protocol: 'tcp',
      address: 0 as never,
      port: 179,
      onConnection: (socket) => this.#join(socket, port),
    });
  }

  #join(virtual: TcpSocket, port: number): void {
    const real = connect({ host: '127.0.0.2', port, localAddress: '127.0.0.1' });
    const pair = { virtual, real };
    this.#open.add(pair);
    virtual.onData = (bytes) => real.write(bytes);
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
