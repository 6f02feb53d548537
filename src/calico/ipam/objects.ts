/**
 * IPAM's state as the objects that `kubectl get` prints: IPAMBlock, BlockAffinity, IPAMHandle, IPAMConfig
 * under crd.projectcalico.org/v1; libcalico-go/lib/backend/k8s/resources.
 */

import { type Cidr, formatCidr, parseCidr } from '../cidr.js';
import { hostnameHash } from '../names.js';
import { AllocationBlock } from './block.js';
import { IpamError } from './errors.js';
import {
  type AffinityOwner,
  type AffinityState,
  affinityName,
  type BlockAffinity,
  blockName,
  type IpamConfig,
} from './model.js';
import { IpamStore } from './store.js';
import { formatTimestamp, parseTimestamp } from './timestamp.js';

export interface IpamBlockSpec {
  readonly cidr: string;
  readonly affinity?: string;
  readonly affinityClaimTime?: string;
  readonly allocations: readonly (number | null)[];
  readonly unallocated: readonly number[];
  readonly attributes: readonly {
    readonly handle_id?: string;
    readonly secondary?: Readonly<Record<string, string>>;
  }[];
  readonly sequenceNumber?: number | bigint;
  readonly sequenceNumberForAllocation?: Readonly<Record<string, number | bigint>>;
}

export interface BlockAffinitySpec {
  readonly cidr: string;
  readonly node: string;
  readonly type?: string;
  /** Empty means confirmed. */
  readonly state?: string;
}

export interface IpamHandleSpec {
  readonly handleID: string;
  readonly block: Readonly<Record<string, number>>;
}

export interface IpamConfigSpec {
  readonly strictAffinity?: boolean;
  readonly autoAllocateBlocks?: boolean;
  readonly maxBlocksPerHost?: number;
  readonly kubeVirtVMAddressPersistence?: string | undefined;
}

export interface IpamObjects {
  readonly blocks: readonly IpamBlockSpec[];
  readonly affinities: readonly BlockAffinitySpec[];
  readonly handles: readonly IpamHandleSpec[];
  readonly config?: IpamConfigSpec;
}

function requireCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new IpamError('invalid', `invalid CIDR address: ${text}`);
  return cidr;
}

function loadBlock(spec: IpamBlockSpec): AllocationBlock {
  const block = new AllocationBlock(requireCidr(spec.cidr));
  block.affinity = spec.affinity === '' ? undefined : spec.affinity;
  block.affinityClaimTimeNs = spec.affinityClaimTime === undefined ? undefined : parseTimestamp(spec.affinityClaimTime);
  block.unallocated = [...spec.unallocated];
  block.attributes = spec.attributes.map(({ handle_id, secondary }) => ({
    ...(handle_id !== undefined && { handleId: handle_id }),
    attributes: secondary ?? {},
  }));
  spec.allocations.slice(0, block.size).forEach((index, ordinal) => {
    block.allocations[ordinal] = index;
  });
  block.sequenceNumber = BigInt(spec.sequenceNumber ?? 0);
  for (const [ordinal, number] of Object.entries(spec.sequenceNumberForAllocation ?? {})) {
    block.sequenceNumberForAllocation.set(Number(ordinal), BigInt(number));
  }
  return block;
}

function affinityState(text: string): AffinityState {
  return text === 'pending' || text === 'pendingDeletion' ? text : 'confirmed';
}

function loadAffinity({ cidr, node, type, state = '' }: BlockAffinitySpec): BlockAffinity {
  const owner: AffinityOwner = { type: type === 'virtual' ? 'virtual' : 'host', host: node };
  return { owner, cidr: requireCidr(cidr), state: affinityState(state), ...(state === '' && { implicit: true }) };
}

/** Throws IpamError where a CIDR is none. */
export function loadIpam({ blocks, affinities, handles, config }: IpamObjects): IpamStore {
  const store = new IpamStore();
  for (const spec of blocks) store.putBlock(loadBlock(spec));
  for (const spec of affinities) store.putAffinity(loadAffinity(spec));
  for (const { handleID, block } of handles) store.putHandle(handleID, new Map(Object.entries(block)));
  if (config !== undefined) {
    const { strictAffinity = false, autoAllocateBlocks = false, maxBlocksPerHost = 0 } = config;
    const { kubeVirtVMAddressPersistence: persistence } = config;
    const kubeVirt = persistence === undefined ? {} : { kubeVirtVmAddressPersistence: persistence };
    store.storedConfig = { strictAffinity, autoAllocateBlocks, maxBlocksPerHost, ...kubeVirt };
  }
  return store;
}

