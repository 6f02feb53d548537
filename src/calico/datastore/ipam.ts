/** IPAM's recorded state out of the store, and what Felix has to know of it. */

import { formatCidr as formatStored, type Store } from '../../kubernetes/index.js';
import { nthAddress } from '../cidr.js';
import type { AllocationBlock } from '../ipam/block.js';
import { type IpamContext, parseAffinity } from '../ipam/model.js';
import { type IpamObjects, loadIpam } from '../ipam/objects.js';
import type { IpamStore } from '../ipam/store.js';
import type { BlockSummary } from '../model.js';
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
  const labels = new Map(storedNodes(store).map((node) => [node.name, node.labels]));
  return {
    pools: storedPools(store),
    reservations: storedReservations(store),
    nodeLabels: (name) => labels.get(name),
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

/** Blocks as Felix sees them. */
export const blockSummaries = (ipam: IpamStore): BlockSummary[] =>
  ipam.blocks().map((block) => {
    const owner = parseAffinity(block.affinity ?? '');
    const host = owner?.type === 'host' ? owner.host : undefined;
    return { cidr: block.cidr, ...(host !== undefined && { host }), borrowed: borrowed(block, host) };
  });
