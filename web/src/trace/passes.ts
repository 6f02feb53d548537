/**
 * A packet's way through one machine as the netfilter picture tells it. A packet that is put into a tunnel, or taken out
 * of one, passes twice: each passage is one picture.
 */

import type { HookName } from '../../../src/trace/index.js';
import type { TraceStep } from '../trace-document.js';

/** What stands in the picture. */
export const STAGES = [
  'in',
  'prerouting',
  'route-in',
  'forward',
  'input',
  'local',
  'route-out',
  'output',
  'postrouting',
  'out',
] as const;
export type Stage = (typeof STAGES)[number];

/** Tables in the order of their priorities; conntrack stands among them. */
export type Cell = 'raw' | 'conntrack' | 'mangle' | 'nat' | 'filter' | 'security';
export const CELLS: Readonly<Record<HookName, readonly Cell[]>> = {
  prerouting: ['raw', 'conntrack', 'mangle', 'nat'],
  input: ['mangle', 'filter', 'nat'],
  forward: ['mangle', 'filter'],
  output: ['raw', 'conntrack', 'mangle', 'nat', 'filter'],
  postrouting: ['mangle', 'nat'],
};

export interface PlacedStep {
  readonly step: TraceStep;
  /** Of all steps of the hop. */
  readonly index: number;
  readonly stage: Stage;
  readonly cell: Cell | undefined;
}

export interface Pass {
  readonly steps: readonly PlacedStep[];
  /** Stages that it went through, in its order. */
  readonly way: readonly Stage[];
  readonly dropped: boolean;
}

const BY_KIND: Readonly<Record<string, Stage>> = {
  receive: 'in',
  send: 'local',
  deliver: 'local',
  decapsulate: 'local',
  transmit: 'out',
  encapsulate: 'out',
  fdb: 'out',
  link: 'out',
  neighbour: 'out',
  forward: 'forward',
  fragment: 'postrouting',
};

function stageOf(step: TraceStep, before: Stage): Stage {
  if (step.hook !== undefined) return step.hook;
  // Delivered, but to nobody.
  if (step.kind === 'drop' && step.reason === 'no-socket') return 'local';
  if (step.kind === 'route') return step.direction === 'input' ? 'route-in' : 'route-out';
  return BY_KIND[step.kind] ?? before;
}

function cellOf({ hook, table, kind }: TraceStep): Cell | undefined {
  if (hook === undefined) return undefined;
  if (table !== undefined) return table;
  return kind === 'nat' ? 'nat' : 'conntrack';
}

/** It begins with a frame that comes in or a socket that sends. */
const begins = ({ kind }: TraceStep): boolean => kind === 'receive' || kind === 'send';

function passOf(steps: readonly TraceStep[], first: number): Pass {
  let stage: Stage = 'in';
  const placed = steps.map((step, i): PlacedStep => {
    stage = stageOf(step, stage);
    return { step, index: first + i, stage, cell: cellOf(step) };
  });
  const way = placed.map(({ stage: one }) => one).filter((one, i, all) => one !== all[i - 1]);
  return { steps: placed, way, dropped: steps.some(({ kind }) => kind === 'drop') };
}

/** Passages of one hop, in their order. */
export function passesOf(steps: readonly TraceStep[]): readonly Pass[] {
  const passes: Pass[] = [];
  let first = 0;
  for (const [i, step] of steps.entries()) {
    if (i === first || !begins(step)) continue;
    passes.push(passOf(steps.slice(first, i), first));
    first = i;
  }
  if (first < steps.length) passes.push(passOf(steps.slice(first), first));
  return passes;
}

const DECIDING: ReadonlySet<string> = new Set([
  'drop',
  'nat',
  'route',
  'deliver',
  'encapsulate',
  'decapsulate',
  'conntrack',
  'icmp',
  'forward',
  'bridge',
  'send',
  'receive',
  'transmit',
]);
const DECIDING_OUTCOMES: ReadonlySet<string> = new Set(['accept', 'drop', 'queue', 'stolen', 'unknown']);

/** What decided about the packet, without the rules on the way there. */
export const decides = ({ kind, outcome, position }: TraceStep): boolean =>
  DECIDING.has(kind) || (outcome !== undefined && position !== 0 && DECIDING_OUTCOMES.has(outcome));
