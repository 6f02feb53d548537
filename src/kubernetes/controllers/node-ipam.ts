/**
 * kube-controller-manager's ranges for the pods of nodes that have none, out of kubeadm's podSubnet
 * (pkg/controller/nodeipam/ipam/range_allocator.go). Nodes get them by name, where a cluster gives them in the order in
 * which they came.
 */

import { ipv4 } from '../../packet/index.js';
import { type Cidr, cidrsOverlap, isIpv4Cidr } from '../address.js';
import { kubeadmNetworking } from '../kubeadm.js';
import type { Store } from '../store.js';

/** The i-th network of that length inside of another; undefined behind the last. Of IPv6 the first 64 bits alone count. */
function nthNetwork(subnet: Cidr, length: number, i: number): Cidr | undefined {
  if (length < subnet.length || i >= 2 ** (length - subnet.length)) return undefined;
  if (isIpv4Cidr(subnet)) return { addr: ipv4((subnet.addr >>> 0) + i * 2 ** (32 - length)), length };
  if (length > 64) return undefined;
  const [a, b, c, d] = subnet.addr;
  const high = (BigInt(a >>> 0) << 32n) + BigInt(b >>> 0) + (BigInt(i) << BigInt(64 - length));
  return { addr: [Number(high >> 32n) | 0, Number(high & 0xffff_ffffn) | 0, c, d], length };
}

function* networks(subnet: Cidr, length: number): Generator<Cidr> {
  for (let i = 0; ; i += 1) {
    const network = nthNetwork(subnet, length, i);
    if (network === undefined) return;
    yield network;
  }
}

/** A node has one of each family, or none at all. */
export function giveNodeCidrs(store: Store): void {
  const { podSubnets, nodeMaskSizes } = kubeadmNetworking(store);
  const without = store.list('Node').filter(({ spec }) => spec.podCIDRs.length === 0);
  if (podSubnets.length === 0 || without.length === 0) return;
  const taken = store.list('Node').flatMap(({ spec }) => spec.podCIDRs);
  const ranges = podSubnets.map((subnet) => networks(subnet, nodeMaskSizes[isIpv4Cidr(subnet) ? 4 : 6]));
  const next = (range: Generator<Cidr>): Cidr | undefined => {
    for (let one = range.next(); one.done !== true; one = range.next()) {
      const { value } = one;
      if (!taken.some((other) => cidrsOverlap(other, value))) return value;
    }
    return undefined;
  };
  for (const node of without.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const podCIDRs = ranges.map(next);
    if (podCIDRs.every((one) => one !== undefined))
      store.put('Node', { ...node, spec: { ...node.spec, podCIDRs: podCIDRs.filter((one) => one !== undefined) } });
  }
}
