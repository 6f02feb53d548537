/** Recorded state that does not fit the pools of today: a pool was changed or deleted while pods had its addresses. */

import { type Finding, finding, isFinished, type Store } from '../../kubernetes/index.js';
import { addressOf, cidrContains, formatAddress, formatCidr, networkOf } from '../cidr.js';
import type { IpPool } from '../model.js';
import { podAddresses, storedPools } from './resources.js';
import { addressFromStore, cidrFromStore } from './addresses.js';

/** Only where the family has pools at all: elsewhere addresses are another plugin's. */
function podsOutside(store: Store, pools: readonly IpPool[]): Finding[] {
  const families = new Set(pools.map(({ cidr }) => cidr.version));
  return store.list('Pod').flatMap((pod) => {
    if (pod.spec.hostNetwork || pod.spec.nodeName === '' || isFinished(pod)) return [];
    const outside = podAddresses(pod).find(
      (address) => families.has(address.version) && !pools.some(({ cidr }) => cidrContains(cidr, address)),
    );
    if (outside === undefined) return [];
    const message = `its address ${formatAddress(addressOf(outside))} is in no IP pool of today: it keeps it, and only a new pod gets another`;
    return [finding(pod, ['status', 'podIP'], { code: 'address-outside-pools', severity: 'warning', message })];
  });
}

/** An address is looked for in the block that its pool's block size gives: blocks of another size are not found. */
function blocksOfAnotherSize(store: Store, pools: readonly IpPool[]): Finding[] {
  return store.list('IPAMBlock').flatMap((block) => {
    if (block.spec.deleted) return [];
    const cidr = cidrFromStore(block.spec.cidr);
    const pool = pools.find((one) => cidrContains(one.cidr, cidr));
    if (pool === undefined || pool.blockSize === cidr.length) return [];
    const message = `${formatCidr(networkOf(cidr))} was cut before IPPool ${pool.name} had block size ${pool.blockSize}: its addresses are not found by IPAM`;
    return [finding(block, ['spec', 'cidr'], { code: 'pool-changed', severity: 'warning', message })];
  });
}

/** A pool that holds machines' own addresses: IPAM gives them to pods too, and what pods send there is not translated. */
export function poolsOverNodes(store: Store): Finding[] {
  return storedPools(store).flatMap(({ name, cidr, allowedUses, disabled }) => {
    const pool = store.get('IPPool', '', name);
    if (pool === undefined || disabled || !allowedUses.includes('Workload')) return [];
    const inside = store.list('Node').flatMap(({ name: node, status }) => {
      const address = status.internalIPs.map(addressFromStore).find((one) => cidrContains(cidr, one));
      return address === undefined ? [] : [{ node, address }];
    });
    const [first] = inside;
    if (first === undefined) return [];
    const others = inside.length === 1 ? '' : `, and those of ${inside.length - 1} more`;
    const message = `it holds ${formatAddress(first.address)}, the address of Node ${first.node}${others}: blocks of it may cut nodes off, and packets from pods to nodes keep their addresses`;
    return [finding(pool, ['spec', 'cidr'], { code: 'pools-overlap', severity: 'warning', message })];
  });
}

export function poolFindings(store: Store): Finding[] {
  const pools = storedPools(store);
  return [...podsOutside(store, pools), ...blocksOfAnotherSize(store, pools)];
}
