/** Frames as they came over the stream: the last ones, and what a reader wants to know of each at a glance. */

import { signal } from '@preact/signals';
import { type DissectedNode, dissect } from '../../../src/packet/index.js';
import type { FrameMessage } from '../../../src/server/stream/messages.js';

/** Frames that are kept; the oldest go. */
const CAPACITY = 50_000;
/** Removing from the front of an array costs its length: done in steps. */
const SLACK = 5000;

export type Protocol = 'arp' | 'tcp' | 'udp' | 'icmp' | 'dns' | 'bgp' | 'http' | 'sctp' | 'other';

/** The innermost packet, and what it is wrapped in. */
export interface Glance {
  readonly protocol: Protocol;
  readonly source: string;
  readonly destination: string;
  readonly outer?: { readonly protocol: 'vxlan' | 'ipip'; readonly source: string; readonly destination: string };
  /** `SYN`, `ACK`; empty for other protocols. */
  readonly flags: string;
  /** Source and destination of TCP, UDP or SCTP. */
  readonly ports?: readonly [source: string, destination: string];
}

const TRANSPORT = new Set(['tcp', 'udp', 'sctp']);
const NETWORK = new Set(['ipv4', 'ipv6', 'arp']);
const KNOWN: ReadonlySet<string> = new Set(['arp', 'tcp', 'udp', 'icmp', 'dns', 'bgp', 'http', 'sctp']);

const childValue = (node: DissectedNode | undefined, wanted: string): string =>
  node?.children.find(({ name }) => name === wanted)?.value ?? '';

const endsOf = (layer: DissectedNode | undefined): { source: string; destination: string } =>
  layer?.name === 'arp'
    ? {
        source: childValue(layer, 'senderIp'),
        destination: childValue(layer, 'targetIp'),
      }
    : { source: childValue(layer, 'source'), destination: childValue(layer, 'destination') };

/** What a dissected frame says. */
export function glanceAt({ children }: DissectedNode): Glance {
  const networks = children.filter(({ name }) => NETWORK.has(name));
  const first = networks[0] ?? children[0];
  const last = networks.at(-1) ?? first;
  const named = children.toReversed().find(({ name }) => KNOWN.has(name))?.name;
  const wrapped = networks.length > 1 || children.some(({ name }) => name === 'vxlan');
  const outer = children.some(({ name }) => name === 'vxlan') ? ('vxlan' as const) : ('ipip' as const);
  const tcp = children.find(({ name }) => name === 'tcp');
  const inner = last === undefined ? [] : children.slice(children.indexOf(last));
  const transport = inner.find(({ name }) => TRANSPORT.has(name));
  return {
    protocol: (named as Protocol | undefined) ?? 'other',
    ...endsOf(last),
    flags: /\((.+)\)/.exec(childValue(tcp, 'flags'))?.[1] ?? '',
    ...(transport === undefined
      ? {}
      : { ports: [childValue(transport, 'sourcePort'), childValue(transport, 'destinationPort')] as const }),
    ...(wrapped ? { outer: { protocol: outer, ...endsOf(first) } } : {}),
  };
}

/** tcpdump's line of the innermost packet, without the ends that stand in columns of their own. */
export function infoWithoutEnds(info: string): string {
  // A packet in a tunnel comes last, after the outer headers: each begins with IP.
  const innermost = info.slice(Math.max(0, info.lastIndexOf(' IP '))).trimStart();
  return innermost.replace(/^(?:IP6? \S+ > \S+: |ARP, )/, '');
}

/** A frame of the list, read when it is first looked at. */
export class Frame {
  readonly message: FrameMessage;
  /** When the browser had it, by `performance.now()`. */
  readonly arrivedMs: number;
  #tree: DissectedNode | undefined;
  #glance: Glance | undefined;

  constructor(message: FrameMessage, arrivedMs: number) {
    this.message = message;
    this.arrivedMs = arrivedMs;
  }

  get tree(): DissectedNode {
    this.#tree ??= dissect(this.message.bytes, this.message.linkType);
    return this.#tree;
  }

  /** What the list says of it beside its ends. */
  get info(): string {
    return infoWithoutEnds(this.message.info);
  }

  get glance(): Glance {
    this.#glance ??= glanceAt(this.tree);
    return this.#glance;
  }
}

export class FrameLog {
  readonly #later: (act: () => void) => void;
  #frames: Frame[] = [];
  #announced = false;
  /** Goes up once for every change: what shows the list reads it. */
  readonly version = signal(0);

  /** `later` puts off what shows the list until the browser draws. */
  constructor(later: (act: () => void) => void) {
    this.#later = later;
  }

  get frames(): readonly Frame[] {
    return this.#frames;
  }

  get length(): number {
    return this.#frames.length;
  }

  add(messages: readonly FrameMessage[], nowMs: number): readonly Frame[] {
    const added = messages.map((message) => new Frame(message, nowMs));
    for (const frame of added) this.#frames.push(frame);
    if (this.#frames.length > CAPACITY + SLACK) this.#frames = this.#frames.slice(-CAPACITY);
    this.#changed();
    return added;
  }

  /** Once for each frame of the browser, however many batches come. */
  #changed(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.#later(() => {
      this.#announced = false;
      this.version.value++;
    });
  }

  clear(): void {
    this.#frames = [];
    this.version.value++;
  }

  bySeq(seq: number): Frame | undefined {
    return this.#frames.findLast(({ message }) => message.seq === seq);
  }

  /** The same packet everywhere that it was seen, in the order of time. */
  ofPacket(packet: number): readonly Frame[] {
    return this.#frames.filter(({ message }) => message.packet === packet);
  }
}
