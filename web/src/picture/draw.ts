/** What stands still in the picture: machines, pods, lines and their names. */

import type { Broken } from './broken.js';
import type { Colours } from './colours.js';
import { type Box, EDGE_GAP, type Layout, type MachineBox, type PodBox, type SubnetBox } from './layout.js';
import { LEGIBLE_PX, type Pen } from './pen.js';
import { overlap } from './shapes.js';
import { pointOn, type TieWay } from './tie-ways.js';
import type { Device } from './ties.js';

/** What is marked, broken, or known beside the cluster's objects. */
export interface Marks extends Broken {
  readonly place: string | undefined;
  readonly ways: readonly TieWay[];
  readonly devices: ReadonlyMap<string, readonly Device[]>;
}

/** From this scale on details are written out. */
const NEAR = 0.8;
/** Below this scale names need the room of the bar. */
const FAR = 0.4;
const FARTHEST = 0.25;
/** Where a line may have its label, the best first. */
const LABEL_PARTS = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82] as const;

export class Painter {
  readonly #pen: Pen;
  readonly #colours: Colours;
  /** Where no further label may lie. */
  readonly #taken: Box[] = [];

  constructor(pen: Pen, colours: Colours) {
    this.#pen = pen;
    this.#colours = colours;
  }

  /** Machines, pods and lines. */
  draw(layout: Layout, marks: Marks): void {
    this.#pen.begin();
    const machines = [...layout.machines.values()];
    // Cables from above run behind the racks that are in their way.
    for (const machine of machines) if (machine.host.role !== 'node') this.#ways(machine, layout, marks);
    for (const subnet of layout.subnets) this.#subnet(subnet, marks);
    for (const machine of machines) if (machine.host.role === 'node') this.#ways(machine, layout, marks);
    for (const machine of machines) if (machine.host.role !== 'node') this.#junctions(machine);
    for (const way of marks.ways) this.#tie(way);
    for (const subnet of layout.subnets) this.#subnetName(subnet, EDGE_GAP * 0.8 * layout.scale);
    for (const machine of machines) if (this.#pen.visible(machine)) this.#machine(machine, marks);
    this.#taken.push(...machines);
    for (const way of marks.ways) {
      this.#tieEnds(way);
      this.#tieLabel(way);
    }
  }

  #subnet(subnet: SubnetBox, marks: Marks): void {
    const { strongLine, surface, bad, line } = this.#colours;
    const broken = marks.brokenSwitches.has(subnet.name);
    const colour = broken ? bad : strongLine;
    if (subnet.height > 0) this.#pen.box(subnet, 14, { fill: surface, stroke: line, line: this.#pen.thin(1) });
    this.#pen.stroke(subnet.bus, colour, this.#pen.thin(4), broken ? [10, 8] : []);
    for (const points of subnet.lines) this.#pen.stroke(points, colour, this.#pen.thin(2), broken ? [10, 8] : []);
    this.#taken.push({ x: subnet.bus[0].x, y: subnet.bus[0].y - 4, width: subnet.width, height: 8 });
  }

  /** In the rack; far away above its line, where there is room for larger letters. A line without nodes has it before it. */
  #subnetName({ name, height, bus: [left] }: SubnetBox, largest: number): void {
    const { quiet: colour, ground, surface } = this.#colours;
    const inRack = height > 0;
    const size = Math.min(inRack ? 78 : largest, Math.max(13, 11 / this.#pen.view.k));
    const width = this.#pen.widthOf(name, size, 600);
    const above = inRack && size > 20;
    const beside = inRack ? { x: left.x + 44, y: left.y + 17 } : { x: left.x - width - 8, y: left.y };
    const at = above ? { x: left.x, y: left.y - size * 0.7 } : beside;
    const box = { x: at.x - 3, y: at.y - size * 0.6, width: width + 6, height: size * 1.2 };
    // Lines that cross it are interrupted.
    if (!above) this.#pen.box(box, 4, { fill: inRack ? surface : ground });
    this.#pen.text(name, at, { size, colour, weight: 600 });
    this.#taken.push(box);
  }

  /** Where a cable ends on a line; without it the two only cross. */
  #junctions({ ports, scale }: MachineBox): void {
    const context = this.#pen.context;
    context.fillStyle = this.#colours.strongLine;
    for (const { wayUp } of ports) {
      const at = wayUp.at(-1);
      if (at === undefined || wayUp.length < 2) continue;
      context.beginPath();
      context.arc(at.x, at.y, this.#pen.thin(4) * Math.min(scale, 2), 0, 2 * Math.PI);
      context.fill();
    }
  }

  #ways({ ports, host, barY }: MachineBox, layout: Layout, marks: Marks): void {
    const { strongLine, bad } = this.#colours;
    for (const { name, at, wayUp } of ports) {
      const broken = marks.brokenLinks.has(`${host.name} ${name}`) || host.off;
      // On rows and trunks the subnet's own lines lie already.
      const own = host.role === 'node' ? wayUp.slice(0, 2) : wayUp;
      this.#pen.stroke(own, broken ? bad : strongLine, this.#pen.thin(1.6), broken ? [6, 6] : []);
      if (layout.machines.size < 400)
        this.#pen.stroke([at, { x: at.x, y: barY }], broken ? bad : strongLine, this.#pen.thin(1));
    }
  }

