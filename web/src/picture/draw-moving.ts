/** What moves in the picture: packets on their way, and where they were dropped. */

import type { Colours } from './colours.js';
import { type Drop, type Flight, pointAlong } from './flights.js';
import type { Box, Point } from './layout.js';
import type { Pen } from './pen.js';
import { ease, overlap } from './shapes.js';

/** Packets at one place have their labels one above the other, as far as that can be read. */
const MAX_STACK = 6;
/** Farther away labels are left out. */
const LABELS_FROM = 0.55;

interface Taken extends Box {
  readonly words: string;
}

export class MovingPainter {
  readonly #pen: Pen;
  readonly #colours: Colours;
  /** Packets and labels: where no further label may lie. */
  readonly #taken: Taken[] = [];

  constructor(pen: Pen, colours: Colours) {
    this.#pen = pen;
    this.#colours = colours;
  }

  /** Packets and drops at `now`. */
  draw(flights: Iterable<Flight>, drops: readonly Drop[], now: number): void {
    this.#pen.begin();
    const shown = [...flights].map((flight) => ({ flight, at: this.#flight(flight, now) }));
    if (this.#pen.view.k > LABELS_FROM) for (const { flight, at } of shown) this.#label(flight, at);
    for (const drop of drops) if (now >= drop.atMs) this.#drop(drop, now);
  }

  /** Packets stay about as large on the screen however far away the picture is. */
  get #unit(): number {
    const { k } = this.#pen.view;
    return 1 / Math.min(1.6, Math.max(k, 0.45)) / (k < 0.45 ? k / 0.45 : 1);
  }

  /** There, or above what is there already; nowhere where it says the same, or where too much lies. */
  #free(
    at: Point,
    { words, width, height }: { readonly words: string; readonly width: number; readonly height: number },
  ): Box | undefined {
    for (let i = 0; i < MAX_STACK; i += 1) {
      const box = { x: at.x - width / 2, y: at.y - height * (i + 0.5), width, height };
      const other = this.#taken.find((one) => overlap(box, one));
      if (other === undefined) {
        this.#taken.push({ ...box, words });
        return box;
      }
      if (other.words === words) return undefined;
    }
    return undefined;
  }

  #flight(flight: Flight, now: number): Point {
    const part = ease((now - flight.startMs) / Math.max(1, flight.endMs - flight.startMs));
    const at = pointAlong(flight.path, part);
    const unit = this.#unit;
    const colour = this.#colours.protocols[flight.protocol];
    if (now < flight.endMs) this.#pen.faded(0.35, () => this.#pen.stroke(flight.path, colour, this.#pen.thin(3)));
    const [width, height] = [16 * unit, 10 * unit];
    if (flight.outer !== undefined) this.#outer(at, width, height, unit);
    const body = { x: at.x - width / 2, y: at.y - height / 2, width, height };
    this.#pen.box(body, 3 * unit, { fill: colour, stroke: this.#colours.raised, line: unit });
    this.#taken.push({ ...body, words: '' });
    return at;
  }

  #label(flight: Flight, at: Point): void {
    const unit = this.#unit;
    const colour = this.#colours.protocols[flight.protocol];
    const size = 9 * unit;
    const above = { x: at.x, y: at.y - (flight.outer === undefined ? 11 : 16) * unit };
    const width = this.#pen.widthOf(flight.label, size, 700) + 4 * unit;
    const box = this.#free(above, { words: flight.label, width, height: size * 1.2 });
    if (box === undefined) return;
    this.#pen.faded(0.75, () => this.#pen.box(box, 3 * unit, { fill: this.#colours.raised }));
    const middle = { x: above.x, y: box.y + box.height / 2 };
    this.#pen.text(flight.label, middle, { size, colour, weight: 700, align: 'center' });
  }

  /** The packet around the packet. */
  #outer(at: Point, width: number, height: number, unit: number): void {
    const { tunnel } = this.#colours;
    const [w, h] = [width + 18 * unit, height + 12 * unit];
    const around = { x: at.x - w / 2, y: at.y - h / 2, width: w, height: h };
    this.#pen.faded(0.25, () => this.#pen.box(around, 5 * unit, { fill: tunnel }));
    this.#pen.box(around, 5 * unit, { stroke: tunnel, line: 1.6 * unit });
  }

  #drop({ at, reason, atMs }: Drop, now: number): void {
    const age = (now - atMs) / 2600;
    const context = this.#pen.context;
    const { bad, raised } = this.#colours;
    const unit = 1 / Math.min(1.6, Math.max(this.#pen.view.k, 0.2));
    context.globalAlpha = Math.max(0, 1 - age ** 3);
    const ring = (10 + 18 * Math.min(1, age * 4)) * unit;
    context.beginPath();
    context.arc(at.x, at.y, ring, 0, 2 * Math.PI);
    context.strokeStyle = bad;
    context.lineWidth = 2 * unit * Math.max(0.3, 1 - age);
    context.stroke();
    context.beginPath();
    context.arc(at.x, at.y, 9 * unit, 0, 2 * Math.PI);
    context.fillStyle = bad;
    context.fill();
    const arm = 3.6 * unit;
    this.#pen.stroke(
      [
        { x: at.x - arm, y: at.y - arm },
        { x: at.x + arm, y: at.y + arm },
      ],
      raised,
      2 * unit,
    );
    this.#pen.stroke(
      [
        { x: at.x + arm, y: at.y - arm },
        { x: at.x - arm, y: at.y + arm },
      ],
      raised,
      2 * unit,
    );
    this.#reason(reason, { x: at.x + 15 * unit, y: at.y }, unit);
    context.globalAlpha = 1;
  }

  /** Over whatever is there. */
  #reason(reason: string, { x, y }: Point, unit: number): void {
    const size = 11 * unit;
    const width = this.#pen.widthOf(reason, size, 700) + 6 * unit;
    this.#pen.box({ x: x - 3 * unit, y: y - size * 0.75, width, height: size * 1.5 }, 4 * unit, {
      fill: this.#colours.raised,
    });
    this.#pen.text(reason, { x, y }, { size, colour: this.#colours.bad, weight: 700 });
  }
}
