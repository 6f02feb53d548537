import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { addressOf, formatAddress, formatCidr, nthAddress } from '../../src/calico/cidr.js';
import { assignAddress } from '../../src/calico/ipam/assign.js';
import { autoAssign } from '../../src/calico/ipam/auto-assign.js';
import { blocksInOrder } from '../../src/calico/ipam/block-order.js';
import { checkIpam } from '../../src/calico/ipam/check.js';
import { IpamError } from '../../src/calico/ipam/errors.js';
import type { IpamContext } from '../../src/calico/ipam/model.js';
import { ipamObjects, loadIpam, printIpam } from '../../src/calico/ipam/objects.js';
import { addressesByHandle } from '../../src/calico/ipam/query.js';
import { releaseAddresses, releaseByHandle, releaseHostAffinities } from '../../src/calico/ipam/release.js';
import { IpamStore } from '../../src/calico/ipam/store.js';
import { formatTimestamp, parseTimestamp } from '../../src/calico/ipam/timestamp.js';
import { borrowedAddresses, utilization } from '../../src/calico/ipam/utilization.js';
import type { IpPool } from '../../src/calico/model.js';
import { IpamModel, type ModelPool, RefusedByModel } from './ipam-model.js';
import { cidr, ipamContext, NOW_NS, pool } from './samples.js';

const NODES = { a: {}, b: {} };

const take = (store: IpamStore, context: IpamContext, host: string, handleId: string, count = 1): string[] =>
  autoAssign(
    store,
    { host, version: 4, count, use: 'Workload', handleId, attributes: { node: host } },
    context,
  ).addresses.map(formatCidr);

t.test('a host without a block of its own borrows, and the owner keeps the affinity', async (t) => {
  const context = ipamContext([pool('10.0.0.0/29', { blockSize: 29 })], NODES);
  const store = new IpamStore();
  take(store, context, 'a', 'first');
  t.same(take(store, context, 'b', 'second'), ['10.0.0.1/29']);
  t.same(
    store.affinities().map(({ owner }) => owner.host),
    ['a'],
  );
});

t.test('an empty block of another host is taken over once it is a minute old', async (t) => {
  const pools = [pool('10.0.0.0/30', { blockSize: 30 })];
  const store = new IpamStore();
  const context = ipamContext(pools, NODES);
  take(store, context, 'a', 'gone');
  releaseByHandle(store, 'gone', context);
  const young: IpamContext = { ...context, nowNs: () => NOW_NS + 59_000_000_000n };
  const old: IpamContext = { ...context, nowNs: () => NOW_NS + 60_000_000_000n };
  const copy = store.clone();
  take(copy, young, 'b', 'x');
  t.equal(copy.blockNamed('10.0.0.0/30')?.affinity, 'host:a', 'borrowed before');
  take(store, old, 'b', 'x');
  t.equal(store.blockNamed('10.0.0.0/30')?.affinity, 'host:b', 'reclaimed after');
});

t.test('a pending affinity is confirmed when its block is used', async (t) => {
  const context = ipamContext([pool('10.0.0.0/24')], NODES);
  const store = loadIpam({
    blocks: [],
    affinities: [{ cidr: '10.0.0.64/26', node: 'a', state: 'pending' }],
    handles: [],
  });
  t.same(take(store, context, 'a', 'h'), ['10.0.0.64/26']);
  t.same(
    store.affinities().map(({ state }) => state),
    ['confirmed'],
  );
});

t.test('a block whose pool stops selecting its node is given up when the last address is released', async (t) => {
  const selective = [pool('10.0.0.0/24', { nodeSelector: "zone == 'x'" })];
  const store = new IpamStore();
  take(store, ipamContext(selective, { a: { zone: 'x' } }), 'a', 'h');
  releaseByHandle(store, 'h', ipamContext(selective, { a: {} }));
  t.same([store.blocks(), store.affinities()], [[], []]);
});

