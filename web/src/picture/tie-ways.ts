/**
 * Ways of tunnels and sessions through the picture. Each is the best of some curves between the sides of its machines:
 * around other machines, off names, apart from the ties before it, and short. Pure: the same picture, the same ways.
 */

import type { Box, Layout, MachineBox, Point } from './layout.js';
import type { Tie } from './ties.js';

/** A cubic Bézier curve. */
export type Curve = readonly [from: Point, leaving: Point, arriving: Point, to: Point];

export interface TieWay extends Tie {
  readonly kind: 'tunnel' | 'session';
  readonly curve: Curve;
}

/** Where a tie leaves a machine, and the way it faces. */
interface Anchor {
  readonly at: Point;
  readonly dx: number;
  readonly dy: number;
}

/** In a picture of more machines each side has one anchor only. */
const FEW_MACHINES = 12;
/** In a picture of more the first curve that comes to mind is taken. */
const MANY_MACHINES = 30;
/** How far a curve goes straight on, about. */
const REACHES = [20, 50, 100, 180, 280] as const;
const SAMPLES = 28;
/** Ties in one cell of this size run along one another. */
const CELL = 14;
/** What is crossed is looked up in squares of this size. */
const SQUARE = 6;
/** How far ways may leave the picture. */
const MARGIN = 20;
/** A shorter one has no room for its label. */
const SHORT = 90;
const NAME_LETTER = 8.5;
const PORT_LETTER = 5.6;
const COSTS = {
  machine: 200,
  outside: 60,
  name: 25,
  port: 6,
  tie: 7,
  sharedAnchor: 25,
  short: 120,
  length: 0.28,
  turn: 12,
} as const;

export function pointOn([a, b, c, d]: Curve, t: number): Point {
  const s = 1 - t;
  const [i, j, k, l] = [s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t];
  return { x: i * a.x + j * b.x + k * c.x + l * d.x, y: i * a.y + j * b.y + k * c.y + l * d.y };
}

function anchorsOf({ x, y, width, height }: MachineBox, parts: readonly number[]): Anchor[] {
  return parts.flatMap((part) => [
    { at: { x: x + width * part, y }, dx: 0, dy: -1 },
    { at: { x: x + width * part, y: y + height }, dx: 0, dy: 1 },
    { at: { x, y: y + height * part }, dx: -1, dy: 0 },
    { at: { x: x + width, y: y + height * part }, dx: 1, dy: 0 },
  ]);
}

const curveOf = (a: Anchor, b: Anchor, [leaving, arriving]: readonly [number, number]): Curve => [
  a.at,
  { x: a.at.x + a.dx * leaving, y: a.at.y + a.dy * leaving },
  { x: b.at.x + b.dx * arriving, y: b.at.y + b.dy * arriving },
  b.at,
];

/** How far curves may go straight on: no further than they meet, where their ends face one another. */
function reachesOf(a: Anchor, b: Anchor): (readonly [number, number])[] {
  const facing = a.dx * b.dx + a.dy * b.dy < 0;
  const between = (b.at.x - a.at.x) * a.dx + (b.at.y - a.at.y) * a.dy;
  const most = facing ? Math.max(between, REACHES[0]) : Number.POSITIVE_INFINITY;
  const some = REACHES.filter((reach) => reach <= most);
  return some.flatMap((leaving, i) =>
    some.slice(Math.max(0, i - 1), i + 2).map((arriving) => [leaving, arriving] as const),
  );
}

/** Names of subnets, where they are written near by. */
const namesOf = ({ subnets }: Layout): Box[] =>
  subnets.map(({ name, bus: [left], height }) => ({
    x: height > 0 ? left.x + 40 : left.x - name.length * NAME_LETTER - 10,
    y: height > 0 ? left.y + 8 : left.y - 9,
    width: name.length * NAME_LETTER,
    height: 18,
  }));

/** Ports with their names. */
const portsOf = ({ machines }: Layout): Box[] =>
  [...machines.values()].flatMap(({ y, ports }) =>
    ports.map(({ at, name }) => ({
      x: at.x - 6,
      y: at.y > y ? at.y : at.y - 16,
      width: 16 + name.length * PORT_LETTER,
      height: 16,
    })),
  );

const cellAt = ({ x, y }: Point): number => Math.round(x / CELL) * 100_000 + Math.round(y / CELL);
const anchorKey = ({ x, y }: Point): string => `${x} ${y}`;

/** The angle between two steps. */
const turn = (a: Point, b: Point): number => Math.abs(Math.atan2(a.x * b.y - a.y * b.x, a.x * b.x + a.y * b.y));

/** The nearest first, with what a way between them costs at least. */
const pairsOf = (starts: readonly Anchor[], ends: readonly Anchor[]) =>
  starts
    .flatMap((a) => ends.map((b) => ({ a, b, leastCost: Math.hypot(a.at.x - b.at.x, a.at.y - b.at.y) * COSTS.length })))
    .toSorted((one, other) => one.leastCost - other.leastCost);

/** What it costs to cross each square of the picture: machines, names and ports. */
class CostMap {
  readonly #left: number;
  readonly #top: number;
  readonly #columns: number;
  readonly #rows: number;
  readonly #costs: Uint16Array;

