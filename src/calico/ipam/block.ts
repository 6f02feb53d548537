/** One allocation block; libcalico-go/lib/ipam/ipam_block.go. */

import {
  type Address,
  type Cidr,
  cidrAt,
  cidrContains,
  cidrCovers,
  cidrSize,
  cidrsOverlap,
  formatAddress,
  formatCidr,
  networkOf,
  nthAddress,
} from '../cidr.js';
import { IpamError } from './errors.js';
import { type AffinityOwner, affinityText } from './model.js';

/** Who has an address: several addresses of one owner share an entry. */
export interface AllocationAttribute {
  readonly handleId?: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const sameAttribute = (a: AllocationAttribute, b: AllocationAttribute): boolean => {
  if (a.handleId !== b.handleId) return false;
  const names = Object.keys(a.attributes);
  return (
    names.length === Object.keys(b.attributes).length &&
    names.every((name) => a.attributes[name] === b.attributes[name])
  );
};

/** Handles that a migration from host-local wrote end in a carriage return and more. */
export const sanitizeHandle = (handleId: string): string => handleId.split('\r', 1)[0] ?? '';

export class AllocationBlock {
  readonly cidr: Cidr;
  affinity: string | undefined = undefined;
  /** When the affinity was claimed, in nanoseconds; undefined for older blocks. */
  affinityClaimTimeNs: bigint | undefined = undefined;
  /** By ordinal: index in `attributes`, or null where free. */
  readonly allocations: (number | null)[];
  /** Free ordinals in the order in which they will be handed out. */
  unallocated: number[];
  #attributes: readonly AllocationAttribute[] = [];
  /** By handle, the places in `attributes`; made when an owner is looked for. */
  #places: Map<string | undefined, number[]> | undefined = undefined;
  /** Counts writes of the block, from a start that no earlier block of this CIDR had. */
  sequenceNumber = 0n;
  /** By ordinal: the block's sequence number when the address was taken. */
  readonly sequenceNumberForAllocation = new Map<number, bigint>();

  constructor(cidr: Cidr) {
    this.cidr = networkOf(cidr);
    const size = Number(cidrSize(cidr));
    this.allocations = Array.from({ length: size }, () => null);
    this.unallocated = Array.from({ length: size }, (_, ordinal) => ordinal);
  }

  get attributes(): readonly AllocationAttribute[] {
    return this.#attributes;
  }

  set attributes(attributes: readonly AllocationAttribute[]) {
    this.#attributes = attributes;
    this.#places = undefined;
  }

  get size(): number {
    return this.allocations.length;
  }

  get empty(): boolean {
    return this.allocations.every((index) => index === null);
  }

  ordinalOf(address: Address): number {
    if (!cidrContains(this.cidr, address)) {
      throw new IpamError('invalid', `IP ${formatAddress(address)} not in block ${formatCidr(this.cidr)}`);
    }
    return Number(address.value - this.cidr.value);
  }

  /** Attribute of an address, or undefined where it is free. */
  attributeOf(address: Address): AllocationAttribute | undefined {
    const index = this.allocations[this.ordinalOf(address)];
    return index === null || index === undefined ? undefined : this.attributes[index];
  }

  isAffineTo(owner: AffinityOwner): boolean {
    return this.affinity === affinityText(owner);
  }

  /** How many addresses could still be handed out. */
  countFree(reservations: readonly Cidr[]): number {
    const near = reservations.filter((reserved) => cidrsOverlap(reserved, this.cidr));
    if (near.some((reserved) => cidrCovers(reserved, this.cidr))) return 0;
    return near.length === 0 ? this.unallocated.length : this.available(this.size, near).length;
  }

  /** The ordinals that would be handed out next: those reserved are passed over but keep their place. */
  available(count: number, reservations: readonly Cidr[]): number[] {
    const found: number[] = [];
    for (const ordinal of this.unallocated) {
      if (found.length >= count) break;
      const address = nthAddress(this.cidr, ordinal);
      if (!reservations.some((reserved) => cidrContains(reserved, address))) found.push(ordinal);
    }
    return found;
  }