  #machine(machine: MachineBox, marks: Marks): void {
    const { host, place, ports, pods, barY } = machine;
    const { raised, line, bad, accent, strongLine } = this.#colours;
    const marked = marks.place === place;
    const edge = host.off ? bad : marked ? accent : line;
    this.#pen.box(machine, 10 * machine.scale, {
      fill: raised,
      stroke: edge,
      line: this.#pen.thin(marked ? 2.5 : 1.2),
    });
    if (host.role === 'node' && this.#pen.view.k >= FAR) {
      const bar = [machine.x + 12, machine.x + machine.width - 12].map((x) => ({ x, y: barY }));
      this.#pen.stroke(bar, strongLine, this.#pen.thin(1.4));
    }
    const far = host.role === 'node' && this.#pen.view.k < FARTHEST;
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
    if (9 * this.#pen.view.k < LEGIBLE_PX) return;
    let right = tunnel.x + 48;
    for (const { name, kind, up } of devices) {
      const width = name.length * 5.6 + 12;
      const tone = !up ? bad : kind === 'bridge' ? quiet : colour;
      const chip = { x: right - width, y: y + 7, width, height: 15 };
      this.#pen.box(chip, 5, { fill: surface, stroke: tone, line: this.#pen.thin(1) });
      const middle = { x: right - width / 2, y: y + 15 };
      this.#pen.text(name, middle, { size: 9, colour: tone, mono: true, align: 'center' });
      right -= width + 5;
    }
  }

  /** From very far the name lies over the pods. */
  #farName({ host, x, y, width, height }: MachineBox): void {
    const { text, raised, bad } = this.#colours;
    const size = Math.min(11 / this.#pen.view.k, (width * 0.9) / (host.name.length * 0.62));
    const half = { x: host.name.length * size * 0.36, y: size * 0.75 };
    const middle = { x: x + width / 2, y: y + height / 2 };
    const pill = { x: middle.x - half.x, y: middle.y - half.y, width: 2 * half.x, height: 2 * half.y };
    this.#pen.faded(0.86, () => this.#pen.box(pill, half.y, { fill: raised }));
    this.#pen.text(host.name, middle, { size, colour: host.off ? bad : text, weight: 600, align: 'center' });
  }

  /** Name and address; far away the name alone, as large as there is room. */
  #title({ host, scale, x, y, width }: MachineBox): void {
    const { text, quiet, bad } = this.#colours;
    const size = Math.min(46 * scale, Math.max(14 * scale, 11.5 / this.#pen.view.k));
    const at = { x: x + 12 * scale, y: y + 7 * scale + Math.max(14 * scale, size * 0.55) };
    this.#pen.text(host.name, at, { size, colour: host.off ? bad : text, weight: 600, width: width - 24 * scale });
    if (this.#pen.view.k < NEAR && scale === 1) return;
    const node = host.role === 'node';
    const address = host.interfaces.find(({ address: one }) => one !== undefined)?.address ?? '';
    const under = { size: 10.5 * scale, colour: quiet, mono: node, width: width - 24 * scale };
    this.#pen.text(node ? address : host.role, { x: at.x, y: y + 36 * scale }, under);
  }

  #port({ name, at }: MachineBox['ports'][number], broken: boolean, below: boolean): void {
    const { raised, strongLine, quiet, bad } = this.#colours;
    this.#pen.box({ x: at.x - 5, y: at.y - 5, width: 10, height: 10 }, 3, {
      fill: broken ? bad : raised,
      stroke: broken ? bad : strongLine,
      line: this.#pen.thin(1.4),
    });
    const beside = { x: at.x + 9, y: at.y + (below ? 10 : -8) };
    this.#pen.text(name, beside, { size: 9, colour: quiet, mono: true });
    this.#taken.push({ x: at.x - 5, y: beside.y - 6, width: 14 + name.length * 5.6, height: 12 });
  }

  /** All of a node at one stroke: there are thousands in view. */
  #podsFromAfar(pods: readonly PodBox[], marks: Marks): void {
    const context = this.#pen.context;
    const { surface, line, accent, bad } = this.#colours;
    context.beginPath();
    for (const { x, y, width, height } of pods) context.rect(x, y, width, height);
    context.fillStyle = surface;
    context.fill();
    context.strokeStyle = line;
    context.lineWidth = this.#pen.thin(1);
    context.stroke();
    for (const pod of pods) {
      const stroke = pod.place === marks.place ? accent : marks.brokenPods.has(pod.place) ? bad : undefined;
      if (stroke !== undefined) this.#pen.box(pod, 6, { stroke, line: this.#pen.thin(2.2) });
    }
  }

  #pod(pod: PodBox, machine: MachineBox, marks: Marks): void {
    const { surface, line, accent, strongLine, bad } = this.#colours;
    const marked = marks.place === pod.place;
    const broken = marks.brokenPods.has(pod.place);
    const edge = marked ? accent : broken ? bad : line;
    const x = pod.x + pod.width / 2;
    if (pod.y < machine.barY + 20)
      this.#pen.stroke(
        [
          { x, y: pod.y },
          { x, y: machine.barY },
        ],
        broken ? bad : strongLine,
        this.#pen.thin(0.8),
        broken ? [6, 6] : [],
      );
    this.#pen.box(pod, 6, { fill: surface, stroke: edge, line: this.#pen.thin(marked || broken ? 2.2 : 1) });
    this.#pen.box({ x: x - 3, y: pod.y - 3, width: 6, height: 6 }, 2, { fill: broken ? bad : strongLine });
    this.#podText(pod, broken);
  }

  /** Name, namespace and address; far away without the address, and written larger. */
  #podText({ pod, x: left, y, width }: PodBox, broken: boolean): void {
    const { text, quiet, bad } = this.#colours;
    const { k } = this.#pen.view;
    const near = k >= NEAR;
    const [x, room] = [left + 7, width - 12];
    const small = near ? 8.5 : Math.min(15, 8 / k);
    const two = small * k >= LEGIBLE_PX;
    const size = near ? 10.5 : Math.min(two ? 16 : 24, 9.5 / k);
    const first = y + (near ? 11 : two ? 12 : 20);
    this.#pen.text(pod.name, { x, y: first }, { size, colour: broken ? bad : text, weight: 500, width: room });
    this.#pen.text(pod.namespace, { x, y: y + (near ? 22 : 29) }, { size: small, colour: quiet, width: room });
    if (near)
      this.#pen.text(pod.addresses[0] ?? '', { x, y: y + 32 }, { size: 8.5, colour: quiet, mono: true, width: room });
  }

  #tieColour({ kind, up }: TieWay): string {
    if (!up) return this.#colours.bad;
    return kind === 'tunnel' ? this.#colours.tunnel : this.#colours.good;
  }

  #tie(way: TieWay): void {
    const [from, leaving, arriving, to] = way.curve;
    const context = this.#pen.context;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.bezierCurveTo(leaving.x, leaving.y, arriving.x, arriving.y, to.x, to.y);
    context.setLineDash([7, 6]);
    context.strokeStyle = this.#tieColour(way);
    context.lineWidth = this.#pen.thin(1.6);
    context.stroke();
    context.setLineDash([]);
  }

  #tieEnds(way: TieWay): void {
    const context = this.#pen.context;
    context.fillStyle = this.#tieColour(way);
    for (const end of [way.curve[0], way.curve[3]]) {
      context.beginPath();
      context.arc(end.x, end.y, this.#pen.thin(2.6), 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** On its line, where nothing else is; not at all where there is no such place. */
  #tieLabel(way: TieWay): void {
    const size = Math.min(15, Math.max(10, 8 / this.#pen.view.k));
    if (size * this.#pen.view.k < LEGIBLE_PX) return;
    const [width, height] = [way.label.length * size * 0.72 + 8, size * 1.5];
    for (const part of LABEL_PARTS) {
      const { x, y } = pointOn(way.curve, part);
      const box = { x: x - width / 2, y: y - height / 2, width, height };
      if (this.#taken.some((other) => overlap(box, other))) continue;
      this.#taken.push(box);
      this.#pen.box(box, height / 2, { fill: this.#colours.surface });
      this.#pen.text(way.label, { x, y }, { size, colour: this.#tieColour(way), align: 'center', weight: 600 });
      return;
    }
  }
}
