/** The picture on a canvas: what stands still, and what moves. */

import type { Colours } from './colours.js';
import { type Drop, type Flight, pointAlong } from './flights.js';
import { bend, ease, shortened, tieEnd } from './shapes.js';
import type { Device, Tie } from './ties.js';
import type { Box, Layout, MachineBox, Point, PodBox } from './layout.js';

export interface View {
  readonly x: number;
  readonly y: number;
  readonly k: number;
  /** In CSS pixels. */
  readonly width: number;
  readonly height: number;
}

/** What is marked, broken, or known beside the cluster's objects. */
export interface Marks {
  readonly place: string | undefined;
  readonly brokenLinks: ReadonlySet<string>;
  readonly brokenSwitches: ReadonlySet<string>;
  readonly tunnels: readonly Tie[];
  readonly sessions: readonly Tie[];
  readonly devices: ReadonlyMap<string, readonly Device[]>;
}

const FONT = 'system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif';
const MONO = 'ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, monospace';
/** Text that would be smaller than this on the screen is left out. */
const LEGIBLE_PX = 6.5;
/** From this scale on details are written out. */
const NEAR = 0.8;
/** Below this scale names need the room of the bar. */
const FAR = 0.4;
const FARTHEST = 0.25;

export class Painter {
  readonly #context: CanvasRenderingContext2D;
  readonly #colours: Colours;
  readonly #view: View;

  constructor(context: CanvasRenderingContext2D, colours: Colours, view: View) {
    this.#context = context;
    this.#colours = colours;
    this.#view = view;
  }

  /** Machines, pods and lines. */
  still(layout: Layout, marks: Marks): void {
    this.#begin();
    const machines = [...layout.machines.values()];
    // Cables from above run behind the racks that are in their way.
    for (const machine of machines) if (machine.host.role !== 'node') this.#ways(machine, layout, marks);
    for (const subnet of layout.subnets) this.#subnet(subnet, marks);
    for (const machine of machines) if (machine.host.role === 'node') this.#ways(machine, layout, marks);
    for (const tie of marks.tunnels) this.#tie(tie, layout, { colour: this.#colours.tunnel, lift: 1 });
    for (const tie of marks.sessions)
      this.#tie(tie, layout, { colour: tie.up ? this.#colours.good : this.#colours.bad, lift: 1.7 });
    for (const machine of layout.machines.values()) if (this.#visible(machine)) this.#machine(machine, marks);
  }

  /** Packets and drops at `now`. */
  moving(flights: Iterable<Flight>, drops: readonly Drop[], now: number): void {
    this.#begin();
    for (const flight of flights) this.#flight(flight, now);
    for (const drop of drops) if (now >= drop.atMs) this.#drop(drop, now);
  }

  #begin(): void {
    const { x, y, k, width, height } = this.#view;
    const ratio = window.devicePixelRatio;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#context.clearRect(0, 0, width, height);
    this.#context.setTransform(k * ratio, 0, 0, k * ratio, x * ratio, y * ratio);
    this.#context.lineJoin = 'round';
    this.#context.lineCap = 'round';
  }

