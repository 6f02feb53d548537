import t from 'tap';
import {
  type Cidr,
  formatAddress,
  formatCidr,
  networkOf,
  nthAddress,
  parseAddress,
  parseCidr,
} from '../../../src/calico/cidr.js';
import { assignAddress } from '../../../src/calico/ipam/assign.js';
import { autoAssign } from '../../../src/calico/ipam/auto-assign.js';
import type { AllocationBlock } from '../../../src/calico/ipam/block.js';
import { blocksInOrder, fnv1 } from '../../../src/calico/ipam/block-order.js';
import { IpamError } from '../../../src/calico/ipam/errors.js';
import { GoRand } from '../../../src/calico/ipam/go-rand.js';
import {
  affinityText,
  type Assignments,
  type AutoAssignRequest,
  type IpamContext,
  shortfall,
} from '../../../src/calico/ipam/model.js';
import { addressesByHandle } from '../../../src/calico/ipam/query.js';
import { releaseByHandle, releaseHostAffinities } from '../../../src/calico/ipam/release.js';
import { IpamStore } from '../../../src/calico/ipam/store.js';
import { defaultPool, type IpPool, type PoolUse } from '../../../src/calico/model.js';
import type { Labels } from '../../../src/calico/policy/selector.js';
import { type Json, loadVector, NEEDS_VECTORS } from './vectors.js';

const NOW_NS = 1_700_000_000_000_000_000n;

function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new TypeError(`no CIDR: ${text}`);
  return cidr;
}

/** A reservation names addresses or prefixes. */
const reservedCidr = (text: string): Cidr => cidrOf(text.includes('/') ? text : `${text}/32`);

t.test("the seeded generator is Go's", NEEDS_VECTORS, async (t) => {
  for (const one of loadVector('ipam/go_math_rand.json').list()) {
    const seed = BigInt(one.get('seed').number());
    const [first, second] = [new GoRand(seed), new GoRand(seed)];
    t.same(
      one
        .get('uint32')
        .list()
        .map(() => first.uint32()),
      one.get('uint32').value,
      `32-bit draws of seed ${seed}`,
    );
    t.same(
      one
        .get('uint64')
        .texts()
        .map(() => String(second.uint64())),
      one.get('uint64').value,
      `64-bit draws of seed ${seed}`,
    );
  }
});

t.test('a host tries the blocks that upstream tries', NEEDS_VECTORS, async (t) => {
  for (const one of loadVector('ipam/block_order.json').list()) {
    const host = one.get('host').text();
    const pool = { ...defaultPool('pool', cidrOf(one.get('pool').text())), blockSize: one.get('blockSize').number() };
    t.equal(fnv1(host), one.get('fnv1_32').number(), `hash of ${host}`);
    const order = blocksInOrder(pool, host, () => NOW_NS);
    for (const expected of one.get('firstBlocks').texts()) {
      const { value } = order.next();
      t.equal(value && formatCidr(value), expected, `${host} in ${one.get('pool').text()}`);
    }
  }
});

const POOL_USES: readonly PoolUse[] = ['Workload', 'Tunnel', 'LoadBalancer'];

function poolUse(text: string): PoolUse {
  const use = POOL_USES.find((one) => one === text);
  if (use === undefined) throw new TypeError(`no use: ${text}`);
  return use;
}

function poolOf(args: Json): IpPool {
  const plain = defaultPool(args.get('Name').text(), cidrOf(args.get('CIDR').text()));
  return {
    ...plain,
    blockSize: args.get('BlockSize').number() || plain.blockSize,
    nodeSelector: args.get('NodeSelector').text() || plain.nodeSelector,
    namespaceSelector: args.get('NamespaceSelector').text(),
    disabled: args.get('Disabled').flag(),
    allowedUses: args.get('AllowedUses').absent ? plain.allowedUses : args.get('AllowedUses').texts().map(poolUse),
    assignmentMode: args.get('AssignmentMode').text() === 'Manual' ? 'Manual' : 'Automatic',
  };
}

/** An error's text, or what the action returned. */
type Outcome = { readonly error: string; readonly partial: Assignments | undefined } | { readonly result: unknown };

/** One datastore, driven as the recording program drove upstream's library. */
class Scenario {
  readonly store = new IpamStore();
  readonly #pools: IpPool[] = [];
  readonly #nodes = new Map<string, Labels>();
  readonly #reservations: Cidr[] = [];

