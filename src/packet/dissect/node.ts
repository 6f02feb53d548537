/** What a dissection is made of: nodes with byte ranges, and the builder that every protocol's dissector uses. */

import { checksumPartial, finishChecksum } from '../checksum.js';

/** A layer, a field, or a group of fields. Offsets count from the first octet of the dissected bytes. */
export interface DissectedNode {
  /** A stable key, unique among its siblings but for repeated things: `ipv4`, `ttl`, `option`. */
  readonly name: string;
  /** The same in words: `Time to live`. */
  readonly label: string;
  /** What it holds, as text; empty for a mere group. */
  readonly value: string;
  readonly offset: number;
  readonly length: number;
  readonly children: readonly DissectedNode[];
  /** What is wrong here; absent where nothing is. */
  readonly problem?: string;
}

/** What transports must know of the network layer that carries them. */
export interface NetworkContext {
  /** The pseudo-header's sum for a transport of that length. */
  readonly pseudo: (length: number) => number;
  /** Part of the transport is elsewhere: a fragment, a cut-off capture or a quotation. Why, in words. */
  readonly incomplete?: string;
}

/** Where a layer may read, and how it came there. */
export interface Place {
  readonly view: DataView;
  readonly offset: number;
  readonly end: number;
  /** Inside an ICMP error: cut short on purpose (RFC 792, RFC 1812 §4.3.2.3). */
  readonly quoted: boolean;
  readonly network?: NetworkContext;
}

/** Which table says what follows, and the keys to try in it, in order. */
export interface Next {
  readonly table: 'etherType' | 'ipProtocol' | 'udpPort' | 'tcpPort' | 'fixed';
  readonly keys: readonly (number | string)[];
  readonly place: Place;
}

/** The key in table `udpPort` of what is known by its source port. */
export const sourcePortKey = (port: number): string => `from ${port}`;

/** A layer taken apart: its own node, and what lies behind it. */
export interface Layer {
  readonly node: DissectedNode;
  readonly next?: Next;
  /** A packet quoted inside this layer; its layers become this node's last children. */
  readonly quote?: Next;
}

export type Dissector = (place: Place) => Layer;

/** Fields in the making, offsets relative to the header's start. */
export class Fields {
  readonly base: number;
  readonly nodes: DissectedNode[] = [];

  constructor(base: number) {
    this.base = base;
  }

  /** A field at `[offset, length]` of the header. */
  add(name: string, label: string, range: readonly [number, number], value: string | number): this {
    return this.push({
      name,
      label,
      value: String(value),
      offset: this.base + range[0],
      length: range[1],
      children: [],
    });
  }

  push(node: DissectedNode): this {
    this.nodes.push(node);
    return this;
  }

  /** Says what is wrong with the field added last, if anything is. */
  problem(problem: string | undefined): this {
    const last = this.nodes.pop();
    if (last !== undefined) this.nodes.push(problem === undefined ? last : { ...last, problem });
    return this;
  }

  /** Fields inside the field added last. */
  inside(children: readonly DissectedNode[]): this {
    const last = this.nodes.pop();
    if (last !== undefined) this.nodes.push({ ...last, children });
    return this;
  }
}

export interface LayerText {
  readonly name: string;
  readonly label: string;
  readonly value: string;
}

/** A layer's node over `[fields.base, end)`. */
export const layerNode = (text: LayerText, fields: Fields, end: number): DissectedNode => ({
  ...text,
  offset: fields.base,
  length: end - fields.base,
  children: fields.nodes,
});

/** A layer that cannot be read: all that is left, and why. */
export function unreadable(text: Omit<LayerText, 'value'>, place: Place, problem: string): Layer {
  const length = place.end - place.offset;
  return { node: { ...text, value: `${length} octets`, offset: place.offset, length, children: [], problem } };
}

export const tooShort = (text: Omit<LayerText, 'value'>, place: Place, needed: number): Layer =>
  unreadable(text, place, `needs ${needed} octets, ${place.end - place.offset} are here`);

export const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

const inWords = (key: string): string => key.replace(/([A-Z])/g, ' $1').toLowerCase();

/** Of tables of constants that have been asked, the first name of each number. */
const namesOf = new WeakMap<Readonly<Record<string, number>>, ReadonlyMap<number, string>>();

/** A constant's name for a number: the key in `table` that holds it, spaced into words. */
export function nameIn(table: Readonly<Record<string, number>>, value: number): string | undefined {
  let names = namesOf.get(table);
  if (names === undefined) {
    names = new Map(
      Object.entries(table)
        .map(([key, number]) => [number, inWords(key)] as const)
        .toReversed(),
    );
    namesOf.set(table, names);
  }
  return names.get(value);
}

/** `6 (tcp)`, or the number alone. */
export function named(table: Readonly<Record<string, number>>, value: number): string {
  const name = nameIn(table, value);
  return name === undefined ? String(value) : `${value} (${name})`;
}

/** What a checksum over `range` has to be for its field to be right: `value` itself where it is (0 and 0xffff both may be). */
export function expectedChecksum(
  view: DataView,
  range: { readonly offset: number; readonly end: number; readonly sum: number },
  value: number,
): number {
  const sum = checksumPartial(view, range.offset, range.end, range.sum);
  return finishChecksum(sum) === 0 ? value : finishChecksum(sum + (~value & 0xffff));
}

/** A checksum's value and problem. `expected` is what it would have to be; undefined where that cannot be known. */
export function addChecksum(fields: Fields, at: number, field: { value: number; expected: number | string }): void {
  const { value, expected } = field;
  const text = hex(value, 4);
  if (typeof expected === 'string') fields.add('checksum', 'Checksum', [at, 2], `${text} (not verified: ${expected})`);
  else if (expected === value) fields.add('checksum', 'Checksum', [at, 2], `${text} (correct)`);
  else fields.add('checksum', 'Checksum', [at, 2], text).problem(`wrong checksum: ${hex(expected, 4)} expected`);
}