  #visible({ x, y, width, height }: Box): boolean {
    const { x: left, y: top, k, width: w, height: h } = this.#view;
    return x * k + left < w && (x + width) * k + left > 0 && y * k + top < h && (y + height) * k + top > 0;
  }

  /** In units of the picture, never thinner than that many pixels. */
  #thin(pixels: number): number {
    return Math.max(pixels, pixels / this.#view.k);
  }

  #faded(alpha: number, draw: () => void): void {
    this.#context.globalAlpha = alpha;
    draw();
    this.#context.globalAlpha = 1;
  }

  #text(
    words: string,
    at: Point,
    {
      size,
      colour,
      weight = 400,
      mono = false,
      width = Number.POSITIVE_INFINITY,
      align = 'left',
    }: {
      readonly size: number;
      readonly colour: string;
      readonly weight?: number;
      readonly mono?: boolean;
      readonly width?: number;
      readonly align?: CanvasTextAlign;
    },
  ): void {
    if (size * this.#view.k < LEGIBLE_PX) return;
    const context = this.#context;
    context.font = `${weight} ${size}px ${mono ? MONO : FONT}`;
    context.fillStyle = colour;
    context.textAlign = align;
    context.textBaseline = 'middle';
    context.fillText(shortened(context, words, width), at.x, at.y);
  }

  #path(points: readonly Point[]): void {
    const context = this.#context;
    context.beginPath();
    for (const [i, { x, y }] of points.entries()) {
      if (i === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    }
  }

  #stroke(points: readonly Point[], colour: string, width: number, dash: readonly number[] = []): void {
    const context = this.#context;
    this.#path(points);
    context.setLineDash([...dash]);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
    context.setLineDash([]);
  }

  #box(
    { x, y, width, height }: Box,
    radius: number,
    { fill, stroke, line = 1 }: { readonly fill?: string; readonly stroke?: string; readonly line?: number },
  ): void {
    const context = this.#context;
    context.beginPath();
    context.roundRect(x, y, width, height, radius);
    if (fill !== undefined) {
      context.fillStyle = fill;
      context.fill();
    }
    if (stroke === undefined) return;
    context.strokeStyle = stroke;
    context.lineWidth = line;
    context.stroke();
  }

  #subnet(subnet: Layout['subnets'][number], marks: Marks): void {
    const { strongLine, surface, quiet, bad, line } = this.#colours;
    const broken = marks.brokenSwitches.has(subnet.name);
    const colour = broken ? bad : strongLine;
    if (subnet.height > 0) this.#box(subnet, 14, { fill: surface, stroke: line, line: this.#thin(1) });
    this.#stroke(subnet.bus, colour, this.#thin(4), broken ? [10, 8] : []);
    for (const points of subnet.lines) this.#stroke(points, colour, this.#thin(2), broken ? [10, 8] : []);
    const [left] = subnet.bus;
    const beside = subnet.height > 0 ? { x: left.x + 44, y: left.y + 17 } : { x: left.x, y: left.y - 12 };
    // Far away the name stands above its line, where there is room for larger letters.
    const size = Math.min(78, Math.max(13, 11 / this.#view.k));
    const at = size > 20 ? { x: left.x, y: left.y - size * 0.7 } : beside;
    this.#text(subnet.name, at, { size, colour: quiet, weight: 600 });
  }

  #ways({ ports, host, barY }: MachineBox, layout: Layout, marks: Marks): void {
    const { strongLine, bad } = this.#colours;
    for (const { name, at, wayUp } of ports) {
      const broken = marks.brokenLinks.has(`${host.name} ${name}`) || host.off;
      // On rows and trunks the subnet's own lines lie already.
      const own = host.role === 'node' ? wayUp.slice(0, 2) : wayUp;
      this.#stroke(own, broken ? bad : strongLine, this.#thin(1.6), broken ? [6, 6] : []);
      if (layout.machines.size < 400)
        this.#stroke([at, { x: at.x, y: barY }], broken ? bad : strongLine, this.#thin(1));
    }
  }

  #machine(machine: MachineBox, marks: Marks): void {
    const { host, place, ports, pods, barY } = machine;
    const { raised, line, bad, accent, strongLine } = this.#colours;
    const marked = marks.place === place;
    const edge = host.off ? bad : marked ? accent : line;
    this.#box(machine, 10 * machine.scale, { fill: raised, stroke: edge, line: this.#thin(marked ? 2.5 : 1.2) });
    if (host.role === 'node' && this.#view.k >= FAR) {
      const bar = [machine.x + 12, machine.x + machine.width - 12].map((x) => ({ x, y: barY }));
      this.#stroke(bar, strongLine, this.#thin(1.4));
    }
    const far = host.role === 'node' && this.#view.k < FARTHEST;
    if (!far) this.#title(machine);
    for (const port of ports)
      this.#port(port, marks.brokenLinks.has(`${host.name} ${port.name}`) || host.off, port.at.y > machine.y);
    if (far) this.#podsFromAfar(pods, marks);
    else for (const pod of pods) this.#pod(pod, machine, marks);
    if (far) this.#farName(machine);
    else this.#devices(machine, marks.devices.get(place) ?? []);
  }

  /** Bridges and tunnel devices, from the right: the first where packets go in and out of it. */
  #devices({ tunnel, y }: MachineBox, devices: readonly Device[]): void {
    const { tunnel: colour, surface, bad, quiet } = this.#colours;
    if (9 * this.#view.k < LEGIBLE_PX) return;
    let right = tunnel.x + 48;
    for (const { name, kind, up } of devices) {
      const width = name.length * 5.6 + 12;
      const tone = !up ? bad : kind === 'bridge' ? quiet : colour;
      const chip = { x: right - width, y: y + 7, width, height: 15 };
      this.#box(chip, 5, { fill: surface, stroke: tone, line: this.#thin(1) });
      const middle = { x: right - width / 2, y: y + 15 };
      this.#text(name, middle, { size: 9, colour: tone, mono: true, align: 'center' });
      right -= width + 5;
    }
  }

  /** From very far the name lies over the pods. */
  #farName({ host, x, y, width, height }: MachineBox): void {
    const { text, raised, bad } = this.#colours;
    const size = Math.min(11 / this.#view.k, (width * 0.9) / (host.name.length * 0.62));
    const half = { x: host.name.length * size * 0.36, y: size * 0.75 };
    const middle = { x: x + width / 2, y: y + height / 2 };
    const pill = { x: middle.x - half.x, y: middle.y - half.y, width: 2 * half.x, height: 2 * half.y };
    this.#faded(0.86, () => this.#box(pill, half.y, { fill: raised }));
    this.#text(host.name, middle, { size, colour: host.off ? bad : text, weight: 600, align: 'center' });
  }

  /** Name and address; far away the name alone, as large as there is room. */
  #title({ host, scale, x, y, width }: MachineBox): void {
    const { text, quiet, bad } = this.#colours;
    const size = Math.min(46 * scale, Math.max(14 * scale, 11.5 / this.#view.k));
    const at = { x: x + 12 * scale, y: y + 7 * scale + Math.max(14 * scale, size * 0.55) };
    this.#text(host.name, at, { size, colour: host.off ? bad : text, weight: 600, width: width - 24 * scale });
    if (this.#view.k < NEAR && scale === 1) return;
    const node = host.role === 'node';
    const address = host.interfaces.find(({ address: one }) => one !== undefined)?.address ?? '';
    const under = { size: 10.5 * scale, colour: quiet, mono: node, width: width - 24 * scale };
    this.#text(node ? address : host.role, { x: at.x, y: y + 36 * scale }, under);
  }

  #port({ name, at }: MachineBox['ports'][number], broken: boolean, below: boolean): void {
    const { raised, strongLine, quiet, bad } = this.#colours;
    this.#box({ x: at.x - 5, y: at.y - 5, width: 10, height: 10 }, 3, {
      fill: broken ? bad : raised,
      stroke: broken ? bad : strongLine,
      line: this.#thin(1.4),
    });
    this.#text(name, { x: at.x + 9, y: at.y + (below ? 10 : -8) }, { size: 9, colour: quiet, mono: true });
  }

  /** All of a node at one stroke: there are thousands in view. */
  #podsFromAfar(pods: readonly PodBox[], marks: Marks): void {
    const context = this.#context;
    const { surface, line, accent } = this.#colours;
    context.beginPath();
    for (const { x, y, width, height } of pods) context.rect(x, y, width, height);
    context.fillStyle = surface;
    context.fill();
    context.strokeStyle = line;
    context.lineWidth = this.#thin(1);
    context.stroke();
    for (const pod of pods) if (pod.place === marks.place) this.#box(pod, 6, { stroke: accent, line: this.#thin(2.2) });
  }

  #pod(pod: PodBox, machine: MachineBox, marks: Marks): void {
    const { surface, line, text, quiet, accent, strongLine } = this.#colours;
    const marked = marks.place === pod.place;
    const x = pod.x + pod.width / 2;
    if (pod.y < machine.barY + 20)
      this.#stroke(
        [
          { x, y: pod.y },
          { x, y: machine.barY },
        ],
        strongLine,
        this.#thin(0.8),
      );
    this.#box(pod, 6, { fill: surface, stroke: marked ? accent : line, line: this.#thin(marked ? 2.2 : 1) });
    this.#box({ x: x - 3, y: pod.y - 3, width: 6, height: 6 }, 2, { fill: strongLine });
    // Far away there is room for one line, and that is written larger.
    const { k } = this.#view;
    const near = k >= NEAR;
    const size = near ? 10.5 : Math.min(17, 9.5 / k);
    const name = { size, colour: text, weight: 500, width: pod.width - 12 };
    this.#text(pod.pod.name, { x: pod.x + 7, y: pod.y + (near ? 11 : 16) }, name);
    if (!near) return;
    const below = pod.pod.addresses[0] ?? pod.pod.namespace;
    this.#text(below, { x: pod.x + 7, y: pod.y + 22 }, { size: 8.5, colour: quiet, mono: true, width: pod.width - 12 });
  }

  #tie(
    { from, to, label }: Tie,
    layout: Layout,
    { colour, lift }: { readonly colour: string; readonly lift: number },
  ): void {
    const [a, b] = [layout.machines.get(from), layout.machines.get(to)];
    if (a === undefined || b === undefined) return;
    const [start, end] = [tieEnd(a, b), tieEnd(b, a)];
    const middle = bend(start, end, lift);
    const context = this.#context;
    context.beginPath();
    context.moveTo(start.x, start.y);
    context.quadraticCurveTo(middle.x, middle.y, end.x, end.y);
    context.setLineDash([7, 6]);
    context.strokeStyle = colour;
    context.lineWidth = this.#thin(1.6);
    context.stroke();
    context.setLineDash([]);
    if (10 * this.#view.k < LEGIBLE_PX) return;
    const at = { x: (start.x + end.x) / 4 + middle.x / 2, y: (start.y + end.y) / 4 + middle.y / 2 };
    const half = label.length * 3.6 + 4;
    this.#box({ x: at.x - half, y: at.y - 8, width: 2 * half, height: 16 }, 8, { fill: this.#colours.surface });
    this.#text(label, at, { size: 10, colour, align: 'center', weight: 600 });
  }

  #flight(flight: Flight, now: number): void {
    const part = ease((now - flight.startMs) / Math.max(1, flight.endMs - flight.startMs));
    const at = pointAlong(flight.path, part);
    const { k } = this.#view;
    // Packets stay about as large on the screen however far away the picture is.
    const unit = 1 / Math.min(1.6, Math.max(k, 0.45)) / (k < 0.45 ? k / 0.45 : 1);
    const colour = this.#colours.protocols[flight.protocol];
    if (now < flight.endMs) this.#faded(0.35, () => this.#stroke(flight.path, colour, this.#thin(3)));
    const [width, height] = [16 * unit, 10 * unit];
    if (flight.outer !== undefined) this.#outer(at, width, height, unit);
    this.#box({ x: at.x - width / 2, y: at.y - height / 2, width, height }, 3 * unit, {
      fill: colour,
      stroke: this.#colours.raised,
      line: unit,
    });
    if (k > 0.55)
      this.#text(
        flight.label,
        { x: at.x, y: at.y - (flight.outer === undefined ? 11 : 16) * unit },
        { size: 9 * unit, colour, weight: 700, align: 'center' },
      );
  }

  /** The packet around the packet. */
  #outer(at: Point, width: number, height: number, unit: number): void {
    const { tunnel } = this.#colours;
    const [w, h] = [width + 18 * unit, height + 12 * unit];
    const around = { x: at.x - w / 2, y: at.y - h / 2, width: w, height: h };
    this.#faded(0.25, () => this.#box(around, 5 * unit, { fill: tunnel }));
    this.#box(around, 5 * unit, { stroke: tunnel, line: 1.6 * unit });
  }

  #drop({ at, reason, atMs }: Drop, now: number): void {
    const age = (now - atMs) / 2600;
    const context = this.#context;
    const { bad, raised } = this.#colours;
    const unit = 1 / Math.min(1.6, Math.max(this.#view.k, 0.2));
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
    this.#stroke(
      [
        { x: at.x - arm, y: at.y - arm },
        { x: at.x + arm, y: at.y + arm },
      ],
      raised,
      2 * unit,
    );
    this.#stroke(
      [
        { x: at.x + arm, y: at.y - arm },
        { x: at.x - arm, y: at.y + arm },
      ],
      raised,
      2 * unit,
    );
    this.#text(reason, { x: at.x + 15 * unit, y: at.y + 1 * unit }, { size: 11 * unit, colour: bad, weight: 700 });
    context.globalAlpha = 1;
  }
}