  get #context(): IpamContext {
    return {
      pools: this.#pools,
      reservations: this.#reservations,
      nodeLabels: (name) => this.#nodes.get(name),
      nowNs: () => NOW_NS,
    };
  }

  #autoAssign(args: Json, version: 4 | 6): Assignments | undefined {
    const count = args.get(`Num${version}`).number();
    if (count === 0) return undefined;
    const request: AutoAssignRequest = {
      host: args.get('Host').text(),
      version,
      count,
      use: poolUse(args.get('Use').text()),
      handleId: args.get('Handle').text(),
      attributes: {},
      requestedPools: args.get('Pools4').texts().map(cidrOf),
      maxBlocksPerHost: args.get('MaxBlocks').number(),
      maxPerHandle: args.get('MaxAlloc').number(),
      namespaceLabels: args.get('Namespace').labels(),
    };
    return autoAssign(this.store, request, this.#context);
  }

  #assignIp(args: Json): void {
    const address = parseAddress(args.get('ip').text());
    if (address === undefined) throw new TypeError('no address');
    const request = { host: args.get('host').text(), handleId: args.get('handle').text(), attributes: {} };
    assignAddress(this.store, address, request, this.#context);
  }

  run(op: string, args: Json): unknown {
    switch (op) {
      case 'createPool': {
        const pool = poolOf(args);
        this.#pools.push(pool);
        return { allowedUses: pool.allowedUses, blockSize: pool.blockSize, nodeSelector: pool.nodeSelector };
      }
      case 'createNode':
        return void this.#nodes.set(args.get('name').text(), args.get('labels').labels());
      case 'createReservation':
        return void this.#reservations.push(...args.texts().map(reservedCidr));
      case 'setIPAMConfig':
        this.store.storedConfig = {
          strictAffinity: args.get('strictAffinity').flag(),
          autoAllocateBlocks: args.get('autoAllocateBlocks').flag(),
          maxBlocksPerHost: args.get('maxBlocksPerHost').number(),
        };
        return undefined;
      case 'autoAssign':
        return assigned(([4, 6] as const).flatMap((version) => this.#autoAssign(args, version) ?? []));
      case 'assignIP':
        return this.#assignIp(args);
      case 'ipsByHandle':
        return addressesByHandle(this.store, args.get('handle').text()).map(formatAddress);
      case 'releaseByHandle':
        return releaseByHandle(this.store, args.get('handle').text(), this.#context);
      case 'releaseHostAffinities': {
        const owner = { type: 'host', host: args.get('host').text() } as const;
        return releaseHostAffinities(this.store, owner, args.get('mustBeEmpty').flag() ? 'must-be-empty' : 'any');
      }
      case 'dumpState':
        return dump(this.store);
      default:
        throw new TypeError(`unknown operation ${op}`);
    }
  }
}

/** As the recording program printed an assignment: nothing assigned is null there. */
function assigned(results: readonly Assignments[]): Record<string, unknown> {
  const printed: Record<string, unknown> = {};
  for (const result of results) {
    const { version, addresses } = result;
    printed[`v${version}`] = addresses.length === 0 ? null : addresses.map(formatCidr);
    const missing = shortfall(result);
    if (missing !== undefined) printed[`v${version}Partial`] = missing;
  }
  return printed;
}

function dumpBlock(block: AllocationBlock): unknown {
  const taken = block.allocations.flatMap((index, ordinal) => (index === null ? [] : [{ index, ordinal }]));
  const { unallocated } = block;
  return {
    affinity: block.affinity ?? '',
    allocated: Object.fromEntries(
      taken.map(({ index, ordinal }) => [
        formatAddress(nthAddress(block.cidr, ordinal)),
        block.attributes[index]?.handleId,
      ]),
    ),
    cidr: formatCidr(block.cidr),
    numUnallocated: unallocated.length,
    unallocatedFirst6Last6:
      unallocated.length > 12 ? [...unallocated.slice(0, 6), ...unallocated.slice(-6)] : unallocated,
  };
}

const nullIfEmpty = (list: readonly unknown[]): readonly unknown[] | null => (list.length === 0 ? null : list);

function dump(store: IpamStore): unknown {
  const affinities = store
    .affinities()
    .map(({ owner, cidr, state }) => `${affinityText(owner)} ${formatCidr(networkOf(cidr))} ${state}`);
  return { affinities: nullIfEmpty(affinities.toSorted()), blocks: nullIfEmpty(store.blocks().map(dumpBlock)) };
}

function outcome(run: () => unknown): Outcome {
  try {
    return { result: run() ?? null };
  } catch (error) {
    if (error instanceof IpamError) return { error: error.message, partial: error.partial };
    throw error;
  }
}

t.test('requests are answered as by upstream', NEEDS_VECTORS, async (t) => {
  for (const one of loadVector('ipam/scenarios.json').list()) {
    const scenario = new Scenario();
    t.test(one.get('name').text(), async (t) => {
      for (const step of one.get('steps').list()) {
        const [op, args] = [step.get('op').text(), step.get('args')];
        const title = `${op} ${JSON.stringify(args.value)}`;
        const found = outcome(() => scenario.run(op, args));
        if ('result' in found) {
          t.notOk(step.get('error').textOr(''), `${title} fails`);
          t.same(found.result, step.get('result').value, title);
        } else {
          t.equal(found.error, step.get('error').textOr(''), `${title}: error`);
          if (found.partial !== undefined) t.same(assigned([found.partial]), step.get('result').value, title);
        }
      }
    });
  }
});
