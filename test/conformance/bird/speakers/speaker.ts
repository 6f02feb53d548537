/** A real BGP daemon on the loopback interface, whoever wrote it: what it is told to say, and what it has heard. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A route as somebody originates it. Communities are `64512:7`, `rt:64512:8` and `64512:8:9`. */
export interface ToldRoute {
  readonly net: string;
  readonly med?: number;
  readonly localPref?: number;
  /** What stands in its path before it is told to anybody. */
  readonly path?: readonly number[];
  readonly communities?: readonly string[];
  readonly extended?: readonly string[];
  readonly large?: readonly string[];
}

/** A route as it was received, before any policy. */
export interface HeardRoute {
  readonly net: string;
  readonly nextHop: string;
  readonly path: string;
  readonly origin: string;
  readonly med: number | undefined;
  readonly localPref: number | undefined;
  readonly communities: readonly string[];
  readonly extended: readonly string[];
  readonly large: readonly string[];
  readonly originator: string | undefined;
  readonly clusters: readonly string[];
}

export interface SpeakerNeighbor {
  /** Where it calls from. */
  readonly address: string;
  readonly as: number;
  /** A client of the daemon, which reflects. */
  readonly client?: boolean;
  readonly addPaths?: 'rx' | 'tx';
}

export interface SpeakerConfig {
  readonly port: number;
  readonly as: number;
  readonly routerId: string;
  readonly clusterId: string;
  /** What it says of its own routes. */
  readonly nextHop: string;
  readonly neighbors: readonly SpeakerNeighbor[];
  readonly routes: readonly ToldRoute[];
}

export interface Speaker {
  heard: (neighbor: string) => HeardRoute[];
  /** Their networks alone, which is quicker. */
  heardNets: (neighbor: string) => string[];
  announce: (route: ToldRoute) => void;
  withdraw: (net: string) => void;
  /** Asks the neighbour for all its routes once more (RFC 2918); undefined where it keeps them all, and never asks. */
  refresh: ((neighbor: string) => void) | undefined;
  /** Dies without a word, and comes back as one that was restarted. */
  killAndRestart: () => Promise<void>;
  stop: () => void;
}

/** An implementation that may be there or not. */
export interface SpeakerKind {
  readonly name: string;
  readonly whyNot: () => string | undefined;
  readonly start: (config: SpeakerConfig) => Promise<Speaker>;
}

/** Routes in one order, whoever lists them. */
export const sorted = <Each extends { readonly net: string }>(routes: Iterable<Each>): Each[] =>
  [...routes].toSorted((a, b) => (a.net < b.net ? -1 : Number(a.net > b.net)));

/** Why a program cannot be run, or undefined. */
export function whyNoProgram(program: string, ...args: readonly string[]): string | undefined {
  const { error } = spawnSync(program, args, { encoding: 'utf8' });
  return error === undefined ? undefined : `${program} is not installed: ${error.message}`;
}

/** A process with a folder of its own, both gone in the end. */
export class DaemonProcess {
  readonly folder: string;
  #child: ChildProcess | undefined = undefined;
  log = '';

  constructor(name: string) {
    this.folder = mkdtempSync(join(tmpdir(), `${name}-`));
  }

  /** Runs it until it answers. */
  async run(program: string, args: readonly string[], answers: () => boolean): Promise<void> {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const write = (data: Buffer): void => void (this.log += data.toString());
    child.stdout.on('data', write);
    child.stderr.on('data', write);
    this.#child = child;
    for (let tries = 0; tries < 100; tries++) {
      await sleep(50);
      if (answers()) return;
    }
    throw new Error(`${program} does not start: ${this.log}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  stop(): void {
    this.#child?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