t.test('an address is released only by the handle that has it', async (t) => {
  const context = ipamContext([pool('10.0.0.0/24')], NODES);
  const store = new IpamStore();
  const [taken = ''] = take(store, context, 'a', 'mine');
  const address = addressOf(cidr(taken));
  t.throws(() => releaseAddresses(store, [{ address, handleId: 'yours' }], context), IpamError);
  t.same(releaseAddresses(store, [{ address, handleId: 'mine' }], context), []);
  t.same(releaseAddresses(store, [{ address }], context), [address], 'the second time it is not assigned');
});

t.test('a load-balancer address comes from a block of the virtual host', async (t) => {
  const context = ipamContext([pool('10.0.0.0/24', { allowedUses: ['LoadBalancer'] })], {});
  const store = new IpamStore();
  autoAssign(store, { host: 'load-balancer', version: 4, count: 1, use: 'LoadBalancer', attributes: {} }, context);
  t.equal(store.blocks()[0]?.affinity, 'virtual:load-balancer');
});

t.test('objects carry the names and labels of the Kubernetes datastore', async (t) => {
  const store = new IpamStore();
  take(store, ipamContext([pool('192.168.0.0/16')], { node1: {} }), 'node1', 'k8s-pod-network.c0');
  const [block, affinity, handle, config] = printIpam(store);
  t.match(block, { kind: 'IPAMBlock', metadata: { name: '192-168-166-128-26' }, spec: { affinity: 'host:node1' } });
  t.same(affinity?.metadata, {
    name: 'node1-192-168-166-128-26',
    labels: {
      'projectcalico.org/affinity-type': 'host',
      'projectcalico.org/hostname-hash': '7DS2CCNJGGLTHBDQLLFO6SX24SY2YDDEG3W2VN556FA2W4DLLV5A',
      'projectcalico.org/ip-version': '4',
    },
  });
  t.same(affinity?.spec, {
    state: 'confirmed',
    node: 'node1',
    type: 'host',
    cidr: '192.168.166.128/26',
    deleted: 'false',
  });
  t.same(handle?.spec, { handleID: 'k8s-pod-network.c0', block: { '192.168.166.128/26': 1 }, deleted: false });
  t.same(config?.spec, { strictAffinity: false, autoAllocateBlocks: true, kubeVirtVMAddressPersistence: 'Enabled' });
});

t.test('what is set of IPAM is read as it was written', async (t) => {
  const store = loadIpam({ blocks: [], affinities: [], handles: [] });
  store.storedConfig = {
    strictAffinity: true,
    autoAllocateBlocks: false,
    maxBlocksPerHost: 3,
    kubeVirtVmAddressPersistence: 'Disabled',
  };
  t.same(loadIpam(ipamObjects(store)).storedConfig, store.storedConfig);
});

t.test('times survive printing and reading', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800 }), (seconds) => {
      const ns = BigInt(seconds) * 1_000_000_000n;
      return parseTimestamp(formatTimestamp(ns)) === ns;
    }),
  );
  t.equal(formatTimestamp(951_782_400_000_000_000n), '2000-02-29T00:00:00Z');
  t.equal(parseTimestamp('2026-11-24T04:10:04.5Z'), 1_795_493_404_500_000_000n);
  t.equal(parseTimestamp('yesterday'), undefined);
});

type Step =
  | { readonly kind: 'take'; readonly host: string; readonly handle: string; readonly count: number }
  | { readonly kind: 'assign'; readonly host: string; readonly handle: string; readonly ordinal: number }
  | { readonly kind: 'release'; readonly handle: string }
  | { readonly kind: 'forget'; readonly host: string };

const host = fc.constantFrom('a', 'b');
const handle = fc.constantFrom('h1', 'h2', 'h3');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('take' as const), host, handle, count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('assign' as const), host, handle, ordinal: fc.nat(31) }),
  fc.record({ kind: fc.constant('release' as const), handle }),
  fc.record({ kind: fc.constant('forget' as const), host }),
);

