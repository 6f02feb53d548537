/**
 * IPAM once more and as plainly as it goes, for random sequences to be held against: addresses are texts, a block is a list of
 * who has what. Written from libcalico-go/lib/ipam alone; of src/ it takes the order in which a host tries blocks, which upstream's
 * own recordings hold.
 */

export interface ModelPool {
  readonly name: string;
  readonly cidr: string;
  readonly blocks: readonly string[];
  readonly addresses: (block: string) => readonly string[];
  disabled: boolean;
  /** Nodes that it selects. */
  selects: ReadonlySet<string>;
}

interface Owner {
  readonly handle: string;
  readonly node: string;
}

interface ModelBlock {
  readonly cidr: string;
  readonly addresses: readonly string[];
  affinity: string | undefined;
  claimed: number;
  /** In the order in which they will be given. */
  free: string[];
  readonly taken: Map<string, Owner>;
}

const RECLAIMED_AFTER_S = 60;
const BLOCKS_PER_HOST = 20;

export class RefusedByModel extends Error {}

const refuse = (why: string): never => {
  throw new RefusedByModel(why);
};

export class IpamModel {
  readonly pools: ModelPool[];
  readonly nodes: Set<string>;
  readonly #order: (pool: ModelPool, host: string) => readonly string[];
  readonly blocks = new Map<string, ModelBlock>();
  readonly handles = new Map<string, Map<string, number>>();
  reserved: ReadonlySet<string> = new Set();
  strict = false;
  maxBlocks = 0;
  now = 0;

  constructor(
    pools: ModelPool[],
    nodes: readonly string[],
    order: (pool: ModelPool, host: string) => readonly string[],
  ) {
    this.pools = pools;
    this.nodes = new Set(nodes);
    this.#order = order;
  }

