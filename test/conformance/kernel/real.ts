/** A case in the real kernel: the exported script makes the namespaces, the referee runs the orders. */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { COUNTERS_COMMAND, countedBetween } from './counters.js';
import { normalizeReal } from './describe.js';
import { EmulatedRun } from './emulated.js';
import {
  type Frame,
  type Order,
  PATIENT_MS,
  type PlaceSpec,
  QUESTIONS,
  QUIET_MS,
  type RefereeAnswer,
  type Round,
  type RuleRow,
  type RunRecord,
} from './record.js';

export const REFEREE = 'test/conformance/kernel/referee.py';
const TOOLS = ['ip', 'bridge', 'iptables-restore', 'ipset', 'nft', 'conntrack', 'python3', 'ethtool'];

/** Why the real kernel cannot be asked here, or undefined where it can. */
export function whyNotReal(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to make network namespaces';
  const missing = TOOLS.filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
  if (missing.length > 0) return `needs ${missing.join(', ')}`;
  if (!existsSync(REFEREE)) return `${REFEREE} is not here`;
  const made = spawnSync(
    'unshare',
    ['-n', 'sh', '-c', 'iptables -L > /dev/null && ip link add v0 type veth peer name v1'],
    {
      encoding: 'utf8',
    },
  );
  return made.status === 0 ? undefined : `no network namespaces with iptables and veth here: ${made.stderr.trim()}`;
}

const OPENS_SCTP = 'import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)';

/** What an exported script wants and this machine's kernel does not have, in a sentence. */
export function whatIsLacking(script: string): string | undefined {
  if (/ sctp:\d/.test(script) && spawnSync('python3', ['-c', OPENS_SCTP]).status !== 0)
    return 'this kernel has no sctp';
  if (!script.includes(' type ipip ')) return undefined;
  const made = spawnSync('unshare', ['-n', 'ip', 'link', 'add', 't0', 'type', 'ipip', 'remote', '192.0.2.1']);
  return made.status === 0 ? undefined : 'this kernel has no ipip';
}

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with that on its standard input, while others run too. */
function run(program: string, args: readonly string[], input: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
    child.stdin.end(input);
  });
}

/**
 * Keeps a program, and all that it starts, on one processor: there a server answers once what came with its question has
 * been received, as in the emulator. On several it depends on what else they have to do.
 */
const ON_ONE_PROCESSOR = `
import os, sys
processors = sorted(os.sched_getaffinity(0))
os.sched_setaffinity(0, {processors[int(sys.argv[1]) % len(processors)]})
os.execvp(sys.argv[2], sys.argv[2:])
`;

/** Another number for each of the duels that are under way at once: prefixes end with the number of the job. */
const processorOf = (prefix: string): number => prefix.charCodeAt(prefix.length - 1);

/** What is known of a round before it is run. It decides how long the referee waits, and nothing else. */
export type Patience = (round: number) => {
  /** Somebody waits for an answer with a timer. */
  readonly timers: boolean;
  /** Frames, on all interfaces together. */
  readonly frames: number;
};

export class RealRun {
  /** Makes the namespaces, and takes them down. */
  readonly script: string;
  readonly #prefix: string;
  readonly #places: readonly PlaceSpec[];
  #buildMs = 0;

  constructor(emulated: EmulatedRun, prefix: string) {
    this.#prefix = prefix;
    this.script = emulated.script(prefix);
    this.#places = emulated.places;
  }

  #run(command: readonly string[], input: string): Promise<Ran> {
    return run('python3', ['-c', ON_ONE_PROCESSOR, String(processorOf(this.#prefix)), ...command], input);
  }

  /** Makes the namespaces. What the script says on its standard error is a mistake of ours. */
  async up(): Promise<void> {
    const started = performance.now();
    const { status, stderr } = await this.#run(['bash', '-s', 'up'], this.script);
    this.#buildMs = performance.now() - started;
    const complaints = stderr.split('\n').filter((line) => line !== '' && !line.includes('this kernel has no: netem'));
    if (status !== 0 || complaints.length > 0) throw new Error(`the exported script: ${complaints.join('\n')}`);
  }

  async down(): Promise<void> {
    await run('bash', ['-s', 'down'], this.script);
  }

  async run(orders: readonly Order[], patient: Patience): Promise<RunRecord> {
    const started = performance.now();
    const { status, stdout, stderr } = await this.#run(
      ['python3', REFEREE],
      this.job(orders, patient, { counters: COUNTERS_COMMAND }),
    );
    if (status !== 0) throw new Error(`the referee: ${stderr}`);
    return this.record(stdout, { build: this.#buildMs, run: performance.now() - started });
  }

  /** What the referee is told, on its standard input. Counters are those of one version of Linux: it is asked for them here alone. */
  job(orders: readonly Order[], patient: Patience, also: { readonly counters?: readonly string[] } = {}): string {
    return JSON.stringify({
      places: this.#places.map(({ name, devices }) => ({ netns: EmulatedRun.fileName(this.#prefix, name), devices })),
      orders: orders.map((order, i) => {
        const { timers, frames } = patient(i);
        return {
          ...order,
          place: this.#places.findIndex(({ name }) => name === order.place),
          expected: frames,
          ...(timers || order.kind === 'tcp' || order.kind === 'sctp' ? { quietMs: PATIENT_MS } : {}),
        };
      }),
      quietMs: QUIET_MS,
      trace: true,
      ask: QUESTIONS,
      ...also,
    });
  }

  /** What the referee has answered, on its standard output. */
  record(output: string, took: RunRecord['took']): RunRecord {
    const answer = JSON.parse(output) as RefereeAnswer;
    return {
      rounds: answer.rounds.map((round) => this.#round(round)),
      states: new Map(
        this.#places.map(({ name }, i) => {
          const state = normalizeReal(answer.states[i] ?? {});
          const counted = answer.counted?.[i];
          return [
            name,
            counted === undefined ? state : { ...state, counters: countedBetween(counted.before, counted.after) },
          ];
        }),
      ),
      uptimeS: answer.uptimeS,
      took,
    };
  }

  #round({ frames, rules, outcome, tookMs }: RefereeAnswer['rounds'][number]): Round {
    const captures = this.#places.flatMap(({ name, devices }) => devices.map((dev) => `${name} ${dev}`));
    const byCapture = new Map<string, Frame[]>();
    for (const [index, direction, hex] of frames) {
      const key = captures[index] ?? '';
      const there = byCapture.get(key);
      if (there === undefined) byCapture.set(key, [{ direction, hex }]);
      else there.push({ direction, hex });
    }
    const byPlace = new Map<string, RuleRow[]>();
    rules.forEach((rows, i) => {
      const name = this.#places[i]?.name ?? '';
      if (rows.length === 0) return;
      byPlace.set(
        name,
        rows.map(([table, chain, position, verdict, target]) => ({ table, chain, position, verdict, target })),
      );
    });
    return { frames: byCapture, rules: byPlace, outcome, tookMs };
  }
}