function run(store: IpamStore, context: IpamContext, one: Step): void {
  try {
    if (one.kind === 'take') take(store, context, one.host, one.handle, one.count);
    else if (one.kind === 'assign') {
      const address = addressOf(cidr(`10.0.0.${one.ordinal}`));
      assignAddress(store, address, { host: one.host, handleId: one.handle, attributes: { node: one.host } }, context);
    } else if (one.kind === 'release') releaseByHandle(store, one.handle, context);
    else releaseHostAffinities(store, { type: 'host', host: one.host }, 'any');
  } catch (error) {
    if (!(error instanceof IpamError)) throw error;
  }
}

/** What must hold of a store at any time. */
function checkStore(t: Test, store: IpamStore): void {
  for (const block of store.blocks()) {
    const free = block.allocations.flatMap((index, ordinal) => (index === null ? [ordinal] : []));
    t.same(
      block.unallocated.toSorted((a, b) => a - b),
      free,
      'an ordinal is either taken or free, and free once',
    );
    const used = new Set(block.allocations.filter((index) => index !== null));
    t.equal(block.attributes.length, used.size, 'no attribute is left over');
    if (block.affinity !== undefined)
      t.ok(store.affinities().some(({ cidr: one }) => formatCidr(one) === formatCidr(block.cidr)));
    else t.notOk(block.empty, 'an empty block without an owner is gone');
  }
  for (const [id, blocks] of store.handles()) {
    const counted = [...blocks.values()].reduce((sum, count) => sum + count, 0);
    t.ok(addressesByHandle(store, id).length <= counted, 'a handle counts at least what it has');
  }
}

t.test('whatever is asked for in whatever order, the books balance and survive printing', async (t) => {
  const context = ipamContext([pool('10.0.0.0/27', { blockSize: 29 })], NODES);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const store = new IpamStore();
      for (const one of steps) run(store, context, one);
      checkStore(t, store);
      const printed = printIpam(store);
      t.same(printIpam(store.clone()), printed, 'a copy prints alike');
      const addresses = store.handles().map(([id]) => addressesByHandle(store, id).map(formatAddress));
      t.equal(new Set(addresses.flat()).size, addresses.flat().length, 'no address is given twice');
    }),
    { numRuns: 60 },
  );
});

t.test(
  'addresses of one handle that are released together count once, and one that is not of it keeps them all',
  async (t) => {
    const context = ipamContext([pool('10.0.0.0/29', { blockSize: 29 })], NODES);
    const store = new IpamStore();
    const [first = '', second = ''] = take(store, context, 'a', 'h1', 2);
    const [other = ''] = take(store, context, 'a', 'h2');
    const release = (texts: readonly string[], more = {}) =>
      releaseAddresses(
        store,
        texts.map((text) => ({ address: addressOf(cidr(text)), ...more })),
        context,
      );
    t.throws(() => release([first, other], { handleId: 'h1' }), /^update conflict: 10\.0\.0\.\d$/);
    t.same(addressesByHandle(store, 'h1').map(formatAddress).length, 2);
    t.throws(() => release(['10.0.0.7/29'], { sequenceNumber: 1n }), /^update conflict: 10\.0\.0\.7$/);
    release([first, second]);
    t.same([...(store.handle('h1') ?? [])], [['10.0.0.0/29', 1]], 'upstream leaves the handle with one');
    store.deleteHandle('h2');
    t.same(release([other]), [], 'a handle that is not there is no obstacle');
    t.equal(store.blockNamed('10.0.0.0/29')?.empty, true);
  },
);

// The same sequences told to the implementation and to a model of it.

const WHERE = {
  a: { cidr: '10.0.0.0/28', size: 30 },
  b: { cidr: '10.0.1.0/29', size: 31 },
} as const;
type PoolName = keyof typeof WHERE;
const HOSTS = ['n1', 'n2', 'n3'] as const;

