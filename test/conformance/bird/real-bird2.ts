/** A real BIRD 2 on the loopback interface. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Why it cannot be run here, or undefined. */
export function whyNoBird2(): string | undefined {
  const probe = spawnSync('bird', ['--version'], { encoding: 'utf8' });
  if (probe.error !== undefined) return `bird is not installed: ${probe.error.message}`;
  const version = `${probe.stdout}${probe.stderr}`.trim();
  return /version 2\./.test(version) ? undefined : `bird is not version 2: ${version}`;
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

  /** The text has the port to listen on. */
  static async start(port: number, text: string): Promise<RealBird> {
    const bird = new RealBird(port);
    writeFileSync(bird.#file, text);
    await bird.#run();
    return bird;
  }

  async #run(...flags: readonly string[]): Promise<void> {
    const args = ['-f', ...flags, '-c', this.#file, '-s', this.#control, '-P', join(this.#folder, 'pid')];
    const child = spawn('bird', args);
    child.stderr.on('data', (data: Buffer) => (this.log += data.toString()));
    this.#process = child;
    for (let tries = 0; tries < 100; tries++) {
      await sleep(20);
      if (this.birdc('show status').includes('Daemon is up and running')) return;
    }
    throw new Error(`bird does not start: ${this.log}`);
  }

  /** Dies, and comes back as one that was restarted. */
  async killAndRecover(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#run('-R');
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
