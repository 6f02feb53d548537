import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { addressOf, formatAddress, formatCidr } from '../../src/calico/cidr.js';
import { assignAddress } from '../../src/calico/ipam/assign.js';
import { autoAssign } from '../../src/calico/ipam/auto-assign.js';
import { IpamError } from '../../src/calico/ipam/errors.js';
import type { IpamContext } from '../../src/calico/ipam/model.js';
import { loadIpam, printIpam } from '../../src/calico/ipam/objects.js';
import { addressesByHandle } from '../../src/calico/ipam/query.js';
import { releaseAddresses, releaseByHandle, releaseHostAffinities } from '../../src/calico/ipam/release.js';
import { IpamStore } from '../../src/calico/ipam/store.js';
import { formatTimestamp, parseTimestamp } from '../../src/calico/ipam/timestamp.js';
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