type ModelStep =
  | { readonly kind: 'take'; readonly host: string; readonly handle: string; readonly count: number }
  | { readonly kind: 'assign'; readonly host: string; readonly handle: string; readonly address: string }
  | { readonly kind: 'release handle'; readonly handle: string }
  | { readonly kind: 'release'; readonly addresses: readonly string[]; readonly handle: string | undefined }
  | { readonly kind: 'release affinities'; readonly host: string; readonly mustBeEmpty: boolean }
  | { readonly kind: 'pool'; readonly name: PoolName; readonly is: 'enabled' | 'disabled' | 'deleted' }
  | { readonly kind: 'select'; readonly name: PoolName; readonly hosts: readonly string[] }
  | { readonly kind: 'node'; readonly host: string; readonly there: boolean }
  | { readonly kind: 'configure'; readonly strict: boolean; readonly maxBlocks: number }
  | { readonly kind: 'reserve'; readonly cidrs: readonly string[] }
  | { readonly kind: 'wait' };

const someHost = fc.constantFrom(...HOSTS);
const someHandle = fc.constantFrom('h1', 'h2', 'h3', 'h4');
const someAddress = fc.oneof(
  fc.nat(15).map((ordinal) => `10.0.0.${ordinal}`),
  fc.nat(8).map((ordinal) => `10.0.1.${ordinal}`),
);
const somePool = fc.constantFrom<PoolName>('a', 'b');
const is = <K extends ModelStep['kind']>(kind: K) => fc.constant(kind);
const modelStep: fc.Arbitrary<ModelStep> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: is('take'),
      host: someHost,
      handle: someHandle,
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: is('assign'), host: someHost, handle: someHandle, address: someAddress }) },
  { weight: 3, arbitrary: fc.record({ kind: is('release handle'), handle: someHandle }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: is('release'),
      addresses: fc.array(someAddress, { minLength: 1, maxLength: 5 }),
      handle: fc.option(someHandle, { nil: undefined }),
    }),
  },
  fc.record({ kind: is('release affinities'), host: someHost, mustBeEmpty: fc.boolean() }),
  fc.record({ kind: is('pool'), name: somePool, is: fc.constantFrom('enabled' as const, 'disabled', 'deleted') }),
  fc.record({ kind: is('select'), name: somePool, hosts: fc.subarray([...HOSTS]) }),
  fc.record({ kind: is('node'), host: someHost, there: fc.boolean() }),
  fc.record({ kind: is('configure'), strict: fc.boolean(), maxBlocks: fc.constantFrom(0, 1, 2) }),
  fc.record({ kind: is('reserve'), cidrs: fc.subarray(['10.0.0.0/30', '10.0.0.5/32', '10.0.1.2/31', '10.0.1.0/29']) }),
  fc.record({ kind: is('wait') }),
);

const within = (text: string, size: number): string[] => {
  const outer = cidr(text);
  return Array.from({ length: 2 ** (size - outer.length) }, (_, i) =>
    formatCidr({ ...outer, value: outer.value + BigInt(i) * 2n ** BigInt(32 - size), length: size }),
  );
};
const addressesIn = (text: string): string[] => within(text, 32).map((one) => one.replace('/32', ''));

class BothSides {
  readonly store = new IpamStore();
  readonly model: IpamModel;
  readonly #all: readonly ModelPool[];
  #reservations: readonly string[] = [];

