/**
 * Packets on their way through the picture. What happened within microseconds of virtual time is shown one after the
 * other, each move for about half a second; the more there is to show, the faster, so that the picture never lags by more
 * than two seconds.
 */

import type { FrameMessage, StepMessage } from '../../../src/server/stream/messages.js';
import type { Frame, Protocol } from '../state/frames.js';
import type { Layout, MachineBox, Point, PodBox } from './layout.js';
import { wayBetween } from './way-between.js';

/** How long a packet takes for one move, where there is time. */
const MOVE_MS = 520;
/** Between the starts of two moves. */
const GAP_MS = 300;
/** Moves between devices of one machine, and into and out of a pod, are short. */
const INSIDE_MS = 260;
const LONGEST_LAG_MS = 2000;
/** A packet that moves no more is gone after this. */
const LINGER_MS = 500;
const DROP_MS = 2600;
/** More packets at once are no picture: the rest is counted. */
const MAX_FLIGHTS = 400;

export interface Flight {
  readonly packet: number;
  protocol: Protocol;
  outer: 'vxlan' | 'ipip' | undefined;
  /** `SYN`, or the protocol's name. */
  label: string;
  path: readonly Point[];
  startMs: number;
  endMs: number;
  place: string;
  last: Stand;
}

export interface Stand {
  readonly at: Point;
  readonly place: string;
  readonly interface: string;
}

export interface Drop {
  readonly at: Point;
  readonly reason: string;
  readonly place: string;
  readonly atMs: number;
}

interface Move {
  readonly kind: 'move';
  readonly seq: number;
  readonly frame: Frame;
}

interface End {
  readonly kind: 'drop';
  readonly seq: number;
  readonly step: StepMessage;
}

export class Flights {
  readonly active = new Map<number, Flight>();
  readonly drops: Drop[] = [];
  /** Packets that were not shown since there were too many. */
  skipped = 0;
  #layout: Layout;
  #queue: (Move | End)[] = [];
  #nextMs = 0;
  /** Host's end of a pod's veth → the pod. */
  readonly #podOf = new Map<string, string>();

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  setLayout(layout: Layout): void {
    this.#layout = layout;
  }

  clear(): void {
    this.active.clear();
    this.drops.length = 0;
    this.#queue = [];
    this.skipped = 0;
  }

  get busy(): boolean {
    return this.#queue.length > 0 || this.active.size > 0 || this.drops.length > 0;
  }

  addFrames(frames: readonly Frame[]): void {
    for (const frame of frames) {
      this.#learn(frame.message);
      this.#queue.push({ kind: 'move', seq: frame.message.seq, frame });
    }
  }

  /** Comes by another subscription than frames: it is put where its number says. */
  addDrop(step: StepMessage): void {
    let at = this.#queue.length;
    while (at > 0 && (this.#queue[at - 1]?.seq ?? 0) > step.seq) at--;
    this.#queue.splice(at, 0, { kind: 'drop', seq: step.seq, step });
  }

  /** Frames on both ends of a veth follow one another: so it is seen whose it is. */
  #lastSeen: FrameMessage | undefined;
  #learn(message: FrameMessage): void {
    const before = this.#lastSeen;
    this.#lastSeen = message;
    if (before?.packet !== message.packet || before.host !== message.host) return;
    const [pod, node] = message.place.startsWith('pod/') ? [message, before] : [before, message];
    const joined = pod.place.startsWith('pod/') && node.netns === '' && node.place !== pod.place;
    if (joined) this.#podOf.set(`${node.place} ${node.interface}`, pod.place);
  }

  /** Starts what is due at `now`. */
  advance(now: number): void {
    this.#nextMs = Math.max(this.#nextMs, now - 1);
    while (this.#queue.length > 0 && this.#nextMs <= now) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#nextMs += next.kind === 'move' ? this.#show(next.frame, this.#nextMs) : this.#end(next.step, this.#nextMs);
    }
    for (const [id, flight] of this.active) if (now > flight.endMs + LINGER_MS) this.active.delete(id);
    while (this.drops[0] !== undefined && now > this.drops[0].atMs + DROP_MS) this.drops.shift();
  }

  /** How much slower or faster than at leisure. */
  #haste(): number {
    return Math.min(1, LONGEST_LAG_MS / (this.#queue.length * GAP_MS + 1));
  }

  /** Answers how long to wait before the next is shown. */
  #show(frame: Frame, now: number): number {
    const { message, glance } = frame;
    const stand = this.#standOf(message);
    if (stand === undefined) return 0;
    const flight = this.active.get(message.packet);
    const label = glance.flags || glance.protocol.toUpperCase();
    const looks = { protocol: glance.protocol, outer: glance.outer?.protocol, label };
    if (flight === undefined) {
      if (this.active.size >= MAX_FLIGHTS) {
        this.skipped += 1;
        return 0;
      }
      const path = [this.#originOf(message) ?? stand.at, stand.at];
      this.active.set(message.packet, {
        packet: message.packet,
        ...looks,
        path,
        startMs: now,
        endMs: now + INSIDE_MS,
        place: message.place,
        last: stand,
      });
      return GAP_MS * 0.5 * this.#haste();
    }
    const path = this.#between(flight.last, stand);
    const inside = flight.last.place === stand.place || path.length <= 2;
    const duration = (inside ? INSIDE_MS : MOVE_MS) * Math.max(0.25, this.#haste());
    const startMs = Math.max(now, flight.endMs);
    Object.assign(flight, looks, { path, startMs, endMs: startMs + duration, place: message.place, last: stand });
    return Math.max(0, startMs - now) * this.#haste() + duration * 0.9 * this.#haste();
  }

  #end(step: StepMessage, now: number): number {
    const flight = this.active.get(step.packet);
    const lost = this.#lostAt(step);
    if (lost !== undefined && flight !== undefined) this.#fly(flight, lost, now);
    const box = this.#layout.machines.get(step.place) ?? this.#layout.pods.get(step.place);
    const at = lost?.at ?? (flight?.place === step.place ? flight.last.at : box && centre(box));
    if (at === undefined) return 0;
    this.drops.push({
      at,
      reason: step.dropReason ?? step.text,
      place: step.place,
      atMs: Math.max(now, flight?.endMs ?? 0),
    });
    return GAP_MS * this.#haste();
  }

  /** What is lost on the wire ends at the port whose cable is out, as the step names it: `… (rack node1 eth0)`. */
  #lostAt({ dropReason, text }: StepMessage): Stand | undefined {
    if (dropReason !== 'link-down' && dropReason !== 'link-loss') return undefined;
    const [, host, name] = / (\S+) (\S+)\)$/.exec(text) ?? [];
    for (const place of [`node/${host}`, `host/${host}`]) {
      const port = this.#layout.machines.get(place)?.ports.find((one) => one.name === name);
      if (port !== undefined) return { at: port.at, place, interface: port.name };
    }
    return undefined;
  }

