/**
 * IPAM's recorded state: blocks, affinities, handles, configuration. It changes in place, as the datastore
 * does; `clone` takes a copy, `objects.ts` loads and prints it.
 */

import { type Cidr, formatCidr } from '../cidr.js';
import { compareText } from '../digest.js';
import { AllocationBlock, sanitizeHandle } from './block.js';
import { doesNotExist } from './errors.js';
import {
  type AffinityOwner,
  affinityName,
  affinityText,
  type BlockAffinity,
  blockName,
  DEFAULT_IPAM_CONFIG,
  type IpamConfig,
} from './model.js';

/** By block, how many of its addresses belong to the handle. */
export type HandleBlocks = ReadonlyMap<string, number>;

function cloneBlock(block: AllocationBlock): AllocationBlock {
  const copy = new AllocationBlock(block.cidr);
  copy.affinity = block.affinity;
  copy.affinityClaimTimeNs = block.affinityClaimTimeNs;
  copy.sequenceNumber = block.sequenceNumber;
  copy.unallocated = [...block.unallocated];
  copy.attributes = [...block.attributes];
  block.allocations.forEach((index, ordinal) => {
    copy.allocations[ordinal] = index;
  });
  for (const [ordinal, number] of block.sequenceNumberForAllocation)
    copy.sequenceNumberForAllocation.set(ordinal, number);
  return copy;
}

const NO_BLOCKS: HandleBlocks = new Map();

export class IpamStore {
  readonly #blocks = new Map<string, AllocationBlock>();
  /** Until one comes or goes. */
  #sorted: readonly AllocationBlock[] | undefined = undefined;
  readonly #affinities = new Map<string, BlockAffinity>();
  /** Names of the affinities of each owner. */
  readonly #byOwner = new Map<string, Set<string>>();
  readonly #handles = new Map<string, Map<string, number>>();
  /** In their order, until one comes or goes. */
  #handleIds: readonly string[] | undefined = undefined;
  /** Counts changes of affinities: who has read them knows by it whether to read again. */
  affinityRevision = 0;
  /** Undefined until something asked for it, or an IPAMConfig object was loaded. */
  storedConfig: IpamConfig | undefined = undefined;

  /** The configuration; the first who asks has the defaults written. */
  config(): IpamConfig {
    this.storedConfig ??= DEFAULT_IPAM_CONFIG;
    return this.storedConfig;
  }