  constructor() {
    this.#all = Object.entries(WHERE).map(([name, { cidr: text, size }]) => ({
      name,
      cidr: text,
      blocks: within(text, size),
      addresses: addressesIn,
      disabled: false,
      selects: new Set(HOSTS),
    }));
    const order = (one: ModelPool, host: string): string[] =>
      [...blocksInOrder(this.#poolOf(one), host, () => NOW_NS)].map(formatCidr);
    this.model = new IpamModel([...this.#all], HOSTS, order);
  }

  #poolOf({ name, cidr: text, disabled, selects }: ModelPool): IpPool {
    const nodeSelector = `name in { ${[...selects, 'nobody'].map((host) => `'${host}'`).join(', ')} }`;
    const { size } = name === 'a' ? WHERE.a : WHERE.b;
    return { ...pool(text, { blockSize: size }), name, disabled, nodeSelector };
  }

  get context(): IpamContext {
    const { pools, nodes, now } = this.model;
    return {
      ...ipamContext(
        pools.map((one) => this.#poolOf(one)),
        {},
      ),
      reservations: this.#reservations.map(cidr),
      nodeLabels: (name) => (nodes.has(name) ? { name } : undefined),
      nowNs: () => NOW_NS + BigInt(now) * 1_000_000_000n,
    };
  }

  /** What each side says to a step. */
  run(step: ModelStep): { readonly found: unknown; readonly expected: unknown } {
    const { store, model, context } = this;
    switch (step.kind) {
      case 'take':
        return {
          found: answer(() =>
            take(store, context, step.host, step.handle, step.count).map((text) => text.replace(/\/.*/, '')),
          ),
          expected: answer(() => model.take(step.host, step.handle, step.count)),
        };
      case 'assign':
        return {
          found: answer(() => {
            const request = { host: step.host, handleId: step.handle, attributes: { node: step.host } };
            assignAddress(store, addressOf(cidr(step.address)), request, context);
          }),
          expected: answer(() => {
            model.assign(step.host, step.handle, step.address);
          }),
        };
      case 'release handle':
        return {
          found: answer(() => {
            releaseByHandle(store, step.handle, context);
          }),
          expected: answer(() => {
            model.releaseHandle(step.handle);
          }),
        };
      case 'release': {
        const { handle: handleId } = step;
        const releases = step.addresses.map((text) => ({
          address: addressOf(cidr(text)),
          ...(handleId !== undefined && { handleId }),
        }));
        const sorted = (texts: readonly string[]): string[] => [...new Set(texts)].sort();
        return {
          found: answer(() => sorted(releaseAddresses(store, releases, context).map(formatAddress))),
          expected: answer(() => sorted(model.releaseAddresses(step.addresses, handleId))),
        };
      }
      case 'release affinities':
        return {
          found: answer(() => {
            const owner = { type: 'host', host: step.host } as const;
            releaseHostAffinities(store, owner, step.mustBeEmpty ? 'must-be-empty' : 'any');
          }),
          expected: answer(() => {
            model.releaseAffinities(step.host, step.mustBeEmpty);
          }),
        };
      default:
        this.#change(step);
        return { found: undefined, expected: undefined };
    }
  }

  #change(
    step: Exclude<ModelStep, { kind: 'take' | 'assign' | 'release' | 'release handle' | 'release affinities' }>,
  ): void {
    const { model } = this;
    if (step.kind === 'wait') model.now += 90;
    else if (step.kind === 'node' && step.there) model.nodes.add(step.host);
    else if (step.kind === 'node') model.nodes.delete(step.host);
    else if (step.kind === 'configure') {
      this.store.storedConfig = {
        strictAffinity: step.strict,
        autoAllocateBlocks: true,
        maxBlocksPerHost: step.maxBlocks,
      };
      model.strict = step.strict;
      model.maxBlocks = step.maxBlocks;
    } else if (step.kind === 'reserve') {
      this.#reservations = step.cidrs;
      model.reserved = new Set(step.cidrs.flatMap(addressesIn));
    } else {
      const changed = this.#all.find(({ name }) => name === step.name);
      if (changed === undefined) return;
      if (step.kind === 'select') changed.selects = new Set(step.hosts);
      else {
        changed.disabled = step.is === 'disabled';
        const others = model.pools.filter((one) => one !== changed);
        model.pools.splice(0, Infinity, ...others, ...(step.is === 'deleted' ? [] : [changed]));
      }
    }
  }

  books(): unknown {
    const { store } = this;
    return {
      blocks: store.blocks().map((block) => ({
        cidr: formatCidr(block.cidr),
        affinity: block.affinity?.replace('host:', ''),
        free: block.unallocated.map((ordinal) => formatAddress(nthAddress(block.cidr, ordinal))),
        taken: block.allocatedAddresses().map((address) => {
          const { handleId, attributes } = block.attributeOf(address) ?? { attributes: {} };
          return `${formatAddress(address)} ${handleId ?? ''} ${attributes['node'] ?? ''}`;
        }),
      })),
      affinities: store
        .affinities()
        .map(({ owner, cidr: block, state }) => `${owner.host} ${formatCidr(block)} ${state}`),
      handles: store.handles().map(
        ([id, counts]) =>
          `${id} ${[...counts]
            .map((one) => one.join(' '))
            .sort()
            .join(', ')}`,
      ),
      ...this.#reports(),
    };
  }

  /** What `calicoctl ipam check` and `show` are told. */
  #reports() {
    const { leaked, leakedHandles, goodHandles, missingHandles } = checkIpam(this.store, [], []);
    return {
      leaked: leaked.map(({ address }) => address),
      leakedHandles: [...leakedHandles].sort(),
      goodHandles,
      missingHandles,
      borrowed: borrowedAddresses(this.store).borrowed.map(
        ({ address, owner }) => `${formatAddress(address)} ${owner}`,
      ),
      use: utilization(this.store, this.context.pools).map(({ pool: one, blocks }) => [
        one?.name ?? 'orphaned',
        ...blocks.map(({ cidr: block, free }) => `${formatCidr(block)} ${free}`),
      ]),
    };
  }

  expectedBooks(): unknown {
    const { model } = this;
    const name = (text: string): string => text.replaceAll(/[./]/g, '-');
    const blocks = [...model.blocks.values()].sort((a, b) => (name(a.cidr) < name(b.cidr) ? -1 : 1));
    const named = new Set(blocks.flatMap(({ taken }) => [...taken.values()].map((owner) => owner.handle)));
    const handles = [...model.handles.keys()].sort();
    const taken = blocks.flatMap((block) =>
      block.addresses.flatMap((address) => {
        const owner = block.taken.get(address);
        return owner === undefined ? [] : [{ block, address, ...owner }];
      }),
    );
    const uses = (own: readonly (typeof blocks)[number][]): string[] =>
      own.map(({ cidr: block, free }) => `${block} ${free.length}`);
    const inPool = new Set(model.pools.flatMap((one) => one.blocks));
    return {
      blocks: blocks.map((block) => ({
        cidr: block.cidr,
        affinity: block.affinity,
        free: block.free,
        taken: taken
          .filter((one) => one.block === block)
          .map(({ address, handle: id, node }) => `${address} ${id} ${node}`),
      })),
      affinities: blocks
        .flatMap(({ cidr: block, affinity }) => (affinity === undefined ? [] : [`${affinity} ${block} confirmed`]))
        .sort((a, b) => (name(a) < name(b) ? -1 : 1)),
      handles: handles.map((id) => {
        const counts = [...(model.handles.get(id) ?? [])].map((one) => one.join(' ')).sort();
        return `${id} ${counts.join(', ')}`;
      }),
      leaked: taken.map(({ address }) => address),
      leakedHandles: handles.filter((id) => !named.has(id)),
      goodHandles: handles.filter((id) => named.has(id)).length,
      missingHandles: [],
      borrowed: taken
        .filter(({ node, block }) => node !== block.affinity)
        .map(({ address, block }) => `${address} ${block.affinity ?? ''}`),
      use: [
        ...model.pools.map((one) => [
          one.name,
          ...uses(blocks.filter(({ cidr: block }) => one.blocks.includes(block))),
        ]),
        ['orphaned', ...uses(blocks.filter(({ cidr: block }) => !inPool.has(block)))],
      ],
    };
  }
}

/** What came back, or that it was refused: upstream's words are compared elsewhere. */
function answer(ask: () => unknown): unknown {
  try {
    return ask();
  } catch (error) {
    if (error instanceof IpamError || error instanceof RefusedByModel) return 'refused';
    throw error;
  }
}

t.test('random lives of pools, nodes and addresses end as a plain model of IPAM has them', async (t) => {
  fc.assert(
    fc.property(fc.array(modelStep, { maxLength: 40 }), (steps) => {
      const both = new BothSides();
      for (const [i, step] of steps.entries()) {
        const { found, expected } = both.run(step);
        assert.deepEqual(found, expected, `step ${i}`);
        assert.deepEqual(both.books(), both.expectedBooks(), `after step ${i}`);
      }
    }),
    { numRuns: 300, seed: 2026 },
  );
  t.pass();
});