  #fly(flight: Flight, to: Stand, now: number): void {
    const startMs = Math.max(now, flight.endMs);
    const path = this.#between(flight.last, to);
    const duration = MOVE_MS * Math.max(0.25, this.#haste());
    Object.assign(flight, { path, startMs, endMs: startMs + duration, place: to.place, last: to });
  }

  #originOf({ place, direction }: FrameMessage): Point | undefined {
    if (direction === 'in') return undefined;
    const box = this.#layout.pods.get(place) ?? this.#layout.machines.get(place);
    return box && centre(box);
  }

  #standOf(message: FrameMessage): Stand | undefined {
    const { place, interface: name } = message;
    const pod = this.#layout.pods.get(place);
    if (pod !== undefined) return { at: podPort(pod, 9), place, interface: name };
    const machine = this.#layout.machines.get(place);
    return machine === undefined ? undefined : { at: this.#deviceAt(machine, name), place, interface: name };
  }

  #deviceAt(machine: MachineBox, name: string): Point {
    const port = machine.ports.find((one) => one.name === name);
    if (port !== undefined) return port.at;
    if (/^(?:vxlan|tunl|ipip|flannel)/.test(name)) return { x: machine.tunnel.x, y: machine.tunnel.y + 14 };
    const pod = this.#layout.pods.get(this.#podOf.get(`${machine.place} ${name}`) ?? '');
    if (pod !== undefined) return podPort(pod, -6);
    return { x: machine.x + machine.width / 2, y: machine.barY };
  }

  #between(from: Stand, to: Stand): readonly Point[] {
    if (from.place === to.place) {
      const machine = this.#layout.machines.get(from.place);
      if (machine === undefined) return [from.at, to.at];
      const { barY } = machine;
      return [from.at, { x: from.at.x, y: barY }, { x: to.at.x, y: barY }, to.at];
    }
    const a = this.#layout.machines.get(from.place)?.ports.find(({ name }) => name === from.interface);
    const b = this.#layout.machines.get(to.place)?.ports.find(({ name }) => name === to.interface);
    return a !== undefined && b !== undefined && a.subnet === b.subnet ? wayBetween(a, b) : [from.at, to.at];
  }
}

const centre = ({ x, y, width, height }: { x: number; y: number; width: number; height: number }): Point => ({
  x: x + width / 2,
  y: y + height / 2,
});
const podPort = ({ x, y, width }: PodBox, down: number): Point => ({ x: x + width / 2, y: y + down });

/** Where along `path` something is that has gone `part` of it, 0 to 1. */
export function pointAlong(path: readonly Point[], part: number): Point {
  const first = path[0] ?? { x: 0, y: 0 };
  const lengths = path.slice(1).map((point, i) => Math.hypot(point.x - (path[i]?.x ?? 0), point.y - (path[i]?.y ?? 0)));
  let left = lengths.reduce((sum, length) => sum + length, 0) * Math.min(1, Math.max(0, part));
  for (const [i, length] of lengths.entries()) {
    const [a = first, b = first] = [path[i], path[i + 1]];
    if (left <= length && length > 0)
      return { x: a.x + ((b.x - a.x) * left) / length, y: a.y + ((b.y - a.y) * left) / length };
    left -= length;
  }
  return path.at(-1) ?? first;
}