  constructor(layout: Layout) {
    this.#left = layout.x - MARGIN;
    this.#top = layout.y - MARGIN;
    this.#columns = Math.ceil((layout.width + 2 * MARGIN) / SQUARE);
    this.#rows = Math.ceil((layout.height + 2 * MARGIN) / SQUARE);
    this.#costs = new Uint16Array(this.#columns * this.#rows);
    for (const box of layout.machines.values()) this.#add(box, COSTS.machine);
    for (const box of namesOf(layout)) this.#add(box, COSTS.name);
    for (const box of portsOf(layout)) this.#add(box, COSTS.port);
  }

  #column(x: number): number {
    return Math.floor((x - this.#left) / SQUARE);
  }

  #row(y: number): number {
    return Math.floor((y - this.#top) / SQUARE);
  }

  #add({ x, y, width, height }: Box, cost: number): void {
    const [first, last] = [Math.max(0, this.#column(x)), Math.min(this.#columns - 1, this.#column(x + width))];
    const bottom = Math.min(this.#rows - 1, this.#row(y + height));
    for (let row = Math.max(0, this.#row(y)); row <= bottom; row += 1)
      for (let column = first; column <= last; column += 1) {
        const at = row * this.#columns + column;
        this.#costs[at] = Math.max(this.#costs[at] ?? 0, cost);
      }
  }

  at({ x, y }: Point): number {
    const [column, row] = [this.#column(x), this.#row(y)];
    if (column < 0 || row < 0 || column >= this.#columns || row >= this.#rows) return COSTS.outside;
    return this.#costs[row * this.#columns + column] ?? 0;
  }
}

const near = (a: Point, b: Point): boolean => Math.abs(a.x - b.x) <= SQUARE && Math.abs(a.y - b.y) <= SQUARE;

/** What ways are laid around: the picture, and the ways that lie already. */
class Ground {
  readonly #map: CostMap;
  readonly #count: number;
  readonly #parts: readonly number[];
  readonly #cells = new Set<number>();
  readonly #anchors = new Set<string>();

  constructor(layout: Layout) {
    this.#map = new CostMap(layout);
    this.#count = layout.machines.size;
    this.#parts = this.#count <= FEW_MACHINES ? [0.25, 0.75] : [0.5];
  }

  lay(from: MachineBox, to: MachineBox): Curve {
    const best = this.#best(from, to);
    for (let i = 0; i <= 3 * SAMPLES; i += 1) this.#cells.add(cellAt(pointOn(best, i / (3 * SAMPLES))));
    for (const end of [best[0], best[3]]) this.#anchors.add(anchorKey(end));
    return best;
  }

  #best(from: MachineBox, to: MachineBox): Curve {
    const [starts, ends] = [anchorsOf(from, this.#parts), anchorsOf(to, this.#parts)];
    let best = curveOf(starts[0] as Anchor, ends[0] as Anchor, [REACHES[2], REACHES[2]]);
    if (this.#count > MANY_MACHINES) return best;
    let least = this.#cost(best, Number.POSITIVE_INFINITY);
    for (const { a, b, leastCost } of pairsOf(starts, ends)) {
      if (leastCost >= least) break;
      for (const reaches of reachesOf(a, b)) {
        const curve = curveOf(a, b, reaches);
        const cost = this.#cost(curve, least);
        if (cost < least) [best, least] = [curve, cost];
      }
    }
    return best;
  }

  /** Not looked at further where it is no less than `limit`. */
  #cost(curve: Curve, limit: number): number {
    let cost = this.#anchorsTaken(curve) * COSTS.sharedAnchor;
    let length = 0;
    let before = curve[0];
    let ahead = { x: curve[1].x - before.x, y: curve[1].y - before.y };
    for (let i = 1; i <= SAMPLES && cost < limit; i += 1) {
      const at = pointOn(curve, i / SAMPLES);
      const step = { x: at.x - before.x, y: at.y - before.y };
      const size = Math.hypot(step.x, step.y);
      length += size;
      cost += size * COSTS.length + turn(ahead, step) * COSTS.turn + (i < SAMPLES ? this.#costAt(at, curve) : 0);
      [before, ahead] = [at, step];
    }
    return length < SHORT ? cost + COSTS.short : cost;
  }

  #anchorsTaken([from, , , to]: Curve): number {
    return [from, to].filter((end) => this.#anchors.has(anchorKey(end))).length;
  }

  /** Where it leaves its own machines it crosses nothing. */
  #costAt(at: Point, [from, , , to]: Curve): number {
    const crossed = near(at, from) || near(at, to) ? 0 : this.#map.at(at);
    return crossed + (this.#cells.has(cellAt(at)) ? COSTS.tie : 0);
  }
}

/** The shorter ones first: they have the least choice. */
export function tieWays(
  layout: Layout,
  { tunnels, sessions }: { readonly tunnels: readonly Tie[]; readonly sessions: readonly Tie[] },
): readonly TieWay[] {
  const ground = new Ground(layout);
  const found = [
    ...tunnels.map((tie) => ({ ...tie, kind: 'tunnel' as const })),
    ...sessions.map((tie) => ({ ...tie, kind: 'session' as const })),
  ].flatMap((tie) => {
    const [a, b] = [layout.machines.get(tie.from), layout.machines.get(tie.to)];
    return a === undefined || b === undefined || a === b ? [] : [{ tie, a, b, far: Math.hypot(a.x - b.x, a.y - b.y) }];
  });
  return found.toSorted((a, b) => a.far - b.far).map(({ tie, a, b }) => ({ ...tie, curve: ground.lay(a, b) }));
}
