/** list:set, a list of other sets that are asked in turn (net/netfilter/ipset/ip_set_list_set.c). */

import type { Cause } from '../../../trace/index.js';
import type { Clock } from '../../clock.js';
import type { RulePacket } from '../packet.js';
import { formatSetOptions, type SetOptions } from './create-options.js';
import { fail } from './errors.js';
import { applyExtensions, checkExtensions, countPacket, type Extended, formatExtensions } from './extensions.js';
import type { ElementArgument, Ipset, SetChange, SetLookup, SetSlot } from './set.js';
import type { SetType } from './types.js';

interface Entry extends Extended {
  readonly slot: SetSlot;
}

export class ListSet implements Ipset {
  readonly type: SetType;
  readonly options: SetOptions;
  because: readonly Cause[];
  readonly #clock: Clock;
  readonly #slotOf: (name: string) => SetSlot | undefined;
  #entries: Entry[] = [];

  constructor(
    type: SetType,
    options: SetOptions,
    more: { clock: Clock; because: readonly Cause[]; slotOf: (name: string) => SetSlot | undefined },
  ) {
    this.type = type;
    this.options = options;
    this.because = more.because;
    this.#clock = more.clock;
    this.#slotOf = more.slotOf;
  }

  get modelled(): boolean {
    return this.#entries.every((entry) => entry.slot.set.modelled);
  }

  get header(): string {
    return formatSetOptions(this.options, this.type);
  }

  get size(): number {
    return this.#live().length;
  }

  get memory(): number {
    return 80 + 48 * this.#entries.length;
  }

  #live(): Entry[] {
    const now = this.#clock.nowNs;
    if (this.#entries.some((entry) => entry.expiresNs <= now)) {
      for (const entry of this.#entries) if (entry.expiresNs <= now) entry.slot.references -= 1;
      this.#entries = this.#entries.filter((entry) => entry.expiresNs > now);
    }
    return this.#entries;
  }

  #slot(name: string): SetSlot {
    return this.#slotOf(name) ?? fail('memberNoSet');
  }

  add(element: ElementArgument): void {
    checkExtensions(element.extensions, this.options, this.type);
    const slot = this.#slot(element.text);
    if (slot.set.type.storage === 'list') fail('memberLoop');
    const entries = this.#live();
    const context = { options: this.options, nowNs: this.#clock.nowNs };
    const present = entries.find((entry) => entry.slot === slot);
    if (present !== undefined) {
      if (!element.exist) fail('elementExists');
      applyExtensions(present, element.extensions, context);
      return;
    }
    const entry: Entry = { slot, expiresNs: 0, packets: 0, bytes: 0, comment: '', nomatch: false, skbinfo: '' };
    applyExtensions(entry, element.extensions, context);
    entries.splice(this.#position(element), 0, entry);
    slot.references += 1;
  }

  #position({ place }: ElementArgument): number {
    if (place === undefined) return this.#entries.length;
    const reference = this.#slotOf(place.name) ?? fail('noReference');
    const at = this.#entries.findIndex((entry) => entry.slot === reference);
    if (at < 0) fail('referenceMissing');
    return place.where === 'before' ? at : at + 1;
  }

  delete(element: ElementArgument): void {
    const slot = this.#slot(element.text);
    const at = this.#live().findIndex((entry) => entry.slot === slot);
    if (at >= 0) {
      this.#entries.splice(at, 1);
      slot.references -= 1;
    } else if (!element.exist) fail('elementMissing');
  }

  test(element: ElementArgument): boolean {
    const slot = this.#slot(element.text);
    return this.#live().some((entry) => entry.slot === slot);
  }

  flush(): void {
    for (const entry of this.#entries) entry.slot.references -= 1;
    this.#entries = [];
  }

  members(): string[] {
    const now = this.#clock.nowNs;
    return this.#live().map((entry) => entry.slot.name + formatExtensions(entry, this.options, now));
  }

  matches(packet: RulePacket, lookup: SetLookup): boolean {
    const now = this.#clock.nowNs;
    // list_set_ktest(): what is not to be counted in the list is not counted in its sets either.
    const updateCounters = lookup.updateCounters && lookup.updateSubcounters;
    const inner: SetLookup = { ...lookup, updateCounters, counterBounds: [] };
    for (const entry of this.#entries) {
      if (entry.expiresNs <= now || !entry.slot.set.matches(packet, inner)) continue;
      if (!this.options.counters || countPacket(entry, packet.length, lookup)) return true;
    }
    return false;
  }

  /** The first set that takes it. */
  addPacket(packet: RulePacket, change: SetChange): boolean {
    return this.#live().some((entry) => entry.slot.set.addPacket(packet, change));
  }

  deletePacket(packet: RulePacket, change: SetChange): boolean {
    return this.#live().some((entry) => entry.slot.set.deletePacket(packet, change));
  }
}
