/**
 * The netfilter picture that people know, with the way of this packet lit:
 *
 *     in → PREROUTING → routing → FORWARD ──────────────→ POSTROUTING → out
 *                          ↓                                  ↑
 *                        INPUT → local process → routing → OUTPUT
 */

import type { HookName } from '../../../src/trace/index.js';
import { useTexts } from '../context.js';
import { CELLS, type Cell, type Pass, type PlacedStep, type Stage } from './passes.js';

interface At {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const CELL_HEIGHT = 19;
const HEAD_HEIGHT = 20;
const hookHeight = (hook: HookName): number => HEAD_HEIGHT + CELLS[hook].length * CELL_HEIGHT + 6;
const hookAt = (hook: HookName, x: number, middle: number): At => ({
  x,
  y: middle - hookHeight(hook) / 2,
  width: 104,
  height: hookHeight(hook),
});

const UPPER = 66;
const LOWER = 212;
const AT: Readonly<Record<Stage, At>> = {
  in: { x: 4, y: UPPER - 15, width: 92, height: 30 },
  prerouting: hookAt('prerouting', 118, UPPER),
  'route-in': { x: 244, y: UPPER - 17, width: 74, height: 34 },
  forward: hookAt('forward', 358, UPPER),
  input: hookAt('input', 229, LOWER),
  local: { x: 358, y: LOWER - 18, width: 104, height: 36 },
  'route-out': { x: 488, y: LOWER - 17, width: 74, height: 34 },
  output: hookAt('output', 588, LOWER),
  postrouting: hookAt('postrouting', 588, UPPER),
  out: { x: 720, y: UPPER - 15, width: 92, height: 30 },
};
const WIDTH = 816;
const HEIGHT = 278;

const EDGES: readonly (readonly [from: Stage, to: Stage])[] = [
  ['in', 'prerouting'],
  ['prerouting', 'route-in'],
  ['route-in', 'forward'],
  ['route-in', 'input'],
  ['forward', 'postrouting'],
  ['input', 'local'],
  ['local', 'route-out'],
  ['route-out', 'output'],
  ['output', 'postrouting'],
  ['postrouting', 'out'],
];
const HOOKS = Object.keys(CELLS) as HookName[];

const isUpper = (stage: Stage): boolean => AT[stage].y + AT[stage].height / 2 < (UPPER + LOWER) / 2;

function edgePath(from: Stage, to: Stage): string {
  const [a, b] = [AT[from], AT[to]];
  if (isUpper(from) === isUpper(to)) return `M${a.x + a.width} ${a.y + a.height / 2} H${b.x - 5}`;
  const x = a.x + a.width / 2;
  return a.y < b.y ? `M${x} ${a.y + a.height} V${b.y - 5}` : `M${x} ${a.y} V${b.y + b.height + 5}`;
}

/** An edge is taken where both its ends are, one after the other: what has no table asked in between counts as passed. */
function taken(way: readonly Stage[], from: Stage, to: Stage): boolean {
  const at = way.indexOf(from);
  if (at !== -1 && way[at + 1] === to) return true;
  // Conntrack and tables without rules leave no step: the stage is passed all the same.
  return (
    at !== -1 &&
    to === 'postrouting' &&
    way.includes('out') &&
    (from === 'forward' || from === 'output') &&
    !way.includes('postrouting')
  );
}

const deviceOf = (pass: Pass, kind: 'receive' | 'transmit'): string =>
  pass.steps.find(({ step }) => step.kind === kind)?.step.dev ?? '';

const localText = (pass: Pass): string => {
  const found = pass.steps.find(
    ({ step }) => step.kind === 'deliver' || step.kind === 'send' || step.kind === 'decapsulate',
  )?.step;
  return found?.text.replace(/^(?:tcp|udp|sctp|icmp): /, '') ?? '';
};

export interface NetfilterProps {
  readonly pass: Pass;
  readonly chosen: number | undefined;
  readonly onChoose: (step: PlacedStep) => void;
}

export function Netfilter({ pass, chosen, onChoose }: NetfilterProps) {
  const say = useTexts();
  const lit = new Set(pass.way);
  const dropStage = pass.dropped ? pass.steps.find(({ step }) => step.kind === 'drop')?.stage : undefined;
  const boxClass = (stage: Stage): string =>
    `stage ${lit.has(stage) ? 'lit' : ''} ${dropStage === stage ? 'dropped' : ''}`;
  const edges = EDGES.map(([from, to]) => ({ from, to, on: taken(pass.way, from, to) })).toSorted(
    (a, b) => Number(a.on) - Number(b.on),
  );
  const first = (stage: Stage) => (): void => {
    const found = pass.steps.find((one) => one.stage === stage);
    if (found !== undefined) onChoose(found);
  };
  return (
    <svg class="netfilter" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label="netfilter">
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">
          <path d="M0 0 L8 4 L0 8 Z" />
        </marker>
        <marker id="arrow-lit" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="5" markerHeight="5" orient="auto">
          <path d="M0 0 L8 4 L0 8 Z" class="lit" />
        </marker>
      </defs>
      {edges.map(({ from, to, on }) => (
        <path
          key={`${from}-${to}`}
          class={on ? 'edge lit' : 'edge'}
          d={edgePath(from, to)}
          marker-end={`url(#${on ? 'arrow-lit' : 'arrow'})`}
        />
      ))}
      <Plain stage="in" title={deviceOf(pass, 'receive') || 'in'} className={boxClass('in')} onClick={first('in')} />
      <Plain
        stage="out"
        title={deviceOf(pass, 'transmit') || 'out'}
        className={boxClass('out')}
        onClick={first('out')}
      />
      <Plain
        stage="route-in"
        title={say('routing')}
        className={`${boxClass('route-in')} round`}
        onClick={first('route-in')}
      />
      <Plain
        stage="route-out"
        title={say('routing')}
        className={`${boxClass('route-out')} round`}
        onClick={first('route-out')}
      />
      <Plain
        stage="local"
        title={say('localProcess')}
        below={localText(pass)}
        className={boxClass('local')}
        onClick={first('local')}
      />
      {HOOKS.map((hook) => (
        <Hook key={hook} hook={hook} pass={pass} className={boxClass(hook)} chosen={chosen} onChoose={onChoose} />
      ))}
    </svg>
  );
}

/** Of a letter of a title, at most; the box has its rim besides. */
const TITLE_WIDTH = 7.6;

function Plain({
  stage,
  title,
  below,
  className,
  onClick,
}: {
  readonly stage: Stage;
  readonly title: string;
  readonly below?: string;
  readonly className: string;
  readonly onClick: () => void;
}) {
  const { x, y, width, height } = AT[stage];
  const most = Math.floor(width / TITLE_WIDTH);
  const words =
    below === undefined || below === '' ? [title] : [title, below.length > 20 ? `${below.slice(0, 19)}…` : below];
  return (
    <g class={className} onClick={onClick}>
      <rect x={x} y={y} width={width} height={height} rx={className.includes('round') ? height / 2 : 7} />
      {words.map((word, i) => (
        <text
          key={word}
          x={x + width / 2}
          y={y + height / 2 + 4 + (i - (words.length - 1) / 2) * 13}
          class={i === 0 ? 'title' : 'small'}
        >
          {word.length > most && i === 0 ? `${word.slice(0, most - 1)}…` : word}
        </text>
      ))}
      {below !== undefined && <title>{below}</title>}
    </g>
  );
}

function Hook({
  hook,
  pass,
  className,
  chosen,
  onChoose,
}: {
  readonly hook: HookName;
  readonly pass: Pass;
  readonly className: string;
  readonly chosen: number | undefined;
  readonly onChoose: (step: PlacedStep) => void;
}) {
  const { x, y, width, height } = AT[hook];
  return (
    <g class={className}>
      <rect x={x} y={y} width={width} height={height} rx="7" />
      <text x={x + width / 2} y={y + 15} class="title hook">
        {hook.toUpperCase()}
      </text>
      {CELLS[hook].map((cell, i) => (
        <TableCell
          key={cell}
          name={cell}
          x={x + 6}
          y={y + HEAD_HEIGHT + i * CELL_HEIGHT}
          width={width - 12}
          steps={pass.steps.filter((one) => one.stage === hook && one.cell === cell)}
          chosen={chosen}
          onChoose={onChoose}
        />
      ))}
    </g>
  );
}

function TableCell({
  name,
  x,
  y,
  width,
  steps,
  chosen,
  onChoose,
}: {
  readonly name: Cell;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly steps: readonly PlacedStep[];
  readonly chosen: number | undefined;
  readonly onChoose: (step: PlacedStep) => void;
}) {
  const matched = steps.filter(({ step }) => step.kind === 'rule' && step.position !== 0).length;
  const bad = steps.some(({ step }) => step.outcome === 'drop');
  const on = steps.some(({ index }) => index === chosen);
  const [first] = steps;
  const state = steps.find(({ step }) => step.kind === 'conntrack')?.step.state;
  return (
    <g
      class={`cell ${steps.length > 0 ? 'lit' : ''} ${bad ? 'bad' : ''} ${on ? 'on' : ''}`}
      onClick={() => first !== undefined && onChoose(first)}
    >
      <rect x={x} y={y} width={width} height={CELL_HEIGHT - 3} rx="4" />
      <text x={x + 6} y={y + 12}>
        {name === 'conntrack' && state !== undefined ? state : name}
      </text>
      {matched > 0 && (
        <text x={x + width - 6} y={y + 12} class="count">
          {matched}
        </text>
      )}
    </g>
  );
}
