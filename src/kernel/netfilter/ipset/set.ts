/** A set and what is asked of it, by commands and by packets (struct ip_set, its uadt and kadt variants). */

import type { Cause } from '../../../trace/index.js';
import type { RulePacket } from '../packet.js';
import type { SetOptions } from './create-options.js';
import type { Extensions } from './member.js';
import type { SetType } from './types.js';

/** A bound on an element's counter: `--packets-gt 5`, `! --bytes-eq 6`. */
export interface CounterBound {
  readonly field: 'packets' | 'bytes';
  readonly operator: 'eq' | 'ne' | 'lt' | 'gt';
  readonly value: number;
}

/** How a rule looks into a set (struct ip_set_adt_opt). */
export interface SetLookup {
  /** For each dimension of the element, whose address or port. */
  readonly flags: readonly ('src' | 'dst')[];
  readonly updateCounters: boolean;
  /** Of the sets inside a list:set. */
  readonly updateSubcounters: boolean;
  /** Elements marked nomatch match, and only they. */
  readonly returnNomatch: boolean;
  readonly counterBounds: readonly CounterBound[];
}

/** A new element from a packet (the SET target). */
export interface SetChange {
  readonly flags: readonly ('src' | 'dst')[];
  readonly exist: boolean;
  readonly timeoutS: number | undefined;
}

/** `before NAME` or `after NAME` of list:set. */
export interface ListPlace {
  readonly where: 'before' | 'after';
  readonly name: string;
}

export interface ElementArgument {
  /** As `ipset add` takes it; a range may stand for many. */
  readonly text: string;
  readonly extensions: Extensions;
  readonly exist: boolean;
  readonly place?: ListPlace;
}

/** All may throw IpsetError, but those for packets, which answer. */
export interface Ipset {
  readonly type: SetType;
  readonly options: SetOptions;
  /** What `create` takes after the type, as printed. */
  readonly header: string;
  because: readonly Cause[];
  /** False where only its text is kept: what a packet finds in it is unknown. */
  readonly modelled: boolean;
  readonly size: number;
  add(element: ElementArgument): void;
  delete(element: ElementArgument): void;
  /** `ipset test`: `nomatch` asks for elements marked so. */
  test(element: ElementArgument): boolean;
  flush(): void;
  /** Elements with their extensions, as `ipset save` prints them, in numeric order. */
  members(): string[];
  /** ip_set_test(). */
  matches(packet: RulePacket, lookup: SetLookup): boolean;
  /** ip_set_add(); false where it was not possible. */
  addPacket(packet: RulePacket, change: SetChange): boolean;
  /** ip_set_del(). */
  deletePacket(packet: RulePacket, change: SetChange): boolean;
  /** Estimate of `Size in memory`. */
  readonly memory: number;
}

/** A set and its place: rules and list:set hold on to the place, and `ipset swap` changes what is in it. */
export interface SetSlot {
  name: string;
  set: Ipset;
  /** Rules and list:sets that refer to it. */
  references: number;
}
