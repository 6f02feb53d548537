/** IPAM's recorded state out of the store, and what Felix has to know of it. */

import { isDeepStrictEqual } from 'node:util';
import {
  formatCidr as formatStored,
  type Labels,
  type OwnerReference,
  type ObjectOf,
  type Store,
  unwritten,
} from '../../kubernetes/index.js';
import { nthAddress } from '../cidr.js';
import type { AllocationBlock } from '../ipam/block.js';
import { affinityName, blockName, type IpamContext, parseAffinity } from '../ipam/model.js';
import { affinityLabels, type IpamObjects, loadIpam } from '../ipam/objects.js';
import type { IpamStore } from '../ipam/store.js';
import { formatTimestamp } from '../ipam/timestamp.js';
import type { BlockSummary } from '../model.js';
import { cidrToStore } from './addresses.js';
import { storedNodes, storedPools, storedReservations } from './resources.js';

function ipamObjects(store: Store): IpamObjects {
  const config = store.get('IPAMConfig', '', 'default')?.spec;
  return {
    blocks: store
      .list('IPAMBlock')
      .filter(({ spec }) => !spec.deleted)
      .map(({ spec }) => ({
        ...spec,
        cidr: formatStored(spec.cidr),
        affinity: spec.affinity ?? '',
        affinityClaimTime: spec.affinityClaimTime ?? '',
        attributes: spec.attributes.map(({ handle_id, secondary }) => ({
          ...(handle_id !== undefined && { handle_id }),
          secondary,
        })),
      })),
    affinities: store
      .list('BlockAffinity')
      .filter(({ spec }) => !spec.deleted)
      .map(({ spec }) => ({ ...spec, cidr: formatStored(spec.cidr) })),
    handles: store.list('IPAMHandle').map(({ spec }) => spec),
    ...(config && { config }),
  };
}

export const storedIpam = (store: Store): IpamStore => loadIpam(ipamObjects(store));

/** What IPAM reads beside its own state. */
export function ipamContext(store: Store, nowNs: () => bigint): IpamContext {
  let labels: ReadonlyMap<string, Labels> | undefined;
  return {
    pools: storedPools(store),
    reservations: storedReservations(store),
    nodeLabels: (name) => {
      labels ??= new Map(storedNodes(store).map((node) => [node.name, node.labels]));
      return labels.get(name);
    },
    nowNs,
  };
}

/** Addresses whose node, as recorded with them, is not the block's. */
function borrowed(block: AllocationBlock, host: string | undefined): BlockSummary['borrowed'] {
  return block.allocations.flatMap((index, ordinal) => {
    const node = index === null ? undefined : block.attributes[index]?.attributes['node'];
    return node === undefined || node === '' || node === host
      ? []
      : [{ address: nthAddress(block.cidr, ordinal), host: node }];
  });
}

interface Summarized {
  readonly sequenceNumber: bigint;
  readonly affinity: string | undefined;
  readonly summary: BlockSummary;
}

/** Of each block as it was written last. */
const SUMMARIES = new WeakMap<AllocationBlock, Summarized>();

/** The same object as long as nothing of it is different: few writes of a block change what others see of it. */
function summaryOf(block: AllocationBlock): BlockSummary {
  const { sequenceNumber, affinity, cidr } = block;
  const before = SUMMARIES.get(block);
  if (before?.sequenceNumber === sequenceNumber && before.affinity === affinity) return before.summary;
  const owner = parseAffinity(affinity ?? '');
  const host = owner?.type === 'host' ? owner.host : undefined;
  const now = { cidr, ...(host !== undefined && { host }), borrowed: borrowed(block, host) };
  const summary = before !== undefined && isDeepStrictEqual(before.summary, now) ? before.summary : now;
  SUMMARIES.set(block, { sequenceNumber, affinity, summary });
  return summary;
}

/** Blocks as Felix sees them. */
export const blockSummaries = (ipam: IpamStore): BlockSummary[] => ipam.blocks().map(summaryOf);

type Recorded = 'IPAMBlock' | 'BlockAffinity' | 'IPAMHandle' | 'IPAMConfig';
type Spec<K extends Recorded> = ObjectOf<K>['spec'];

/** What nobody wrote: one for all, since there is a handle for every pod. */
const OWN = unwritten('<ipam>');
/** The same of all: there is a handle for each pod. */
const NO_TEXTS: Labels = {};
const NO_OWNERS: readonly OwnerReference[] = [];

/** An object of IPAM's that the datastore did not have. */
function created<K extends Recorded>(kind: K, name: string, labels: Labels) {
  return {
    apiVersion: 'crd.projectcalico.org/v1',
    kind,
    namespace: '',
    name,
    labels,
    annotations: NO_TEXTS,
    uid: undefined,
    ownerReferences: NO_OWNERS,
    terminating: false,
    source: OWN,
  };
}