  /** Hands out ordinals; the addresses come with the block's prefix length. */
  allocate(ordinals: readonly number[], attribute: AllocationAttribute): Cidr[] {
    const index = this.#attributeIndex(attribute);
    for (const ordinal of ordinals) {
      this.allocations[ordinal] = index;
      this.sequenceNumberForAllocation.set(ordinal, this.sequenceNumber);
    }
    const taken = new Set(ordinals);
    this.unallocated = this.unallocated.filter((ordinal) => !taken.has(ordinal));
    return ordinals.map((ordinal) => cidrAt(nthAddress(this.cidr, ordinal), this.cidr.length));
  }

  /** Assigns one address that is asked for by name. */
  assign(address: Address, attribute: AllocationAttribute): void {
    const ordinal = this.ordinalOf(address);
    if (this.allocations[ordinal] !== null) {
      const identifier = formatAddress(address);
      throw new IpamError(
        'already-exists',
        `resource already exists: ${identifier} with error: Address already assigned in block`,
      );
    }
    this.allocate([ordinal], attribute);
  }

  #attributeIndex(attribute: AllocationAttribute): number {
    const { handleId } = attribute;
    const places = this.#placesByHandle();
    const ofHandle = places.get(handleId) ?? [];
    for (const place of ofHandle) {
      const other = this.#attributes[place];
      if (other !== undefined && sameAttribute(other, attribute)) return place;
    }
    const place = this.#attributes.length;
    this.#attributes = [...this.#attributes, attribute];
    places.set(handleId, [...ofHandle, place]);
    return place;
  }

  #placesByHandle(): Map<string | undefined, number[]> {
    if (this.#places === undefined) {
      this.#places = new Map();
      for (const [place, { handleId }] of this.#attributes.entries()) {
        const known = this.#places.get(handleId);
        if (known === undefined) this.#places.set(handleId, [place]);
        else known.push(place);
      }
    }
    return this.#places;
  }

  ordinalsOfHandle(handleId: string): number[] {
    const ordinals: number[] = [];
    this.allocations.forEach((index, ordinal) => {
      const owner = index === null ? undefined : this.attributes[index]?.handleId;
      if (owner !== undefined && sanitizeHandle(owner) === handleId) ordinals.push(ordinal);
    });
    return ordinals;
  }

  addressesOfHandle(handleId: string): Address[] {
    return this.ordinalsOfHandle(handleId).map((ordinal) => nthAddress(this.cidr, ordinal));
  }

  allocatedAddresses(): Address[] {
    return this.allocations.flatMap((index, ordinal) => (index === null ? [] : [nthAddress(this.cidr, ordinal)]));
  }

  /**
   * Gives ordinals back: to the tail of the list, so that an address is used again as late as possible. Who releases by
   * handle leaves their sequence numbers behind.
   */
  release(ordinals: readonly number[], sequence: 'drop-sequence' | 'keep-sequence' = 'drop-sequence'): void {
    for (const ordinal of ordinals.toSorted((a, b) => a - b)) {
      if (this.allocations[ordinal] === null) continue;
      this.allocations[ordinal] = null;
      this.unallocated.push(ordinal);
      if (sequence === 'drop-sequence') this.sequenceNumberForAllocation.delete(ordinal);
    }
    this.#dropUnusedAttributes();
  }

  #dropUnusedAttributes(): void {
    const used = new Set(this.allocations);
    const renumbered = new Map<number, number>();
    const kept: AllocationAttribute[] = [];
    this.attributes.forEach((attribute, index) => {
      if (used.has(index)) renumbered.set(index, kept.push(attribute) - 1);
    });
    if (kept.length === this.attributes.length) return;
    this.attributes = kept;
    this.allocations.forEach((index, ordinal) => {
      if (index !== null) this.allocations[ordinal] = renumbered.get(index) ?? null;
    });
  }
}