export interface PrintedObject {
  readonly apiVersion: 'crd.projectcalico.org/v1';
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
}

const object = (kind: string, metadata: PrintedObject['metadata'], spec: PrintedObject['spec']): PrintedObject => ({
  apiVersion: 'crd.projectcalico.org/v1',
  kind,
  metadata,
  spec,
});

function blockSpec(block: AllocationBlock): IpamBlockSpec {
  const { affinity, affinityClaimTimeNs: claimed } = block;
  return {
    cidr: formatCidr(block.cidr),
    ...(affinity !== undefined && { affinity }),
    ...(claimed !== undefined && { affinityClaimTime: formatTimestamp(claimed) }),
    allocations: [...block.allocations],
    unallocated: [...block.unallocated],
    attributes: block.attributes.map(({ handleId, attributes }) => ({
      ...(handleId !== undefined && { handle_id: handleId }),
      secondary: attributes,
    })),
    sequenceNumber: block.sequenceNumber,
    sequenceNumberForAllocation: Object.fromEntries(block.sequenceNumberForAllocation),
  };
}

function printBlock(block: AllocationBlock, strictAffinity: boolean): PrintedObject {
  const { cidr, affinity, affinityClaimTime, allocations, unallocated, attributes, ...sequence } = blockSpec(block);
  return object(
    'IPAMBlock',
    { name: blockName(block.cidr) },
    {
      cidr,
      ...(affinity !== undefined && { affinity }),
      ...(affinityClaimTime !== undefined && { affinityClaimTime }),
      strictAffinity,
      allocations,
      unallocated,
      attributes,
      deleted: false,
      ...sequence,
    },
  );
}

/** By which a node's own affinities are found among thousands. */
export const affinityLabels = ({ owner, cidr }: BlockAffinity): Readonly<Record<string, string>> => ({
  'projectcalico.org/affinity-type': owner.type,
  'projectcalico.org/hostname-hash': hostnameHash(owner.host),
  'projectcalico.org/ip-version': String(cidr.version),
});

function printAffinity(affinity: BlockAffinity): PrintedObject {
  const { owner, cidr, implicit } = affinity;
  const state = implicit === true ? '' : affinity.state;
  const labels = affinityLabels(affinity);
  // `deleted` is text here, of all places.
  const spec = { state, node: owner.host, type: owner.type, cidr: formatCidr(cidr), deleted: 'false' };
  return object('BlockAffinity', { name: affinityName(affinity), labels }, spec);
}

const configSpec = ({ kubeVirtVmAddressPersistence: persistence, ...rest }: IpamConfig): IpamConfigSpec => ({
  ...rest,
  ...(persistence === undefined ? {} : { kubeVirtVMAddressPersistence: persistence }),
});

function printConfig(config: IpamConfig): PrintedObject {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost } = config;
  const { kubeVirtVmAddressPersistence: kubeVirtVMAddressPersistence = 'Enabled' } = config;
  const limit = maxBlocksPerHost === 0 ? {} : { maxBlocksPerHost };
  const spec = { strictAffinity, autoAllocateBlocks, ...limit, kubeVirtVMAddressPersistence };
  return object('IPAMConfig', { name: 'default' }, spec);
}

/** What `loadIpam` makes the same state of. */
export const ipamObjects = (store: IpamStore): IpamObjects => ({
  blocks: store.blocks().map(blockSpec),
  affinities: store.affinities().map(({ owner, cidr, state, implicit }) => ({
    cidr: formatCidr(cidr),
    node: owner.host,
    type: owner.type,
    state: implicit === true ? '' : state,
  })),
  handles: store.handles().map(([handleID, blocks]) => ({ handleID, block: Object.fromEntries(blocks) })),
  ...(store.storedConfig === undefined ? {} : { config: configSpec(store.storedConfig) }),
});

/** All objects, by kind and then by name. */
export function printIpam(store: IpamStore): PrintedObject[] {
  return [
    // The field is not used any more: strictness is IPAMConfig's.
    ...store.blocks().map((block) => printBlock(block, false)),
    ...store.affinities().map(printAffinity),
    ...store
      .handles()
      .map(([id, blocks]) =>
        object(
          'IPAMHandle',
          { name: id.toLowerCase() },
          { handleID: id, block: Object.fromEntries(blocks), deleted: false },
        ),
      ),
    ...(store.storedConfig === undefined ? [] : [printConfig(store.storedConfig)]),
  ];
}
