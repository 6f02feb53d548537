/**
 * Giving out addresses that nobody asked for by name; libcalico-go/lib/ipam/ipam.go:autoAssign(). The order:
 * blocks that the host has, a new block, an empty block of another host, then single addresses borrowed
 * from blocks of others.
 */

import { type Cidr, cidrCovers, formatCidr, hostCidr, networkOf } from '../cidr.js';
import type { IpPool } from '../model.js';
import type { AllocationBlock } from './block.js';
import { blocksInOrder } from './block-order.js';
import { blockOfAffinity, claimBlock, findUsableBlock, touchBlock, tryReleaseAffinity } from './claim.js';
import { doesNotExist, IpamError } from './errors.js';
import {
  type AffinityOwner,
  type Assignments,
  type AutoAssignRequest,
  type BlockAffinity,
  DEFAULT_MAX_BLOCKS_PER_HOST,
  type IpamConfig,
  type IpamContext,
} from './model.js';
import { choosePools, type PoolChoice, poolContaining, poolSelectsNode } from './pools.js';
import { addressesByHandle } from './query.js';
import type { IpamStore } from './store.js';

const MAX_RETRIES = 100;

function blockLimit(
  { maxBlocksPerHost: wanted = 0 }: AutoAssignRequest,
  { maxBlocksPerHost: configured }: IpamConfig,
): number {
  if (wanted === 0) return configured || DEFAULT_MAX_BLOCKS_PER_HOST;
  return configured > 0 ? Math.min(wanted, configured) : wanted;
}

/** One request on its way. */
class Assignment {
  readonly #store: IpamStore;
  readonly #request: AutoAssignRequest;
  readonly #context: IpamContext;
  readonly #config: IpamConfig;
  readonly #owner: AffinityOwner;
  readonly #pools: readonly IpPool[];
  readonly #affine: BlockAffinity[];
  readonly #addresses: Cidr[] = [];
  readonly #messages: string[] = [];
  #blocksOwned: number;

  constructor(store: IpamStore, request: AutoAssignRequest, context: IpamContext) {
    this.#store = store;
    this.#request = request;
    this.#context = context;
    this.#config = store.config();
    const forService = request.use === 'LoadBalancer';
    this.#owner = { type: forService ? 'virtual' : 'host', host: request.host };
    const labels = forService ? {} : context.nodeLabels(request.host);
    if (labels === undefined) throw doesNotExist(`Node(${request.host})`);
    const choice = choosePools(request, context, labels);
    this.#pools = choice.allowed;
    this.#affine = this.#affineBlocks(choice, (pool) => poolSelectsNode(pool, labels));
    this.#blocksOwned = this.#affine.length;
  }

  /** The host's blocks in the allowed pools. Empty ones of pools that select it no more are given up on the way. */
  #affineBlocks({ allowed, selecting, enabled }: PoolChoice, selectsNode: (pool: IpPool) => boolean): BlockAffinity[] {
    const all = this.#store.affinitiesOf(this.#owner, this.#request.version);
    for (const { cidr } of all.filter((affinity) => poolContaining(selecting, affinity.cidr) === undefined)) {
      const pool = poolContaining(enabled, cidr);
      if (pool !== undefined && !selectsNode(pool)) tryReleaseAffinity(this.#store, this.#owner, cidr);
    }
    return all.filter(({ cidr }) => poolContaining(allowed, cidr) !== undefined);
  }

