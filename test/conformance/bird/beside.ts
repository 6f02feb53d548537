/** Machines with daemons, built twice: real ones in namespaces, and ours. Whoever is asked the same should say the same. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BirdDaemon, Dialect } from '../../../src/bird/index.js';
import { Fabric } from '../../bird/fabric.js';
import { PROGRAM_16 } from './real-bird16.js';

export interface Machine {
  readonly dialect?: Dialect;
  readonly ports: readonly (readonly [dev: string, segment: string, address: string])[];
  readonly config: string;
}

/** Seconds that pass, or a machine and what is done there: words for `birdc`, `kernel TABLE`, or another configuration. */
type Step = number | readonly [machine: string, action: string | { readonly config: string }];

export interface Scene {
  readonly name: string;
  readonly machines: Readonly<Record<string, Machine>>;
  readonly steps: readonly Step[];
}

const FIRST_S = 1.5;
const MAIN = '254';

/** Without what is another every time, and what the fork calls itself. */
const plain = (text: string): string =>
  text
    .replace(/^BIRD [^\n]*\n/, '')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?|\d\d:\d\d:\d\d(\.\d+)?/g, 'T')
    .replaceAll(/(timer|wait|delay): +[\d.]+\/(\d+)/g, '$1: X/$2')
    .replaceAll(/(undo in) [\d.]+ s/g, '$1 X s')
    .replaceAll(/\S+bird\.conf/g, 'FILE')
    .replaceAll(/[ \t]+$/gm, '')
    .trimEnd();

const tableOf = (action: string): string => action.split(' ')[1] ?? MAIN;
const ofBird = (lines: readonly string[]): string => lines.filter((line) => line.includes('proto bird')).join('\n');

const label = (machine: string, action: string): string => `${machine}: ${action}`;

// Real

class RealMachines {
  readonly #folder = mkdtempSync(join(tmpdir(), 'beside-'));
  readonly #prefix: string;
  readonly #processes: ChildProcess[] = [];
  readonly #scene: Scene;
  readonly #segments = new Set<string>();
  #ports = 0;

  constructor(scene: Scene, number: number) {
    this.#scene = scene;
    this.#prefix = `pwb${process.pid}-${number}`;
  }

  #ip(...words: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('ip', words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  #netns(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  #plug(machine: string, [dev, segment, address]: Machine['ports'][number]): void {
    const [here, switches] = [this.#netns(machine), this.#netns('switches')];
    if (!this.#segments.has(segment)) {
      this.#segments.add(segment);
      this.#ip('-n', switches, 'link', 'add', segment, 'type', 'bridge');
      this.#ip('-n', switches, 'link', 'set', segment, 'up');
    }
    const port = `p${(this.#ports += 1)}`;
    this.#ip('-n', here, 'link', 'add', dev, 'type', 'veth', 'peer', 'name', port, 'netns', switches);
    this.#ip('-n', switches, 'link', 'set', port, 'master', segment, 'up');
    this.#ip('-n', here, 'link', 'set', dev, 'up');
    this.#ip('-n', here, 'address', 'add', address, 'broadcast', '+', 'dev', dev);
  }

  #file(machine: string, what: 'conf' | 'ctl' | 'pid'): string {
    return join(this.#folder, `${machine}.bird.${what}`);
  }

  #start(machine: string, { config, dialect }: Machine): void {
    writeFileSync(this.#file(machine, 'conf'), config);
    const program = dialect === 'bird-1.6' ? PROGRAM_16 : 'bird';
    const files = [
      '-c',
      this.#file(machine, 'conf'),
      '-s',
      this.#file(machine, 'ctl'),
      '-P',
      this.#file(machine, 'pid'),
    ];
    const child = spawn('ip', ['netns', 'exec', this.#netns(machine), program, '-f', ...files], { stdio: 'ignore' });
    this.#processes.push(child);
  }

  async answers(): Promise<Map<string, string>> {
    try {
      this.#ip('netns', 'add', this.#netns('switches'));
      const machines = Object.entries(this.#scene.machines);
      for (const [name, { ports }] of machines) {
        this.#ip('netns', 'add', this.#netns(name));
        this.#ip('-n', this.#netns(name), 'link', 'set', 'lo', 'up');
        for (const port of ports) this.#plug(name, port);
      }
      for (const [name, machine] of machines) this.#start(name, machine);
      await sleep(FIRST_S * 1000);
      return await this.#walk();
    } finally {
      this.#end();
    }
  }

  async #walk(): Promise<Map<string, string>> {
    const answers = new Map<string, string>();
    for (const [i, step] of this.#scene.steps.entries()) {
      if (typeof step === 'number') await sleep(step * 1000);
      else {
        const [machine, action] = step;
        if (typeof action !== 'string') writeFileSync(this.#file(machine, 'conf'), action.config);
        else answers.set(`${i}. ${label(machine, action)}`, this.#answer(machine, action));
      }
    }
    return answers;
  }

  #answer(machine: string, action: string): string {
    if (action.startsWith('kernel')) {
      const shown = this.#ip('-n', this.#netns(machine), 'route', 'show', 'table', tableOf(action));
      return plain(ofBird(shown.split('\n').map((line) => line.trimEnd())));
    }
    const old = this.#scene.machines[machine]?.dialect === 'bird-1.6';
    const client = old ? `${PROGRAM_16}c` : 'birdc';
    const { stdout } = spawnSync(client, ['-s', this.#file(machine, 'ctl'), action], { encoding: 'utf8' });
    return plain(stdout);
  }

  #end(): void {
    for (const child of this.#processes) child.kill('SIGKILL');
    for (const name of ['switches', ...Object.keys(this.#scene.machines)]) {
      spawnSync('ip', ['netns', 'delete', this.#netns(name)]);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Numbers tell the namespaces of scenes apart. */
export const realAnswers = (scene: Scene, number: number): Promise<Map<string, string>> =>
  new RealMachines(scene, number).answers();

// Ours

/** A command takes its time: what it has begun is over before the next. */
const COMMAND_S = 0.05;

export function ourAnswers({ machines, steps }: Scene): Map<string, string> {
  const fabric = new Fabric();
  const answers = new Map<string, string>();
  const daemons = new Map<string, BirdDaemon>();
  for (const [name, { ports }] of Object.entries(machines)) for (const port of ports) fabric.plug(name, ...port);
  for (const [name, { config, dialect = 'bird-2' }] of Object.entries(machines)) {
    daemons.set(name, fabric.bird(name, config, { dialect }));
  }
  fabric.run(FIRST_S);
  for (const [i, step] of steps.entries()) {
    if (typeof step === 'number') {
      fabric.run(step);
      continue;
    }
    const [machine, action] = step;
    const netns = fabric.machine(machine);
    if (typeof action !== 'string') netns.host.files.set('/etc/bird.conf', action.config);
    else {
      const kernel = action.startsWith('kernel');
      const answer = kernel
        ? ofBird(netns.fib.listRoutes(Number(tableOf(action))))
        : (daemons.get(machine)?.birdc(action) ?? '');
      answers.set(`${i}. ${label(machine, action)}`, plain(answer));
      fabric.run(COMMAND_S);
    }
  }
  fabric.end();
  return answers;
}