function blockSpec(block: AllocationBlock): Spec<'IPAMBlock'> {
  return {
    cidr: cidrToStore(block.cidr),
    affinity: block.affinity,
    affinityClaimTime: block.affinityClaimTimeNs === undefined ? undefined : formatTimestamp(block.affinityClaimTimeNs),
    allocations: [...block.allocations],
    unallocated: [...block.unallocated],
    attributes: block.attributes.map(({ handleId, attributes }) => ({
      handle_id: handleId,
      secondary: attributes,
      alternate: {},
    })),
    sequenceNumber: Number(block.sequenceNumber),
    sequenceNumberForAllocation: Object.fromEntries(
      [...block.sequenceNumberForAllocation].map(([ordinal, number]) => [ordinal, Number(number)]),
    ),
    deleted: false,
    strictAffinity: false,
  };
}

/** The count of writes is cut to 53 bits in the store, so what it counts is looked at as well. */
const sameBlock = (spec: Spec<'IPAMBlock'>, block: AllocationBlock): boolean =>
  spec.sequenceNumber === Number(block.sequenceNumber) &&
  spec.affinity === block.affinity &&
  sameNumbers(spec.allocations, block.allocations) &&
  sameNumbers(spec.unallocated, block.unallocated);

const sameNumbers = (a: readonly (number | null)[], b: readonly (number | null)[]): boolean =>
  a.length === b.length && a.every((number, i) => number === b[i]);

function recordBlocks(store: Store, ipam: IpamStore): void {
  const names = new Set<string>();
  for (const block of ipam.blocks()) {
    const name = blockName(block.cidr);
    names.add(name);
    const held = store.get('IPAMBlock', '', name);
    if (held !== undefined && sameBlock(held.spec, block)) continue;
    const spec = blockSpec(block);
    store.put('IPAMBlock', held ? { ...held, spec } : { spec, ...created('IPAMBlock', name, {}) });
  }
  for (const { name } of store.list('IPAMBlock')) if (!names.has(name)) store.delete('IPAMBlock', '', name);
}

function recordAffinities(store: Store, ipam: IpamStore): void {
  const names = new Set<string>();
  for (const affinity of ipam.affinities()) {
    const name = affinityName(affinity);
    names.add(name);
    const { owner, cidr, implicit } = affinity;
    const state = implicit === true ? '' : affinity.state;
    const held = store.get('BlockAffinity', '', name);
    if (held?.spec.state === state) continue;
    const spec: Spec<'BlockAffinity'> = {
      cidr: cidrToStore(cidr),
      node: owner.host,
      type: owner.type,
      state,
      deleted: false,
    };
    const labels = affinityLabels(affinity);
    store.put('BlockAffinity', held ? { ...held, spec } : { spec, ...created('BlockAffinity', name, labels) });
  }
  for (const { name } of store.list('BlockAffinity')) if (!names.has(name)) store.delete('BlockAffinity', '', name);
}

function recordHandles(store: Store, ipam: IpamStore): void {
  const names = new Set<string>();
  /** Most handles have one address, of a block in which others have theirs. */
  const shared = new Map<string, Spec<'IPAMHandle'>['block']>();
  const shareable = (block: Spec<'IPAMHandle'>['block'], keys: readonly string[]): Spec<'IPAMHandle'>['block'] => {
    const [cidr = ''] = keys;
    if (keys.length !== 1 || block[cidr] !== 1) return block;
    const present = shared.get(cidr) ?? block;
    shared.set(cidr, present);
    return present;
  };
  for (const [handleID, blocks] of ipam.handles()) {
    const name = handleID.toLowerCase();
    names.add(name);
    const held = store.get('IPAMHandle', '', name);
    const block = Object.fromEntries(blocks);
    const keys = Object.keys(block);
    const same = keys.length === Object.keys(held?.spec.block ?? {}).length;
    if (held !== undefined && same && keys.every((key) => held.spec.block[key] === block[key])) continue;
    const spec = { handleID, block: shareable(block, keys), deleted: false };
    store.put('IPAMHandle', held ? { ...held, spec } : { spec, ...created('IPAMHandle', name, NO_TEXTS) });
  }
  for (const { name } of store.list('IPAMHandle')) if (!names.has(name)) store.delete('IPAMHandle', '', name);
}

/** IPAM's state as objects of the store: what differs is written, so that whoever watches is told of it and no more. */
export function recordIpam(store: Store, ipam: IpamStore): void {
  recordBlocks(store, ipam);
  recordAffinities(store, ipam);
  recordHandles(store, ipam);
}

/** The configuration as somebody has set it: the object `default`. */
export function recordIpamConfig(store: Store, ipam: IpamStore): void {
  const { kubeVirtVmAddressPersistence: kubeVirtVMAddressPersistence, ...rest } = ipam.config();
  const held = store.get('IPAMConfig', '', 'default') ?? created('IPAMConfig', 'default', {});
  store.put('IPAMConfig', { ...held, spec: { ...rest, kubeVirtVMAddressPersistence } });
}