  get #enabled(): ModelPool[] {
    return this.pools.filter(({ disabled }) => !disabled).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #poolOf(block: string, pools: readonly ModelPool[] = this.pools): ModelPool | undefined {
    return pools.find(({ blocks }) => blocks.includes(block));
  }

  #usable(block: ModelBlock): string[] {
    return block.free.filter((address) => !this.reserved.has(address));
  }

  /** A block whose addresses are reserved, all of them, is none. */
  #isReserved(cidr: string): boolean {
    const addresses = this.#poolOf(cidr)?.addresses(cidr) ?? [];
    return addresses.length > 0 && addresses.every((address) => this.reserved.has(address));
  }

  #claim(cidr: string, host: string): ModelBlock {
    const addresses = this.#poolOf(cidr)?.addresses(cidr) ?? [];
    const block = { cidr, addresses, affinity: host, claimed: this.now, free: [...addresses], taken: new Map() };
    this.blocks.set(cidr, block);
    return block;
  }

  #blocksOf(host: string): ModelBlock[] {
    return [...this.blocks.values()]
      .filter(({ affinity }) => affinity === host)
      .sort((a, b) => (a.cidr.replaceAll(/[./]/g, '-') < b.cidr.replaceAll(/[./]/g, '-') ? -1 : 1));
  }

  #give(block: ModelBlock, host: string, handle: string, missing: number): string[] {
    const given = this.#usable(block).slice(0, missing);
    if (given.length === 0) return [];
    for (const address of given) block.taken.set(address, { handle, node: host });
    block.free = block.free.filter((address) => !given.includes(address));
    // What was asked for, not what there was.
    this.#count(handle, block.cidr, missing);
    return given;
  }

  #count(handle: string, cidr: string, by: number): void {
    const counts = this.handles.get(handle) ?? new Map<string, number>();
    const left = (counts.get(cidr) ?? 0) + by;
    if (left < 0) return;
    if (left === 0) counts.delete(cidr);
    else counts.set(cidr, left);
    if (counts.size === 0) this.handles.delete(handle);
    else this.handles.set(handle, counts);
  }

  take(host: string, handle: string, count: number): string[] {
    if (!this.nodes.has(host)) refuse('no such node');
    const enabled = this.#enabled;
    if (enabled.length === 0) refuse('no pool');
    const pools = enabled.filter(({ selects }) => selects.has(host));
    if (pools.length === 0) refuse('no pool for the node');
    const own = this.#blocksOf(host);
    for (const block of own) {
      const pool = this.#poolOf(block.cidr, enabled);
      if (pool !== undefined && !pool.selects.has(host) && block.taken.size === 0) this.blocks.delete(block.cidr);
    }
    const affine = own.filter(({ cidr }) => this.#poolOf(cidr, pools) !== undefined);
    let owned = affine.length;
    const given: string[] = [];
    while (given.length < count) {
      let block = affine.shift();
      while (block !== undefined && this.#usable(block).length === 0) block = affine.shift();
      if (block === undefined) {
        if (owned >= (this.maxBlocks || BLOCKS_PER_HOST)) refuse('block limit');
        const cidr = this.#freeBlock(pools, host);
        if (cidr === undefined) break;
        block = this.blocks.get(cidr) ?? this.#claim(cidr, host);
        owned += 1;
      }
      given.push(...this.#give(block, host, handle, count - given.length));
    }
    if (!this.strict) this.#borrow({ pools, host, handle, count }, given);
    return given;
  }

  #borrow(
    { pools, host, handle, count }: { pools: readonly ModelPool[]; host: string; handle: string; count: number },
    given: string[],
  ): void {
    for (const cidr of pools.flatMap((pool) => this.#order(pool, host))) {
      if (given.length >= count) return;
      const block = this.#isReserved(cidr) ? undefined : this.blocks.get(cidr);
      if (block !== undefined) given.push(...this.#give(block, host, handle, count - given.length));
    }
  }

  #freeBlock(pools: readonly ModelPool[], host: string): string | undefined {
    const empty: ModelBlock[] = [];
    for (const cidr of pools.flatMap((pool) => this.#order(pool, host))) {
      if (this.#isReserved(cidr)) continue;
      const block = this.blocks.get(cidr);
      if (block === undefined) return cidr;
      if (this.#usable(block).length === 0) continue;
      if (block.affinity === host) return cidr;
      if (block.taken.size === 0) empty.push(block);
    }
    const old = empty.find(({ claimed }) => this.now - claimed >= RECLAIMED_AFTER_S);
    if (old !== undefined) this.blocks.delete(old.cidr);
    return old?.cidr;
  }

  assign(host: string, handle: string, address: string): void {
    const pool = this.#enabled.find(({ blocks, addresses }) => blocks.some((one) => addresses(one).includes(address)));
    const cidr = pool?.blocks.find((one) => pool.addresses(one).includes(address));
    if (cidr === undefined) throw new RefusedByModel('in no pool');
    const block = this.blocks.get(cidr) ?? this.#claim(cidr, host);
    if (this.strict && block.affinity !== host) refuse('not of this host');
    if (block.taken.has(address)) refuse('taken');
    block.taken.set(address, { handle, node: host });
    block.free = block.free.filter((one) => one !== address);
    this.#count(handle, cidr, 1);
  }

  #giveBack(block: ModelBlock, addresses: readonly string[]): void {
    const back = block.addresses.filter((address) => addresses.includes(address) && block.taken.delete(address));
    block.free.push(...back);
  }

  /** An empty block goes without an owner, or where its pool does not select its owner any more. */
  #tidy(block: ModelBlock): void {
    const { affinity, taken, cidr } = block;
    if (taken.size > 0) return;
    const pool = this.#poolOf(cidr, this.#enabled);
    const unwanted = affinity !== undefined && this.nodes.has(affinity) && pool && !pool.selects.has(affinity);
    if (affinity === undefined || unwanted) this.blocks.delete(cidr);
  }

  releaseHandle(handle: string): void {
    const counts = this.handles.get(handle);
    if (counts === undefined) throw new RefusedByModel('no such handle');
    for (const cidr of counts.keys()) {
      const block = this.blocks.get(cidr);
      const own = [...(block?.taken ?? [])].flatMap(([address, owner]) => (owner.handle === handle ? [address] : []));
      if (block === undefined || own.length === 0) continue;
      this.#giveBack(block, own);
      this.#count(handle, cidr, -own.length);
      this.#tidy(block);
    }
  }

  /** Those that were free. One handle counts once for each block, and a wrong one keeps the whole block. */
  releaseAddresses(addresses: readonly string[], handle?: string): string[] {
    const free: string[] = [];
    const asked = new Map<ModelBlock, Set<string>>();
    for (const address of addresses) {
      const block = [...this.blocks.values()].find((one) => one.addresses.includes(address));
      if (block === undefined) free.push(address);
      else asked.set(block, (asked.get(block) ?? new Set()).add(address));
    }
    let wrong = false;
    for (const [block, own] of asked) {
      const taken = [...own].filter((address) => block.taken.has(address));
      const handles = new Set(taken.map((address) => block.taken.get(address)?.handle ?? ''));
      if (handle !== undefined && [...handles].some((one) => one !== handle)) {
        wrong = true;
        continue;
      }
      free.push(...[...own].filter((address) => !block.taken.has(address)));
      this.#giveBack(block, taken);
      for (const one of handles) this.#count(one, block.cidr, -1);
      if (taken.length > 0) this.#tidy(block);
    }
    if (wrong) refuse('of another handle');
    return free;
  }

  releaseAffinities(host: string, mustBeEmpty: boolean): void {
    let full = false;
    for (const block of this.#blocksOf(host)) {
      if (block.taken.size === 0) this.blocks.delete(block.cidr);
      else if (mustBeEmpty) full = true;
      else block.affinity = undefined;
    }
    if (full) refuse('not empty');
  }
}