  clone(): IpamStore {
    const copy = new IpamStore();
    for (const block of this.#blocks.values()) copy.putBlock(cloneBlock(block));
    for (const affinity of this.#affinities.values()) copy.putAffinity(affinity);
    for (const [id, blocks] of this.#handles) copy.#handles.set(id, new Map(blocks));
    copy.storedConfig = this.storedConfig;
    return copy;
  }

  /** Takes what another has, in its place: whoever holds on to this one sees the change. */
  become(other: IpamStore): void {
    for (const affinity of this.affinities()) this.deleteAffinity(affinity);
    this.#blocks.clear();
    this.#handles.clear();
    for (const block of other.blocks()) this.putBlock(cloneBlock(block));
    for (const affinity of other.affinities()) this.putAffinity(affinity);
    for (const [id, blocks] of other.handles()) this.#handles.set(id, new Map(blocks));
    this.storedConfig = other.storedConfig;
  }

  /** Sorted by object name. */
  blocks(): readonly AllocationBlock[] {
    this.#sorted ??= [...this.#blocks.values()]
      .map((block) => ({ block, name: blockName(block.cidr) }))
      .sort((a, b) => compareText(a.name, b.name))
      .map(({ block }) => block);
    return this.#sorted;
  }

  block(cidr: Cidr): AllocationBlock | undefined {
    return this.#blocks.get(formatCidr(cidr));
  }

  blockNamed(cidr: string): AllocationBlock | undefined {
    return this.#blocks.get(cidr);
  }

  putBlock(block: AllocationBlock): void {
    this.#sorted = undefined;
    this.#blocks.set(formatCidr(block.cidr), block);
  }

  deleteBlock(block: AllocationBlock): void {
    this.#sorted = undefined;
    this.#blocks.delete(formatCidr(block.cidr));
  }

  /** Sorted by object name. */
  affinities(): BlockAffinity[] {
    return [...this.#affinities].sort(([a], [b]) => compareText(a, b)).map(([, affinity]) => affinity);
  }

  /** Those of one owner in the order of a listing. */
  affinitiesOf(owner: AffinityOwner, version: 4 | 6): BlockAffinity[] {
    const names = [...(this.#byOwner.get(affinityText(owner)) ?? [])].sort(compareText);
    return names.flatMap((name) => this.#affinities.get(name) ?? []).filter(({ cidr }) => cidr.version === version);
  }

  affinity(owner: AffinityOwner, cidr: Cidr): BlockAffinity | undefined {
    const found = this.#affinities.get(affinityName({ owner, cidr }));
    return found?.owner.type === owner.type ? found : undefined;
  }

  putAffinity(affinity: BlockAffinity): void {
    this.affinityRevision += 1;
    const name = affinityName(affinity);
    this.#affinities.set(name, affinity);
    const owner = affinityText(affinity.owner);
    const names = this.#byOwner.get(owner) ?? new Set();
    this.#byOwner.set(owner, names.add(name));
  }

  deleteAffinity(affinity: BlockAffinity): void {
    this.affinityRevision += 1;
    const name = affinityName(affinity);
    this.#affinities.delete(name);
    this.#byOwner.get(affinityText(affinity.owner))?.delete(name);
  }

  /** Sorted by handle. */
  handles(): [string, HandleBlocks][] {
    this.#handleIds ??= [...this.#handles.keys()].sort(compareText);
    return this.#handleIds.map((id) => [id, this.#handles.get(id) ?? NO_BLOCKS]);
  }

  #keepHandle(id: string, blocks: Map<string, number>): void {
    if (!this.#handles.has(id)) this.#handleIds = undefined;
    this.#handles.set(id, blocks);
  }

  handle(id: string): HandleBlocks | undefined {
    return this.#handles.get(sanitizeHandle(id));
  }

  requireHandle(id: string): HandleBlocks {
    const found = this.handle(id);
    if (found === undefined) throw doesNotExist(`IPAMHandleKey(id=${sanitizeHandle(id)})`);
    return found;
  }

  putHandle(id: string, blocks: HandleBlocks): void {
    this.#keepHandle(id, new Map(blocks));
  }

  /** Whether it was there. */
  deleteHandle(id: string): boolean {
    this.#handleIds = undefined;
    return this.#handles.delete(sanitizeHandle(id));
  }

  incrementHandle(id: string, block: Cidr, count: number): void {
    const blocks = this.#handles.get(id) ?? new Map<string, number>();
    const name = formatCidr(block);
    blocks.set(name, (blocks.get(name) ?? 0) + count);
    this.#keepHandle(id, blocks);
  }

  /** A handle vanishes when nothing is left under it. One that does not have so many stays as it is: upstream logs that. */
  decrementHandle(id: string, block: Cidr, count: number): void {
    const blocks = this.#handles.get(id);
    const name = formatCidr(block);
    const left = (blocks?.get(name) ?? 0) - count;
    if (blocks === undefined || left < 0) return;
    if (left > 0) blocks.set(name, left);
    else blocks.delete(name);
    if (blocks.size > 0) return;
    this.#handleIds = undefined;
    this.#handles.delete(id);
  }

  /** How many addresses of one family a handle has. */
  handleCount(id: string, version: 4 | 6): number {
    let count = 0;
    for (const [cidr, addresses] of this.handle(id) ?? [])
      if (cidr.includes(':') === (version === 6)) count += addresses;
    return count;
  }
}