  get #missing(): number {
    return this.#request.count - this.#addresses.length;
  }

  get #result(): Assignments {
    const { version, count } = this.#request;
    return { addresses: this.#addresses, version, requested: count, messages: this.#messages };
  }

  run(): Assignments {
    this.#takeFromOwnBlocks();
    if (this.#missing > 0 && !this.#config.strictAffinity) this.#borrow();
    return this.#result;
  }

  #takeFromOwnBlocks(): void {
    while (this.#missing > 0) {
      const block = this.#nextAffineBlock() ?? this.#claimNewBlock();
      if (block === undefined) {
        if (this.#config.strictAffinity) this.#messages.push('No more free affine blocks and strict affinity enabled');
        return;
      }
      if (this.#takeFrom(block) === 'handle-limit') return;
    }
  }

  #nextAffineBlock(): AllocationBlock | undefined {
    const { reservations } = this.#context;
    for (let affinity = this.#affine.shift(); affinity !== undefined; affinity = this.#affine.shift()) {
      const { cidr } = affinity;
      if (reservations.some((reserved) => cidrCovers(reserved, cidr))) continue;
      const block = blockOfAffinity(this.#store, affinity, this.#context);
      if (block !== undefined && block.countFree(reservations) > 0) return block;
    }
    return undefined;
  }

  #claimNewBlock(): AllocationBlock | undefined {
    const limit = blockLimit(this.#request, this.#config);
    if (this.#blocksOwned >= limit) {
      this.#messages.push(
        `Need to allocate an IPAM block but could not - limit of ${limit} blocks reached for this node`,
      );
      throw new IpamError('block-limit', 'cannot allocate new block due to per host block limit', this.#result);
    }
    if (!this.#config.autoAllocateBlocks)
      throw new IpamError('invalid', 'failed to find or claim a block', this.#result);
    for (let attempt = 0; attempt < MAX_RETRIES; attempt++) {
      const cidr = findUsableBlock(this.#store, { owner: this.#owner, pools: this.#pools, context: this.#context });
      if (cidr === undefined) return undefined;
      const block = claimBlock(this.#store, this.#owner, cidr, this.#context);
      if (block === undefined) continue; // a stale affinity, now gone
      this.#blocksOwned += 1;
      return block;
    }
    throw new IpamError('conflict', 'Max retries hit - excessive concurrent IPAM requests', this.#result);
  }

  /** Takes what is missing from one block, as far as it goes. */
  #takeFrom(block: AllocationBlock): 'done' | 'handle-limit' {
    const { handleId, attributes, maxPerHandle = 0, version } = this.#request;
    const ordinals = block.available(this.#missing, this.#context.reservations);
    if (ordinals.length === 0) return 'done';
    if (handleId !== undefined) {
      if (maxPerHandle > 0 && this.#store.handleCount(handleId, version) + this.#missing > maxPerHandle) {
        this.#takeAgain(handleId);
        return 'handle-limit';
      }
      // Upstream counts what was asked of the block, not what it gave: a handle that ends up too high is its doing.
      this.#store.incrementHandle(handleId, block.cidr, this.#missing);
    }
    this.#addresses.push(...block.allocate(ordinals, { attributes, ...(handleId !== undefined && { handleId }) }));
    touchBlock(block);
    return 'done';
  }

  /** The handle has all that it may have: its own addresses are the answer, as single addresses. */
  #takeAgain(handleId: string): void {
    const { version, count } = this.#request;
    const existing = addressesByHandle(this.#store, handleId).filter((address) => address.version === version);
    if (existing.length >= count) this.#addresses.push(...existing.slice(0, count).map(hostCidr));
  }

  #borrow(): void {
    const exhausted: string[] = [];
    for (const pool of this.#pools) {
      if (this.#borrowFrom(pool) === 'exhausted') exhausted.push(formatCidr(networkOf(pool.cidr)));
    }
    if (exhausted.length > 0) this.#messages.push(`No IPs available in pools: [${exhausted.join(' ')}]`);
  }

  #borrowFrom(pool: IpPool): 'satisfied' | 'exhausted' {
    const { reservations, nowNs } = this.#context;
    if (this.#missing === 0) return 'satisfied';
    for (const cidr of blocksInOrder(pool, this.#request.host, nowNs)) {
      if (reservations.some((reserved) => cidrCovers(reserved, cidr))) continue;
      const block = this.#store.block(cidr);
      if (block !== undefined && this.#takeFrom(block) === 'handle-limit') return 'satisfied';
      if (this.#missing === 0) return 'satisfied';
    }
    return 'exhausted';
  }
}

/** Throws IpamError; what was assigned before is in its `partial`. Fewer addresses than asked for are no error. */
export const autoAssign = (store: IpamStore, request: AutoAssignRequest, context: IpamContext): Assignments =>
  new Assignment(store, request, context).run();
